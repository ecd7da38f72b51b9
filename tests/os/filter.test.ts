// Profiles of an ABI filter, version 1: the vectors of docs/abi-filter-v2.md, the profiles that a decoder must refuse, and the
// same answers as the module's for every request that it can express.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { filterProfile } from "../../compiler/emit/filter.ts";
import { compile } from "../../compiler/compile.ts";
import type { CheckedPolicy } from "../../compiler/policy/policy.ts";
import { decodeFilter, encodeFilter, FILTER_MAX_BYTES, FILTER_MAX_RULES, filterAllows, type FilterProfile, type FilterRule } from "../../runtime/abi/filter.ts";
import { fnv1a64 } from "../../runtime/abi/fnv.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import { ENTRY, load, readerOf, SEED } from "../oracle/ask.ts";
import { printPolicy } from "../oracle/print.ts";
import { chance } from "../oracle/random.ts";
import { readPrefix, words } from "../oracle/space.ts";
import { wholePolicy } from "../oracle/whole.ts";

const test = suite("filter");

const DOCUMENT = readFileSync(new URL("../../docs/abi-filter-v2.md", import.meta.url), "utf8");
const block = (name: string): Uint8Array => {
  const text = DOCUMENT.split(`\`\`\`${name}\n`)[1]?.split("```")[0];
  if (text === undefined) throw new Error(`no block ${name}`);
  return Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"));
};
const to = "{ backend 127.0.0.1:80 allow from any }";
const WEB = `edition 1\nexpose web on tcp 443 ${to}\n`;
const APPS = `${WEB}expose apps on tcp 8000-8999 ${to}\n`;
const ADMIN = `${WEB}expose admin on tcp 22 bind 10.0.0.0/8, 2001:db8::/32 ${to}\n`;

function checked(text: string): CheckedPolicy {
  const { policy, diagnostics } = compile({ path: ENTRY, text }, readerOf(new Map()));
  if (policy === null) throw new Error(diagnostics.map((d) => d.message).join("; "));
  return policy;
}

function built(text: string, subject: string): Uint8Array | readonly string[] {
  const made = filterProfile(checked(text), subject);
  return made.ok ? made.value.bytes : made.error.map(({ reason }) => reason);
}

function decoded(bytes: Uint8Array): FilterProfile {
  const profile = decodeFilter(bytes);
  if (typeof profile === "string") throw new Error(profile);
  return profile;
}

test("the vectors of the document are encoded and decoded exactly", () => {
  for (const [name, text, subject] of [
    ["v1", APPS, "ingressd"],
    ["v1-none", APPS, "web"],
  ] as const) {
    assert.equal(built(text, subject), block(name), name);
    const profile = decoded(block(name));
    assert.is(profile.subject, fnv1a64(subject));
    assert.equal(encodeFilter(profile), block(name), name);
  }
});

test("a policy that it can't express is refused, with the expose that causes it", () => {
  const ports = (n: number): string => Array.from({ length: n }, (_, i) => String(2 * i + 1)).join(", ");
  const many = (n: number): string => `edition 1\nexpose many on tcp ${ports(n)} ${to}\n`;
  const rows: readonly (readonly [string, string, readonly RegExp[]])[] = [
    [ADMIN, "ingressd", [/^`admin` is bound at some addresses alone, and version 1 has ports only/]],
    [`${ADMIN}expose more on tcp 23 bind 10.0.0.1 ${to}\n`, "ingressd", [/^`admin` is/, /^`more` is/]],
    [many(17), "ingressd", [/^`ingressd` needs 17 rules, and a profile has at most 16$/]],
    [
      `${WEB}expose dns on udp 53 { backend 127.0.0.1:5353 amplify any allow from any }\n`,
      "ingressd",
      [/^`dns` is exposed on udp, and version 1 has no protocols/],
    ],
    [`${WEB}@why "own"\nexpose calls on udp 5000-5010 as direct {}\n`, "calls", [/^`calls` is bound with a token \(`as direct`\), and a filter sees none$/]],
    [`${WEB}@why "looks up names"\ndial resolver on udp\n`, "resolver", [/^`resolver` may dial over udp, and version 1 has no protocols/]],
  ];
  for (const [text, subject, reasons] of rows) {
    const said = built(text, subject);
    assert.ok(!(said instanceof Uint8Array), text);
    if (said instanceof Uint8Array) continue;
    assert.is(said.length, reasons.length);
    reasons.forEach((reason, i) => {
      assert.match(said[i] ?? "", reason);
    });
  }
  const most = built(many(16), "ingressd");
  assert.is(most instanceof Uint8Array ? most[3] : null, 16);
  // Binds of other subjects are not part of the profile, so they never prevent it.
  assert.is(decoded(Uint8Array.from(built(ADMIN, "admin") as Uint8Array)).rules.length, 0);
  assert.equal(built(`${WEB}@why "own"\nexpose calls on udp 5000 as direct {}\n`, "ingressd"), built(WEB, "ingressd"));
  assert.equal(built(`${WEB}@why "looks up names"\ndial resolver on udp\n`, "ingressd"), built(WEB, "ingressd"));
});

