// Templates: what comes out of them, whose names are meant, and that errors show both places.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as bound from "../../compiler/source/bounds.ts";
import { prefixes } from "../../compiler/check/sets/builtin_nets.ts";
import { equal } from "../../compiler/check/sets/intervals.ts";
import type { CheckedExpose, CheckedPolicy } from "../../compiler/policy/policy.ts";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.ts";
import { positionOf } from "../../compiler/source/source.ts";
import { codes, filesOf, front } from "./front.ts";

const templates = suite("templates");

function policyOf(body: string, files: Readonly<Record<string, string>> = {}): CheckedPolicy {
  const { policy, diagnostics } = front(`edition 1\n${body}`, filesOf(files));
  assert.equal(
    diagnostics.map((d) => `${d.code} ${d.message}`),
    [],
  );
  if (policy === null) throw new Error("no policy");
  return policy;
}

function exposeOf(policy: CheckedPolicy, name: string): CheckedExpose {
  const expose = policy.exposes.find((e) => e.name === name);
  if (expose === undefined) throw new Error(`no ${name}`);
  return expose;
}

/** The policy without its places. */
function meaning(policy: CheckedPolicy): unknown {
  return JSON.parse(
    JSON.stringify(policy, (key, value: unknown) =>
      key === "span" ? undefined
      : value instanceof Uint32Array ? [...value]
      : value,
    ),
  );
}

const SAME: readonly (readonly [what: string, used: string, written: string])[] = [
  [
    "statements and words of every kind",
    `template site($name, $service, $port, $to, $bind, $mode, $cap, $rate, $v4, $v6, $from, $host, $end, $why, $rule) {
       @why $why
       expose $name service $service on tcp $port bind $bind as $mode {
         backend $to cap $cap connections limit $rate burst $cap per source $v4 $v6
         allow named $rule from $from sni $host until $end
         deny from 192.0.2.1, $from except 10.0.0.0/8
       }
       deny on tcp $port from 192.0.2.2
       test $why at $end { from 10.1.1.1 to $name sni $host => deny cidr by $rule }
     }
     use site(web, shop, 443, 127.0.0.1:8080, private, passthrough, 5, 10/s, /24, /48, 10.0.0.0/7, "a.example", 2027-01-01T00:00Z, "it sells", first)`,
    `@why "it sells"
     expose web service shop on tcp 443 bind private as passthrough {
       backend 127.0.0.1:8080 cap 5 connections limit 10/s burst 5 per source /24 /48
       allow named first from 10.0.0.0/7 sni "a.example" until 2027-01-01T00:00Z
       deny from 192.0.2.1, 10.0.0.0/7 except 10.0.0.0/8
     }
     deny on tcp 443 from 192.0.2.2
     test "it sells" at 2027-01-01T00:00Z { from 10.1.1.1 to web sni "a.example" => deny cidr by first }`,
  ],
  [
    "clauses, and templates in templates",
    `template slow($n) { limit 5/s per listener cap $n connections }
     template office($n, $who) { use slow($n) allow from $who }
     expose web on tcp 443 { use office(7, private) }`,
    "expose web on tcp 443 { limit 5/s per listener cap 7 connections allow from private }",
  ],
  [
    "a list file and a text as arguments",
    `template only($list, $path) { expose web on tcp 443 { backend unix $path allow from $list } }
     use only(file "l.txt" max 3, "/run/web.sock")`,
    'expose web on tcp 443 { backend unix "/run/web.sock" allow from file "l.txt" max 3 }',
  ],
  ["nothing", "template none() { } use none() expose web on tcp 1 { use none() }", "expose web on tcp 1 { }"],
  ["a use before its template", "use t(web) template t($n) { expose $n on tcp 1 { } }", "expose web on tcp 1 { }"],
  ["a text that looks like a parameter", 'template t($n) { @why "$n" expose $n on tcp 1 { } } use t(web)', '@why "$n" expose web on tcp 1 { }'],
];

