// Profiles of an ABI filter: the vectors of docs/abi-filter-v2.md, the profiles that a decoder must refuse, and the
// same answers as the module's for every request that a version can express.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { filterProfile } from "../../compiler/emit/filter.ts";
import { compile } from "../../compiler/compile.ts";
import {
  decodeFilter,
  encodeFilter,
  FILTER_MAX_BYTES,
  filterAllows,
  type FilterProfile,
  type FilterRule,
  type FilterVersion,
} from "../../runtime/abi/filter.ts";
import { fnv1a64 } from "../../runtime/abi/fnv.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import { ENTRY, load, readerOf, SEED } from "../oracle/ask.ts";
import { prefixesOf } from "../oracle/model.ts";
import { printPolicy } from "../oracle/print.ts";
import { chance } from "../oracle/random.ts";
import { addressText, edges, LAST, readPrefix, words } from "../oracle/space.ts";
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

function built(text: string, subject: string, version: FilterVersion): Uint8Array | readonly string[] {
  const { policy, diagnostics } = compile({ path: ENTRY, text }, readerOf(new Map()));
  if (policy === null) throw new Error(diagnostics.map((d) => d.message).join("; "));
  const made = filterProfile(policy, subject, version);
  return made.ok ? made.value.bytes : made.error.map(({ reason }) => reason);
}

function decoded(bytes: Uint8Array): FilterProfile {
  const profile = decodeFilter(bytes);
  if (typeof profile === "string") throw new Error(profile);
  return profile;
}

const bytesOf = (address: bigint): Uint8Array => Uint8Array.from({ length: 16 }, (_, i) => Number((address >> BigInt(120 - 8 * i)) & 255n));

test("the vectors of the document are encoded and decoded exactly", () => {
  const rows: readonly (readonly [string, string, string, FilterVersion])[] = [
    ["v1", APPS, "ingressd", 1],
    ["v2-none", APPS, "web", 2],
    ["v2", ADMIN, "ingressd", 2],
  ];
  for (const [name, text, subject, version] of rows) {
    assert.equal(built(text, subject, version), block(name), name);
    const profile = decoded(block(name));
    assert.equal([profile.version, profile.subject], [version, fnv1a64(subject)]);
    assert.equal(encodeFilter(profile), block(name), name);
  }
});

test("a policy that a version can't express is refused, with the expose that causes it", () => {
  const ports = (n: number): string => Array.from({ length: n }, (_, i) => String(2 * i + 1)).join(", ");
  const many = (n: number): string => `edition 1\nexpose many on tcp ${ports(n)} ${to}\n`;
  const rows: readonly (readonly [string, FilterVersion, readonly RegExp[]])[] = [
    [ADMIN, 1, [/^`admin` is bound at some addresses alone, and version 1 has ports only/]],
    [`${ADMIN}expose more on tcp 23 bind 10.0.0.1 ${to}\n`, 1, [/^`admin` is/, /^`more` is/]],
    [many(17), 1, [/^`ingressd` needs 17 rules, and a profile has at most 16$/]],
    [many(15), 2, [/^`ingressd` needs 17 rules/]],
  ];
  for (const [text, version, reasons] of rows) {
    const said = built(text, "ingressd", version);
    assert.ok(!(said instanceof Uint8Array), text);
    if (said instanceof Uint8Array) continue;
    assert.is(said.length, reasons.length);
    reasons.forEach((reason, i) => {
      assert.match(said[i] ?? "", reason);
    });
  }
  for (const [text, version, rules] of [
    [many(16), 1, 16],
    [many(14), 2, 16],
  ] as const) {
    const made = built(text, "ingressd", version);
    assert.is(made instanceof Uint8Array ? made[3] : null, rules);
  }
  // Binds of other subjects are not part of the profile, so they never prevent it.
  assert.equal(built(ADMIN, "admin", 1), Uint8Array.from([0x41, 0x46, 1, 0, ...bytesOf(fnv1a64("admin")).slice(8).reverse()]));
});

