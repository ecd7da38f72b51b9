// The formatter: one layout, every comment, and never another policy.
import { readFileSync, readdirSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { alignLines, type Line } from "../../compiler/format/align.ts";
import { commentsIn, gapsOf } from "../../compiler/format/comments.ts";
import { compile } from "../../compiler/compile.ts";
import { format } from "../../compiler/format/format.ts";
import { exportPolicy } from "../../compiler/convert.ts";
import { lex } from "../../compiler/syntax/tokens.ts";
import { SECTION_POLICY, readSections } from "../../runtime/abi/sections.ts";
import { chance } from "../oracle/random.ts";
import { filesOf } from "./front.ts";
import { RandomPolicy, writeOut } from "./random_policy.ts";

const fmt = suite("fmt");

function formatted(text: string): string {
  const result = format({ path: "p.ingress", text });
  assert.is(result.kind, "formatted", JSON.stringify(result.kind === "broken" ? result.diagnostics.map((d) => d.message) : result));
  return result.kind === "formatted" ? result.text : "";
}

function commentsOf(text: string): string[] {
  const places = lex(text).tokens.map((t) => ({ start: t.startOffset, end: t.startOffset + t.image.length }));
  return commentsIn(gapsOf(text, places));
}

/** Each text follows `edition 1` and a blank line; fmt writes the second for the first. */
const LAYOUT: readonly (readonly [what: string, before: string, after: string])[] = [
  ["white space", "net   a=10.0.0.0/8 ,\t1.2.3.4   except 10.1.0.0/16", "net a = 10.0.0.0/8, 1.2.3.4 except 10.1.0.0/16"],
  [
    "columns of neighbouring sets",
    'net a = any\nhosts long-name = "x"\nids i = dns "y"',
    'net   a         = any\nhosts long-name = "x"\nids   i         = dns "y"',
  ],
  [
    "a set that does not fit",
    `net a = ${Array.from({ length: 8 }, (_, i) => `198.51.100.${i}/32`).join(",")} except 198.51.100.3`,
    `net a =\n${Array.from({ length: 8 }, (_, i) => `  198.51.100.${i}/32`).join(",\n")}\n  except 198.51.100.3`,
  ],
  [
    "a blank line between kinds and around blocks",
    "net a = any deny from a expose e on tcp 1 { } expose f on tcp 2 { backend 127.0.0.1:80 }",
    "net a = any\n\ndeny from a\n\nexpose e on tcp 1 { }\n\nexpose f on tcp 2 {\n  backend 127.0.0.1:80\n}",
  ],
  ["no blank line where nothing is between", "deny from a\n\n\ndeny from b", "deny from a\ndeny from b"],
  ["annotations in one order on a line of their own", '@why "x"\n@owner "o" net a = any', '@owner "o" @why "x"\nnet a = any'],
  [
    "a rule that does not fit",
    `expose e on tcp 1 { allow named vendor from nets.vendor except nets.guest sni "www.example.com" client ops, dns "jump.example" until 2027-03-01T00:00Z }`,
    'expose e on tcp 1 {\n  allow named vendor from nets.vendor except nets.guest\n    sni "www.example.com"\n    client ops, dns "jump.example"\n    until 2027-03-01T00:00Z\n}',
  ],
  [
    "a cap's parts in one order",
    "expose e on tcp 1 { cap 9 connections, 2 per identity, 3 per source /24 /48 }",
    "expose e on tcp 1 {\n  cap 9 connections, 3 per source /24 /48, 2 per identity\n}",
  ],
  [
    "limits",
    "expose e on tcp 1 { limit 5/m burst 7 per source /24 /48 limit 1/s per identity limit 2/h per listener }",
    "expose e on tcp 1 {\n  limit 5/m burst 7 per source /24 /48\n  limit 1/s per identity\n  limit 2/h per listener\n}",
  ],
  [
    "a claim's parts in one order",
    'invariant "i" { always to web sni "x" from any only to web client ops }',
    'invariant "i" {\n  always from any to web sni "x"\n  only client ops to web\n}',
  ],
  [
    "outcomes in a column",
    'test "t" { from 1.2.3.4 to web => allow\nbind x on tcp 0.0.0.0:1 => deny policy\nfrom 1.2.3.4 to tcp 22 local 10.0.0.1 client dns "a" sni "b" => deny sni by x }',
    'test "t" {\n  from 1.2.3.4 to web                                          => allow\n  bind x on tcp 0.0.0.0:1                                      => deny policy\n  from 1.2.3.4 to tcp 22 local 10.0.0.1 sni "b" client dns "a" => deny sni by x\n}',
  ],
  [
    "repeat",
    'test "t" at 2027-01-10T09:00Z { repeat 500 in 0s closing from 1.2.3.4 to web => allow 400, deny rate 100 by x }',
    'test "t" at 2027-01-10T09:00Z {\n  repeat 500 in 0s closing from 1.2.3.4 to web => allow 400, deny rate 100 by x\n}',
  ],
  [
    "templates and parameters",
    'template t($a,$b){allow from $a sni $b backend unix $b} use t(any,"$a")',
    'template t($a, $b) {\n  allow from $a sni $b\n  backend unix $b\n}\n\nuse t(any, "$a")',
  ],
  ["budget", "budget { module 64 KiB rules 5 }", "budget {\n  module 64 KiB\n  rules 5\n}"],
  ["files and identities", 'net a=file "x.txt" max 5 ids i=uri "spiffe://x",sha256 "00"', 'net a = file "x.txt" max 5\nids i = uri "spiffe://x", sha256 "00"'],
  [
    "keywords as names keep their places",
    "net a = deny, allow,\n  from, net\ndeny from deny, allow",
    "net a = deny, allow, from, net\n\ndeny from deny, allow",
  ],

  ["a comment behind a statement", "net a = any# x\nnet b = any # y", "net a = any  # x\nnet b = any  # y"],
  ["comments of neighbouring lines in a column", "deny from office # x\ndeny from b # y", "deny from office  # x\ndeny from b       # y"],
  ["a comment on its own line stays before what follows", "net a = any\n# x\nnet b = any", "net a = any\n# x\nnet b = any"],
  [
    "blank lines beside comments stay, one of several",
    "net a = any\n\n\n# x\n\n\nnet b = any\n# y\nnet c = any",
    "net a = any\n\n# x\n\nnet b = any\n# y\nnet c = any",
  ],
  ["a comment before a block", "net a = any\n# x\nexpose e on tcp 1 { }", "net a = any\n\n# x\nexpose e on tcp 1 { }"],
  ["a comment that ends a paragraph", "net a = any\n# x\n\nexpose e on tcp 1 { }", "net a = any\n# x\n\nexpose e on tcp 1 { }"],
  [
    "comments at the edges of a block",
    "expose e on tcp 1 { # x\n\n# y\n\nallow from any\n\n# z\n\n}",
    "expose e on tcp 1 {  # x\n  # y\n\n  allow from any\n\n  # z\n}",
  ],
  ["a comment in an empty block", "expose e on tcp 1 {\n# x\n}", "expose e on tcp 1 {\n  # x\n}"],
  ["comments among members", "net a = 1.2.3.4, # x\n# y\n5.6.7.8 # z", "net a =\n  1.2.3.4,  # x\n  # y\n  5.6.7.8  # z"],
  ["a comment before a comma moves behind it", "net a = 1.2.3.4 # x\n, 5.6.7.8", "net a =\n  1.2.3.4,  # x\n  5.6.7.8"],
  ["a comment behind a word where no line can break", "net # x\na = any", "net  # x\n  a = any"],
  ["a comment on its own line where no line can break", "net\n# x\na = any", "net\n  # x\n  a = any"],
  [
    "comments inside of a limit",
    "expose e on tcp 1 { limit 5/s # a\nburst 3 # b\n# c\nper source\nallow from any }",
    "expose e on tcp 1 {\n  limit 5/s  # a\n    burst 3  # b\n    # c\n    per source\n  allow from any\n}",
  ],
  [
    "a comment before a rule's `from`",
    'expose e on tcp 1 { allow named x\n# why\nfrom any sni "a" # b\n}',
    'expose e on tcp 1 {\n  allow named x\n    # why\n    from any sni "a"  # b\n}',
  ],
  ["a comment before a brace", "expose e on tcp 1 # x\n{ allow from any }", "expose e on tcp 1 {  # x\n  allow from any\n}"],
  ["a comment between annotations and what they are about", '@why "x" # a\n\n# b\n\nnet a = any', '@why "x"  # a\n# b\nnet a = any'],
  [
    "comments where a cap's parts move",
    "expose e on tcp 1 { cap 9 connections, # a\n# b\n2 per identity, # d\n# e\n3 per source # c\nallow from any }",
    "expose e on tcp 1 {\n  cap 9 connections,  # a\n    # e\n    3 per source,  # c\n    # b\n    2 per identity  # d\n  allow from any\n}",
  ],
  [
    "comments where annotations move",
    'net b = any\n# b\n@why "x" # a\n# o\n@owner "o"\nnet a = any',
    'net b = any\n# o\n@owner "o"\n# b\n@why "x"  # a\nnet a = any',
  ],
  [
    "a paragraph above annotations stays above them",
    'net b = any\n\n# p\n\n# b\n@why "x" @owner "o"\nnet a = any',
    'net b = any\n\n# p\n\n@owner "o"\n# b\n@why "x"\nnet a = any',
  ],
  [
    "comments where a claim's parts move",
    'invariant "i" { always\n# t\nto web # u\n# s\nsni "x" # v\n# f\nfrom any # w\n}',
    'invariant "i" {\n  always\n    # f\n    from any  # w\n    # t\n    to web  # u\n    # s\n    sni "x"  # v\n}',
  ],
  [
    "comments where a request's parts move",
    'test "t" { from 1.2.3.4 to web\n# c\nclient dns "a" # d\n# s\nsni "b" # e\n# o\n=> deny sni # p\n}',
    'test "t" {\n  from 1.2.3.4 to web\n    # s\n    sni "b"  # e\n    # c\n    client dns "a"  # d\n    # o\n    => deny sni  # p\n}',
  ],
  ["comments behind the end", "net a = any # x\n\n# y\n# z\n\n", "net a = any  # x\n\n# y\n# z"],
  ["a `#` in a text is none", 'net a = file "#x" max 1 # y', 'net a = file "#x" max 1  # y'],
];

for (const [what, before, after] of LAYOUT) {
  fmt(what, () => {
    const text = `edition 1\n\n${after}\n`;
    assert.is(formatted(`edition 1\n\n${before}\n`), text);
    assert.is(formatted(text), text, "again");
  });
}

fmt("imports follow the edition, and comments above it stay there", () => {
  assert.is(
    formatted('\n\n# top\n\n# more\nedition 1 import "a" as a\n\nimport "b" as b net x = any'),
    '# top\n\n# more\nedition 1\nimport "a" as a\nimport "b" as b\n\nnet x = any\n',
  );
});

fmt("lines end in LF, a byte order mark goes, comments lose white space at their ends alone", () => {
  assert.is(formatted("\ufeffedition 1\r\n# a \t\r\nnet a = any # b\r\n"), "edition 1\n\n# a\nnet a = any  # b\n");
  assert.is(formatted("edition 1 # no line end"), "edition 1  # no line end\n");
});

const BROKEN: readonly (readonly [text: string, code: string])[] = [
  ["", "ING111"],
  ["# a comment alone", "ING111"],
  ["edition 2\n", "ING112"],
  ["edition 1\nnet a = \n", "ING106"],
  ["edition 1\nexpose a on tcp 1 {\n# x", "ING107"],
  ['edition 1\nnet a = "x', "ING102"],
  ["edition 1\nnet a = any;", "ING101"],
  ["edition 1\nexpose a on tcp 1 { allow sni b from c }", "ING109"],
  ["edition 1\nedition 1", "ING113"],
  ["edition 1\nnet a = $b", "ING115"],
  ["\0", "ING101"],
];

fmt("a text with a syntax error is not changed, and the error is reported", () => {
  for (const [text, code] of BROKEN) {
    const result = format({ path: "p.ingress", text });
    assert.is(result.kind, "broken", text);
    if (result.kind === "broken") assert.is(result.diagnostics[0]?.code, code, text);
  }
});

fmt("names and literals that mean nothing are formatted all the same", () => {
  assert.is(formatted("edition 1 net a = 010.0.0.1,nobody"), "edition 1\n\nnet a = 010.0.0.1, nobody\n");
});

/**
 * For each comment on a line of its own, the word that follows: the next one that is no comma or `{`, and
 * how many words like it come before that one, where their order can't change.
 */
function followers(text: string): ReadonlyMap<string, string> {
  const { tokens } = lex(text);
  const places = tokens.map((t) => ({ start: t.startOffset, end: t.startOffset + t.image.length }));
  const found = new Map<string, string>();
  gapsOf(text, places).forEach(({ own }, i) => {
    const next = tokens.slice(i).find(({ image }) => image !== "," && image !== "{");
    for (const comment of own) found.set(comment.text, next?.image ?? "the end");
  });
  return found;
}

fmt("random policies: each comment on a line of its own stays before the word that followed it", () => {
  let read = 0;
  for (let seed = 1; seed <= 400; seed++) {
    const c = chance(seed);
    let n = 0;
    const words = new RandomPolicy(c).words();
    const text = words.map((word) => (c.oneIn(3) ? `\n# ${n++}\n${word}` : word)).join(" ");
    if (format({ path: "p", text }).kind === "broken") continue;
    read += n;
    const after = followers(formatted(text));
    for (const [comment, word] of followers(text)) assert.is(after.get(comment), word, `seed ${seed}: ${comment}\n${text}`);
  }
  assert.ok(read > 5_000, `${read} comments`);
});

fmt("random policies: every comment, the same words, and twice is once", () => {
  let read = 0;
  for (let seed = 1; seed <= 300; seed++) {
    const c = chance(seed);
    const words = new RandomPolicy(c).words();
    const text = writeOut(c, words, true);
    // Few are no policies: a name that is a keyword is in a place where it reads as the keyword.
    if (format({ path: "p", text }).kind === "broken") continue;
    read++;
    const once = formatted(text);
    assert.is(formatted(once), once, `seed ${seed}: twice`);
    assert.equal(commentsOf(once).sort(), commentsOf(text).sort(), `seed ${seed}: comments`);
    assert.equal(
      lex(once)
        .tokens.map((t) => t.image)
        .sort(),
      [...words].sort(),
      `seed ${seed}: words`,
    );
    const [a, b] = [exportPolicy({ path: "p", text }), exportPolicy({ path: "p", text: once })];
    assert.ok(a.kind === "exported" && b.kind === "exported" && a.text === b.text, `seed ${seed}: source JSON`);
    assert.not.match(once, /[ \t]\n|\n\n\n|\n\n$/, `seed ${seed}: blanks`);
  }
  assert.ok(read > 285, `${read} of 300`);
});

fmt("a policy with any part cut out is formatted or refused with an error, and never causes a defect", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const c = chance(seed);
    const text = writeOut(c, new RandomPolicy(c).words(), true);
    for (let n = 0; n < 60; n++) {
      const at = c.below(text.length);
      const torn = n % 2 === 0 ? text.slice(0, at) : text.slice(0, at) + text.slice(at + 1 + c.below(8));
      const result = format({ path: "p", text: torn });
      assert.is.not(result.kind, "defect", torn);
      if (result.kind === "formatted") assert.equal(commentsOf(result.text).sort(), commentsOf(torn).sort());
    }
  }
});

