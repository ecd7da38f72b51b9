// The engine's build for Envoy, without Envoy: its verdicts beside those of the policy's module, and everything that can be missing or wrong.
import { createHash } from "node:crypto";
import * as assert from "uvu/assert";
import { envoyWasm } from "../../compiler/emitters/envoy_wasm.ts";
import { capabilities, envoyBytes } from "../../compiler/emitters/envoy_wasm_module.ts";
import { analysed, placesOf } from "../../compiler/emitters/plan.ts";
import { hasPart, write, type Settings } from "../../compiler/emitters/written.ts";
import { E_CLOCK, E_COUNT, E_MAGIC, E_VALUE_BYTES } from "../../runtime/abi/envoy.ts";
import { pinnedBytes, readSections, readUnsigned, SECTION_DATA, SECTION_MEMORY } from "../../runtime/abi/sections.ts";
import { ENVOY_CODE_SHA256 } from "../../runtime/envoy/build/bytes.ts";
import { passedName, saidName } from "../../gateway/tls/server_name.ts";
import { parseAddress } from "../../runtime/net/address.ts";
import { chance } from "../oracle/random.ts";
import { suite } from "../suite.ts";
import { SETTINGS, visitText } from "./acceptance.ts";
import { visitsOf } from "./clients.ts";
import { envoyAddress, exportsOf, importsOf, Plugin, type Broken, type Connection } from "./envoy_plugin.ts";
import { printed, shipped, verdicts, written, type Compiled } from "./policies.ts";
import { namedPolicy } from "./random_policies.ts";

const test = suite("fleet: envoy-wasm");
const POLICIES = ["demo", "fleet", "lists", "mail", "monitored", "office_vpn", "public_api", "queue", "shut", "two_hosts"];
const NOW = Date.UTC(2026, 10, 29) / 1000;
const nanoseconds = (seconds: number, rest = 0n): bigint => BigInt(seconds) * 1_000_000_000n + rest;

function moduleFor(compiled: Compiled, settings: Settings = SETTINGS): Uint8Array | null {
  const made = write(compiled, envoyWasm, settings);
  if (made.ok) return made.value.binaries.get("policy.envoy.wasm") ?? null;
  const other = made.error.filter(({ code, message }) => !(code === "ING907" && message.includes("has the same port")));
  assert.equal(other, [], compiled.name);
  return null;
}

function pluginFor(compiled: Compiled, settings: Settings = SETTINGS): Plugin {
  const module = moduleFor(compiled, settings);
  if (module === null) throw new Error(`${compiled.name} is refused`);
  const plugin = new Plugin(module);
  assert.ok(plugin.started);
  return plugin;
}

/** Clients that the two treat alike; it fails on the first other one. */
function compare(compiled: Compiled, plugin: Plugin, seed: number, random: number): { readonly visits: number; readonly admitted: number } {
  const places = placesOf(analysed(compiled.model, SETTINGS.nodes), hasPart(envoyWasm), null);
  const admits = verdicts(compiled, NOW);
  const visits = visitsOf(places, { random, drawn: 100 }, chance(seed)).filter(({ proto }) => proto === "tcp");
  let admitted = 0;
  for (const visit of visits) {
    // Plain bytes never reach the plugin of a port with TLS: here each client has sent a hello.
    const due = admits({ ...visit, name: visit.name ?? null });
    const { source, local, port, name } = visit;
    const { cluster } = plugin.connect({ source: envoyAddress(source, 40_000), local: envoyAddress(local, port), name: name ?? "", now: nanoseconds(NOW) });
    assert.is(cluster, due === null ? null : `expose.${due}`, `${compiled.name}: ${visitText(visit)}`);
    if (due !== null) admitted++;
  }
  return { visits: visits.length, admitted };
}

for (const [i, name] of POLICIES.entries())
  test(`${name}: the plugin admits whom the module admits, to the same expose`, () => {
    const compiled = shipped(name);
    const { visits, admitted } = compare(compiled, pluginFor(compiled), 30 + i, 1_000);
    assert.ok(name === "shut" || (visits > 300 && admitted > 20), `${visits} ${admitted}`);
  });

