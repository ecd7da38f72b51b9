// A module's semantic JSON and source map: the gateway reads from them which ports to open, so they are checked
// against bounds and the tables. Each row rewrites the semantic JSON of a good module and repairs its hash.
import { createHash } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { concatBytes, readSections, SECTION_HASH, SECTION_MAP, SECTION_POLICY, SECTION_VECTORS, writeCustom } from "../../runtime/abi/sections.ts";
import { BeyondBounds, parseBounded, type JsonBounds } from "../../runtime/host/bounded_json.ts";
import { MOST_BIND_PREFIXES, MOST_LISTENERS, MOST_PORT_RANGES } from "../../runtime/host/info.ts";
import { loadPolicy } from "../../runtime/host/load.ts";
import { moduleOf } from "./compiled.ts";

const test = suite("account");
const encode = (s: string): Uint8Array => new TextEncoder().encode(s);

/** The module with custom sections replaced by name and a hash that is right again. */
function rewritten(module: Uint8Array, bodies: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const sections = (readSections(module) ?? []).filter((s) => s.name !== SECTION_HASH);
  const parts = sections.map((s) => {
    const body = bodies.get(s.name);
    return body === undefined ? module.subarray(s.start, s.end) : writeCustom(s.name, body);
  });
  const whole = concatBytes([module.subarray(0, 8), ...parts]);
  return concatBytes([whole, writeCustom(SECTION_HASH, createHash("sha256").update(whole).digest())]);
}

function section(module: Uint8Array, name: string): string {
  return new TextDecoder().decode(readSections(module)?.find((s) => s.name === name)?.body);
}

function answer(module: Uint8Array): string {
  const result = loadPolicy(module);
  return !result.ok ? `${result.error.code}: ${result.error.message}` : "loaded";
}

const ports = moduleOf(`edition 1
expose web on tcp 100-200, 300 { backend 127.0.0.1:9 allow from any }
expose api on tcp 201-299 { backend 127.0.0.1:9 allow from any }
expose far on tcp 301-400 bind 10.0.0.0/8, 192.168.0.0/16 { backend 127.0.0.1:9 allow from any }`);

function withPorts(from: string, to: string): Uint8Array {
  const account = section(ports, SECTION_POLICY);
  assert.ok(account.includes(from), `the account has ${from}`);
  return rewritten(ports, new Map([[SECTION_POLICY, encode(account.replace(from, to))]]));
}

const DIFFER = /^module_selftest: the module's tables and its semantic JSON differ about the ports of `(web|api|far)` \([0-9]+-[0-9]+\)$/;
const MALFORMED = /^module_malformed: .*can't be read or exceeds its bounds/;
const rows: readonly (readonly [name: string, from: string, to: string, due: RegExp])[] = [
  ["nothing changed", '"300"', '"300"', /^loaded$/],
  ["a range split in two", '"100-200"', '"100-150","151-200"', /^loaded$/],
  ["one port more at the end", '"301-400"', '"301-401"', DIFFER],
  ["one port less at the end", '"301-400"', '"301-399"', DIFFER],
  ["one port more at the start", '"100-200"', '"99-200"', DIFFER],
  ["one port less at the start", '"100-200"', '"101-200"', DIFFER],
  ["a neighbour's port", '"201-299"', '"200-299"', DIFFER],
  ["a port left out", '"100-200"', '"100-149","151-200"', DIFFER],
  // A port that the account omits is not opened.
  ["a range left out", '"100-200","300"', '"100-200"', /^loaded$/],
  ["all ports", '"301-400"', '"1-65535"', DIFFER],
  ["a bind that the tables do not have", '"10.0.0.0/8"', '"0.0.0.0/1"', DIFFER],
  ["ports that fall", '"100-200","300"', '"300","100-200"', MALFORMED],
  ["ports that meet", '"100-200","300"', '"100-200","200-300"', MALFORMED],
  ["a port twice", '"300"', '"300","300"', MALFORMED],
  ["a range that ends before it starts", '"201-299"', '"299-201"', MALFORMED],
  ["port 0", '"201-299"', '"0-299"', MALFORMED],
  ["port 65536", '"301-400"', '"301-65536"', MALFORMED],
  ["a bind that is no prefix", '"10.0.0.0/8"', '"10.0.0.0/33"', MALFORMED],
  ["a bind with bits below its length", '"10.0.0.0/8"', '"10.0.0.1/8"', MALFORMED],
];
for (const [name, from, to, due] of rows)
  test(name, () => {
    assert.match(answer(withPorts(from, to)), due);
  });

