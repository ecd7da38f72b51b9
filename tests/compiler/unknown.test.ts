// Names that nothing has: the nearest one is suggested as an edit, else those that there are are
// listed; and a thousand of them among a thousand names cost no more than they weigh.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MAX_LOOKS } from "../../compiler/source/bounds.ts";
import { firstNames, nearName } from "../../compiler/check/names/declarations.ts";
import { listed } from "../../compiler/diagnostics/sentence.ts";
import { newReport } from "../../compiler/diagnostics/report.ts";
import { filesOf, front } from "./front.ts";

const unknown = suite("unknown names");
const BUILT_IN = "built in are `any`, `any4`, `any6`, `internet`, `private`, `loopback` and `linklocal`";
const PARTS = { "n.ingress": "edition 1\nnet office = 10.0.0.0/8\nnet vpn = 10.1.0.0/16\ntemplate site() { net x = any }\n", "e.ingress": "edition 1\n" };

const ROWS: readonly (readonly [text: string, help: string, fix: string | null])[] = [
  ["net office = any\nnet vpn = any\ndeny from ofice", "did you mean `office`?", null],
  [
    "net office = any\nnet vpn = any\ndeny from headquarters",
    `the nets of this file are \`office\` and \`vpn\`, and ${BUILT_IN}; or declare it: \`net headquarters = 198.51.100.0/24, 2001:db8::/32\``,
    null,
  ],
  [
    "net office = any\ndeny from headquarters",
    `the net of this file is \`office\`, and ${BUILT_IN}; or declare it: \`net headquarters = 198.51.100.0/24, 2001:db8::/32\``,
    null,
  ],
  ["deny from ofice", `${BUILT_IN}; or declare it: \`net ofice = 198.51.100.0/24, 2001:db8::/32\``, null],
  [
    `${Array.from({ length: 10 }, (_, i) => `net n${i} = any\n`).join("")}deny from headquarters`,
    `the nets of this file are \`n0\`, \`n1\`, \`n2\`, \`n3\`, \`n4\`, \`n5\`, \`n6\`, \`n7\` and 2 more, and ${BUILT_IN}; or declare it: \`net headquarters = 198.51.100.0/24, 2001:db8::/32\``,
    null,
  ],
  ["ports web = 443\nexpose w on tcp admin { allow from any }", "the set of ports of this file is `web`; or declare it: `ports admin = 443, 8000-8099`", null],
  ["expose w on tcp admin { allow from any }", "declare it: `ports admin = 443, 8000-8099`", null],
  ["expose w on tcp 443 as passthrough { allow from any sni tenants }", 'declare it: `hosts tenants = "www.example.com"`', null],
  [
    'ids ops = dns "a.example"\nids dev = dns "b.example"\nexpose w on tcp 443 as mtls { cert "c" ca "d" allow from any client nobody }',
    'the sets of identities of this file are `ops` and `dev`; or declare it: `ids nobody = dns "client.example.com"`',
    null,
  ],
  ['import "n.ingress" as n\ndeny from n.ofice', "did you mean `n.office`?", null],
  [
    'import "n.ingress" as n\ndeny from n.headquarters',
    "it has `office` and `vpn`; only a file's own names are visible outside of it, not those of its imports",
    null,
  ],
  ['import "e.ingress" as e\ndeny from e.office', "it has none; only a file's own names are visible outside of it, not those of its imports", null],
  ['import "n.ingress" as n\ndeny from office', "did you mean `n.office`? A name out of an import follows the name of its import", null],
  [
    "template a() { net x = any }\ntemplate b() { net y = any }\nuse sites()",
    "the templates of this file are `a` and `b`; or declare it: `template sites($a) { … }`",
    null,
  ],
  ["use sites()", "declare it: `template sites($a) { … }`", null],
  ["template t($z) { deny from $z, nowhere }\nuse t(any)", `${BUILT_IN}; or declare it: \`net nowhere = 198.51.100.0/24, 2001:db8::/32\``, null],
  [
    'expose web on tcp 443 { allow from any }\ntest "t" { from 192.0.2.1 to console => allow }',
    "name an expose of this policy (`web`), or a port: `to tcp 443`",
    null,
  ],
  ['test "t" { from 192.0.2.1 to console => allow }', "the policy has no expose yet: `expose NAME on tcp PORT { … }`", null],
  [
    'expose web on tcp 443 { allow named staff from any deny named lab from 10.0.0.0/8 }\ntest "t" { from 192.0.2.1 to web => allow by guests }',
    "`by` says the name that a rule has behind `named`: here `staff` and `lab`",
    null,
  ],
  [
    'expose web on tcp 443 { allow from any }\ntest "t" { from 192.0.2.1 to web => allow by staff }',
    "`by` says the name that a rule has behind `named`: no rule of this policy has one",
    null,
  ],
];

for (const [text, help, fix] of ROWS) {
  unknown(text.split("\n").at(-1) ?? "", () => {
    const [first, ...others] = front(`edition 1\n${text}\n`, filesOf(PARTS)).diagnostics.filter(({ code }) => !code.startsWith("ING7"));
    assert.equal(others, []);
    assert.equal([first?.code, first?.help, first?.fix?.text ?? null], ["ING201", help, fix]);
  });
}

unknown("a list of names: nothing, one, two, eight and nine", () => {
  const names = (n: number): string | null =>
    listed(
      firstNames(
        Array.from({ length: n }, (_, i) => `n${i}`),
        n,
      ),
    );
  assert.equal([0, 1, 2].map(names), [null, "`n0`", "`n0` and `n1`"]);
  assert.is(names(8), "`n0`, `n1`, `n2`, `n3`, `n4`, `n5`, `n6` and `n7`");
  assert.is(names(9), "`n0`, `n1`, `n2`, `n3`, `n4`, `n5`, `n6`, `n7` and 1 more");
});

unknown("names are compared up to the bound of a policy, and not one more", () => {
  const among = (n: number): string | null =>
    nearName(
      newReport(),
      "ofice",
      (function* () {
        for (let i = 1; i < n; i++) yield "x";
        yield "office";
      })(),
    );
  assert.equal([among(MAX_LOOKS), among(MAX_LOOKS + 1)], ["office", null]);
  const report = newReport();
  for (let i = 0; i < 10; i++)
    nearName(
      report,
      "ofice",
      Array.from({ length: MAX_LOOKS / 10 }, () => "x"),
    );
  assert.is(nearName(report, "ofice", ["office"]), null);
});

unknown("thousands among thousands of names end soon", () => {
  const lines = (n: number, line: (i: number) => string): string => Array.from({ length: n }, (_, i) => line(i)).join("");
  const before = process.cpuUsage().user;
  const { diagnostics } = front(`edition 1\n${lines(8_000, (i) => `net name${i} = any\n`)}${lines(8_000, (i) => `deny from nqme${i}x\n`)}`);
  assert.is(diagnostics[0]?.code, "ING201");
  // All comparisons take more than a minute.
  assert.ok(process.cpuUsage().user - before < 20_000_000);
});

unknown.run();