test("60 random policies", () => {
  const sum = { visits: 0, admitted: 0, written: 0 };
  for (let seed = 0; sum.written < 60; seed++) {
    const made = printed(namedPolicy(chance(8_000 + seed)), `random${seed}`);
    const module = moduleFor(made);
    if (module === null) continue;
    sum.written++;
    const one = compare(made, new Plugin(module), seed, 200);
    sum.visits += one.visits;
    sum.admitted += one.admitted;
  }
  assert.ok(sum.visits > 10_000 && sum.admitted > 1_000 && sum.visits - sum.admitted > 1_000, JSON.stringify(sum));
});

test("its code is that of this release, and it may call four functions of Envoy and no other", () => {
  const module = moduleFor(shipped("fleet")) ?? new Uint8Array(0);
  for (const bytes of [module, envoyBytes()])
    assert.is(
      createHash("sha256")
        .update(pinnedBytes(readSections(bytes) ?? [], bytes))
        .digest("hex"),
      ENVOY_CODE_SHA256,
    );
  assert.equal(
    importsOf(module)
      .map(({ module: from, name, kind }) => `${from}.${name} ${kind}`)
      .sort(),
    ["proxy_call_foreign_function", "proxy_close_stream", "proxy_get_current_time_nanoseconds", "proxy_get_property"].map((name) => `env.${name} function`),
  );
  const exported = exportsOf(module).map(({ name }) => name);
  assert.equal(exported.sort(), [
    "malloc",
    "memory",
    "proxy_abi_version_0_2_1",
    "proxy_on_configure",
    "proxy_on_context_create",
    "proxy_on_delete",
    "proxy_on_done",
    "proxy_on_memory_allocate",
    "proxy_on_new_connection",
    "proxy_on_vm_start",
  ]);
  assert.equal(
    [...capabilities(module)].sort(),
    [
      ...exported.filter((name) => name.startsWith("proxy_on_")),
      "proxy_call_foreign_function",
      "proxy_close_stream",
      "proxy_get_current_time_nanoseconds",
      "proxy_get_property",
    ].sort(),
  );
});

const ONE = written(
  "one",
  `edition 1
expose web on tcp 8080 {
  backend 127.0.0.1:9000
  allow from 192.0.2.1, 2001:db8::1, ::1, 2001:db8:0:1:2:3:4:5, fe80::1, 64:ff9b::192.0.2.33, 1:2:3:4:5:6:7:8
}
`,
);
const HERE = "10.1.2.3:8080";