const balanced = moduleOf(`edition 1
expose a on tcp 100 via 10.0.0.0/8 for "a.test" as passthrough { backend 127.0.0.1:9 allow from any }
expose b on tcp 100 via 10.0.0.0/8 as passthrough { backend 127.0.0.1:9 allow from any }`);
const viaRows: readonly (readonly [name: string, from: string | RegExp, to: string, due: RegExp])[] = [
  ["a via as it was", "10.0.0.0/8", "10.0.0.0/8", /^loaded$/],
  ["a via of exposes that share a port in one of them alone", /"via":"[^"]+"/, '"vai":""', MALFORMED],
  ["a via that is no prefix", "10.0.0.0/8", "10.0.0.0/33", MALFORMED],
  ["a via with bits below its length", "10.0.0.0/8", "10.0.0.1/8", MALFORMED],
  ["a via of a net that is not there", /"via":"[^"]+"/, '"via":"none"', MALFORMED],
  ["a via that is null", /"via":"[^"]+"/, '"via":null', MALFORMED],
];
for (const [name, from, to, due] of viaRows)
  test(name, () => {
    const account = section(balanced, SECTION_POLICY);
    assert.is.not(account.search(from instanceof RegExp ? from : from.replaceAll(".", "\\.")), -1);
    assert.match(answer(rewritten(balanced, new Map([[SECTION_POLICY, encode(account.replace(from, to))]]))), due);
  });

test("a via of udp, or of a service that binds by itself, is refused", () => {
  for (const [text, mode] of [
    ["expose a on udp 100 { backend 127.0.0.1:9 amplify 1 allow from any }", "udp"],
    ['@why "x" expose a on tcp 100 as direct { }', "direct"],
  ] as const) {
    const module = moduleOf(`edition 1\n${text}`);
    const account = section(module, SECTION_POLICY);
    const net = /"nets":\{"([^"]+)"/.exec(account)?.[1] ?? "";
    const changed = account.replace('"service":"a"', `"service":"a","via":"${net}"`);
    assert.is.not(changed, account);
    assert.match(answer(rewritten(module, new Map([[SECTION_POLICY, encode(changed)]]))), MALFORMED, mode);
  }
});

