// ingressc test: which tests run, what they don't cover, and the documents for build servers.
import { existsSync, readFileSync } from "node:fs";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { envelope, folder, ingresscHere, type Ended, type Folder } from "./programs.ts";

const testing = suite<{ dir: Folder }>("ingressc test");
testing.before((context) => {
  context.dir = folder();
  context.dir.write("edge.ingress", POLICY);
  context.dir.write("fails.ingress", POLICY.replace('to web sni "c.apps.example.com" => deny sni', 'to web sni "c.apps.example.com" => allow'));
  context.dir.write("bare.ingress", "edition 1\n");
});
testing.after(({ dir }) => dir.remove());

// Lines are counted below: this text begins with line 1.
const POLICY = `edition 1
net office = 10.0.0.0/8, 2001:db8::/32
net guests = 192.0.2.0/25, 192.0.2.128/25
net inside = 10.1.0.0/16, 10.2.0.0/16
deny named blocked from 10.5.0.0/16
deny named shadowed from 10.5.1.0/24
dryrun deny named tryout from 10.7.0.0/16
dryrun deny named untried from 10.8.0.0/16
expose web on tcp 443 as passthrough {
  backend 127.0.0.1:8080
  allow named staff from office sni "www.example.com", "*.apps.example.com"
  allow named guest from guests sni "www.example.com" until 2027-03-01T00:00Z
  deny named secret sni "c.apps.example.com"
}
expose console on tcp 9443 bind inside { backend 127.0.0.1:9000 allow named ops from 10.1.0.0/16 }
test "Staff <&'> # one" {
  from 10.3.1.1 to web sni "www.example.com" => allow by staff
  from 10.7.1.1 to web sni "c.apps.example.com" => deny sni
  from 10.5.1.1 to tcp 443 => deny cidr
}
test "guests" at 2027-01-01T00:00Z {
  repeat 3 in 1s from 192.0.2.1 to web sni "www.example.com" => allow 3
}
test "nothing there" {
  from 192.0.2.200 to tcp 22 => deny policy
  bind web on 10.2.0.1:443 => deny policy
}
`;

interface Row {
  readonly args: string;
  readonly exit: number;
  readonly says: RegExp;
  readonly not?: RegExp;
}