test("adjacent ports become one rule, and loopback addresses need no rule of their own", () => {
  const ports = `edition 1\nexpose a on tcp 1080 ${to}\nexpose b on tcp 1081-1090 ${to}\nexpose c on tcp 1092 ${to}\n`;
  const rules = (text: string, version: FilterVersion): readonly string[] => {
    const bytes = built(text, "ingressd", version);
    if (!(bytes instanceof Uint8Array)) throw new Error(bytes.join());
    return decoded(bytes).rules.map(({ first, last }) => `${first}-${last}`);
  };
  assert.equal(rules(ports, 1), ["1080-1090", "1092-1092"]);
  assert.equal(rules(ports, 2), ["0-65535", "0-65535", "1080-1090", "1092-1092"]);
  assert.equal(rules(`edition 1\nexpose a on tcp 1080 bind 127.0.0.0/8, ::1 ${to}\nexpose b on tcp 1081 bind 127.1.0.0/16 ${to}\n`, 2), ["0-65535", "0-65535"]);
  assert.equal(rules(`edition 1\nexpose a on tcp 1080 bind 126.0.0.0/7, ::2 ${to}\n`, 2), ["0-65535", "0-65535", "1080-1080", "1080-1080"]);
});

test("the gateway's profile ignores an expose `as direct`, and the profile of its service is refused", () => {
  const text = `${WEB}@why "it speaks to phones by itself"\nexpose calls on udp 5000-5010 as direct {}\n`;
  assert.equal(
    [1, 2].map((version) => built(text, "ingressd", version === 1 ? 1 : 2)),
    [1, 2].map((version) => built(WEB, "ingressd", version === 1 ? 1 : 2)),
  );
  for (const version of [1, 2] as const)
    assert.match(String(built(text, "calls", version)), /^`calls` is bound with a token \(`as direct`\), and a filter sees none$/);
});

test("a service that may dial over udp gets the wildcard address at port 0, which version 1 can't express", () => {
  const { policy } = compile({ path: ENTRY, text: WEB }, readerOf(new Map()));
  if (policy === null) throw new Error("does not compile");
  const [expose] = policy.exposes;
  if (expose === undefined) throw new Error("no expose");
  const dialling = { ...policy, dials: [{ service: "resolver", annotations: expose.annotations, span: expose.span }] };
  const one = filterProfile(dialling, "resolver", 1);
  assert.match(one.ok ? "" : (one.error[0]?.reason ?? ""), /^`resolver` may dial over udp, and version 1 has no protocols/);
  const two = filterProfile(dialling, "resolver", 2);
  if (!two.ok) throw new Error(two.error[0]?.reason);
  const may = (proto: "tcp" | "udp", port: number, address: string): boolean =>
    filterAllows(decoded(two.value.bytes), { subject: fnv1a64("resolver"), proto, port, address: bytesOf(readPrefix(address).base) });
  assert.equal(
    [may("udp", 0, "0.0.0.0"), may("udp", 0, "::"), may("tcp", 0, "0.0.0.0"), may("udp", 1, "0.0.0.0"), may("udp", 0, "10.0.0.1")],
    [true, true, false, false, false],
  );
  assert.equal(filterProfile(dialling, "ingressd", 1), filterProfile(policy, "ingressd", 1));
});

const RULE: FilterRule = { action: "allow", proto: "tcp", address: { kind: "any" }, first: 1, last: 2 };

