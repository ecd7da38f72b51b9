// Reading alone, without meaning: several errors at once, none that follows from another, and
// whatever the text an answer with a place.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { build } from "../../compiler/ast/build.ts";
import type { PolicyNode } from "../../compiler/ast/nodes.ts";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.ts";
import { render } from "../../compiler/diagnostics/render.ts";
import { parse } from "../../compiler/syntax/parse.ts";
import { atLength } from "../at_length.ts";
import { RANDOM_WORDS } from "./random_words.ts";

const recovery = suite("recovery");

function read(text: string): { readonly ast: PolicyNode | null; readonly reported: readonly Diagnostic[] } {
  const parsed = parse({ path: "policy.ingress", text });
  const built = build(parsed);
  const reported = [...parsed.diagnostics, ...built.diagnostics];
  for (const d of reported) {
    const { file, start, end } = d.span;
    assert.ok(0 <= start && start <= end && end <= file.text.length, `${d.code} has the place ${start}..${end}`);
    assert.not.match(render(d, { color: false }), /NaN|undefined|\[object/);
    assert.not.match(d.message, /\n|Token|kw_|\.$/);
  }
  assert.is(built.ast === null || built.ast.incomplete, reported.length > 0);
  return { ast: built.ast, reported };
}

/** `CODE text` of each, in the order of the text. */
const brief = (text: string): string[] =>
  [...read(`edition 1\n${text}`).reported]
    .sort((a, b) => a.span.start - b.span.start)
    .map((d) => `${d.code} ${d.span.file.text.slice(d.span.start, d.span.end).split("\n")[0] ?? ""}`);

const example = (name: string): string => readFileSync(new URL(`../${name}.ingress`, import.meta.url), "utf8").replace(/^#.*\n/gm, "");
const WHOLE = ["cases/good/office", "cases/good/soft_words", "compiler/texts/one_screen", "compiler/texts/every_clause"].map(
  (name) => [name, example(name)] as const,
);

for (const [name, text] of WHOLE) {
  /** Words and the space between them alternate; of a long text every other word is tried. */
  const stride = text.length > 2_000 ? atLength(4, 12) : 2;
  recovery(`${name} is read whole`, () =>
    assert.equal(
      read(text).reported.map((d) => d.message),
      [],
    ),
  );

  recovery(`${name}: every truncation is whole or has at most two errors`, () => {
    const step = Math.max(1, Math.round(text.length / atLength(2_000, 60)));
    for (let i = 0; i <= text.length; i += step) {
      const { reported } = read(text.slice(0, i));
      assert.ok(reported.length <= 2, `${text.slice(0, i)}\n${reported.map((d) => d.message).join("\n")}`);
    }
  });

  recovery(`${name}: without any one word it has at most two errors`, () => {
    const words = text.split(/(\s+)/);
    for (let i = 0; i < words.length; i += stride) {
      const { reported } = read(words.filter((_, j) => j !== i).join(""));
      assert.ok(reported.length <= 2, `without ${words[i] ?? ""} ${i / 2}: ${reported.map((d) => d.message).join("; ")}`);
    }
  });

  recovery(`${name}: with any one word misspelt it has at most two errors`, () => {
    const words = text.split(/(\s+)/);
    for (let i = 0; i < words.length; i += stride) {
      const { reported } = read(words.map((w, j) => (j === i ? w.replace(/^([a-z])([a-z])([a-z])/, "$2$1$3") : w)).join(""));
      assert.ok(reported.length <= 2, `misspelt ${words[i] ?? ""} ${i / 2}: ${reported.map((d) => d.message).join("; ")}`);
    }
  });
}

/** The diagnostics of a text, in its order, as code and the text of the place. */
recovery("outcomes on lines of their own are no rules", () => {
  assert.equal(
    brief(
      'test "t" {\n  repeat 5 in 0s from a to b => allow 4,\n    deny sni 1\n  repeat 2 in 0s from a to b => deny cidr 1,\n    deny sni by x,\n    deny sni\n}',
    ),
    [],
  );
});

const REPORTED: readonly (readonly [what: string, text: string, reported: readonly string[]])[] = [
  ["clauses behind a misspelt one in a line", "expose a on tcp 1 { alow from any allow from 1.2.3.4 client }", ["ING105 alow", "ING106 }"]],
  [
    "each misspelt clause of a line",
    'expose a on tcp 1 { alow from any cap 5 connections lmit 5/s per source deny from b bakend 1 cert "x" }',
    ["ING105 alow", "ING105 lmit", "ING105 bakend"],
  ],
  ["each misspelt statement of a line", "nett a = any net b = any porst c = 1 ports d = 2", ["ING104 nett", "ING104 porst"]],
  ["a set named like a clause ends no skip", "expose a on tcp 1 { alow from allow, deny except cap }", ["ING105 alow"]],
  [
    "each line of a test",
    'test "t" {\n  from 1.2.3.4 to web sni x => allow\n  form 1.2.3.4 to web => allow from 1.2.3.4 web => allow\n  bind a 1.2.3.4:5 => allow\n}',
    ["ING106 x", "ING105 form", "ING106 web", "ING106 1.2.3.4:5"],
  ],
  [
    "each claim",
    'invariant "i" {\n  never from a web\n  nver from a to b only to\n  always from b to c at 5 }',
    ["ING106 web", "ING105 nver", "ING106 ", "ING106 5"],
  ],
  ["an invariant of nothing", 'invariant "i" { }', ['ING106 "i"']],
  ["each bound", "budget { ports x\n rulse 5 rules 6 module 5 prefixes 1 step 7 }", ["ING106 x", "ING105 rulse", "ING106 prefixes", "ING105 step"]],
  ["in a template", "template t($a) {\n  allow form any\n  expos b on tcp 1 { allow from any }\n  deny from\n}", ["ING105 form", "ING105 expos", "ING106 "]],
  ["statements and clauses in one template", "template t() { net a = any allow from a }", ["ING117 allow from a"]],
  ["a deny may be on either side", "template t() { deny from a use u() net a = any }\ntemplate v() { deny from a allow from b }", []],
  ["`on` makes a deny a statement", 'template t() { cert "x" deny on tcp 1 }', ["ING117 deny on tcp 1"]],
  ["an `allow` at top level", "allow from any", ["ING104 allow"]],
  ["a `dryrun allow` at top level", "dryrun allow from any", ["ING104 allow"]],
  ["`dryrun` alone", "dryrun from any", ["ING106 from"]],
  [
    "`dryrun` alone in an expose",
    "expose a on tcp 1 {\n  dryrun from any\n  dryrun backend 127.0.0.1:80\n  allow from any\n}",
    ["ING106 from", "ING106 backend"],
  ],
  ["`dryrun` twice", "expose a on tcp 1 { backend 127.0.0.1:80 dryrun dryrun limit 5/s per source allow from any }", ["ING106 dryrun"]],
  ["a misspelt word behind `dryrun`", "expose a on tcp 1 {\n  dryrun lmit 5/s per source\n  dryrun cap 5\n}", ["ING106 lmit", "ING106 "]],
  ["`dryrun` at the end of a block", "expose a on tcp 1 { allow from any dryrun }", ["ING106 }"]],
  ["`dryrun cap` and `dryrun limit` at top level", "dryrun cap 5 connections\ndryrun limit 5/s per source", ["ING104 cap", "ING104 limit"]],
  ["in a template of clauses", "template t() { dryrun limit 5/s per source dryrun cap 5 connections allow from any }", []],
  ["in a template of statements", "template t() { net a = any dryrun limit 5/s per source }", ["ING117 dryrun limit 5/s per source"]],
  ["`on` in an allow of a template", "template t() { allow on tcp 1 from any }", ["ING114 on"]],
  ["an import in a template", 'template t() { import "x" as y }', ["ING105 import"]],
  ["a template in a template", "template t() { template u() { } }", ["ING105 template"]],
  ["a template without its list", "template t { allow from $a }", ["ING106 {"]],
  ["a use without its list", "use t\nnet a = any", ["ING106 "]],
  ["a list that continues", "use t(a b)", ["ING106 b"]],
  ["a word in a list of parameters", "template t(a) { }", ["ING106 a"]],
  ["a name that is a parameter", "template $t() { }", ["ING115 $t"]],
  ["a template's name that is a parameter", "template t($a) { use $a() }", ["ING115 $a"]],
  ["a parameter outside", "net a = $a\nnet b = $a, $b", ["ING115 $a", "ING115 $b"]],
  ["a parameter of another template", "template t($a) { allow from $a, $b, $b }", ["ING115 $b"]],
  ["a parameter twice", "template t($a, $a) { allow from $a }", ["ING115 $a"]],
  ["a parameter in other text", "template t($a) { backend 127.0.0.1:$a }", ["ING115 127.0.0.1:$a"]],
  ["a parameter in place of a keyword", "template t($a) { $a from any }\ntemplate u($p) { deny on $p 1 }", ["ING105 $a", "ING106 $p"]],
  ["parameters behind a torn head", "templte t($a) { allow from $a }", ["ING104 templte"]],
  ["an unknown annotation", '@ower "x" net a = any', ["ING116 @ower"]],
  ["a warning off without its code", '@lint "x" net a = any', ['ING116 @lint "x"']],
  ["a warning that is not off", '@lint on ING823 "x" net a = any', ['ING116 @lint on ING823 "x"']],
  ["an error that is off", '@lint off ING204 "x" net a = any', ["ING116 ING204"]],
  ["no such warning", '@lint off ING999 "x" net a = any', ["ING116 ING999"]],
  ["a warning off twice", '@lint off ING823 "x" @lint off ING823 "y" net a = any', ['ING405 @lint off ING823 "y"']],
  ["two warnings off", '@lint off ING823 "x" @why "z" @lint off ING827 "y" net a = any', []],
  ["an annotation twice", '@why "x" @owner "y" @why "z" net a = any', ['ING405 @why "z"']],
  ["an annotation of nothing", 'net a = any\n@why "x" @owner "y"', ['ING116 @why "x" @owner "y"']],
  [
    "annotations of what has none",
    '@why "a" test "t" { }\n@why "b" budget { }\n@why "c" import "x" as y\n@why "d" template t() { }\n@why "e" use t()\n@why "f" invariant "i" { only to a }',
    ['ING116 @why "a"', 'ING116 @why "b"', 'ING116 @why "c"', 'ING116 @why "d"', 'ING116 @why "e"', 'ING116 @why "f"'],
  ],
  ["annotations of clauses that have none", 'expose a on tcp 1 { @why "a" cap 1 connections @why "b" }', ['ING116 @why "a"', 'ING116 @why "b"']],
  ["an annotation of what is misspelt", '@why "x"\nexposee a on tcp 1 { }', ["ING104 exposee"]],
  ["an annotation without quotes", "@owner web net a = any", ["ING106 web"]],
  ["clauses twice", 'deny named a named b from x\ndeny from a from b\ndeny from a sni "x" sni "y"', ["ING109 named", "ING109 from", "ING109 sni"]],
  ["facts twice", 'test "t" { from a to b sni "x" sni "y" client dns "z" client dns "w" => allow }', ["ING109 sni", "ING109 client"]],
  ["a claim's clauses twice", 'invariant "i" { only from a from b to c from d }', ["ING109 from", "ING109 from"]],
  [
    "counts without repeat",
    'test "t" {\n  from a to b => allow 5\n  from a to b => allow, deny rate\n  bind a on 1.2.3.4:5 => allow 5\n}',
    ["ING106 5", "ING106 deny rate", "ING106 5"],
  ],
  ["the head of an expose out of order", "expose a on tcp 1 as tls bind b { allow from any }", ["ING106 bind"]],
  [
    "a word too many before a block",
    'test "t" now { }\nbudget x { }\nexpose a on tcp 1 2 { allow from b, }',
    ["ING106 now", "ING106 x", "ING106 2", "ING106 ,"],
  ],
  ["times and modes that are missing", "expose a on tcp 1 as { allow from any until }", ["ING106 {", "ING106 }"]],
  ["a time that is a number", "deny from a until 2027", ["ING106 2027"]],
];

for (const [what, text, reported] of REPORTED) recovery(what, () => assert.equal(brief(text), reported));

/** The help of the first error. */
const HELPS: readonly (readonly [text: string, help: string])[] = [
  ["deny named a named b", "keep one of them"],
  ["deny from a until 2027-01-01 until 2028-01-01", "keep one of them"],
  ["deny from a from b", "list the members in one clause, separated by commas"],
  ["expose a on tcp 1 { alow from any }", "did you mean `allow`?"],
  ['inport "x" as y', "did you mean `import`?"],
  ['hots a = "x"', "did you mean `hosts`?"],
  ["templat t() { }", "did you mean `template`?"],
  ['invarient "x" { }', "did you mean `invariant`?"],
  ["budget { prefixs 5 }", "did you mean `prefixes`?"],
  ['test "t" { repet 5 in 0s from a to b => allow }', "did you mean `repeat`?"],
  ['invariant "i" { alway from a to b }', "did you mean `always`?"],
  ['@tickt "x" net a = any', "did you mean `@ticket`?"],
  ["template t($name) { allow from $nmae }", "did you mean `$name`?"],
  ["template t($a) { allow from $other }", "add it to the list: `template t($a, $other)`"],
  ["template t($a, $b, $c, $d, $e, $f, $g, $h) { allow from $other }", "add it to the list: `template t($a, $b, $c, $d, $e, $f, $g, $h, $other)`"],
  ["template t($a, $b, $c, $d, $e, $f, $g, $h, $i) { allow from $other }", "add it to the list: `template t(…, $other)`"],
  ["never from a to b", "`never` belongs in an `invariant`"],
  ['expose a on tcp 1 { import "x" as y }', "`import` belongs at top level, outside every block"],
];

for (const [text, help] of HELPS) recovery(`${text}: ${help}`, () => assert.is(read(`edition 1\n${text}`).reported[0]?.help, help));

recovery("a list of parameters that lacks its `)` makes no parameter unknown", () => {
  const codes = read("edition 1\ntemplate t($a, {\n  allow from $a\n  deny from $other\n}").reported.map((d) => d.code);
  assert.ok(codes.length > 0 && !codes.includes("ING115"), codes.join(" "));
});

/** Of what takes long, more than enough to show what is not linear. */
const MANY = atLength(200_000, 40_000);

const HOSTILE: readonly (readonly [what: string, text: string, first: string | null])[] = [
  ["200,000 open braces", `edition 1\n${"{".repeat(200_000)}`, "ING602"],
  ["200,000 closed braces", `edition 1\n${"}".repeat(200_000)}`, "ING108"],
  ["200,000 parentheses", `edition 1\nuse t${"(".repeat(200_000)}`, "ING602"],
  ["200,000 closed parentheses", `edition 1\nuse t(${")".repeat(200_000)}`, "ING104"],
  ["200,000 at signs", `edition 1\n${"@".repeat(200_000)}`, "ING106"],
  ["200,000 dollar signs", `edition 1\nnet a = ${"$".repeat(200_000)}`, "ING115"],
  ["many parameters outside", `edition 1\nnet a = ${"$a,".repeat(MANY)}$a`, "ING115"],
  ["many parameters of one template", `edition 1\ntemplate t(${Array.from({ length: MANY }, (_, i) => `$a${i}`).join(",")}) { }`, null],
  [
    "many unknown parameters",
    `edition 1\ntemplate t(${Array.from({ length: MANY / 2 }, (_, i) => `$a${i}x`).join(",")}) { ${Array.from({ length: MANY / 2 }, (_, i) => `deny from $b${i}x`).join(" ")} }`,
    "ING115",
  ],
  ["many arguments", `edition 1\nuse t(${"a,".repeat(MANY)}a)`, null],
  ["many annotations", `edition 1\n${'@why "x"\n'.repeat(MANY / 4)}net a = any`, "ING405"],
  ["10,000 templates", `edition 1\n${"template t($a) { allow from $a }\n".repeat(10_000)}`, null],
  ["100,000 torn templates", `edition 1\n${"template t($a\n".repeat(100_000)}`, "ING602"],
  ["many torn exposes in a line", `edition 1\n${"expose a on tcp 1 ".repeat(MANY / 2)}`, "ING106"],
  ["10,000 lines of a test", `edition 1\ntest "t" {\n${'from 1.2.3.4 to a sni "x" => deny sni by b\n'.repeat(10_000)}}`, null],
  ["many misspelt clauses in a line", `edition 1\nexpose a on tcp 1 { ${"alow from any ".repeat(MANY)}}`, "ING105"],
];

for (const [what, text, first] of HOSTILE) recovery(what, () => assert.is(read(text).reported[0]?.code ?? null, first));

const UNIT = '@owner "x" expose a on tcp 1 as passthrough { backend 127.0.0.1:1 allow named b from any, 10.0.0.0/8 sni "x" cap 5 connections use t(1) }\n';

// Not how long it takes, only that the work is not quadratic: then four times the text would take sixteen times as long.
recovery("four times the text takes less than ten times as long", () => {
  for (const unit of [
    UNIT,
    "expose a on tcp 1 { alow from any allow form any }\n",
    "template t($a) { allow from $a, $b }\n",
    'test "t" { from => from a to b => allow\n }\n',
  ]) {
    // CPU time of this process, because others may have the machine's.
    const best = (n: number): number =>
      Math.min(
        ...[1, 2, 3].map(() => {
          const text = `edition 1\n${unit.repeat(n)}`;
          const before = process.cpuUsage();
          read(text);
          return process.cpuUsage(before).user / 1000;
        }),
      );
    best(500);
    const [once, fourTimes] = [best(1_400), best(5_600)];
    assert.ok(fourTimes < 10 * once + 20, `${once.toFixed(0)} ms, then ${fourTimes.toFixed(0)} ms: ${unit}`);
  }
});

recovery("words of the language in any order", () => {
  fc.assert(
    fc.property(RANDOM_WORDS, (text) => {
      read(text);
      read(`edition 1\n${text}`);
    }),
    { numRuns: atLength(3_000, 300) },
  );
});

recovery("any text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
      read(text);
    }),
    { numRuns: atLength(3_000, 150) },
  );
});

recovery.run();