test("adjacent ports become one rule", () => {
  const ports = `edition 1\nexpose a on tcp 1080 ${to}\nexpose b on tcp 1081-1090 ${to}\nexpose c on tcp 1092 ${to}\n`;
  const bytes = built(ports, "ingressd");
  assert.ok(bytes instanceof Uint8Array);
  if (bytes instanceof Uint8Array)
    assert.equal(
      decoded(bytes).rules.map(({ first, last }) => `${first}-${last}`),
      ["1080-1090", "1092-1092"],
    );
});

const RULE: FilterRule = { action: "allow", first: 1, last: 2 };

test("a profile has at most 16 rules and at most 512 bytes", () => {
  const rules = (n: number): FilterProfile => ({ subject: 1n, rules: Array.from({ length: n }, () => RULE) });
  assert.is(encodeFilter(rules(FILTER_MAX_RULES)).length, 12 + 16 * 8);
  assert.throws(() => encodeFilter(rules(FILTER_MAX_RULES + 1)), /too_many_rules/);
  assert.throws(() => encodeFilter({ subject: 1n, rules: [{ ...RULE, first: 3 }] }), /bad_rule/);
  // Rules of the other class can fill a profile.
  const paths = (total: number): Uint8Array => {
    const lengths = [64, 64, 64, 64, 64, total - 12 - 6 * 8 - 320];
    const rules = lengths.flatMap((n) => [1, 1, n, 0, 0, 0, 0, 0, ...Array.from({ length: n }, () => 0x2f)]);
    return Uint8Array.from([0x41, 0x46, 1, 6, 1, 0, 0, 0, 0, 0, 0, 0, ...rules]);
  };
  assert.equal(decoded(paths(444)).rules, []);
  assert.is(decodeFilter(paths(445)), "bad_rule");
  assert.is(decodeFilter(new Uint8Array(FILTER_MAX_BYTES + 1)), "too_long");
  assert.is(decodeFilter(new Uint8Array(FILTER_MAX_BYTES)), "malformed");
});

/** A byte of a sound profile changed, and why it is none then. */
const CHANGED: readonly (readonly [name: string, at: number, to: number, fault: string])[] = [
  ["v1", 0, 0x42, "malformed"],
  ["v1", 1, 0x47, "malformed"],
  ["v1", 2, 0, "malformed"],
  ["v1", 2, 3, "malformed"],
  ["v1", 2, 2, "malformed"],
  ["v1", 3, 1, "malformed"],
  ["v1", 3, 3, "malformed"],
  ["v1", 3, 17, "too_many_rules"],
  ["v1", 12, 0, "bad_class"],
  ["v1", 12, 3, "bad_class"],
  ["v1", 13, 2, "bad_action"],
  ["v1", 14, 1, "bad_rule"],
  ["v1", 15, 1, "bad_rule"],
  ["v1", 17, 2, "bad_rule"],
];

test("a profile with any unexpected byte is refused as a whole", () => {
  for (const [name, at, byte, fault] of CHANGED) {
    const bytes = block(name);
    bytes[at] = byte;
    assert.is(decodeFilter(bytes), fault, `${name} ${at} ${byte}`);
  }
  for (const name of ["v1", "v1-none"]) {
    const bytes = block(name);
    for (let length = 0; length < bytes.length; length++) assert.is(typeof decodeFilter(bytes.subarray(0, length)), "string", `${name} ${length}`);
    assert.is(decodeFilter(Uint8Array.from([...bytes, 0])), "malformed");
  }
  // Version 2 has another layout.
  assert.is(decodeFilter(block("v2")), "malformed");
});