test("addresses as Envoy writes them, and texts that are none", () => {
  const plugin = pluginFor(ONE);
  const at = (source: string, local = HERE): boolean => plugin.connect({ source, local, now: nanoseconds(NOW) }).cluster === "expose.0";
  for (const source of [
    "192.0.2.1:1",
    "192.0.2.1:65535",
    "192.0.2.1:0",
    "[2001:db8::1]:1",
    "[2001:0db8::0001]:1",
    "[2001:DB8::1]:1",
    "[::1]:1",
    "[0:0:0:0:0:0:0:1]:1",
  ])
    assert.ok(at(source), source);
  for (const source of [
    "[::ffff:192.0.2.1]:1",
    "[::ffff:c000:201]:1",
    "[0::ffff:192.0.2.1]:1",
    "[2001:db8:0:1:2:3:4:5]:9",
    "[2001:db8::1:2:3:4:5]:9",
    "[fe80::1%3]:9",
    "[fe80::1%eth0]:9",
    "[64:ff9b::c000:221]:1",
    "[64:ff9b::192.0.2.33]:1",
    "[1:2:3:4:5:6:7:8]:1",
    "[1:2:3:4:5:6:0.7.0.8]:1",
    "[2001:db8:0:0::1]:1",
  ])
    assert.ok(at(source), source);
  for (const source of ["192.0.2.2:1", "[2001:db8::2]:1", "[::2]:1", "[::]:1", "[::192.0.2.1]:1", "[1:2:3:4:5:6:7:9]:1", "[::1:2:3:4:5:6:7]:1", "0.0.0.0:1"])
    assert.not.ok(at(source), source);
  const bad = [
    ...["", "192.0.2.1", "192.0.2.1:", ":1", "192.0.2.1:1 ", " 192.0.2.1:1", "192.0.2.1:65536", "192.0.2.1:99999999999", "192.0.2.1:-1", "192.0.2.1:01"],
    ...["192.0.2.01:1", "192.0.2.256:1", "192.0.2:1", "192.0.2.1.1:1", "192.0.2.1::1", "192.0.2.1:1:1", "192.0..1:1", "4294967296.0.2.1:1", "0xc0.0.2.1:1"],
    ...["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]1", "[2001:db8::1:1", "2001:db8::1]:1", "[[::1]]:1", "[]:1", "[:]:1", "[:::]:1", "[::1::]:1"],
    ...["[2001:db8:::1]:1", "[2001:db8::1:]:1", "[:2001:db8::1]:1", "[12001:db8::1]:1", "[2001:db8::00001]:1", "[2001:dg8::1]:1", "[::1%]:1", "[::1%3:1"],
    ...["[1:2:3:4:5:6:7]:1", "[1:2:3:4:5:6:7:8:9]:1", "[1:2:3:4:5:6:7::8]:1", "[1::2:3:4:5:6:7:8]:1", "[1:2:3:4:5:6:7:8::]:1", "[::1:2:3:4:5:6:7:8]:1"],
    ...["[1:2:3:4:5:6:7:192.0.2.1]:1", "[::ffff:192.0.2]:1", "[::ffff:192.0.2.1.1]:1", "[::ffff:192.0.2.256]:1", "[::ffff:192.0.2.1:1]:1", "[::192.0.2.1%]:1"],
    ...["/run/web.sock", "envoy://internal", "[::1]:1\0", "192.0.2.1:1\0", "\0", "[::1\0]:1", `[${"0".repeat(40)}::1]:1`],
  ];
  for (const source of bad) {
    assert.not.ok(at(source), source);
    assert.not.ok(at("192.0.2.1:1", source), `local ${source}`);
  }
});

test("every IPv6 address that the gateway reads is the same address here", () => {
  const c = chance(5);
  const plugin = pluginFor(ONE);
  for (let n = 0; n < 500; n++) {
    const groups = Array.from({ length: 8 }, () => (c.oneIn(2) ? 0 : c.below(0x10000)).toString(16));
    const from = c.below(8);
    const end = Math.min(8, from + 1 + c.below(8));
    const zeros = groups.map((group, i) => (i >= from && i < end ? "0" : group));
    const short = `${zeros.slice(0, from).join(":")}::${zeros.slice(end).join(":")}`;
    const due = parseAddress(zeros.join(":"));
    if (due === null) continue;
    const only = written(`only${n}`, `edition 1\nexpose web on tcp 8080 { backend 127.0.0.1:9000 allow from ${zeros.join(":")} }\n`);
    if (n % 50 === 0) {
      const own = pluginFor(only);
      for (const text of [short, zeros.join(":"), short.toUpperCase()])
        assert.is(own.connect({ source: `[${text}]:1`, local: HERE, now: nanoseconds(NOW) }).cluster, "expose.0", text);
    }
    assert.is(plugin.connect({ source: `[${short}]:1`, local: HERE, now: nanoseconds(NOW) }).cluster, null, short);
  }
});