test("a profile has at most 16 rules and at most 512 bytes", () => {
  const wide: FilterRule = { ...RULE, address: { kind: "v6", network: new Uint8Array(16), length: 0 } };
  const profile = (version: FilterVersion, rules: readonly FilterRule[]): FilterProfile => ({ version, subject: 1n, rules });
  assert.is(
    encodeFilter(
      profile(
        2,
        Array.from({ length: 16 }, () => wide),
      ),
    ).length,
    20 + 16 * 28,
  );
  assert.throws(
    () =>
      encodeFilter(
        profile(
          2,
          Array.from({ length: 17 }, () => RULE),
        ),
      ),
    /too_many_rules/,
  );
  assert.throws(() => encodeFilter(profile(1, [RULE])), /ports only/);
  // Rules of the other class can fill a version 1 profile.
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
  ["v2", 2, 1, "bad_class"],
  ["v2", 12, 1, "malformed"],
  ["v2", 16, 1, "malformed"],
  ["v2", 19, 0, "malformed"],
  ["v2", 19, 0x81, "malformed"],
  ["v2", 3, 4, "malformed"],
  ["v2", 3, 6, "malformed"],
  ["v2", 20, 1, "bad_class"],
  ["v2", 21, 2, "bad_action"],
  ["v2", 22, 1, "bad_rule"],
  ["v2", 22, 18, "bad_rule"],
  ["v2", 23, 2, "bad_rule"],
  ["v2", 24, 33, "bad_rule"],
  ["v2", 24, 7, "bad_rule"],
  ["v2", 25, 1, "bad_rule"],
  ["v2", 30, 1, "bad_rule"],
  ["v2", 31, 1, "bad_rule"],
  ["v2", 35, 1, "bad_rule"],
  ["v2", 40, 129, "bad_rule"],
  ["v2", 40, 127, "bad_rule"],
];

test("a profile with any unexpected byte is refused as a whole", () => {
  for (const [name, at, byte, fault] of CHANGED) {
    const bytes = block(name);
    bytes[at] = byte;
    assert.is(decodeFilter(bytes), fault, `${name} ${at} ${byte}`);
  }
  for (const name of ["v1", "v2", "v2-none"]) {
    const bytes = block(name);
    for (let length = 0; length < bytes.length; length++) assert.is(typeof decodeFilter(bytes.subarray(0, length)), "string", `${name} ${length}`);
    assert.is(decodeFilter(Uint8Array.from([...bytes, 0])), "malformed");
  }
  // A flag that upstream's own version 2 knows, and none: not this version.
  for (const flags of [
    [0, 0, 0, 0],
    [1, 0, 0, 0],
    [1, 0, 0, 0x80],
  ]) {
    const bytes = block("v2");
    bytes.set(flags, 16);
    assert.is(decodeFilter(bytes), "malformed");
  }
});

test("random bytes are refused or decoded, and a decoded profile encodes to the same bytes", () => {
  const c = chance(11);
  let read = 0;
  for (let i = 0; i < 20_000; i++) {
    const bytes = c.oneIn(2) ? block(c.pick(["v1", "v2", "v2-none"])) : Uint8Array.from({ length: c.below(40) }, () => c.below(256));
    for (let n = c.below(3); n > 0 && bytes.length > 0; n--) bytes[c.below(bytes.length)] = c.below(256);
    const profile = decodeFilter(bytes);
    if (typeof profile === "string") continue;
    read++;
    if (!bytes.subarray(12).includes(1) || profile.rules.length === bytes[3]) assert.equal(encodeFilter(profile), bytes);
  }
  assert.ok(read > 2_000, String(read));
});

test("the first matching rule decides, and no prefix matches a wildcard address", () => {
  const profile = (rules: readonly FilterRule[]): FilterProfile => decoded(encodeFilter({ version: 2, subject: 7n, rules }));
  const v4 = (text: string, length: number): FilterRule["address"] => ({ kind: "v4", network: bytesOf(readPrefix(text).base).slice(12), length });
  const all: FilterRule = { action: "allow", proto: "any", address: { kind: "any" }, first: 0, last: 65_535 };
  const rows: readonly (readonly [rules: readonly FilterRule[], proto: "tcp" | "udp", port: number, address: string, allowed: boolean])[] = [
    [[], "tcp", 80, "127.0.0.1", false],
    [[all], "tcp", 0, "0.0.0.0", true],
    [[all], "udp", 65_535, "::", true],
    [[{ ...all, action: "deny", first: 80, last: 80 }, all], "tcp", 80, "10.0.0.1", false],
    [[{ ...all, action: "deny", first: 80, last: 80 }, all], "tcp", 81, "10.0.0.1", true],
    [[all, { ...all, action: "deny" }], "tcp", 80, "10.0.0.1", true],
    [[{ ...all, proto: "tcp" }], "udp", 80, "10.0.0.1", false],
    [[{ ...all, first: 80, last: 90 }], "tcp", 79, "10.0.0.1", false],
    [[{ ...all, first: 80, last: 90 }], "tcp", 80, "10.0.0.1", true],
    [[{ ...all, first: 80, last: 90 }], "tcp", 90, "10.0.0.1", true],
    [[{ ...all, first: 80, last: 90 }], "tcp", 91, "10.0.0.1", false],
    [[{ ...all, address: v4("0.0.0.0", 0) }], "tcp", 80, "0.0.0.0", false],
    [[{ ...all, address: v4("0.0.0.0", 0) }], "tcp", 80, "0.0.0.1", true],
    [[{ ...all, address: v4("0.0.0.0", 0) }], "tcp", 80, "::1", false],
    [[{ ...all, address: v4("0.0.0.0", 0) }], "tcp", 80, "::", false],
    [[{ ...all, address: { kind: "v6", network: new Uint8Array(16), length: 0 } }], "tcp", 80, "::", false],
    [[{ ...all, address: { kind: "v6", network: new Uint8Array(16), length: 0 } }], "tcp", 80, "10.0.0.1", false],
    [[{ ...all, address: { kind: "v6", network: new Uint8Array(16), length: 0 } }], "tcp", 80, "2001:db8::1", true],
    [[{ ...all, address: { kind: "wildcard" } }], "tcp", 80, "0.0.0.0", true],
    [[{ ...all, address: { kind: "wildcard" } }], "tcp", 80, "::", true],
    [[{ ...all, address: { kind: "wildcard" } }], "tcp", 80, "10.0.0.1", false],
    [[{ ...all, address: { kind: "wildcard" } }], "tcp", 80, "::1", false],
    [[{ ...all, address: v4("10.0.0.0", 9) }], "tcp", 80, "10.127.255.255", true],
    [[{ ...all, address: v4("10.0.0.0", 9) }], "tcp", 80, "10.128.0.0", false],
  ];
  for (const [rules, proto, port, address, allowed] of rows) {
    assert.is(
      filterAllows(profile(rules), { subject: 7n, proto, port, address: bytesOf(readPrefix(address).base) }),
      allowed,
      `${JSON.stringify(rules)} ${proto} ${port} ${address}`,
    );
  }
  const own = { proto: "tcp" as const, port: 80, address: bytesOf(0n) };
  assert.equal(
    [6n, 7n, 8n].map((subject) => filterAllows(profile([all]), { ...own, subject })),
    [false, true, false],
  );
  assert.not.ok(filterAllows(profile([all]), { ...own, subject: 7n, address: new Uint8Array(15) }));
});

test("every request that a version can express is answered as the module answers it", () => {
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
    const locals = [
      ...new Set([
        ...model.exposes.flatMap((e) => (e.bind === null ? [] : prefixesOf(e.bind).flatMap(edges))),
        0n,
        1n,
        2n,
        LAST,
        ...["0.0.0.0", "0.0.0.1", "126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0", "203.0.113.9", "2001:db8::7"].map(
          (text) => readPrefix(text).base,
        ),
      ]),
    ];
    for (const version of [1, 2] as const) {
      for (const subject of ["ingressd", "svc0", "web"]) {
        const made = filterProfile(policy, subject, version);
        if (!made.ok) {
          seen.refused++;
          continue;
        }
        seen.written++;
        const profile = decoded(made.value.bytes);
        // Version 1 is only compared for tcp at the wildcard address.
        for (const proto of version === 1 ? (["tcp"] as const) : (["tcp", "udp"] as const)) {
          for (const local of version === 1 ? [0n, readPrefix("0.0.0.0").base] : locals) {
            for (const port of ports) {
              const said = filterAllows(profile, { subject: fnv1a64(subject), proto, port, address: bytesOf(local) });
              const due = engine.bind({ subject, proto, port, address: words(local) }).allowed;
              if (said !== due)
                throw new Error(`seed ${seed}: version ${version}, ${subject} ${proto} ${port} at ${addressText(local)}: ${String(said)}\n${printed.text}`);
              seen[said ? "allowed" : "denied"]++;
            }
          }
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
  assert.ok(seen.written > 120 && seen.refused > 12 && seen.allowed > 4_000 && seen.denied > 15_000, JSON.stringify(seen));
});

test.run();