const rows: readonly Row[] = [
  { args: "edge.ingress", exit: 0, says: /^ok "Staff <&'> # one" 3 lines\nok "guests" 1 line\nok "nothing there" 2 lines\n6 test lines of 3 tests passed\n$/ },
  { args: "edge.ingress --filter GUESTS", exit: 0, says: /^ok "guests" 1 line\n1 test line of 1 test passed, 2 tests left out\n$/ },
  { args: "edge.ingress --filter t", exit: 0, says: /6 test lines of 3 tests passed\n$/ },
  { args: "fails.ingress --filter guests", exit: 0, says: /1 test line of 1 test passed, 2 tests left out/ },
  {
    args: "fails.ingress --filter staff",
    exit: 1,
    says: /FAIL "Staff[^]*expected +actual[^]*allow +deny sni at tcp 443 of web[^]*`deny named secret`[^]*1 of 3 test lines failed\n$/,
  },
  { args: "edge.ingress --filter gests", exit: 2, says: /^ingressc: no test has `gests` in its name\nhelp: did you mean "guests"\? its tests are "Staff/ },
  { args: "edge.ingress --filter .*", exit: 2, says: /no test has `\.\*`/ },
  { args: "bare.ingress --filter x", exit: 2, says: /no test has `x` in its name\nhelp: the policy has no tests/ },
  { args: "bare.ingress", exit: 0, says: /is valid and has no tests/ },
  { args: "bare.ingress --json", exit: 0, says: /"class":"ok","code":"policy\.no_tests"/ },
  { args: "bare.ingress --require-tests", exit: 1, says: /has no tests, and `--require-tests` wants some\nhelp: a test is/ },
  { args: "bare.ingress --require-tests --json", exit: 1, says: /"ok":false,"class":"no","code":"policy\.no_tests"/ },
  { args: "edge.ingress --require-tests --json", exit: 0, says: /"code":"policy\.tests_passed"/ },
  { args: "bare.ingress --coverage", exit: 0, says: /rules +none\n +members of sets +none\n$/ },
  { args: "edge.ingress --filter", exit: 2, says: /`--filter` needs a value/ },
  { args: "edge.ingress --coverage=yes", exit: 2, says: /`--coverage` takes no value/ },
  { args: "edge.ingress --junti x", exit: 2, says: /did you mean `--junit`/ },
  { args: "edge.ingress --format tap", exit: 2, says: /no flag `--format`/ },
  { args: "edge.ingress --tap - --json", exit: 2, says: /"usage\.output_twice"/ },
  { args: "edge.ingress --tap - --junit -", exit: 2, says: /two documents would be written to standard output\nhelp: give `--junit`/ },
  { args: "edge.ingress --tap same --lcov ./same", exit: 2, says: /two documents would be written to `\.\/same`/ },
  { args: "edge.ingress --lcov edge.ingress", exit: 2, says: /`edge\.ingress` is a file that the policy is made of\nhelp: give `--lcov` another path/ },
  { args: "edge.ingress --junit none/x.xml", exit: 2, says: /there is no folder `none`/ },
  { args: "edge.ingress --tap .", exit: 2, says: /`\.` is a folder\nhelp: [^\n]*--tap/ },
];

for (const { args, exit, says } of rows) {
  testing(args, async ({ dir }) => {
    const { code, out, err } = await ingresscHere(["test", ...args.split(" ")], dir.path);
    assert.is(code, exit, out + err);
    assert.match(out + err, says);
  });
}

testing("a refused flag changes neither the policy nor its folder", ({ dir }) => {
  assert.is(readFileSync(dir.at("edge.ingress"), "utf8"), POLICY);
  assert.is(existsSync(dir.at("same")), false);
});

testing("coverage names the rules that decide no line, and the rules and members that no line meets, with their places", async ({ dir }) => {
  const { out } = await ingresscHere(["test", "edge.ingress", "--coverage"], dir.path);
  assert.is(
    out.slice(out.indexOf("coverage")),
    `coverage
  rules            5 of 8 decide a line (62%)
  members of sets  3 of 6 are met by a line (50%)
  overridden  \`deny named blocked\` at top level, edge.ingress:5:1: 1 line met it, and another rule decided
  never met   \`allow named ops\` in console, edge.ingress:15:65
  never met   \`deny named untried\` at top level, edge.ingress:8:1
  never met   \`2001:db8::/32\` of \`net office\`, edge.ingress:2:26
  never met   \`192.0.2.128/25\` of \`net guests\`, edge.ingress:3:28
  never met   \`10.1.0.0/16\` of \`net inside\`, edge.ingress:4:14
`,
  );
});

testing("coverage has ports and names too, and sets by way of other sets", async ({ dir }) => {
  dir.write("sets.ingress", SETS);
  dir.write("nets.ingress", "edition 1\nnet lab = 198.51.100.0/25, 198.51.100.128/25\n");
  const { out } = await ingresscHere(["test", "sets.ingress", "--coverage"], dir.path);
  // By hand: the lines use the ports 8443 and 9501, and of the names only www.example.com where one is read.
  assert.is(
    out.slice(out.indexOf("coverage")),
    `coverage
  rules            2 of 2 decide a line (100%)
  members of sets  8 of 14 are met by a line (57%)
  never met   \`9600\` of \`ports admin\`, sets.ingress:3:32
  never met   \`"*.apps.example.com"\` of \`hosts site\`, sets.ingress:5:33
  never met   \`"shop.example.com"\` of \`hosts shop\`, sets.ingress:6:14
  never met   \`shop\` of \`hosts both\`, sets.ingress:7:20
  never met   \`2001:db8::/32\` of \`net all\`, sets.ingress:8:30
  never met   \`198.51.100.0/25\` of \`net lab\`, nets.ingress:2:11
`,
  );
  await ingresscHere(["test", "sets.ingress", "--lcov", "sets.info"], dir.path);
  const records = readFileSync(dir.at("sets.info"), "utf8").split("end_of_record\n");
  assert.match(records[0] ?? "", /^TN:\nSF:sets\.ingress\nDA:3,0\nDA:4,2\nDA:5,0\nDA:6,0\nDA:7,0\nDA:8,0\nDA:10,1\nDA:13,1\nLF:8\nLH:3\n$/);
  assert.match(records[1] ?? "", /^TN:\nSF:nets\.ingress\nDA:2,0\nLF:1\nLH:0\n$/);
});

testing("coverage has identities where a certificate is required, and the names of every mode that reads them", async ({ dir }) => {
  dir.write("ids.ingress", IDS);
  const { out } = await ingresscHere(["test", "ids.ingress", "--coverage"], dir.path);
  // By hand: alice is of `ops/*`; a line uses the retired one, and what is taken out of `staff` is no member;
  // the dns name comes where no certificate is required. Of the names, lines use one as tls and one as mtls.
  assert.is(
    out.slice(out.indexOf("coverage")),
    `coverage
  rules            2 of 3 decide a line (66%)
  members of sets  4 of 6 are met by a line (66%)
  never met   \`deny named gone\` in console, ids.ingress:13:3
  never met   \`dns "jump.corp.example"\` of \`ids ops\`, ids.ingress:3:46
  never met   \`ip "192.0.2.9"\` of \`ids staff\`, ids.ingress:4:18
`,
  );
});

const IDS = `edition 1
hosts site = "www.example.com", "console.example.com"
ids ops = uri "spiffe://corp.example/ops/*", dns "jump.corp.example"
ids staff = ops, ip "192.0.2.9" except uri "spiffe://corp.example/ops/carol"
expose web on tcp 443 as tls {
  cert "web"
  allow from any sni site
}
expose console on tcp 9443 as mtls {
  cert "web"
  ca "corp"
  allow from any sni site client staff
  deny named gone client uri "spiffe://corp.example/ops/dave"
}
test "some" {
  from 192.0.2.1 to web sni "www.example.com" => allow
  from 192.0.2.1 to console sni "console.example.com" client uri "spiffe://corp.example/ops/alice" => allow
  from 192.0.2.1 to console sni "console.example.com" client uri "spiffe://corp.example/ops/carol" => deny mtls
}
`;

const SETS = `edition 1
import "nets.ingress" as n
ports admin = 8443, 9500-9509, 9600
ports shared = admin
hosts site = "www.example.com", "*.apps.example.com"
hosts shop = "shop.example.com"
hosts both = site, shop
net all = n.lab, 10.0.0.0/8, 2001:db8::/32
expose web on tcp 443 as passthrough {
  allow from all sni both
}
expose console on tcp shared {
  allow from 192.0.2.0/24
}
test "some" {
  from 198.51.100.200 to web sni "www.example.com" => allow
  from 10.0.0.1 to web sni "other.example.com" => deny sni
  from 192.0.2.1 to tcp 8443 sni "shop.example.com" => allow
  bind ingressd on 0.0.0.0:9501 => allow
}
`;

testing("coverage counts the tests that ran, and is in the envelope", async ({ dir }) => {
  const decided = async (args: readonly string[]): Promise<readonly string[]> => {
    const { data } = envelope(await ingresscHere(["test", "edge.ingress", "--coverage", "--json", ...args], dir.path));
    return [...JSON.stringify(data).matchAll(/"names":\["([a-z]+)"\][^{}]*\{[^{}]*\}\],"decides":([0-9]+),"matches":([0-9]+)/g)].map(
      ([, name, d, m]) => `${name} ${d}/${m}`,
    );
  };
  assert.equal(
    await decided([]),
    ["shadowed 1/1", "blocked 0/1", "secret 1/1", "guest 1/1", "staff 1/2", "ops 0/0", "untried 0/0", "tryout 1/1"].sort(inOrder),
  );
  assert.equal(
    await decided(["--filter", "guests"]),
    ["shadowed 0/0", "blocked 0/0", "secret 0/0", "guest 1/1", "staff 0/0", "ops 0/0", "untried 0/0", "tryout 0/0"].sort(inOrder),
  );
});

