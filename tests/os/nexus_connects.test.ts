// `--target nexus-profile`: where ingressd may connect to. By hand, what is refused and why, the rules that binds and connections share at N
// and N + 1, and over random policies: the independent reader allows a place exactly where a backend is.
import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { compile } from "../../compiler/compile.ts";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.ts";
import { nexusProfile, nexusRuleText, type NexusProfile } from "../../compiler/emitters/nexus_profile.ts";
import type { Result } from "../../runtime/result/result.ts";
import { ENTRY, readerOf } from "../oracle/ask.ts";
import { printPolicy } from "../oracle/print.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { wholePolicy } from "../oracle/whole.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { hasReader, readAll } from "./nexus_reader.ts";

const test = suite("nexus_connects");

const DOCUMENT = readFileSync(new URL("../../docs/abi-filter-v2.md", import.meta.url), "utf8");
const block = (name: string): string => (DOCUMENT.split(`\`\`\`${name}\n`)[1]?.split("```")[0] ?? "").replace(/\s/g, "");
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function made(text: string, subject = "ingressd", epoch = 0): Result<NexusProfile, readonly Diagnostic[]> {
  const { policy, diagnostics } = compile({ path: ENTRY, text: `edition 1\n${text}\n` }, readerOf(new Map()));
  if (policy === null) throw new Error(diagnostics.map((d) => d.message).join("; "));
  return nexusProfile(policy, { subject, epoch, withoutProtocols: true });
}

function written(text: string, subject = "ingressd", epoch = 0): NexusProfile {
  const profile = made(text, subject, epoch);
  if (!profile.ok) throw new Error(profile.error.map((d) => d.message).join("; "));
  return profile.value;
}

function refused(text: string): readonly Diagnostic[] {
  const profile = made(text);
  if (profile.ok) throw new Error(`written: ${text}`);
  return profile.error;
}

/** An expose with these backends, or with none. */
const on = (port: number, backends: string, name = `p${port}`): string =>
  `expose ${name} on tcp ${port} { ${backends === "" ? "" : `backend ${backends} `}allow from any }`;

const connects = (text: string, subject?: string): readonly string[] =>
  written(text, subject).rules.flatMap((rule) => (rule.kind === "connect" ? [nexusRuleText(rule)] : []));

test("the vectors of the document are written exactly", () => {
  const backends = on(80, "127.0.0.1:8080, 127.0.0.1:8082, remote 10.0.3.6:80, remote 10.0.3.7:80");
  assert.is(hex(written(backends, "ingressd", 1).bytes), block("v2-backends"));
  assert.is(hex(written(`${backends}\n${on(81, "")}`, "ingressd", 1).bytes), block("v2-registered"));
});

