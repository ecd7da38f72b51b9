// explain with names, times and places: each phase, the shadow verdict, and what would have been
// allowed. The module decides about every near miss once more.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { explainRequest, type Explanation } from "../../compiler/cli/explanation.ts";
import { hasName } from "../../compiler/cli/matching.ts";
import type { NearMiss } from "../../compiler/cli/near_miss.ts";
import { timeText } from "../../compiler/wording/time_text.ts";
import { parseRequest } from "../../compiler/cli/request.ts";
import { loaded, moduleOf } from "../host/compiled.ts";
import { envelope, folder, ingressc, ingresscHere } from "./programs.ts";

const near = suite("explain: names, times, near misses");

const POLICY = `edition 1
hosts site = "www.example.com", "*.apps.example.com" except "old.apps.example.com"
deny named blocked from 10.66.0.0/16
deny named nowhere sni "**.evil.example"
dryrun deny named tryout from 10.7.0.0/16
@owner "web team" @ticket "OPS-1"
expose web on tcp 443 as passthrough {
  backend 127.0.0.1:8080
  @owner "sales" @ticket "OPS-2" @why "their shop"
  allow named shop from 192.0.2.0/24 sni "shop.example.com" until 2027-03-01T00:00Z
  allow named brief from 192.0.2.0/24 sni "shop.example.com" until 2026-03-01T00:00Z
  allow named staff from 10.0.0.0/8 sni site
  deny named odd from 10.9.0.0/16 sni "x.apps.example.com"
  dryrun allow named wider from 10.0.0.0/8 sni "**.example.com"
}
expose open on tcp 8443 as passthrough { backend 127.0.0.1:8081 allow from 2001:db8::/32 deny sni "no.example" }
expose console on tcp 10443 as mtls {
  cert "web"
  ca "corp"
  allow named ops from 10.0.0.0/8 client uri "spiffe://corp.example/ops/*", dns "jump.corp.example"
  deny named gone client uri "spiffe://corp.example/ops/carol"
}
ids walters = uri "spiffe://corp.example/dev/wa*" except uri "spiffe://corp.example/dev/walter"
ids keyed = uri "spiffe://corp.example/ops/*", uri "spiffe://corp.example/dev/w*" except uri "spiffe://corp.example/ops/a", uri "spiffe://corp.example/ops/a*", uri "spiffe://corp.example/ops/web", uri "spiffe://corp.example/ops/carol", walters
expose vault on tcp 11443 as mtls { cert "web" ca "corp" allow named keys from 10.0.0.0/8 client keyed }
expose admin on tcp 9443 bind 10.1.0.0/16 { backend 127.0.0.1:9000 allow named one from 10.66.0.1, 198.51.100.0/25 allow named two from 198.51.100.192/26 }
`;

const module = moduleOf(POLICY);
const policy = loaded(module);

function explain(request: string): readonly Explanation[] {
  const parsed = parseRequest(
    request,
    policy.info.listeners.map((l) => l.name),
  );
  if (!parsed.ok) throw new Error(parsed.error.message);
  return explainRequest(module, policy, parsed.value);
}

/** Phases but for the first one, then what is tried out, then each near miss with its rule. */
function summary({ steps, shadow, nearMisses }: Explanation): readonly string[] {
  return [
    ...steps
      .filter((s) => s.phase !== "bind")
      .map((s) => {
        const lost = s.overrides.map((r) => r.names.join()).join(", ");
        return [s.phase, s.verdict, s.code, s.rule?.names.join() ?? "-", ...(lost === "" ? [] : [`> ${lost}`])].join(" ");
      }),
    ...(shadow === null ? [] : [`dryrun ${shadow.verdict} ${shadow.rule?.names.join() ?? "-"}`]),
    ...nearMisses.map(({ change, value, rule }) => `${change} ${value ?? "none"}: ${rule?.names.join() ?? "-"}`),
  ];
}

const open = "accept open open -";
const within = "limits allow allowed -";