/** A module whose account has the given listeners; its tables have one. */
function accountOf(exposes: readonly unknown[], nets: Readonly<Record<string, readonly string[]>> = {}): Uint8Array {
  const place = { file: "p", line: 1, column: 1 };
  return rewritten(
    ports,
    new Map([
      [SECTION_POLICY, encode(JSON.stringify({ expose: exposes, deny: [], nets }))],
      [
        SECTION_MAP,
        encode(JSON.stringify({ listeners: exposes.map(() => ({ origin: place, annotations: { owner: null, ticket: null, why: null } })), rules: [] })),
      ],
    ]),
  );
}
const listener = (ranges: readonly string[], bind: string | null = null): unknown => ({
  name: "x",
  service: "x",
  proto: "tcp",
  mode: "tcp",
  ports: ranges,
  bind,
  backend: null,
  allow: [],
  deny: [],
  cap: { connections: 1 },
});
/** Read, and then found to be another policy's. */
const READ = /^module_tables: the module's tables have other numbers of listeners or rules than its semantic JSON and source map$/;
const singles = (n: number): string[] => Array.from({ length: n }, (_, i) => String(i + 1));
const hosts = (n: number): string[] => Array.from({ length: n }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`);
const bounds: readonly (readonly [name: string, most: number, module: (n: number) => Uint8Array])[] = [
  ["listeners", MOST_LISTENERS, (n) => accountOf(Array.from({ length: n }, () => listener(["1"])))],
  ["port ranges", MOST_PORT_RANGES, (n) => accountOf([listener(singles(n - 2)), listener(["1", "3"])])],
  ["prefixes of a bind that two share", MOST_BIND_PREFIXES, (n) => accountOf([listener(["1"], "n"), listener(["2"], "n")], { n: hosts(n) })],
];
for (const [name, most, module] of bounds) {
  test(`at most ${most} ${name}`, () => {
    assert.match(answer(module(most)), READ);
    assert.match(answer(module(most + 1)), MALFORMED);
  });
}

const datagrams = (more: object): unknown => ({
  name: "x",
  service: "x",
  proto: "udp",
  mode: "tcp",
  ports: ["1"],
  bind: null,
  backend: null,
  allow: [],
  deny: [],
  cap: { connections: 1 },
  ...more,
});
const amplifies: readonly (readonly [name: string, expose: object, due: RegExp])[] = [
  ["1", { amplify: 1 }, READ],
  ["1,000", { amplify: 1000 }, READ],
  ["any", { amplify: "any" }, READ],
  ["a service that listens by itself over udp", { mode: "direct" }, READ],
  ["nothing", {}, MALFORMED],
  ["0", { amplify: 0 }, MALFORMED],
  ["1,001", { amplify: 1001 }, MALFORMED],
  ["1.5", { amplify: 1.5 }, MALFORMED],
  ["a number in quotes", { amplify: "30" }, MALFORMED],
  ["null", { amplify: null }, MALFORMED],
  ["over tcp", { proto: "tcp", amplify: 30 }, MALFORMED],
  ["of a service that listens by itself", { mode: "direct", amplify: 30 }, MALFORMED],
  ["over udp with passthrough", { mode: "passthrough", amplify: 30 }, MALFORMED],
  ["another protocol", { proto: "sctp", amplify: 30 }, MALFORMED],
];
for (const [name, expose, due] of amplifies) {
  // A second listener, so that an account that is read is found to be another policy's.
  test(`amplify: ${name}`, () => {
    assert.match(answer(accountOf([datagrams(expose), datagrams(expose)])), due);
  });
}

const small: JsonBounds = { bytes: 40, containers: 3, keys: 2, values: 3, depth: 2 };
const texts: readonly (readonly [text: string, due: boolean])[] = [
  ["[1,2,3,4]", true],
  ["[1,2,3,4,5]", false],
  ["[[],[]]", true],
  ["[[],[],[]]", false],
  ["[[[]]]", false],
  ['{"a":1,"b":2}', true],
  ['{"a":1,"b":2,"c":3}', false],
  ['"[[[[:::,,,,{{{{"', true],
  ['["\\"[[[[","\\\\",":,:,:,:"]', true],
  ['["\\\\",[[1]]]', false],
  [`"${"x".repeat(38)}"`, true],
  [`"${"x".repeat(39)}"`, false],
];
for (const [text, due] of texts) {
  test(`${text} is ${due ? "within" : "beyond"} its bounds`, () => {
    if (due) assert.equal(parseBounded(encode(text), small), JSON.parse(text));
    else
      assert.throws(
        () => parseBounded(encode(text), small),
        (error: unknown) => error instanceof BeyondBounds,
      );
  });
}

const slow: readonly (readonly [name: string, section: string, body: string, due: RegExp])[] = [
  ["two million lists in the account", SECTION_POLICY, `[${"[],".repeat(2_000_000)}1]`, MALFORMED],
  ["two million keys in the map", SECTION_MAP, `{${'"a":1,'.repeat(2_000_000)}"a":1}`, MALFORMED],
  ["lists a million deep in the account", SECTION_POLICY, "[".repeat(1_000_000), MALFORMED],
  [
    "self-tests of more than two mebibytes",
    SECTION_VECTORS,
    `[${" ".repeat(2 * 1024 * 1024)}]`,
    /^module_selftest: the self-test vectors are not a list within bounds/,
  ],
];
for (const [name, where, body, due] of slow) {
  test(`${name}: refused before it is parsed`, () => {
    assert.match(answer(rewritten(ports, new Map([[where, encode(body)]]))), due);
  });
}

const limited = moduleOf("edition 1\nexpose web on tcp 1 { limit 5/s per source allow from any }");
const onePage = moduleOf("edition 1\nexpose web on tcp 1 { allow from any }");
const profiles: readonly (readonly [name: string, module: Uint8Array, from: string, to: string, due: RegExp])[] = [
  ["host, as it was built", limited, '"profile":"host"', '"profile":"host"', /^loaded$/],
  ["none, as releases before did", limited, '"profile":"host",', "", /^loaded$/],
  ["os, with more than one page", limited, '"profile":"host"', '"profile":"os"', MALFORMED],
  ["os, with one page", onePage, '"profile":"host"', '"profile":"os"', /^loaded$/],
  ["one that there is not", onePage, '"profile":"host"', '"profile":"Host"', MALFORMED],
  ["a number", onePage, '"profile":"host"', '"profile":0', MALFORMED],
  ["null", onePage, '"profile":"host"', '"profile":null', MALFORMED],
];

for (const [name, module, from, to, due] of profiles) {
  test(`profile: ${name}`, () => {
    const map = section(module, SECTION_MAP);
    assert.ok(map.includes(from));
    assert.match(answer(rewritten(module, new Map([[SECTION_MAP, encode(map.replace(from, to))]]))), due);
  });
}

test.run();