test("the backends of a policy, and nothing beside them: by hand", () => {
  const rows: readonly (readonly [text: string, due: readonly string[], subject?: string])[] = [
    ["", []],
    [on(80, "127.0.0.1:8080"), ["127.0.0.1/32: 8080"]],
    [on(80, "127.0.0.1:65535, 127.0.0.1:1"), ["127.0.0.1/32: 1, 65535"]],
    // One place of two exposes, and adjacent ports.
    [`${on(80, "127.0.0.1:8080, 127.0.0.1:8081")}\n${on(81, "127.0.0.1:8080, 127.0.0.1:8082")}`, ["127.0.0.1/32: 8080-8082"]],
    // Four ranges in a rule, and the fifth in another one.
    [on(80, [1, 3, 5, 7].map((port) => `127.0.0.1:${port}`).join(", ")), ["127.0.0.1/32: 1, 3, 5, 7"]],
    [on(80, [1, 3, 5, 7, 9].map((port) => `127.0.0.1:${port}`).join(", ")), ["127.0.0.1/32: 1, 3, 5, 7", "127.0.0.1/32: 9"]],
    [on(81, "remote 203.0.113.9:443, 127.0.0.1:80, remote 10.0.3.7:80"), ["10.0.3.7/32: 80", "127.0.0.1/32: 80", "203.0.113.9/32: 443"]],
    // One prefix only where each address of it has the same ports.
    [on(80, "remote 10.0.0.4:80, remote 10.0.0.5:80, remote 10.0.0.6:80, remote 10.0.0.7:80"), ["10.0.0.4/30: 80"]],
    [on(80, "remote 10.0.0.4:80, remote 10.0.0.5:80, remote 10.0.0.6:80"), ["10.0.0.4/31: 80", "10.0.0.6/32: 80"]],
    [on(80, "remote 10.0.0.4:80, remote 10.0.0.5:81"), ["10.0.0.4/32: 80", "10.0.0.5/32: 81"]],
    [on(80, "remote 10.0.0.5:80, remote 10.0.0.6:80"), ["10.0.0.5/32: 80", "10.0.0.6/32: 80"]],
    // A unix socket is no place of the network.
    [on(80, 'unix "/run/web.sock"'), []],
    [on(80, 'unix "/run/web.sock", 127.0.0.1:8080'), ["127.0.0.1/32: 8080"]],
    // Registered at run time: any port of loopback, which has the others there.
    [on(80, ""), ["127.0.0.0/8: 1-65535"]],
    [`${on(80, "")}\n${on(81, "127.0.0.1:8080, remote 10.0.3.7:80")}`, ["10.0.3.7/32: 80", "127.0.0.0/8: 1-65535"]],
    // An expose that binds loopback alone has a backend like any other.
    [`expose web on tcp 80 bind 127.0.0.1 { backend 127.0.0.1:8080 allow from any }`, ["127.0.0.1/32: 8080"]],
    ["expose dns on udp 53 { backend 127.0.0.1:5353 amplify any allow from any }", ["127.0.0.1/32: 5353"]],
    // ingressd connects to no service that listens by itself, and a service's own connections are not in the policy.
    ['@why "own"\nexpose call service phone on udp 5000 as direct { }', []],
    [`${on(80, "127.0.0.1:8080")}\n${on(81, "", "web")}`, [], "web"],
  ];
  for (const [text, due, subject] of rows) assert.equal(connects(text, subject), due, text);
});

test("a backend of IPv6 is refused with its expose and a remedy", () => {
  const rows: readonly (readonly [backends: string, clause: string])[] = [
    ["[::1]:8080", "backend [::1]:8080"],
    ["127.0.0.1:8080, [::1]:8081", "backend [::1]:8081"],
    ["remote [2001:db8::7]:443", "backend remote [2001:db8::7]:443"],
  ];
  for (const [backends, clause] of rows) {
    const found = refused(on(80, backends, "web"));
    assert.equal(
      found.map(({ code, message }) => `${code} ${message}`),
      [`ING933 \`${clause}\` of \`web\` can't be written for \`nexus-profile\`: a profile has IPv4 addresses alone, so that ingressd could not connect there`],
    );
    assert.match(found[0]?.help ?? "", /127\.0\.0\.1:8080/);
    assert.ok((found[0]?.span.start ?? 0) >= 10);
  }
  // Once, though the expose is a listener of each protocol.
  assert.is(refused("expose dns on tcp, udp 53 { backend [::1]:5353 amplify any allow from any }").length, 1);
  // Mapped IPv4 is IPv4.
  assert.equal(connects(on(80, "[::ffff:127.0.0.1]:8080")), ["127.0.0.1/32: 8080"]);
  // Of another subject it is no matter.
  assert.equal(connects(on(80, "[::1]:8080", "web"), "web"), []);
});