const rows: readonly (readonly [request: string, summary: readonly string[]])[] = [
  ['from 10.1.1.1 to web sni "www.example.com"', [open, within, "hello allow allowed staff", "dryrun allow staff"]],
  ['from 10.1.1.1 to web sni "WWW.example.com."', [open, within, "hello allow allowed staff", "dryrun allow staff"]],
  ['from 10.7.1.1 to web sni "www.example.com"', [open, within, "hello allow allowed staff", "dryrun deny tryout"]],
  // A name alone is another; the nearest one comes first.
  ['from 10.1.1.1 to web sni "wwww.example.com"', [open, within, "hello deny no_name -", "dryrun allow wider", "sni www.example.com: staff"]],
  ['from 10.1.1.1 to web sni "old.apps.example.com"', [open, within, "hello deny no_name -", "dryrun allow wider", "sni www.apps.example.com: staff"]],
  ['from 10.1.1.1 to web sni "a.b.apps.example.com"', [open, within, "hello deny no_name -", "dryrun allow wider", "sni b.apps.example.com: staff"]],
  ["from 10.1.1.1 to web", [open, within, "hello deny no_name -", "dryrun deny -", "sni www.example.com: staff"]],
  ['from 10.1.1.1 to web sni "shop.example.com"', [open, within, "hello deny no_name -", "dryrun allow wider", "sni www.example.com: staff"]],
  // A deny by name: another name or another source would do.
  [
    'from 10.9.0.1 to web sni "x.apps.example.com"',
    [open, within, "hello deny deny_name odd > staff", "dryrun deny odd", "sni www.apps.example.com: staff", "source 10.8.255.255: staff"],
  ],
  ['from 10.1.1.1 to web sni "a.evil.example"', [open, within, "hello deny deny_name nowhere", "dryrun deny nowhere", "sni www.example.com: staff"]],
  ['from 2001:db8::1 to open sni "no.example"', [open, within, "hello deny deny_name ", "dryrun deny ", "sni none: "]],
  ["from 2001:db8::1 to open", [open, within, "hello allow allowed ", "dryrun allow "]],
  ["from 2001:db7:ffff::1 to open", ["accept deny no_match -", "dryrun deny -", "source 2001:db8::: "]],
  ['from 2001:db9::1 to open sni "a.example"', ["accept deny no_match -", "dryrun deny -", "source 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff: "]],
  ["from 192.0.2.1 to open", ["accept deny no_match -", "dryrun deny -", "source 2001:db8::: "]],
  // Times: without a clock, after the last end, between two ends, in the last second.
  ['from 192.0.2.1 to web sni "shop.example.com"', ["accept deny no_match -", "dryrun deny -", "at 2027-03-01T00:00Z: shop"]],
  ['from 192.0.2.1 to web sni "shop.example.com" at 2028-01-01T00:00Z', ["accept deny no_match -", "dryrun deny -", "at 2027-03-01T00:00Z: shop"]],
  ['from 192.0.2.1 to web sni "shop.example.com" at 2027-03-01T00:00Z', ["accept deny no_match -", "dryrun deny -", "at 2027-03-01T00:00Z: shop"]],
  ['from 192.0.2.1 to web sni "shop.example.com" at 2027-02-28T23:59:59Z', [open, within, "hello allow allowed shop", "dryrun allow shop"]],
  ['from 192.0.2.1 to web sni "shop.example.com" at 2026-06-01T00:00Z', [open, within, "hello allow allowed shop", "dryrun allow shop"]],
  // Two things are wrong: nothing alone would do, and nothing is said.
  ["from 192.0.2.1 to web", ["accept deny no_match -", "dryrun deny -"]],
  ['from 203.0.113.9 to web sni "www.example.org"', ["accept deny no_match -", "dryrun deny -"]],
  // Sources: the nearest edge, in and out of a deny.
  ['from 203.0.113.9 to web sni "www.example.com"', ["accept deny no_match -", "dryrun deny -", "source 10.255.255.255: staff"]],
  ['from 10.66.0.0 to web sni "www.example.com"', ["accept deny deny_rule blocked > staff", "dryrun deny blocked", "source 10.65.255.255: staff"]],
  ['from 10.66.255.255 to web sni "www.example.com"', ["accept deny deny_rule blocked > staff", "dryrun deny blocked", "source 10.67.0.0: staff"]],
  ['from ::1 to web sni "www.example.com"', ["accept deny no_match -", "dryrun deny -", "source 10.0.0.0: staff"]],
  ["from 198.51.100.150 to admin", ["accept deny no_match -", "dryrun deny -", "source 198.51.100.127: one"]],
  ["from 198.51.100.170 to admin", ["accept deny no_match -", "dryrun deny -", "source 198.51.100.192: two"]],
  // 10.66.0.1 is nearer and an allow has it, but a deny at the top refuses it.
  ["from 10.66.0.2 to admin", ["accept deny deny_rule blocked", "dryrun deny blocked", "source 198.51.100.0: one"]],
  // A plain tcp listener has no name to be wrong.
  ['from 198.51.100.1 to admin sni "a.evil.example"', ["accept allow allowed one", within, "dryrun allow one"]],
  // Places.
  ["from 198.51.100.1 to tcp 9443", ["accept allow allowed one", within, "dryrun allow one"]],
  ["from 198.51.100.1 to tcp 9443 local 10.1.2.3", ["accept allow allowed one", within, "dryrun allow one"]],
  ["from 198.51.100.1 to tcp 9443 local 10.2.0.0", ["accept deny not_exposed -", "target tcp 9443 local 10.1.0.0: one"]],
  ["from 198.51.100.1 to tcp 9442", ["accept deny not_exposed -", "target tcp 9443: one"]],
  ["from 198.51.100.1 to udp 9443", ["accept deny not_exposed -", "target tcp 9443: one"]],
  ['from 10.1.1.1 to tcp 8442 sni "www.example.com"', ["accept deny not_exposed -", "target tcp 443: staff"]],
  ["from 203.0.113.9 to tcp 1", ["accept deny not_exposed -"]],
  ["bind web on 0.0.0.0:443", ["subject ingressd: -", "address 127.0.0.1:443: -"]],
  ["bind web on 0.0.0.0:444", ["address 127.0.0.1:444: -"]],
  ["bind ingressd on 0.0.0.0:9443", ["address 10.1.0.0:9443: -"]],
  ["bind ingressd on udp 0.0.0.0:443", ["address 127.0.0.1:443: -"]],
  ["bind ingressd on 10.1.0.9:9443", []],
  // For another certificate the nearest allowed one is named, and none that a deny takes out.
  [
    'from 10.1.1.1 to console client uri "spiffe://corp.example/dev/alice"',
    [open, within, "hello open open_identity -", "identity deny no_identity -", "dryrun deny -", "client uri:spiffe://corp.example/ops/alice: ops"],
  ],
  [
    'from 10.1.1.1 to console client uri "spiffe://corp.example/ops/carol"',
    [open, within, "hello open open_identity -", "identity deny deny_identity gone > ops", "dryrun deny gone", "client uri:spiffe://corp.example/ops/a: ops"],
  ],
  // Of a pattern what nothing takes out, and an exception's exception.
  [
    'from 10.1.1.1 to vault client uri "spiffe://corp.example/ops/carol"',
    [open, within, "hello open open_identity -", "identity deny no_identity -", "dryrun deny -", "client uri:spiffe://corp.example/ops/c: keys"],
  ],
  [
    'from 10.1.1.1 to vault client uri "spiffe://corp.example/dev/walt"',
    [open, within, "hello open open_identity -", "identity deny no_identity -", "dryrun deny -", "client uri:spiffe://corp.example/dev/walter: keys"],
  ],
  [
    "from 10.1.1.1 to console",
    [open, within, "hello open open_identity -", "identity deny no_certificate -", "dryrun undetermined -", "client dns:jump.corp.example: ops"],
  ],
];