test("server names have the canonical form of the gateway", () => {
  const label = "x".repeat(63);
  const longest = `${label}.${label}.${label}.${"x".repeat(61)}`;
  const all = written("names", 'edition 1\nexpose web on tcp 8443 as passthrough {\n  backend 127.0.0.1:9000\n  allow from any sni "**"\n}\n');
  const some = written(
    "some",
    'edition 1\nexpose web on tcp 8443 as passthrough {\n  backend 127.0.0.1:9000\n  allow from any\n}\nexpose zoo on tcp 8444 as passthrough {\n  backend 127.0.0.1:9001\n  allow from any sni "a.example"\n}\n',
  );
  const names = [
    ...["a", "a.example", "A.Example", "a_b.example", "-a-.example", "xn--bcher-kva.example", "1.example", "a.1a", "a.0x", "a.0xg", "a.0x1", "0x1.a", "a.x0"],
    ...[
      longest,
      `${longest}x`,
      `${label}.a`,
      `${label}x.a`,
      `a.${label}`,
      `a.${label}x`,
      "a.",
      ".a",
      "a..b",
      ".",
      "..",
      "*",
      "*.example",
      "127.1",
      "127.0.0.1",
      "1",
    ],
    ...[
      "a b",
      "a\0",
      "\0",
      "a.example\n",
      "é.example",
      "ä",
      "[::1]",
      "::1",
      "a/b",
      "a@b",
      "a.0X1F",
      "a.0xff.b",
      "x".repeat(256),
      "x.".repeat(126) + "x",
      "K.example",
    ],
    ...["\u00e9", "a.00", "a.0x0g", "a-", "_", "-", "a.-", "a._"],
  ];
  for (const compiled of [all, some]) {
    const plugin = pluginFor(compiled);
    for (const name of names) {
      const said = passedName(saidName(name));
      const { cluster } = plugin.connect({ source: "192.0.2.1:1", local: "10.1.2.3:8443", name, now: nanoseconds(NOW) });
      // Where no rule looks at names, a name that is none counts as none.
      assert.is(cluster, said.nameFault === null || compiled === some ? "expose.0" : null, JSON.stringify(name));
    }
  }
});

const TIMED = written(
  "timed",
  `edition 1
expose web on tcp 8080 {
  backend 127.0.0.1:9000
  allow from 192.0.2.1 until 2027-01-01T00:00Z
  allow from 192.0.2.2 after 2027-01-01T00:00Z
  allow from 192.0.2.3
}
`,
);
const MOMENT = Date.UTC(2027, 0, 1) / 1000;

test("until and after, to the second before and to the second itself; and a clock that is not known", () => {
  const admitted = (now: bigint | undefined, settings: Settings = SETTINGS): string =>
    ["1", "2", "3"]
      .filter((last) => pluginFor(TIMED, settings).connect({ source: `192.0.2.${last}:1`, local: HERE, ...(now !== undefined && { now }) }).cluster !== null)
      .join("");
  assert.is(admitted(nanoseconds(MOMENT - 1, 999_999_999n)), "13");
  assert.is(admitted(nanoseconds(MOMENT)), "23");
  assert.is(admitted(undefined), "3");
  assert.is(admitted(0n), "3");
  assert.is(admitted(2n ** 64n - 1n), "23");
  for (const now of [undefined, 0n, nanoseconds(MOMENT + 5)]) {
    assert.is(admitted(now, { ...SETTINGS, asOf: MOMENT - 1 }), "13");
    assert.is(admitted(now, { ...SETTINGS, asOf: MOMENT }), "23");
  }
});

test("whatever Envoy does not say, or says wrongly, closes the connection", () => {
  const plugin = pluginFor(ONE);
  const right: Connection = { source: "192.0.2.1:1", local: HERE, name: "", now: nanoseconds(NOW) };
  assert.is(plugin.connect(right).cluster, "expose.0");
  const without = (key: keyof Connection): Connection => Object.fromEntries(Object.entries(right).filter(([name]) => name !== key));
  const wrong: readonly (readonly [string, Connection, Broken?])[] = [
    ["no source", without("source")],
    ["no local address", without("local")],
    ["a value at another place", right, { shift: 1 }],
    ["a value before its place", right, { shift: -1 }],
    ["a longer value than it is", right, { length: 14 }],
    ["a shorter one", right, { length: 3 }],
    ["an empty one", right, { length: 0 }],
    ["one that is too long", right, { length: E_VALUE_BYTES + 1 }],
    ["one without end", right, { length: 0xffffffff }],
    ["a source that has no room", { ...right, source: "1".repeat(E_VALUE_BYTES + 1) }],
    ["a source that has just room", { ...right, source: "1".repeat(E_VALUE_BYTES) }],
    ["a cluster that is not taken", right, { deaf: true }],
    ["a port that no expose has", { ...right, local: "10.1.2.3:8081" }],
    ["port 0", { ...right, local: "10.1.2.3:0" }],
  ];
  for (const [what, connection, broken] of wrong) assert.is(plugin.connect(connection, broken).cluster, null, what);
  assert.is(plugin.connect(right).cluster, "expose.0");
  const named = written("named", 'edition 1\nexpose web on tcp 8080 as passthrough {\n  backend 127.0.0.1:9000\n  allow from any sni "a.example"\n}\n');
  const reader = pluginFor(named);
  assert.is(reader.connect({ ...right, name: "a.example" }).cluster, "expose.0");
  assert.is(reader.connect(right).cluster, null);
  assert.is(reader.connect(without("name")).cluster, null);
  const open = pluginFor(written("open", "edition 1\nexpose web on tcp 8080 as passthrough {\n  backend 127.0.0.1:9000\n  allow from any\n}\n"));
  assert.is(open.connect(right).cluster, "expose.0");
  assert.is(open.connect(without("name")).cluster, null, "whether the hello has a name is not known");
  assert.ok(plugin.allocate(E_VALUE_BYTES) > 0);
  assert.is(plugin.allocate(E_VALUE_BYTES + 1), 0);
});