test("binds and connections share 24 rules: at the bound, and one beyond", () => {
  const ports = (n: number): string => Array.from({ length: n }, (_, i) => String(2 * i + 1)).join(", ");
  // No two of them are in one prefix.
  const remotes = (n: number): string => Array.from({ length: n }, (_, i) => `remote 10.0.${i}.1:80`).join(", ");
  const expose = (ranges: number, backends: string, bind = ""): string => `expose many on tcp ${ports(ranges)}${bind} { backend ${backends} allow from any }`;
  const rows: readonly (readonly [text: string, needs: null | readonly [binds: number, connects: number]])[] = [
    [expose(88, "127.0.0.1:60000"), null],
    [expose(89, "127.0.0.1:60000"), [24, 1]],
    [expose(1, remotes(22)), null],
    [expose(1, remotes(23)), [2, 23]],
    [expose(4, remotes(22)), null],
    [expose(5, remotes(22)), [3, 22]],
    // Binds of loopback have one rule, whatever they are.
    [expose(9, remotes(23), " bind 127.0.0.1"), null],
    [expose(9, remotes(24), " bind 127.0.0.1"), [1, 24]],
  ];
  for (const [text, needs] of rows) {
    const profile = made(text);
    if (needs === null) {
      assert.ok(profile.ok, text);
      if (!profile.ok) continue;
      assert.is(profile.value.rules.length, 24);
      assert.ok(profile.value.bytes.length <= 1_024);
      continue;
    }
    assert.not.ok(profile.ok, text);
    if (profile.ok) continue;
    const [found, ...others] = profile.error;
    assert.equal([found?.code, others.length], ["ING928", 0]);
    const [binds, due] = needs;
    assert.match(found?.message ?? "", `it needs 25 rules, ${binds} for binds and ${due} for connections to backends, and has room for 24`);
    assert.ok((found?.span.start ?? 0) >= 10);
  }
});

/** One to four backends, near each other, so that some are adjacent. */
function someBackends(c: Chance): readonly (readonly [host: string, port: number])[] {
  const all = Array.from({ length: 1 + c.below(4) }, (): readonly [string, number] => [
    c.oneIn(2) ? `127.0.0.${1 + c.below(3)}` : `10.0.3.${c.below(4) + (c.oneIn(4) ? 128 : 0)}`,
    8_000 + c.below(6),
  ]);
  return all.filter(([host, port], i) => all.findIndex(([h, p]) => h === host && p === port) === i);
}