/** Listeners come in the order of their names, and `dryrun` rules last. */
const ORDER = ["shadowed", "blocked", "ops", "secret", "guest", "staff", "tryout", "untried"];
function inOrder(x: string, y: string): number {
  const [a = "", b = ""] = [x, y].map((text) => text.split(" ")[0]);
  return ORDER.indexOf(a) - ORDER.indexOf(b);
}

testing("lcov has a line for each rule and each line of members, the least of them", async ({ dir }) => {
  assert.is((await ingresscHere(["test", "edge.ingress", "--lcov", "lcov.info"], dir.path)).code, 0);
  assert.is(
    readFileSync(dir.at("lcov.info"), "utf8"),
    [
      "TN:",
      "SF:edge.ingress",
      "DA:2,0",
      "DA:3,0",
      "DA:4,0",
      "DA:5,0",
      "DA:6,1",
      "DA:7,1",
      "DA:8,0",
      "DA:11,1",
      "DA:12,1",
      "DA:13,1",
      "DA:15,0",
      "LF:11",
      "LH:5",
      "end_of_record",
      "",
    ].join("\n"),
  );
});

testing("in lcov a template's line has the hits of the use that has the most, each use its own", async ({ dir }) => {
  dir.write(
    "t.ingress",
    [
      "edition 1",
      "template team($net) {",
      "  allow from $net",
      "  deny from 10.9.0.0/16",
      "}",
      "expose a on tcp 1 { backend 127.0.0.1:81 use team(10.0.0.0/8) }",
      "expose b on tcp 2 { backend 127.0.0.1:82 use team(192.0.2.0/24) }",
      'test "t" { from 10.1.1.1 to a => allow }',
      "",
    ].join("\n"),
  );
  assert.is((await ingresscHere(["test", "t.ingress", "--lcov", "t.info"], dir.path)).code, 0);
  assert.match(readFileSync(dir.at("t.info"), "utf8"), /DA:3,1\nDA:4,0\n/);
});