/** Where the tables and both parts of the plugin's own page are in a module: offset in the file and length. */
function segments(module: Uint8Array): readonly { readonly at: number; readonly length: number }[] {
  const body = (readSections(module) ?? []).find(({ id }) => id === SECTION_DATA)?.body ?? new Uint8Array(0);
  const base = body.byteOffset - module.byteOffset;
  const found = [];
  for (let at = 1; at < body.length;) {
    while (body[at] !== 0x0b) at++;
    const [length, start] = readUnsigned(body, at + 1) ?? [0, 0];
    found.push({ at: base + start, length });
    at = start + length;
  }
  return found;
}

test("a byte of the tables that is another one: Envoy does not start the module, and it admits nobody", () => {
  const module = Uint8Array.from(moduleFor(ONE) ?? []);
  const [tables, head, flags] = segments(module);
  assert.ok(tables !== undefined && tables.length > 500 && head?.length === E_CLOCK + 8 && flags?.length === 1);
  if (tables === undefined || head === undefined || flags === undefined) return;
  const c = chance(9);
  const places = [...Array.from({ length: 400 }, () => c.below(tables.length)), ...Array.from({ length: 64 }, (_, i) => i)];
  for (const place of places) {
    const mutant = Uint8Array.from(module);
    mutant[tables.at + place] = (mutant[tables.at + place] ?? 0) ^ (1 << c.below(8));
    const plugin = new Plugin(mutant);
    assert.not.ok(plugin.started, `byte ${place} of the tables`);
    assert.is(plugin.connect({ source: "192.0.2.1:1", local: HERE, now: nanoseconds(NOW) }).cluster, null, `byte ${place}`);
  }
  for (const place of [E_MAGIC, E_MAGIC + 3]) {
    const mutant = Uint8Array.from(module);
    mutant[head.at + place] = 0;
    assert.not.ok(new Plugin(mutant).started);
  }
  for (const [place, what] of [
    [head.at + E_COUNT, "no listener has flags"],
    [flags.at, "the listener is not forwarded"],
  ] as const) {
    const mutant = Uint8Array.from(module);
    mutant[place] = 0;
    assert.is(new Plugin(mutant).connect({ source: "192.0.2.1:1", local: HERE, now: nanoseconds(NOW) }).cluster, null, what);
  }
  assert.is(module[head.at + E_CLOCK], 0);
});

test("a module that is cut anywhere is no module", () => {
  const module = Uint8Array.from(moduleFor(ONE) ?? []);
  for (let length = 0; length < module.length; length += 97) {
    let plugin: Plugin | null = null;
    try {
      plugin = new Plugin(module.subarray(0, length));
    } catch {
      continue;
    }
    assert.not.ok(plugin.started, `${length} bytes`);
  }
});

test("the memory has the pages of the policy's module and one more", () => {
  const pages = (bytes: Uint8Array): readonly number[] => {
    const body = (readSections(bytes) ?? []).find(({ id }) => id === SECTION_MEMORY)?.body ?? new Uint8Array(0);
    const [first, next] = readUnsigned(body, 2) ?? [0, 0];
    return [first, readUnsigned(body, next)?.[0] ?? 0];
  };
  const [own = 0] = pages(ONE.module);
  assert.equal(pages(moduleFor(ONE) ?? ONE.module), [own + 1, own + 1]);
});

test.run();