if (hasReader) {
  test("a place is allowed exactly where a backend is, over random policies", () => {
    const requests: { readonly profile: string; readonly connects: readonly (readonly [string, number])[] }[] = [];
    const due: (readonly boolean[])[] = [];
    let registered = 0;
    for (let seed = 0; seed < 120; seed++) {
      const c = chance(9_330_000 + seed);
      const model = wholePolicy(c, { nets: 1, exposes: 1 + c.below(4), rules: 1, denies: 0 });
      const plain = {
        ...model,
        exposes: model.exposes.map((e) => {
          const shown = { ...e, bind: null };
          return c.oneIn(6) && e.mode !== "direct" ? { ...shown, backend: "registers" as const } : shown;
        }),
      };
      const backends: (readonly [string, number])[] = [];
      const withBackends = (text: string): string =>
        text.replace(/^ {2}backend 127\.0\.0\.1:8080$/gm, () => {
          const some = someBackends(c);
          backends.push(...some);
          return `  backend ${some.map(([host, port]) => `${host.startsWith("127.") ? "" : "remote "}${host}:${port}`).join(", ")}`;
        });
      const printed = printPolicy(plain);
      const files = new Map([...printed.files].map(([path, text]) => [path, withBackends(text)]));
      const { policy } = compile({ path: ENTRY, text: withBackends(printed.text) }, readerOf(files));
      // Two of one port have met.
      if (policy === null) continue;
      const anyLoopback = plain.exposes.some((e) => e.mode !== "direct" && e.backend === "registers");
      registered += Number(anyLoopback);
      const profile = nexusProfile(policy, { subject: "ingressd", epoch: seed, withoutProtocols: true });
      if (!profile.ok) continue;
      const hosts = [
        ...new Set([
          ...backends.map(([host]) => host),
          "127.0.0.0",
          "127.0.0.4",
          "127.255.255.255",
          "126.255.255.255",
          "128.0.0.0",
          "10.0.3.0",
          "10.0.3.4",
          "10.0.2.255",
          "0.0.0.0",
          "203.0.113.9",
        ]),
      ];
      const places = hosts.flatMap((host) => [0, 1, 53, 7_999, 8_000, 8_001, 8_002, 8_003, 8_004, 8_005, 8_006, 65_535].map((port) => [host, port] as const));
      requests.push({ profile: hex(profile.value.bytes), connects: places });
      due.push(places.map(([host, port]) => backends.some(([h, p]) => h === host && p === port) || (anyLoopback && host.startsWith("127.") && port > 0)));
    }
    const answers = readAll(requests).map((a) => a.answers);
    for (const [i, answer] of answers.entries()) assert.equal(answer, due[i], requests[i]?.profile);
    const flat = due.flat();
    const [allowed, denied] = [flat.filter(Boolean).length, flat.filter((x) => !x).length];
    console.log(`profiles ${requests.length}, with a backend that registers ${registered}, allowed ${allowed}, denied ${denied}`);
    assert.ok(
      requests.length > 60 && registered > 10 && allowed > 500 && denied > 5_000,
      JSON.stringify({ profiles: requests.length, registered, allowed, denied }),
    );
  });

  test("the longest prefix decides, then the fewest ports, then deny: by hand", () => {
    const rule = (action: number, cidr: string, ...ranges: readonly (readonly [number, number])[]): string => {
      const [address = "", length = ""] = cidr.split("/");
      const out = Buffer.alloc(16 + 4 * ranges.length);
      out.set([3, action, 0, 0, ranges.length, Number(length)]);
      out.set(address.split(".").map(Number), 8);
      ranges.forEach(([low, high], i) => {
        out.writeUInt16LE(low, 16 + 4 * i);
        out.writeUInt16LE(high, 18 + 4 * i);
      });
      return out.toString("hex");
    };
    const profile = (...rules: readonly string[]): string => `414602${Buffer.of(rules.length).toString("hex")}${"00".repeat(16)}${rules.join("")}`;
    const rows: readonly (readonly [rules: readonly string[], address: string, due: boolean])[] = [
      [[], "10.0.0.1", false],
      [[rule(1, "10.0.0.0/8", [80, 80])], "10.255.0.1", true],
      [[rule(1, "10.0.0.0/8", [80, 80])], "11.0.0.0", false],
      [[rule(1, "10.0.0.0/8", [81, 90])], "10.0.0.1", false],
      [[rule(1, "0.0.0.0/0", [0, 65_535])], "203.0.113.9", true],
      [[rule(1, "10.0.0.0/8", [80, 80]), rule(0, "10.0.0.0/16", [0, 65_535])], "10.0.0.1", false],
      [[rule(0, "10.0.0.0/8", [80, 80]), rule(1, "10.0.0.0/16", [0, 65_535])], "10.0.0.1", true],
      [[rule(1, "10.0.0.0/8", [0, 99]), rule(0, "10.0.0.0/8", [80, 90])], "10.0.0.1", false],
      [[rule(0, "10.0.0.0/8", [0, 99]), rule(1, "10.0.0.0/8", [80, 90])], "10.0.0.1", true],
      [[rule(0, "10.0.0.0/8", [80, 90]), rule(1, "10.0.0.0/8", [80, 90])], "10.0.0.1", false],
    ];
    const answers = readAll(rows.map(([rules, address]) => ({ profile: profile(...rules), connects: [[address, 80]] })));
    assert.equal(
      answers.map((a) => a.answers),
      rows.map(([, , due]) => [due]),
    );
  });
} else skip("nexus_connects the independent reader", "no python3 with tomllib");

test.run();