for (const [request, expected] of rows) {
  near(request, () => {
    const [only, ...more] = explain(request);
    assert.ok(only !== undefined && more.length === 0);
    assert.equal(summary(only), expected);
  });
}

/** The request with that one thing changed. */
function changed(request: string, { change, value }: NearMiss): string {
  switch (change) {
    case "sni":
      return `${request.replace(/ sni "[^"]*"/, "")}${value === null ? "" : ` sni "${value}"`}`;
    case "client": {
      const [type = "", text = ""] = (value ?? "").split(/:(.*)/s);
      return `${request.replace(/ client (?:\w+ "[^"]*",? ?)+/, "")} client ${type} "${text}"`;
    }
    case "at":
      // The end itself is too late.
      return `${request.replace(/ at \S+/, "")} at ${timeText(Date.parse(value ?? "") / 1000 - 1)}`;
    case "source":
      return request.replace(/^from \S+/, `from ${value}`);
    case "target":
      return request.replace(/ to (tcp|udp) \d+( local \S+)?/, ` to ${value}`);
    case "subject":
      return request.replace(/^bind \S+/, `bind ${value}`);
    case "address":
      return request.replace(/[^ ]+$/, value ?? "");
  }
}

near("the module allows each near miss, and an allowed request has none", () => {
  let tried = 0;
  for (const [request] of rows) {
    for (const { decision, nearMisses } of explain(request)) {
      assert.ok(!decision.allowed || nearMisses.length === 0, request);
      for (const miss of nearMisses) {
        const other = changed(request, miss);
        assert.is.not(other, request);
        assert.ok(
          explain(other).every((e) => e.decision.allowed),
          `${request} -> ${other}`,
        );
        tried++;
      }
    }
  }
  assert.ok(tried > 25, `${tried}`);
});