for (const [what, used, written] of SAME) {
  templates(`${what}: the same as written out`, () => {
    const files = { "l.txt": "192.0.2.0/24" };
    assert.equal(meaning(policyOf(used, files)), meaning(policyOf(written, files)));
  });
}

templates("free names are those of the file that defines the template, arguments those of the file that uses it", () => {
  const lib = `edition 1
net office = 192.0.2.0/24
net own = 198.51.100.0/24
template open($name, $port, $who) { expose $name on tcp $port { allow from office, own deny from $who } }
`;
  const policy = policyOf(
    `import "lib.ingress" as lib
net office = 10.0.0.0/8
use lib.open(web, 443, office)
use lib.open(api, 444, lib.office)
`,
    { "lib.ingress": lib },
  );
  const [web, api] = [exposeOf(policy, "web"), exposeOf(policy, "api")];
  assert.ok(equal(web.allows[0]?.from ?? prefixes([]), prefixes(["192.0.2.0/24", "198.51.100.0/24"])));
  assert.ok(equal(web.denies[0]?.from ?? prefixes([]), prefixes(["10.0.0.0/8"])));
  assert.ok(equal(api.denies[0]?.from ?? prefixes([]), prefixes(["192.0.2.0/24"])));
});

templates("a set of the body is seen by that body alone, a set named by an argument where it is written", () => {
  const policy = policyOf(`template team($name, $port, $set, $range) {
  net own = $range
  net $set = own, 203.0.113.1
  expose $name on tcp $port { allow from own, shared }
}
net shared = 192.0.2.1
use team(a, 1, aset, 10.1.0.0/16)
use team(b, 2, bset, 10.2.0.0/16)
deny from aset, bset`);
  assert.ok(equal(exposeOf(policy, "a").allows[0]?.from ?? prefixes([]), prefixes(["10.1.0.0/16", "192.0.2.1"])));
  assert.ok(equal(exposeOf(policy, "b").allows[0]?.from ?? prefixes([]), prefixes(["10.2.0.0/16", "192.0.2.1"])));
  assert.ok(equal(policy.denies[0]?.from ?? prefixes([]), prefixes(["10.1.0.0/16", "10.2.0.0/16", "203.0.113.1"])));
  assert.equal(codes("edition 1\ntemplate t() { net own = any }\nuse t()\ndeny from own\n"), ["ING201"]);
});

/** `line label` of each second place. */
function places(d: Diagnostic | undefined): string[] {
  return (d?.related ?? []).map((r) => `${r.span.file.path}:${positionOf(r.span.file, r.span.start).line} ${r.label}`);
}

const PLACES: readonly (readonly [what: string, text: string, at: string, related: readonly string[]])[] = [
  [
    "in the body",
    "edition 1\ntemplate t($n, $p) {\n  expose $n on tcp $p { allow from nobody }\n}\nuse t(web, 1)\nuse t(api, 2)\n",
    "ING201 nobody",
    ["p:5 used here"],
  ],
  [
    "in an argument",
    "edition 1\ntemplate t($w) {\n  expose web on tcp 1 { allow from $w }\n}\nuse t(10.0.0.1/8)\n",
    "ING303 10.0.0.1/8",
    ["p:3 it is used here"],
  ],
  [
    "through two templates",
    "edition 1\ntemplate in($w) {\n  expose web on tcp 1 { allow from $w, x }\n}\ntemplate out($w) {\n  use in($w)\n}\nuse out(any)\n",
    "ING201 x",
    ["p:6 used here", "p:8 used here"],
  ],
  [
    "an argument through two",
    "edition 1\ntemplate in($w) {\n  cap $w connections\n}\ntemplate out($w) {\n  use in($w)\n}\nexpose web on tcp 1 { use out(0) }\n",
    "ING310 0",
    ["p:3 it is used here", "p:6 it is used here"],
  ],
  [
    "the place of the second of two",
    "edition 1\ntemplate t($p) {\n  expose web on tcp $p { }\n}\nuse t(1)\nuse t(2)\n",
    "ING202 web",
    ["p:3 first declared here", "p:5 used here", "p:6 used here"],
  ],
];