test("random bytes are refused or decoded, and a decoded profile encodes to the same bytes", () => {
  const c = chance(11);
  let read = 0;
  for (let i = 0; i < 20_000; i++) {
    const bytes = c.oneIn(2) ? block(c.pick(["v1", "v1-none"])) : Uint8Array.from({ length: c.below(40) }, () => c.below(256));
    for (let n = c.below(3); n > 0 && bytes.length > 0; n--) bytes[c.below(bytes.length)] = c.below(256);
    const profile = decodeFilter(bytes);
    if (typeof profile === "string") continue;
    read++;
    if (!bytes.subarray(12).includes(1) || profile.rules.length === bytes[3]) assert.equal(encodeFilter(profile), bytes);
  }
  assert.ok(read > 2_000, String(read));
});

test("the first matching rule decides, and only for the profile's own subject", () => {
  const profile = (rules: readonly FilterRule[]): FilterProfile => decoded(encodeFilter({ subject: 7n, rules }));
  const all: FilterRule = { action: "allow", first: 0, last: 65_535 };
  const rows: readonly (readonly [rules: readonly FilterRule[], port: number, allowed: boolean])[] = [
    [[], 80, false],
    [[all], 0, true],
    [[all], 65_535, true],
    [[{ action: "deny", first: 80, last: 80 }, all], 80, false],
    [[{ action: "deny", first: 80, last: 80 }, all], 81, true],
    [[all, { ...all, action: "deny" }], 80, true],
    [[{ ...all, first: 80, last: 90 }], 79, false],
    [[{ ...all, first: 80, last: 90 }], 80, true],
    [[{ ...all, first: 80, last: 90 }], 90, true],
    [[{ ...all, first: 80, last: 90 }], 91, false],
  ];
  for (const [rules, port, allowed] of rows) assert.is(filterAllows(profile(rules), 7n, port), allowed, `${JSON.stringify(rules)} ${port}`);
  assert.equal(
    [6n, 7n, 8n].map((subject) => filterAllows(profile([all]), subject, 80)),
    [false, true, false],
  );
});

test("every tcp bind at the wildcard address is answered as the module answers it", () => {
  const seen = { written: 0, refused: 0, allowed: 0, denied: 0 };
  for (let seed = 0; seed < 30; seed++) {
    const c = chance(8_100_000 + seed);
    const model = wholePolicy(c, { nets: 2, exposes: 1 + c.below(3), rules: 2, denies: 1 });
    const printed = printPolicy(model);
    const { module, policy } = compile({ path: ENTRY, text: printed.text }, readerOf(printed.files));
    if (module === null || policy === null) throw new Error(printed.text);
    const engine = openEngine(load(module), SEED);
    const near = model.exposes.flatMap((e) => e.ports.flatMap(({ first, last }) => [first - 1, first, last, last + 1]));
    const ports = [...new Set([0, 1, 65_535, ...near])];
    for (const subject of ["ingressd", "svc0", "web"]) {
      const made = filterProfile(policy, subject);
      if (!made.ok) {
        seen.refused++;
        continue;
      }
      seen.written++;
      const profile = decoded(made.value.bytes);
      for (const local of ["0.0.0.0", "::"]) {
        for (const port of ports) {
          const said = filterAllows(profile, fnv1a64(subject), port);
          const due = engine.bind({ subject, proto: "tcp", port, address: words(readPrefix(local).base) }).allowed;
          if (said !== due) throw new Error(`seed ${seed}: ${subject} ${port} at ${local}: ${String(said)}\n${printed.text}`);
          seen[said ? "allowed" : "denied"]++;
        }
      }
    }
    assert.not.ok(engine.poisoned);
  }
  console.log(
    Object.entries(seen)
      .map(([what, n]) => `${what} ${n}`)
      .join(", "),
  );
  assert.ok(seen.written > 60 && seen.refused > 5 && seen.allowed > 50 && seen.denied > 1_000, JSON.stringify(seen));
});

test.run();