near("a long deny list does not hide the nearest source, and a list of allows is searched to its end", () => {
  const many = Array.from({ length: 4_000 }, (_, i) => `12.${i >> 8}.${i & 255}.0/25`).join(", ");
  const text = (deny: string, allow: string): string =>
    `edition 1\nexpose web on tcp 80 {\n backend 127.0.0.1:8080\n allow from ${allow}\n deny from ${deny}\n}\n`;
  const cases: readonly (readonly [deny: string, allow: string, source: string, nearest: string | null])[] = [
    [many, "10.0.0.0/8", "12.0.5.5", "10.255.255.255"],
    [many, "12.0.0.0/8", "12.0.5.5", "12.0.4.255"],
    ["10.0.0.0/8", many, "12.3.5.150", "12.3.5.127"],
    ["10.0.0.0/8", many, "12.3.5.200", "12.3.6.0"],
    ["12.0.0.0/9", many, "13.0.0.0", null],
  ];
  for (const [deny, allow, source, nearest] of cases) {
    const bytes = moduleOf(text(deny, allow));
    const request = parseRequest(`from ${source} to web`, ["web"]);
    if (!request.ok) throw new Error(request.error.message);
    assert.equal(
      explainRequest(bytes, loaded(bytes), request.value).flatMap((e) => e.nearMisses.map(({ value }) => value)),
      nearest === null ? [] : [nearest],
    );
  }
});

near("the narrowest word decides whether a name is in a set", () => {
  const words = new Set(["**.example.com", "!*.example.com", "www.example.com", "!old.a.example.com"]);
  const names: readonly (readonly [name: string, is: boolean])[] = [
    ["example.com", false],
    ["www.example.com", true],
    ["x.example.com", false],
    ["a.b.example.com", true],
    ["old.a.example.com", false],
    ["x.old.a.example.com", true],
    ["notexample.com", false],
    ["com", false],
    ["", false],
  ];
  for (const [name, is] of names) assert.is(hasName(words, name), is, name);
  assert.is(hasName(new Set(["*"]), "one"), true);
  assert.is(hasName(new Set(["*"]), "one.two"), false);
  assert.is(hasName(new Set(["**", "!com"]), "com"), false);
  assert.is(hasName(new Set(["**", "!com"]), "a.com"), true);
});

