// `--target nexus-profile`: the vectors of docs/abi-filter-v2.md, what is refused and why, each bound at N and N + 1, and an independent
// reader (nexus_reader.py) that answers as the module does for every bind. nexus_connects.test.ts has the connections.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compile } from "../../compiler/compile.ts";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.ts";
import { nexusProfile, type NexusProfile } from "../../compiler/emitters/nexus_profile.ts";
import type { CheckedPolicy } from "../../compiler/policy/policy.ts";
import { fnv1a64 } from "../../runtime/abi/fnv.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import { ENTRY, load, readerOf, SEED } from "../oracle/ask.ts";
import { printPolicy } from "../oracle/print.ts";
import { chance } from "../oracle/random.ts";
import { readPrefix, words } from "../oracle/space.ts";
import { wholePolicy } from "../oracle/whole.ts";
import { skip } from "../skip.ts";
import { hasReader, readAll } from "./nexus_reader.ts";

const test = suite("nexus_profile");

const DOCUMENT = readFileSync(new URL("../../docs/abi-filter-v2.md", import.meta.url), "utf8");
const block = (name: string): string => {
  const text = DOCUMENT.split(`\`\`\`${name}\n`)[1]?.split("```")[0];
  if (text === undefined) throw new Error(`no block ${name}`);
  return text.replace(/\s/g, "");
};
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const to = "{ backend 127.0.0.1:60000 allow from any }";
const both = "{ backend 127.0.0.1:60000 amplify any allow from any }";

function checked(text: string, files: ReadonlyMap<string, string> = new Map()): CheckedPolicy {
  const { policy, diagnostics } = compile({ path: ENTRY, text }, readerOf(files));
  if (policy === null) throw new Error(diagnostics.map((d) => d.message).join("; "));
  return policy;
}

interface More {
  readonly subject?: string;
  readonly epoch?: number;
  readonly withoutProtocols?: boolean;
}

function written(text: string, more: More = {}): NexusProfile {
  const made = nexusProfile(checked(`edition 1\n${text}\n`), { subject: "ingressd", epoch: 0, withoutProtocols: false, ...more });
  if (!made.ok) throw new Error(made.error.map((d) => d.message).join("; "));
  return made.value;
}

function refused(text: string, more: More = {}): readonly Diagnostic[] {
  const made = nexusProfile(checked(`edition 1\n${text}\n`), { subject: "ingressd", epoch: 0, withoutProtocols: false, ...more });
  if (made.ok) throw new Error(`written: ${text}`);
  return made.error;
}

test("the vectors of the document are written exactly", () => {
  assert.is(hex(written(`expose dns on tcp, udp 53 ${both}`, { epoch: 3 }).bytes), block("v2"));
  assert.is(hex(written("", { subject: "web", epoch: 3 }).bytes), block("v2-none"));
  assert.is(hex(written(`expose many on tcp 22, 80, 443, 8000-8999, 9443 ${to}`, { withoutProtocols: true, epoch: 0xffffffff }).bytes), block("v2-five"));
});

test("ports, subjects and rules by hand", () => {
  const ranges = (text: string, more: More = {}): readonly string[] =>
    written(text, { withoutProtocols: true, ...more }).rules.flatMap((rule) =>
      rule.kind === "bind" ? [`${rule.address} ${rule.ports.map(({ first, last }) => `${first}-${last}`).join(" ")}`] : [],
    );
  const loopback = "loopback 0-65535";
  assert.equal(ranges(""), [loopback]);
  assert.equal(ranges(`expose a on tcp 1080 ${to}\nexpose b on tcp 1081-1090 ${to}\nexpose c on tcp 1092 ${to}`), [loopback, "any 1080-1090 1092-1092"]);
  assert.equal(ranges(`expose a on tcp 80 ${to}\nexpose b on udp 80-81 ${both}`), [loopback, "any 80-81"]);
  assert.equal(ranges(`expose a on tcp 80 bind 127.0.0.0/8, ::1 ${to}\nexpose b on tcp 81 bind 127.1.0.0/16 ${to}`), [loopback]);
  // Binds of others are no part of a subject's profile.
  assert.equal(ranges(`expose web on tcp 80 bind 10.0.0.0/8 ${to}`, { subject: "web" }), [loopback]);
  assert.equal(ranges(`@why "own"\nexpose call service phone on udp 5000 as direct { }\nexpose web on tcp 80 ${to}`), [loopback, "any 80-80"]);
});

