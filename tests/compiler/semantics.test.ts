// The meaning of a checked policy: defaults, sets, order, and the meaning of `any`.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ANY, ANY4, builtinNet, prefixes } from "../../compiler/check/sets/builtin_nets.ts";
import { contains, equal } from "../../compiler/check/sets/intervals.ts";
import type { AddressSet, CheckedExpose, CheckedPolicy } from "../../compiler/policy/policy.ts";
import { NOT_GLOBAL } from "../../compiler/check/sets/special_purpose.ts";
import { parseAddress } from "../../runtime/net/address.ts";
import { filesOf, front } from "./front.ts";

const semantics = suite("semantics");

function policyOf(body: string, files: Readonly<Record<string, string>> = {}): CheckedPolicy {
  const { policy, diagnostics } = front(`edition 1\n${body}`, filesOf(files));
  assert.equal(
    diagnostics.map((d) => `${d.code} ${d.message}`),
    [],
  );
  if (policy === null) throw new Error("no policy");
  return policy;
}

function exposeOf(clauses: string, head = "expose web on tcp 443", before = ""): CheckedExpose {
  const [expose] = policyOf(`${before}\n${head} {\n${clauses}\n}`).exposes;
  if (expose === undefined) throw new Error("no expose");
  return expose;
}

function isSet(set: AddressSet | null | undefined, ...texts: string[]): void {
  assert.ok(set !== null && set !== undefined && equal(set, prefixes(texts)), texts.join());
}

semantics("an empty policy exposes nothing", () => {
  const none = { ports: null, rules: null, prefixes: null, connections: null, moduleKiB: null, steps: null };
  assert.equal(policyOf(""), {
    edition: 1,
    exposes: [],
    groups: [],
    dials: [],
    denies: [],
    tests: [],
    budget: none,
    sets: [],
    unenforced: [],
    hostOnly: [],
    listFiles: [],
  });
});

semantics("an empty expose admits nobody and has the documented defaults", () => {
  const { span, ...expose } = exposeOf("");
  assert.equal(expose, {
    name: "web",
    service: "web",
    proto: "tcp",
    ports: [{ first: 443, last: 443 }],
    bind: null,
    via: null,
    names: null,
    mode: "tcp",
    backends: [],
    proxy: null,
    certs: [],
    ca: null,
    alpn: [],
    cap: { connections: 10_000, perSource: [], perIdentity: null, span: null },
    limits: [],
    dryrun: { connections: null, perSource: [], perIdentity: null, span: null, limits: [] },
    amplify: null,
    allows: [],
    denies: [],
    annotations: { owner: null, ticket: null, why: null },
  });
  assert.is(span.file.text.slice(span.start, span.end).startsWith("expose web"), true);
});

semantics("exposes are sorted by name, whatever their order", () => {
  assert.equal(
    policyOf("expose c on tcp 3 { }\nexpose a on tcp 1 { }\nexpose b on tcp 2 { }").exposes.map((e) => e.name),
    ["a", "b", "c"],
  );
});

semantics("ports are joined and cut", () => {
  const e = exposeOf("", "expose web on tcp 80, admin, 443, 9510 except 9503, 9505-9506", "ports admin = 9500-9509, 81");
  assert.equal(e.ports, [
    { first: 80, last: 81 },
    { first: 443, last: 443 },
    { first: 9500, last: 9502 },
    { first: 9504, last: 9504 },
    { first: 9507, last: 9510 },
  ]);
});

semantics("sets: members, names before their declaration, except, list files", () => {
  const before = `net a = b, 192.0.2.0/24 except 192.0.2.128/25, c
net b = 10.0.0.0/8
net c = 10.0.0.0/9
net listed = file "l.txt" max 5 except 198.51.100.9`;
  const { exposes } = policyOf(`${before}\nexpose web on tcp 1 { allow from a deny from listed }`, {
    "l.txt": "\ufeff198.51.100.8/31\r\n# x\r\n2001:db8::1 # y",
  });
  isSet(exposes[0]?.allows[0]?.from, "10.128.0.0/9", "192.0.2.0/25");
  isSet(exposes[0]?.denies[0]?.from, "198.51.100.8", "2001:db8::1");
});

semantics("a set that is written out has its own except", () => {
  const e = exposeOf("allow from any except private, 192.0.2.0/24\ndeny from 10.0.0.0/8, 2001:db8::/32 except 10.0.0.1");
  const [allow] = e.allows;
  for (const [text, inside] of [
    ["8.8.8.8", true],
    ["10.1.1.1", false],
    ["192.0.2.1", false],
    ["2001:db8::1", true],
    ["fd00::1", false],
  ] as const) {
    const address = parseAddress(text);
    assert.ok(address !== null && allow !== undefined && contains(allow.from, address) === inside, text);
  }
});