/** Policies that compile, of the examples and the cases. */
function compiling(): { readonly path: string; readonly text: string; readonly files: Readonly<Record<string, string>> }[] {
  return ["../../policies/", "../cases/good/"].flatMap((folder) => {
    const at = new URL(folder, import.meta.url);
    const names = readdirSync(at, { recursive: true, encoding: "utf8" }).filter((n) => !n.includes("node_modules"));
    const read = (name: string): string => readFileSync(new URL(name, at), "utf8");
    const files = Object.fromEntries(names.filter((n) => n.endsWith(".txt")).map((n) => [n, read(n)]));
    return names.filter((n) => n.endsWith(".ingress")).map((name) => ({ path: name, text: read(name), files }));
  });
}

fmt("examples and cases: the module is the same, but for the places in its map", () => {
  const semantic = (path: string, text: string, files: Readonly<Record<string, string>>): unknown => {
    const { module, diagnostics } = compile({ path, text }, filesOf(files));
    if (module === null) return diagnostics.map((d) => [d.code, d.message]).sort();
    return (readSections(module) ?? []).filter((s) => s.name === SECTION_POLICY).map((s) => Buffer.from(s.body).toString("utf8"));
  };
  const all = compiling();
  assert.ok(all.length > 5);
  for (const { path, text, files } of all) {
    const after = formatted(text);
    const [a, b] = [semantic(path, text, files), semantic(path, after, files)];
    assert.ok(Array.isArray(a) && a.length > 0, path);
    assert.equal(b, a, path);
  }
});

/** In every place from where one is shifted; a quadratic one would not end in time. */
const LARGE: readonly (readonly [what: string, text: string, comments: number])[] = [
  ["among members", `edition 1 net a = ${"any, # x\n".repeat(10_000)}any`, 10_000],
  ["in a claim whose words move", `edition 1 invariant "i" { always sni ${"a, # x\n".repeat(10_000)}a from any to web }`, 10_000],
  ["in one gap", `edition 1 net ${"# x\n".repeat(200_000)}a = any`, 200_000],
];

for (const [what, text, count] of LARGE) {
  fmt(`many comments ${what}`, () => {
    assert.is(commentsOf(formatted(text)).length, count);
  });
}

fmt("more lines than a call can have arguments", () => {
  const line: Line = { kind: "code", indent: 0, cells: ["net", "a", "= any"], comment: "# x", table: "sets" };
  const lines = alignLines([...Array.from({ length: 300_000 }, () => line), { ...line, cells: ["ports", "b", "= 1"] }]);
  assert.equal([lines.length, lines[0], lines.at(-1)], [300_001, "net   a = any  # x", "ports b = 1    # x"]);
});

fmt.run();