test("what a profile can't express is refused with its code, its place and a remedy", () => {
  const rows: readonly (readonly [text: string, codes: readonly string[], says: RegExp, more?: More])[] = [
    [`expose web on tcp 80 ${to}`, ["ING925"], /^`on tcp 80` of `web` can't be written for `nexus-profile`: a profile has no protocols.*over udp too/],
    [`expose web on tcp 80-90 ${to}\nexpose more on udp 80-89 ${both}`, ["ING925"], /^`on tcp 80-90` of `web`/],
    [`expose dns on udp 53 ${both}`, ["ING925"], /over tcp too/],
    // A service that binds the other protocol itself is another subject.
    [`expose web on tcp 80 ${to}\n@why "own"\nexpose own on udp 80 as direct { }`, ["ING925"], /^`on tcp 80` of `web`/],
    [`expose web on tcp 80 bind 10.0.0.0/8 ${to}`, ["ING926"], /^`bind` of `web`.*loopback from all other addresses/],
    [`expose web on tcp, udp 80 bind 10.0.0.0/8 ${both}`, ["ING926"], /^`bind` of `web`/],
    [`expose web on tcp 80 bind 126.0.0.0/7 ${to}`, ["ING926"], /^`bind`/],
    [`expose web on tcp 80 bind 0.0.0.0/0 ${to}`, ["ING926"], /^`bind`/],
    [`@why "own"\nexpose call service phone on udp 5000 as direct { }`, ["ING927"], /^`as direct` of `call`/, { subject: "phone" }],
    [`@why "own"\nexpose call service phone on udp 5000 bind 127.0.0.1 as direct { }`, ["ING927"], /^`as direct`/, { subject: "phone" }],
    [`@why "looks up names"\ndial resolver on udp`, ["ING927"], /^`dial` of `resolver`/, { subject: "resolver" }],
    [`expose a on tcp 80 bind 10.0.0.1 ${to}\nexpose b on udp 53 ${both}`, ["ING926", "ING925"], /^`bind` of `a`/],
  ];
  for (const [text, codes, says, more] of rows) {
    const found = refused(text, more);
    assert.equal(
      found.map(({ code }) => code),
      codes,
      text,
    );
    assert.match(found[0]?.message ?? "", says);
    assert.ok(
      found.every(({ help, span }) => help !== null && span.start >= 10 && span.end > span.start),
      text,
    );
  }
  // The flag concerns protocols, and nothing else.
  assert.equal(
    refused(`expose a on tcp 80 bind 10.0.0.1 ${to}`, { withoutProtocols: true }).map(({ code }) => code),
    ["ING926"],
  );
});

test("what the flag omits is named, and a port with both protocols is not", () => {
  const { leftOut } = written(`expose dns on tcp, udp 53 ${both}\nexpose web on tcp 80, 443 ${to}`, { withoutProtocols: true });
  assert.equal(leftOut, [{ what: "protocol", of: "web", says: "tcp 80, 443 alone: the profile opens it over udp too" }]);
});

test("92 ranges of ports fit into 24 rules of 776 bytes, and 93 don't", () => {
  const many = (n: number): string =>
    `expose many on tcp ${Array.from({ length: n }, (_, i) => String(2 * i + 1)).join(", ")} { backend unix "/run/a" allow from any }`;
  for (const [n, rules, size] of [
    [4, 2, 20 + 20 + 32],
    [5, 3, 20 + 20 + 32 + 20],
    [92, 24, 776],
  ] as const) {
    const { bytes } = written(many(n), { withoutProtocols: true });
    assert.equal([bytes[3], bytes.length], [rules, size]);
  }
  const [found] = refused(many(93), { withoutProtocols: true });
  assert.is(found?.code, "ING928");
  assert.match(found?.message ?? "", /it needs 25 rules, 25 for binds and 0 for connections to backends, and has room for 24$/);
});

if (hasReader) {
  test("the independent reader accepts each vector, and refuses it cut, longer, and with each reserved byte set", () => {
    const good = ["v2", "v2-none", "v2-five"].map(block);
    const [dns] = readAll(good.map((profile) => ({ profile })));
    assert.equal([dns?.subject, dns?.epoch, dns?.rules?.length], [fnv1a64("ingressd").toString(16), 3, 3]);
    const all = good[2] ?? "";
    const cut = Array.from({ length: all.length / 2 }, (_, n) => all.slice(0, 2 * n));
    const set = [0, 1, 2, 16, 17, 18, 19, 22, 25, 26, 27, 28, 31].map((at) => `${all.slice(0, 2 * at)}7f${all.slice(2 * at + 2)}`);
    const bad = [...cut, `${all}00`, ...set];
    const answers = readAll(bad.map((profile) => ({ profile })));
    assert.equal(
      answers.flatMap(({ fault }, i) => (fault === undefined ? [bad[i]] : [])),
      [],
    );
  });

  test("every bind is answered as the module answers it, over random policies", () => {
    const requests: { readonly profile: string; readonly binds: readonly (readonly [number, number])[] }[] = [];
    const due: (readonly boolean[])[] = [];
    const seen = { written: 0, refused: 0 };
    for (let seed = 0; seed < 60; seed++) {
      const c = chance(9_250_000 + seed);
      const model = wholePolicy(c, { nets: 2, exposes: 1 + c.below(3), rules: 2, denies: 1 });
      // Half of them are exposed over both protocols, without `bind`.
      const plain = c.oneIn(2) ? { ...model, exposes: model.exposes.map((e) => ({ ...e, bind: null })) } : model;
      const printed = printPolicy(plain);
      const { module, policy } = compile({ path: ENTRY, text: printed.text }, readerOf(printed.files));
      // Two of one port have met.
      if (module === null || policy === null) continue;
      const engine = openEngine(load(module), SEED);
      const near = plain.exposes.flatMap((e) => e.ports.flatMap(({ first, last }) => [first - 1, first, last, last + 1]));
      const ports = [...new Set([0, 1, 65_535, ...near])].filter((port) => port >= 0 && port <= 65_535);
      for (const subject of ["ingressd", "svc0", "web"])
        for (const withoutProtocols of [false, true]) {
          const made = nexusProfile(policy, { subject, epoch: seed, withoutProtocols });
          if (!made.ok) {
            seen.refused++;
            continue;
          }
          seen.written++;
          const moduleAllows = (proto: "tcp" | "udp", port: number, local: string): boolean =>
            engine.bind({ subject, proto, port, address: words(readPrefix(local).base) }).allowed;
          const binds = ports.flatMap((port) => [0, 1].map((address) => [port, address] as const));
          requests.push({ profile: hex(made.value.bytes), binds });
          due.push(
            binds.map(([port, address]) => {
              const locals = address === 0 ? ["127.0.0.1", "127.255.255.255"] : ["0.0.0.0", "10.0.2.15", "203.0.113.9"];
              const said = (proto: "tcp" | "udp"): readonly boolean[] => locals.map((local) => moduleAllows(proto, port, local));
              const [tcp, udp] = [said("tcp"), said("udp")];
              if (new Set(tcp).size > 1 || new Set(udp).size > 1) throw new Error(`seed ${seed}: the policy distinguishes addresses at ${port}`);
              if (!withoutProtocols && tcp[0] !== udp[0]) throw new Error(`seed ${seed}: the policy distinguishes protocols at ${port}`);
              return tcp[0] === true || udp[0] === true;
            }),
          );
        }
    }
    const answers = readAll(requests).map((a) => a.answers);
    for (const [i, answer] of answers.entries()) assert.equal(answer, due[i], requests[i]?.profile);
    const flat = due.flat();
    const [allowed, denied] = [flat.filter(Boolean).length, flat.filter((x) => !x).length];
    console.log(`written ${seen.written}, refused ${seen.refused}, allowed ${allowed}, denied ${denied}`);
    assert.ok(seen.written > 200 && seen.refused > 40 && allowed > 2_000 && denied > 2_000, JSON.stringify({ ...seen, allowed, denied }));
  });

  test("the most specific rule decides, then loopback, then deny: by hand", () => {
    const rule = (action: number, address: number, ...ranges: readonly (readonly [number, number])[]): string => {
      const out = Buffer.alloc(16 + 4 * ranges.length);
      out.set([2, action, 0, address, ranges.length]);
      ranges.forEach(([low, high], i) => {
        out.writeUInt16LE(low, 16 + 4 * i);
        out.writeUInt16LE(high, 18 + 4 * i);
      });
      return out.toString("hex");
    };
    const profile = (...rules: readonly string[]): string => `414602${Buffer.of(rules.length).toString("hex")}${"00".repeat(16)}${rules.join("")}`;
    const rows: readonly (readonly [rules: readonly string[], port: number, address: number, due: boolean])[] = [
      [[], 80, 0, false],
      [[rule(1, 0, [0, 65_535])], 80, 1, false],
      [[rule(1, 1, [80, 80])], 80, 0, true],
      [[rule(1, 1, [0, 65_535]), rule(0, 1, [80, 90])], 80, 1, false],
      [[rule(0, 1, [0, 65_535]), rule(1, 1, [80, 90])], 80, 1, true],
      [[rule(0, 1, [80, 80]), rule(1, 0, [80, 80])], 80, 0, true],
      [[rule(0, 1, [80, 80]), rule(1, 1, [80, 80])], 80, 1, false],
      // The range that has the port counts, not all ranges of its rule.
      [[rule(0, 1, [80, 81]), rule(1, 1, [80, 80], [100, 999])], 80, 1, true],
    ];
    const answers = readAll(rows.map(([rules, port, address]) => ({ profile: profile(...rules), binds: [[port, address]] })));
    assert.equal(
      answers.map((a) => a.answers),
      rows.map(([, , , due]) => [due]),
    );
  });
} else skip("nexus_profile the independent reader", "no python3 with tomllib");

test.run();
