// ingressc who: everybody who can reach an expose or a port; mistakes on purpose.
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { envelope, folder, ingresscHere, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("who");
test.before((context) => {
  context.dir = folder();
  context.dir.write("p.ingress", POLICY);
});
test.after(({ dir }) => dir.remove());

const POLICY = `edition 1
net office = 198.51.100.0/24, 2001:db8:1::/48
net bad = 203.0.113.0/24
deny from bad
expose web on tcp 80, 443 { backend 127.0.0.1:8080 allow from any }
expose staff on tcp 444 for "*.corp.example" as mtls {
  backend 127.0.0.1:8081
  cert "c" ca "corp"
  allow from office client uri "spiffe://corp/ops/*"
  allow from 10.1.2.3 sni "vpn.corp.example" until 2027-01-01T00:00Z
}
expose dns on tcp, udp 53 bind private { backend 127.0.0.1:5300 amplify 30 allow from private }
expose shut on tcp 9 { backend 127.0.0.1:9009 deny from office }
@why "x" expose own on tcp 7000 as direct {}
expose behind on tcp 8443 via office { backend 127.0.0.1:9443 allow from private }
`;

interface Row {
  readonly to: string;
  readonly out: readonly RegExp[];
}

const ROWS: readonly Row[] = [
  {
    to: "web",
    out: [
      /^web \(tcp 80, 443\): can be reached\n {2}from the whole internet but bad \(.*\)\n {2}for example: from 0\.0\.0\.1 to web\n$|^web \(tcp 80 and 443\): can be reached\n {2}from the whole internet but bad \(.*\)\n {2}for example: from 0\.0\.0\.1 to web\n$/,
    ],
  },
  {
    to: "staff",
    out: [
      /^staff \(tcp 444\): can be reached\n/,
      /^ {2}from office and 10\.1\.2\.3 \(.*\), with a name in vpn\.corp\.example, with a certificate for uri "spiffe:\/\/corp\/ops\/\*", before 2027-01-01T00:00Z$/m,
      /^ {2}from office \(.*\), with a name in \*\.corp\.example, with a certificate for uri "spiffe:\/\/corp\/ops\/\*", from 2027-01-01T00:00Z on and where no clock is known$/m,
      /^ {2}from 10\.1\.2\.3 \(1 address\), with a name in vpn\.corp\.example, with a certificate not for uri "spiffe:\/\/corp\/ops\/\*", before 2027-01-01T00:00Z$/m,
      /to tcp 444 sni "[a-z]+\.corp\.example"/,
    ],
  },
  { to: "dns", out: [/^dns \(tcp 53 at .*\): can be reached\n {2}from private /, /^dns \(udp 53 at /m, /to udp 53 local 10\.0\.0\.0$/m] },
  { to: "udp 53", out: [/^dns \(udp 53 at /] },
  { to: "tcp 53 local 10.0.0.7", out: [/^dns \(tcp 53 at /] },
  { to: "tcp 53 local 192.0.2.1", out: [/^nobody can reach `tcp 53 local 192\.0\.2\.1`\n$/] },
  { to: "shut", out: [/^shut \(tcp 9\): nobody can reach it\n$/] },
  { to: "own", out: [/^own \(tcp 7000\): can be reached\n {2}from the whole internet\n/] },
  { to: "behind", out: [/^behind \(tcp 8443 via office\): can be reached\n {2}from private /] },
  { to: "tcp 22", out: [/^nobody can reach `tcp 22`\n$/] },
];

for (const { to, out } of ROWS) {
  test(`to ${to}`, async ({ dir }) => {
    const args = ["who", "p.ingress", "to", ...to.split(" ")];
    const ended = await ingresscHere(args, dir.path);
    assert.equal([ended.code, ended.err], [0, ""], ended.out);
    for (const pattern of out) assert.match(ended.out, pattern);
    // Each request is one that the module admits.
    const { listeners } = envelope(await ingresscHere([...args, "--json"], dir.path))["data"] as {
      listeners: readonly { witness: string | null; requests: readonly { witness: string }[] }[];
    };
    for (const { witness: first, requests } of listeners) {
      const each = requests.map(({ witness }) => witness);
      assert.is(new Set(each).size, requests.length);
      assert.is(first === null, requests.length === 0);
      for (const witness of first === null ? each : [first, ...each])
        assert.is(envelope(await ingresscHere(["explain", "p.ingress", witness, "--json"], dir.path))["message"], "allow", witness);
    }
  });
}

test("JSON has exactly the requests, as a diff has them", async ({ dir }) => {
  const { listeners } = envelope(await ingresscHere(["who", "p.ingress", "to", "staff", "--json"], dir.path))["data"] as {
    listeners: readonly { requests: readonly Readonly<Record<string, unknown>>[] }[];
  };
  const requests = listeners.flatMap((listener) => listener.requests);
  const end = "2027-01-01T00:00Z";
  const office = { from: ["198.51.100.0/24", "2001:db8:1::/48"], moreFrom: 0, addresses: { ipv4: "256", ipv6: String(2n ** 80n) } };
  const ops = { certificates: [{ has: [{ names: ["uri:spiffe://corp/ops/*"], except: [] }], lacks: [] }], more: false };
  assert.equal(
    requests.find(({ times, sni }) => JSON.stringify([times, sni]).includes('"unknownClock":true') && JSON.stringify(sni).includes("*")),
    {
      ...office,
      sni: { names: ["*.corp.example"], except: [], nameless: false },
      client: ops,
      times: { ranges: [{ after: end, until: null }], unknownClock: true },
      witness: `from 198.51.100.1 to tcp 444 sni "a.corp.example" client uri "spiffe://corp/ops/a" at ${end}`,
    },
    JSON.stringify(requests, null, 1),
  );
  const shut = envelope(await ingresscHere(["who", "p.ingress", "to", "shut", "--json"], dir.path))["data"] as { listeners: readonly { requests: unknown }[] };
  assert.equal(shut.listeners[0]?.requests, []);
});

test("a declared net without others is called so, and not one without an unnamed part", async ({ dir }) => {
  const rows: readonly (readonly [rules: string, from: string])[] = [
    ["allow from office deny from guests", "from office but guests (224 addresses and 65.5 k /64 prefixes, office in n.ingress:2)"],
    ["allow from office deny from guests, tables", "from office but guests and tables (222 addresses and 65.5 k /64 prefixes, office in n.ingress:2)"],
    [
      "allow from office deny from 198.51.100.0/25",
      "from 2001:db8:1::/48, 198.51.100.128/26, guests and 198.51.100.192/27 (128 addresses and 65.5 k /64 prefixes)",
    ],
    ["allow from guests, tables", "from guests and tables (34 addresses)"],
    [
      "allow from office, 10.0.0.0/8 deny from guests",
      "from 10.0.0.0/8, 2001:db8:1::/48, 198.51.100.64/26, 198.51.100.128/26, 198.51.100.32/27, 198.51.100.192/27, 198.51.100.16/28, 198.51.100.0/29, 198.51.100.12/30, tables and 198.51.100.10/31 (16.8 M addresses and 65.5 k /64 prefixes)",
    ],
  ];
  const nets = "net office = 198.51.100.0/24, 2001:db8:1::/48\nnet guests = 198.51.100.224/27\nnet tables = 198.51.100.8/31\n";
  for (const [rules, from] of rows) {
    dir.write("n.ingress", `edition 1\n${nets}expose web on tcp 80 { backend 127.0.0.1:8080 ${rules} }\n`);
    const { out } = await ingresscHere(["who", "n.ingress", "to", "web"], dir.path);
    assert.is(out.split("\n")[1], `  ${from}`);
  }
});

test("sets of identities that are exceptions of each other are said as one", async ({ dir }) => {
  // `outer` has `**` and `b/1` without the rest of `b/*`, so each of the two has a part within the other.
  dir.write(
    "nested.ingress",
    `edition 1
ids inner = uri "spiffe://corp.example/b/*" except uri "spiffe://corp.example/b/1"
ids outer = uri "spiffe://corp.example/**" except inner
expose web on tcp 443 as mtls { backend 127.0.0.1:8080 cert "c" ca "corp" allow from any deny client inner deny client outer }
`,
  );
  const { code, out } = await ingresscHere(["who", "nested.ingress", "to", "web"], dir.path);
  assert.is(code, 0, out);
  assert.match(out, /^ {2}from the whole internet, with a certificate not for uri "spiffe:\/\/corp\.example\/\*\*"$/m);
});

test("a module has the same answer, without names of nets", async ({ dir }) => {
  assert.is((await ingresscHere(["build", "p.ingress", "-o", "p.wasm"], dir.path)).code, 0);
  const { out } = await ingresscHere(["who", "p.wasm", "to", "web"], dir.path);
  assert.match(out, /from the whole internet but 203\.0\.113\.0\/24/);
});

test("mistakes: each has its reason and a remedy", async ({ dir }) => {
  const rows: readonly (readonly [args: string, exit: number, err: RegExp])[] = [
    ["p.ingress to", 2, /TARGET|operand/],
    ["p.ingress at web", 2, /expected `to`, found `at`/],
    ["p.ingress to wbe", 2, /no expose `wbe`\nhelp: did you mean `web`\?/],
    ["p.ingress to web 443", 2, /expected the end after `web`, found `443`/],
    ["p.ingress to tcp", 2, /is no port/],
    ["p.ingress to tcp 0", 2, /`0` is no port/],
    ["p.ingress to tcp 65536", 2, /`65536` is no port/],
    ["p.ingress to tcp 53 local", 2, /expected `local ADDRESS`/],
    ["p.ingress to tcp 53 local x", 2, /expected `local ADDRESS`, found `local x`/],
    ["p.ingress to tcp 53 at 10.0.0.1", 2, /expected `local ADDRESS`/],
    ["none.ingress to web", 2, /there is no file/],
    ["p.ingress to web --nodes x", 2, /is no number of nodes/],
    ["p.ingress to web --nodes 3", 1, /^$/],
  ];
  for (const [args, exit, err] of rows) {
    const ended = await ingresscHere(["who", ...args.split(" ")], dir.path);
    assert.is(ended.code, exit, `${args}: ${ended.out}${ended.err}`);
    assert.match(ended.err, err, args);
  }
});

test.run();