testing("TAP has a point a line; a failed one says why; nothing in a name is a directive", async ({ dir }) => {
  const good = await ingresscHere(["test", "edge.ingress", "--tap", "-"], dir.path);
  const lines = good.out.trimEnd().split("\n");
  assert.equal([good.code, good.err, lines[0], lines[1]], [0, "", "TAP version 14", "1..6"]);
  assert.is(lines[2], 'ok 1 - Staff <&\'> \\# one: from 10.3.1.1 to web sni "www.example.com" => allow by staff');
  assert.is(lines.length, 8);
  const bad = await ingresscHere(["test", "fails.ingress", "--tap", "-"], dir.path);
  assert.is(bad.code, 1);
  assert.match(
    bad.out,
    /\nnot ok 2 - [^\n]*\n {2}---\n {2}expected: "allow"\n {2}actual: "deny sni"\n {2}at: "fails\.ingress:18:3"\n {2}asked: "tcp 443 of web"\n {2}because: "[^\n]*secret[^\n]*"\n {2}\.\.\.\nok 3 - /,
  );
  assert.not.match(bad.out, /test lines? failed/);
  const none = await ingresscHere(["test", "bare.ingress", "--tap", "-"], dir.path);
  assert.is(none.out, "TAP version 14\n1..0 # SKIP no tests\n");
});

testing("JUnit has a suite a test; names can't break out of it; it is written when a line fails", async ({ dir }) => {
  const bad = await ingresscHere(["test", "fails.ingress", "--junit", "report.xml"], dir.path);
  assert.is(bad.code, 1);
  assert.match(bad.out, /1 of 6 test lines failed\n$/);
  const xml = readFileSync(dir.at("report.xml"), "utf8");
  assert.match(xml, /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<testsuites name="ingressc test" tests="6" failures="1" errors="0" skipped="0">\n/);
  assert.equal(elements(xml), { testsuites: 1, testsuite: 3, testcase: 6, failure: 1 });
  assert.match(xml, /<testsuite name="Staff &lt;&amp;&apos;&gt; # one" tests="3" failures="1"/);
  assert.match(xml, /file="fails\.ingress" line="18">\n +<failure type="deny_name" message="expected allow, got deny sni at tcp 443 of web">/);
});

testing("a character that XML doesn't allow is spelt out", async ({ dir }) => {
  dir.write("odd.ingress", POLICY.replace('"guests"', '"a]]>b"').replace("from 192.0.2.200 to", "from 192.0.2.200 # \ufffe\u0001 <x>\n to"));
  const ended: Ended = await ingresscHere(["test", "odd.ingress", "--junit", "-"], dir.path);
  assert.is(ended.code, 0, ended.err);
  assert.match(ended.out, /<testsuite name="a\]\]&gt;b"/);
  assert.match(ended.out, /name="from 192\.0\.2\.200 # \\u\{fffe\}\\u\{1\} &lt;x&gt; to tcp 22/);
  assert.equal(elements(ended.out), { testsuites: 1, testsuite: 3, testcase: 6 });
});

/** How many elements there are of each name; throws where the document is not well-formed. */
function elements(xml: string): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  const open: string[] = [];
  const token = /<\?xml[^>]*\?>\n|<\/([a-z]+)>|<([a-z]+)((?: [a-z]+="[^"<]*")*)(\/?)>|[^<>]+/gy;
  let end = 0;
  for (const [whole, closed, opened, , empty] of xml.matchAll(token)) {
    end += whole.length;
    assert.not.match(whole, /&(?!(amp|lt|gt|quot|apos);)/);
    if (closed !== undefined) assert.is(open.pop(), closed);
    if (opened === undefined) continue;
    counts[opened] = (counts[opened] ?? 0) + 1;
    if (empty === "") open.push(opened);
  }
  assert.equal([open, end], [[], xml.length]);
  return counts;
}

testing.run();