near("the text names owners, tickets, ends and `dryrun` rules; a module alone has all of it", async () => {
  const dir = folder();
  try {
    dir.write("edge.ingress", POLICY);
    assert.is((await ingresscHere(["build", "edge.ingress"], dir.path)).code, 0);
    const request = 'from 192.0.2.1 to web sni "shop.example.com" at 2027-02-28T23:59Z';
    const source = await ingresscHere(["explain", "edge.ingress", request], dir.path);
    const alone = await ingresscHere(["explain", "edge.wasm", request], dir.path);
    assert.is(source.out, alone.out);
    assert.is(
      source.out,
      `${request}

  time    2027-02-28T23:59Z
  bind    ingressd on 0.0.0.0:443
          allow: ingressd binds what the policy exposes
          \`web\` has owner "web team", ticket "OPS-1"
  accept  tcp 443 of web
          not refused yet; the name decides
  limits  caps and limits, nothing in use, temporary blocks aside
          allow: within all of them
  hello   SNI \`shop.example.com\`
          allow: an allow rule admits it
          by \`allow named shop\` in web, edge.ingress:10:3
             until 2027-03-01T00:00Z, owner "sales", ticket "OPS-2", why "their shop"
  dryrun  as if the rules that are tried out were enforced, caps and limits aside
          allow, which is the same: an allow rule admits it
          by \`allow named shop\` in web, edge.ingress:10:3
             until 2027-03-01T00:00Z, owner "sales", ticket "OPS-2", why "their shop"

  allow
`,
    );
    const refused = await ingresscHere(["explain", "edge.wasm", 'from 10.1.1.1 to web sni "a.example.com"'], dir.path);
    assert.match(
      refused.out,
      /allow, which differs: [^]*`allow named wider`[^]*\n {2}deny \(reason=sni\)\n {2}would be allowed with SNI `www\.example\.com`, by `allow named staff` in web, edge\.ingress:12:3\n$/,
    );
    const plain = await ingresscHere(["explain", "edge.wasm", 'from 198.51.100.1 to admin sni "a.b"'], dir.path);
    assert.match(plain.out, /`admin` is a plain tcp listener: the name is never read\n/);
    const ended = await ingresscHere(["explain", "edge.wasm", 'from 192.0.2.1 to web sni "shop.example.com" at 2028-01-01T00:00Z'], dir.path);
    assert.match(ended.out, /\n {2}was allowed until `2027-03-01T00:00Z`, by `allow named shop`/);
    const json = JSON.stringify(envelope(await ingresscHere(["explain", "edge.wasm", "from 10.7.0.1 to web", "--json"], dir.path)));
    assert.match(json, /"dryrun":\{"verdict":"deny".*"nearMisses":\[\{"change":"sni","value":"www\.example\.com".*"annotations":\[/);
  } finally {
    dir.remove();
  }
});

// `ingresscHere` runs at 2026-06-01T12:00Z. The end itself is too late.
const TIMES: readonly (readonly [until: string, at: string, time: string, verdict: string, json: string])[] = [
  ["2026-06-01T12:00:01Z", "", "2026-06-01T12:00Z, now", "allow", '"at":"2026-06-01T12:00Z","now":true'],
  ["2026-06-01T12:00Z", "", "2026-06-01T12:00Z, now", "deny (reason=policy)", '"at":"2026-06-01T12:00Z","now":true'],
  ["2026-06-01T12:00:01Z", " at 2026-06-01T12:00:01Z", "2026-06-01T12:00:01Z", "deny (reason=policy)", '"at":"2026-06-01T12:00:01Z","now":false'],
  ["2026-06-01T12:00Z", " at 2026-06-01T11:59:59Z", "2026-06-01T11:59:59Z", "allow", '"at":"2026-06-01T11:59:59Z","now":false'],
  ["2099-06-01T12:00Z", " at unknown", "unknown: no allow with `after` or `until` applies", "deny (reason=policy)", '"at":null,"now":false'],
];

for (const [until, at, time, verdict, json] of TIMES) {
  near(`an allow until ${until}, explained${at === "" ? " without a time" : at}: ${verdict}`, async () => {
    const dir = folder();
    dir.write("edge.ingress", `edition 1\nexpose partner on tcp 443 { allow named acme from 192.0.2.1 until ${until} }\n`);
    assert.is((await ingresscHere(["build", "edge.ingress"], dir.path)).code, 0);
    for (const file of ["edge.ingress", "edge.wasm"]) {
      const { out } = await ingresscHere(["explain", file, `from 192.0.2.1 to partner${at}`], dir.path);
      assert.ok(out.includes(`\n  time    ${time}\n`), out);
      assert.ok(out.includes(`\n  ${verdict}\n`), out);
      const ended = await ingresscHere(["explain", file, `from 192.0.2.1 to partner${at}`, "--json"], dir.path);
      assert.ok(ended.out.includes(json), ended.out);
    }
    dir.remove();
  });
}

const BEGINNINGS: readonly (readonly [times: string, at: string, near: string])[] = [
  ["after 2026-06-01T12:00Z", "", "\n  allow\n"],
  ["after 2026-06-01T12:00:01Z", "", "would be allowed from `2026-06-01T12:00:01Z` on, by `allow named acme`"],
  ["after 2026-06-02T00:00Z until 2026-06-03T00:00Z", "", "would be allowed from `2026-06-02T00:00Z` on, by"],
  ["after 2026-05-02T00:00Z until 2026-05-03T00:00Z", "", "was allowed until `2026-05-03T00:00Z`, by"],
  ["after 2026-06-02T00:00Z", " at unknown", "would be allowed at a time from `2026-06-02T00:00Z` on, by"],
  [
    "after 2026-06-02T00:00Z until 2026-06-03T00:00Z",
    " at unknown",
    "would be allowed at a time from `2026-06-02T00:00Z` on and before `2026-06-03T00:00Z`, by",
  ],
  // The nearer of a beginning to come and an end that has passed.
  ["until 2026-06-01T11:00Z allow named acme from 192.0.2.1 after 2026-06-01T14:00Z", "", "was allowed until `2026-06-01T11:00Z`, by"],
  ["until 2026-06-01T09:00Z allow named acme from 192.0.2.1 after 2026-06-01T14:00Z", "", "would be allowed from `2026-06-01T14:00Z` on, by"],
];

for (const [times, at, expected] of BEGINNINGS)
  near(`an allow ${times}, explained${at === "" ? " now" : at}: ${expected}`, async () => {
    const dir = folder();
    dir.write("edge.ingress", `edition 1\nexpose partner on tcp 443 { allow named acme from 192.0.2.1 ${times} }\n`);
    assert.is((await ingresscHere(["build", "edge.ingress"], dir.path)).code, 0);
    for (const file of ["edge.ingress", "edge.wasm"]) {
      const { out } = await ingresscHere(["explain", file, `from 192.0.2.1 to partner${at}`], dir.path);
      assert.ok(out.includes(expected), out);
    }
    dir.remove();
  });

const SHARED = `edition 1
expose www on tcp 443 for "www.example.com" as passthrough { allow from any }
expose shop on tcp 443 for "*.shop.example.com" as passthrough { allow named staff from 198.51.100.0/24 deny named closed sni "old.shop.example.com" }
`;
const SHARED_PORT: readonly (readonly [request: string, expected: readonly RegExp[]])[] = [
  [
    'from 203.0.113.9 to tcp 443 sni "wwww.example.com"',
    [
      /hello {3}SNI `wwww\.example\.com`\n {10}deny sni: no expose of the port has the name\n {2}the exposes of this port are `shop`, `www`\n/,
      /\n {2}would be allowed with SNI `www\.example\.com`, which leads to `www`, by `allow` in www/,
    ],
  ],
  ["from 203.0.113.9 to tcp 443", [/hello {3}no SNI\n {10}deny sni: no expose/, /would be allowed with SNI `www\.example\.com`/]],
  [
    'from 203.0.113.9 to tcp 443 sni "a.shop.example.com"',
    [
      /hello {3}SNI `a\.shop\.example\.com`, which leads to `shop`\n {10}deny cidr: no allow rule matches the source\n/,
      /would be allowed from `198\.51\.100\.255`/,
    ],
  ],
  ['from 198.51.100.1 to tcp 443 sni "old.shop.example.com"', [/leads to `shop`\n {10}deny sni: [^\n]*\n {10}by `deny named closed`/]],
  ['from 198.51.100.1 to shop sni "b.shop.example.com"', [/leads to `shop`\n {10}allow: [^]*limits [^]*\n {2}allow\n$/]],
];

for (const [request, expected] of SHARED_PORT)
  near(`a shared port: ${request}`, async () => {
    const dir = folder();
    dir.write("edge.ingress", SHARED);
    const { out } = await ingresscHere(["explain", "edge.ingress", request], dir.path);
    for (const part of expected) assert.match(out, part);
    dir.remove();
  });

near("a shared port: a request to an expose to which its name does not lead is an error that names the right one", async () => {
  const dir = folder();
  dir.write("edge.ingress", SHARED);
  for (const [request, message, help] of [
    [
      'from 203.0.113.9 to www sni "a.shop.example.com"',
      "on port 443 `a.shop.example.com` leads to `shop`, and not to `www`",
      "write `to shop`, or `to tcp 443`",
    ],
    [
      'from 203.0.113.9 to www sni "nobody.example"',
      "on port 443 `nobody.example` leads to no expose, and not to `www`",
      "write `to tcp 443` to see the refusal",
    ],
    ["from 203.0.113.9 to www", "on port 443 a client that sends no name leads to no expose, and not to `www`", "write `to tcp 443` to see the refusal"],
  ] as const) {
    const { code, err } = await ingresscHere(["explain", "edge.ingress", request], dir.path);
    assert.is(code, 2);
    assert.ok(err.includes(message) && err.includes(help), err);
  }
  dir.remove();
});

near("the rule that decides is shown with its times", async () => {
  const dir = folder();
  dir.write("edge.ingress", "edition 1\nexpose partner on tcp 443 { allow from 192.0.2.1 after 2026-05-01T00:00Z until 2026-07-01T00:00Z }\n");
  assert.is((await ingresscHere(["build", "edge.ingress"], dir.path)).code, 0);
  assert.match(
    (await ingresscHere(["explain", "edge.wasm", "from 192.0.2.1 to partner"], dir.path)).out,
    /\n {12,}after 2026-05-01T00:00Z until 2026-07-01T00:00Z\n/,
  );
  assert.match((await ingresscHere(["inspect", "edge.wasm"], dir.path)).out, /, after 2026-05-01T00:00Z until 2026-07-01T00:00Z\n/);
  const json = (await ingresscHere(["explain", "edge.wasm", "from 192.0.2.1 to partner", "--json"], dir.path)).out;
  assert.ok(json.includes(`"after":${Date.parse("2026-05-01T00:00Z") / 1000},"until":${Date.parse("2026-07-01T00:00Z") / 1000}`), json);
  dir.remove();
});

near("a bind has no time, and the real ingressc reads the clock", async () => {
  const dir = folder();
  dir.write("edge.ingress", "edition 1\nexpose partner on tcp 443 { allow named acme from 192.0.2.1 until 2099-03-01T00:00Z }\n");
  assert.not.match((await ingresscHere(["explain", "edge.ingress", "bind ingressd on 0.0.0.0:443"], dir.path)).out, /time/);
  const before = Math.floor(Date.now() / 1000);
  const { out } = await ingressc(["explain", "edge.ingress", "from 192.0.2.1 to partner", "--json"], { cwd: dir.path });
  const at = Date.parse(/"at":"([^"]+)"/.exec(out)?.[1] ?? "") / 1000;
  assert.ok(before <= at && at <= Math.floor(Date.now() / 1000), out);
  assert.match(out, /"verdict":"allow"/);
  dir.remove();
});

near.run();