semantics("`except` takes from all members before it", () => {
  isSet(exposeOf("allow from 10.0.0.0/24, 10.0.1.0/24 except 10.0.0.0/25, 10.0.1.128/25").allows[0]?.from, "10.0.0.128/25", "10.0.1.0/25");
});

semantics("any: both families, and no IPv4 in ::/0", () => {
  assert.ok(equal(exposeOf("allow from any").allows[0]?.from ?? ANY4, ANY));
  assert.ok(equal(exposeOf("allow from any4, any6").allows[0]?.from ?? ANY4, ANY));
  const v6 = exposeOf("allow from ::/0").allows[0]?.from;
  const mapped = parseAddress("192.0.2.1");
  assert.ok(v6 !== undefined && mapped !== null && !contains(v6, mapped));
});

semantics("bind: any is the wildcard, a net is a net", () => {
  assert.is(exposeOf("", "expose web on tcp 1 bind any").bind, null);
  assert.is(exposeOf("", "expose web on tcp 1 bind any4, any6").bind, null);
  isSet(exposeOf("", "expose web on tcp 1 bind 0.0.0.0/0").bind, "0.0.0.0/0");
  isSet(exposeOf("", "expose web on tcp 1 bind loopback").bind, "127.0.0.0/8", "::1");
});

semantics("backends", () => {
  assert.equal(exposeOf("backend 127.0.0.2:8080").backends, [{ kind: "tcp", host: "127.0.0.2", port: 8080 }]);
  assert.equal(exposeOf("backend [::1]:1").backends, [{ kind: "tcp", host: "::1", port: 1 }]);
  assert.equal(exposeOf("backend [::ffff:127.0.0.1]:1").backends, [{ kind: "tcp", host: "127.0.0.1", port: 1 }]);
  assert.equal(exposeOf('backend unix "/run/a b.sock"').backends, [{ kind: "unix", path: "/run/a b.sock" }]);
  const several = [
    { kind: "tcp", host: "127.0.0.1", port: 80 },
    { kind: "tcp", host: "127.0.0.1", port: 8080 },
    { kind: "unix", path: "/run/a.sock" },
  ];
  for (const clause of ['backend 127.0.0.1:80, 127.0.0.1:8080, unix "/run/a.sock"', 'backend unix "/run/a.sock", 127.0.0.1:8080, [::ffff:127.0.0.1]:80'])
    assert.equal(exposeOf(clause).backends, several, "their order means nothing");
  assert.is(exposeOf("backend 127.0.0.1:80, 127.0.0.1:81 proxy v2").proxy, "v2");
  assert.equal(exposeOf("backend remote [::ffff:10.0.3.7]:80").backends, [{ kind: "remote", host: "10.0.3.7", port: 80 }]);
  assert.equal(exposeOf("backend remote [2001:DB8:0::7]:80, 127.0.0.1:80").backends, [
    { kind: "tcp", host: "127.0.0.1", port: 80 },
    { kind: "remote", host: "2001:db8::7", port: 80 },
  ]);
});

semantics("caps and limits with their defaults", () => {
  const e = exposeOf("cap 5 connections, 2 per source\nlimit 200/s per source /24 /48\nlimit 3/m burst 7 per listener\nlimit 1/h per source");
  const { span: at, ...cap } = e.cap;
  assert.equal(cap, { connections: 5, perSource: [{ connections: 2, v4: 32, v6: 64, from: null }], perIdentity: null });
  assert.is(at?.file.text.slice(at.start, at.end), "cap 5 connections, 2 per source");
  assert.equal(
    e.limits.map(({ span, ...limit }) => ({ ...limit, at: span.file.text.slice(span.start, span.end) })),
    [
      { count: 200, periodMs: 1_000, burst: 200, key: { kind: "source", v4: 24, v6: 48, from: null }, at: "limit 200/s per source /24 /48" },
      { count: 3, periodMs: 60_000, burst: 7, key: { kind: "listener" }, at: "limit 3/m burst 7 per listener" },
      { count: 1, periodMs: 3_600_000, burst: 1, key: { kind: "source", v4: 32, v6: 64, from: null }, at: "limit 1/h per source" },
    ],
  );
  assert.equal(exposeOf("cap 1000000 connections, 1 per source /1 /128").cap.perSource, [{ connections: 1, v4: 1, v6: 128, from: null }]);
});