for (const [what, text, at, related] of PLACES) {
  templates(`both places: ${what}`, () => {
    const [d] = front(text, filesOf({}), "p").diagnostics;
    assert.is(d === undefined ? "" : `${d.code} ${d.span.file.text.slice(d.span.start, d.span.end)}`, at);
    assert.equal(places(d), related);
  });
}

const E = "edition 1\n";
const times = (n: number, one: (i: number) => string): string => Array.from({ length: n }, (_, i) => one(i)).join("");
const chain = (n: number): string => `${E}${times(n, (i) => `template t${i}() { ${i + 1 < n ? `use t${i + 1}()` : "deny from any"} }\n`)}use t0()\n`;

templates("depth: 16 and one more", () => {
  assert.equal(codes(chain(bound.MAX_TEMPLATE_DEPTH)), []);
  assert.equal(codes(chain(bound.MAX_TEMPLATE_DEPTH + 1)), ["ING609"]);
  assert.equal(codes(chain(5_000)), ["ING609"]);
});

templates("templates that double sixteen times end in one diagnostic, soon", () => {
  const body = "net x = 10.0.0.1, 10.0.0.2, 10.0.0.3";
  const doubling = `${E}${times(16, (i) => `template t${i}() { ${i < 15 ? times(4, () => `use t${i + 1}() `) : body} }\n`)}use t0()\n`;
  const before = process.cpuUsage();
  assert.equal(codes(doubling), ["ING609"]);
  assert.ok(process.cpuUsage(before).user < 10_000_000);
});

templates("the bounds of a policy are those of the expanded policy", () => {
  const ten = `${E}template t($n) { cap $n connections ${times(10, () => "deny from any ")}}\n`;
  assert.equal(codes(`${ten}expose a on tcp 1 { use t(1) use t(2) }`), ["ING405"]);
  const rules = `${E}template many() { ${times(1_000, () => "deny from any\n")} }\n`;
  assert.equal(codes(`${rules}${times(100, () => "use many()\n")}`), []);
  assert.equal(codes(`${rules}${times(100, () => "use many()\n")}deny from any`), ["ING603"]);
});

const REFUSED: readonly (readonly [text: string, ...codes: string[]])[] = [
  ["template t() { deny from any } template t() { deny from any }", "ING202"],
  ["template any() { deny from any }", "ING203"],
  ["template a() { use a() }", "ING211"],
  ["template a() { use b() } template b() { use c() } template c() { use a() } use a()", "ING211"],
  ["template a() { expose x on tcp 1 { use a() } } use a()", "ING211"],
  ["template a($x) { deny from any }", "ING213"],
  ["template a($x) { cap $x connections } expose w on tcp 1 { use a(any) }", "ING214"],
  ["template a($x) { limit $x per listener } expose w on tcp 1 { use a(10) }", "ING214"],
  ['template a($x) { expose $x on tcp 1 { } } use a("w")', "ING214"],
  ["template a($x) { expose $x on tcp 1 { } } use a(10.0.0.1)", "ING214"],
  ["template a($x) { cert $x } expose w on tcp 1 as tls { use a(w) }", "ING214", "ING701"],
  ['template a($x) { deny from any until $x }\nuse a("2027")', "ING214"],
  ["template a($x) { deny from $x } use a(443)", "ING208"],
  ["template a($x) { deny from $x } use a()", "ING212"],
  ["use b.a()", "ING201"],
  ["net a = any use a()", "ING201"],
  ["template a() { cap 5 connections } use a()", "ING420"],
  ["template a() { allow from any } use a()", "ING420"],
  ["template a() { net n = any } expose w on tcp 1 { use a() }", "ING420"],
  ["template a() { deny on tcp 1 from any } expose w on tcp 1 { use a() }", "ING114"],
  ["template __proto__() { deny from any } use __proto__() use constructor()", "ING201"],
];

for (const [text, ...expected] of REFUSED) {
  templates(text, () =>
    assert.equal(
      codes(`${E}${text}`).filter((c) => !c.startsWith("ING7")),
      expected.filter((c) => !c.startsWith("ING7")),
    ),
  );
}

templates.run();
