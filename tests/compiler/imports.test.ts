// Policies of several files: what is active, what is visible, what is refused, and the bounds.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as bound from "../../compiler/source/bounds.ts";
import { load } from "../../compiler/load.ts";
import type { SourceFile, SourceReader } from "../../compiler/source/source.ts";
import { brief, codes, filesOf, front } from "./front.ts";

const imports = suite("imports");
const E = "edition 1\n";
const times = (n: number, one: (i: number) => string): string => Array.from({ length: n }, (_, i) => one(i)).join("");

imports("the exposes, denies and tests of imports are active, in any order of the imports", () => {
  const files = {
    "a.ingress": `${E}import "b.ingress" as b\nexpose api on tcp 444 { allow from b.office }\ndeny named everywhere from 192.0.2.1\n`,
    "b.ingress": `${E}net office = 10.0.0.0/8\ntest "t" { from 10.0.0.1 to api => allow from 192.0.2.1 to web => deny cidr by everywhere }\nbudget { rules 50 }\n`,
  };
  const both = [`import "a.ingress" as a\nimport "b.ingress" as b\n`, `import "b.ingress" as b\nimport "a.ingress" as a\n`].map((head) =>
    front(`${E}${head}expose web on tcp 443 { allow from b.office }\nbudget { rules 60 }\n`, filesOf(files)),
  );
  for (const { policy, diagnostics } of both) {
    assert.equal(diagnostics, []);
    assert.equal(
      policy?.exposes.map((e) => e.name),
      ["api", "web"],
    );
    assert.equal(
      policy?.denies.map((d) => d.name),
      ["everywhere"],
    );
    assert.equal(
      policy?.tests.map((t) => t.lines.length),
      [2],
    );
    assert.is(policy?.budget.rules?.most, 50);
    assert.is(policy?.sets.map((n) => `${n.span.file.path} ${n.name}`).join(), "b.ingress office");
  }
});

imports("each real file is read once, however it is named", () => {
  const files = filesOf({
    "x/a.ingress": `${E}import "../y/b.ingress" as b\nimport "./../y/./b.ingress" as c\nexpose one on tcp 1 {}\n`,
    "y/b.ingress": `${E}expose two on tcp 2 {}\n`,
  });
  const loaded = load({ path: "p", text: `${E}import "x/a.ingress" as a\nimport "y//b.ingress" as b\nimport "x/../y/b.ingress" as c\n` }, files);
  assert.equal(
    loaded.files.map((f) => f.path),
    ["p", "x/a.ingress", "y/b.ingress"],
  );
  assert.equal(loaded.diagnostics, []);
});

imports("each spelling of a path is read once", () => {
  const paths: string[] = [];
  const files = filesOf({ "b.ingress": E });
  const reader: SourceReader = {
    read(path, from) {
      paths.push(path);
      return files.read(path, from);
    },
  };
  load({ path: "p", text: `${E}${times(50, (i) => `import "./b.ingress" as a${i}\n`)}` }, reader);
  assert.equal(paths, ["./b.ingress"]);
});