semantics("top-level denies: ports, sources, both", () => {
  const { denies } = policyOf("ports p = 22, 23\ndeny named a on tcp p\ndeny from 10.0.0.0/8\ndeny on tcp 80 from any6");
  assert.equal(
    denies.map((d) => [d.name, d.on]),
    [
      ["a", { proto: "tcp", ports: [{ first: 22, last: 23 }] }],
      [null, null],
      [null, { proto: "tcp", ports: [{ first: 80, last: 80 }] }],
    ],
  );
  assert.ok(equal(denies[0]?.from ?? ANY4, ANY), "without `from` everyone is meant");
});

semantics("tests", () => {
  const { tests } = policyOf(`expose web on tcp 443 { }
test "t" {
  from 192.0.2.1 to web => allow
  from ::ffff:192.0.2.1 to tcp 22 => deny policy
  bind web on [::1]:80 => deny cidr
}`);
  assert.equal(
    tests.map((t) => [t.name, t.lines.map(({ span: _, ...line }) => line)]),
    [
      [
        "t",
        [
          {
            kind: "from",
            source: [0, 0, 0xffff, 0xc0000201],
            via: null,
            to: { kind: "expose", name: "web" },
            sni: null,
            client: null,
            expected: { verdict: "allow", reason: null, by: null },
          },
          {
            kind: "from",
            source: [0, 0, 0xffff, 0xc0000201],
            via: null,
            to: { kind: "port", proto: "tcp", port: 22, local: null },
            sni: null,
            client: null,
            expected: { verdict: "deny", reason: "policy", by: null },
          },
          { kind: "bind", subject: "web", proto: "tcp", address: [0, 0, 0, 1], port: 80, expected: { verdict: "deny", reason: "cidr", by: null } },
        ],
      ],
    ],
  );
});

const MEMBERS: readonly (readonly [string, string, boolean])[] = [
  ["internet", "8.8.8.8", true],
  ["internet", "2606:4700::1111", true],
  ["internet", "192.0.0.9", true],
  ["internet", "192.0.0.8", false],
  ["internet", "10.0.0.1", false],
  ["internet", "100.64.0.1", false],
  ["internet", "100.128.0.1", true],
  ["internet", "224.0.0.1", false],
  ["internet", "255.255.255.255", false],
  ["internet", "2001:db8::1", false],
  ["internet", "2001:20::1", true],
  ["internet", "2001:0:1::", false],
  ["internet", "fd00::1", false],
  ["internet", "ff02::1", false],
  ["internet", "::1", false],
  ["internet", "198.17.255.255", true],
  ["internet", "198.18.0.0", false],
  ["internet", "3fff::1", false],
  ["private", "172.15.255.255", false],
  ["private", "172.16.0.0", true],
  ["private", "172.31.255.255", true],
  ["private", "172.32.0.0", false],
  ["private", "fc00::", true],
  ["private", "fdff:ffff::", true],
  ["private", "fe00::", false],
  ["loopback", "127.255.255.255", true],
  ["loopback", "::1", true],
  ["loopback", "::2", false],
  ["loopback", "128.0.0.0", false],
  ["linklocal", "169.254.1.1", true],
  ["linklocal", "fe80::1", true],
  ["linklocal", "febf::", true],
  ["linklocal", "fec0::", false],
  ["any4", "::1", false],
  ["any6", "1.1.1.1", false],
  ["any6", "::fffe:1.1.1.1", true],
  ["any", "::", true],
];

for (const [name, text, inside] of MEMBERS) {
  semantics(`${text} is ${inside ? "" : "not "}in ${name}`, () => {
    const set = builtinNet(name);
    const address = parseAddress(text);
    assert.ok(set !== undefined && address !== null && contains(set, address) === inside);
  });
}

semantics("every block of the special-purpose table is a prefix", () => {
  for (const text of NOT_GLOBAL) assert.not(equal(prefixes([text]), prefixes([])), text);
});

semantics("the same text gives the same policy, and its parts do not depend on their order", () => {
  const a = policyOf("net x = 10.0.0.1, 10.0.0.0, 192.0.2.0/24\nexpose web on tcp 2, 1 { allow from x }");
  const b = policyOf("net x = 192.0.2.0/24, 10.0.0.0/31\nexpose web on tcp 1-2 { allow from x }");
  assert.ok(equal(a.exposes[0]?.allows[0]?.from ?? ANY, b.exposes[0]?.allows[0]?.from ?? ANY4));
  assert.equal(a.exposes[0]?.ports, b.exposes[0]?.ports);
});

semantics.run();