const ROWS: readonly (readonly [what: string, text: string, files: Readonly<Record<string, string>>, ...briefs: string[]])[] = [
  [
    "an error is reported once, in its own file",
    'import "a" as a\nimport "b" as b',
    { a: `${E}import "b" as b\nnet n = 10.0.0.1/8\n`, b: `${E}net n = nobody\n` },
    "ING303 a:3 10.0.0.1/8",
    "ING201 b:2 nobody",
  ],
  [
    "nothing follows from a file that can't be had",
    'import "a" as a\ndeny from a.x\nuse a.t()\ntest "t" { from 10.0.0.1 to web => allow }\nexpose w on tcp 1 { allow from a.y sni a.z }',
    {},
    'ING505 2 "a"',
    "ING417 6 sni a.z",
  ],
  ["not even that a name is missing", 'import "a" as a\ntest "t" { from 10.0.0.1 to web => allow by some }', {}, 'ING505 2 "a"'],
  ["nor from one that can't be read", 'import "a" as a\ndeny from a.x', { a: "edition 2\n" }, "ING112 a:1 2"],
  [
    "one file exposes what another does",
    'import "a" as a\nexpose web on tcp 443 {}',
    { a: `${E}expose web on tcp 444 {}\nexpose api on tcp 443 {}\n` },
    "ING202 a:2 web",
    "ING204 a:3 443",
  ],
  ["sets of one name in two files", 'import "a" as a\nnet n = 10.0.0.1\ndeny from n, a.n', { a: `${E}net n = 10.0.0.2\ndeny from n\n` }],
  ["an alias like a set, a keyword, a net", 'import "a" as net\nnet net = 10.0.0.1\ndeny from net, net.n', { a: `${E}net n = 10.0.0.2\n` }],
  ["a reserved alias", 'import "a" as any', { a: E }, "ING203 2 any"],
  ["a list file is relative to the file that names it", 'import "x/a" as a', { "x/a": `${E}net n = file "l" max 1\n`, "x/l": "10.0.0.1" }],
  ["and not to the entry file", 'import "x/a" as a', { "x/a": `${E}net n = file "l" max 1\n`, l: "10.0.0.1" }, 'ING501 x/a:2 "l"'],
  [
    "a list file in an argument is relative to the file that is written in",
    'import "x/a" as a\nuse a.t(file "l" max 1)',
    { "x/a": `${E}template t($l) { deny from $l }\n`, l: "10.0.0.1" },
  ],
  ["back slashes and absolute paths", 'import "x\\\\a" as a\nimport "/a" as b', { a: E }, 'ING505 2 "x\\\\a"', 'ING505 3 "/a"'],
  [
    "a set in a circle over files",
    'import "a" as a\nnet n = a.n',
    { a: `${E}import "policy.ingress" as p\nnet n = p.n\n`, "policy.ingress": "" },
    'ING506 a:2 import "policy.ingress" as p',
    "ING206 a:3 p.n",
  ],
  ["a circle is reported once", 'import "a" as a\nimport "b" as b', { a: `${E}import "b" as b\n`, b: `${E}import "a" as a\n` }, 'ING506 b:2 import "a" as a'],
  ["too large a file", 'import "a" as a', { a: `${E}#${" ".repeat(bound.MAX_SOURCE_BYTES)}` }, "ING601 a:1"],
  ["not a policy", 'import "a" as a', { a: "\u0000asm" }, "ING101 a:1 \u0000"],
  [
    "names of objects",
    'import "__proto__" as __proto__\nimport "constructor" as constructor\ndeny from __proto__.x, constructor.y',
    { constructor: E },
    'ING505 2 "__proto__"',
    "ING201 4 constructor.y",
  ],
];

for (const [what, text, files, ...briefs] of ROWS) {
  imports(what, () => {
    const { diagnostics, policy } = front(`${E}${text}`, filesOf(files));
    assert.equal(diagnostics.map((d) => brief(d, "policy.ingress")).sort(), [...briefs].sort());
    assert.is(policy === null, briefs.length > 0);
  });
}

imports("a file without an edition is refused, with the place of its import", () => {
  const {
    diagnostics: [d],
  } = front(`${E}import "a" as a\n`, filesOf({ a: "net n = any\n" }));
  assert.is(d?.code, "ING111");
  assert.equal(
    d?.related.map((r) => `${r.span.file.path} ${r.label}`),
    ["policy.ingress imported here"],
  );
});

const chain = (n: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: n }, (_, i) => [`f${i + 1}`, `${E}${i + 1 < n ? `import "f${i + 2}" as next\n` : ""}`]));

imports("depth: 8 and one more, by the shortest way", () => {
  const head = `${E}import "f1" as a\n`;
  assert.equal(codes(head, chain(bound.MAX_IMPORT_DEPTH)), []);
  assert.equal(codes(head, chain(bound.MAX_IMPORT_DEPTH + 1)), ["ING608"]);
  assert.equal(codes(`${head}import "f5" as b\n`, chain(bound.MAX_IMPORT_DEPTH + 4)), []);
  assert.equal(codes(`${head}import "f5" as b\n`, chain(bound.MAX_IMPORT_DEPTH + 5)), ["ING608"]);
});

imports("imports: 1,024 and one more", () => {
  const head = (n: number): string => E + times(n, (i) => `import "f1" as a${i}\n`);
  assert.equal(codes(head(bound.MAX_IMPORTS), chain(1)), []);
  assert.equal(codes(head(bound.MAX_IMPORTS + 1), chain(1)), ["ING608"]);
});

imports("bytes: 16 MiB and one more", () => {
  const part = bound.MAX_SOURCE_BYTES;
  const text = (bytes: number): string => `${E}#${"x".repeat(bytes - E.length - 2)}\n`;
  const files = (last: number): Record<string, string> => ({ a: text(part), b: text(part), c: text(part), d: text(last), e: E });
  const head = (names: string): string => E + [...names].map((n) => `import "${n}" as ${n}\n`).join("");
  assert.equal(codes(head("abcd"), files(part)), []);
  assert.equal(codes(head("abcde"), files(part)), ["ING608"]);
});

imports("a reader that gives the entry file again gives no second policy", () => {
  const entry: SourceFile = { path: "p", text: `${E}import "q" as q\nexpose web on tcp 1 {}\n` };
  const { program, diagnostics } = load(entry, { read: () => ({ ...entry }) });
  assert.is(program?.units.length, 1);
  assert.equal(
    diagnostics.map((d) => d.code),
    ["ING506"],
  );
});

imports.run();
