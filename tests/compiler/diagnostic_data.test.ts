// The data of diagnostics: of every golden case, the words follow from the code and the data alone,
// also after the data went through JSON, as `ingressc check --json` writes it.
import { readFileSync, readdirSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.ts";
import { CODES, isWarning, type DiagnosticCode } from "../../compiler/diagnostics/codes.ts";
import { PLACE_LABELS } from "../../compiler/diagnostics/sentence.ts";
import { wordsFrom } from "../../compiler/diagnostics/words.ts";
import { filesOf, front } from "./front.ts";
import { CODES_WITHOUT_CASE } from "./codes_without_case.ts";

const data = suite("diagnostic_data");
const root = fileURLToPath(new URL("../cases/", import.meta.url));
const codes = Object.keys(CODES).filter((code): code is DiagnosticCode => Object.hasOwn(CODES, code));
const texts = Object.fromEntries(
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((d) => d.isFile() && /\.(ingress|txt)$/.test(d.name))
    .map((d) => {
      const path = `${relative(root, d.parentPath)}/${d.name}`;
      return [path, readFileSync(`${root}${path}`, "utf8")];
    }),
);

function diagnosticsOf(path: string, text: string): readonly Diagnostic[] {
  return front(text, filesOf(texts), path, path.startsWith("profile_os/") ? "os" : "host").diagnostics;
}

/** Codes whose place says all: their data are null. */
const WITHOUT_DATA: ReadonlySet<DiagnosticCode> = new Set<DiagnosticCode>([
  "ING102",
  "ING108",
  "ING113",
  "ING114",
  "ING207",
  "ING215",
  "ING401",
  "ING402",
  "ING408",
  "ING424",
  "ING425",
  "ING426",
  "ING435",
  "ING442",
  "ING602",
  "ING603",
  "ING606",
  "ING614",
  "ING851",
]);

data("the words of every case follow from its code and its data", () => {
  const seen = new Set<DiagnosticCode>();
  for (const [path, text] of Object.entries(texts)) {
    if (!/^[a-z_]+\/[^/]+\.ingress$/.test(path)) continue;
    for (const d of diagnosticsOf(path, text)) {
      seen.add(d.code);
      assert.is(d.data === null, WITHOUT_DATA.has(d.code), `${path}: ${d.code} ${d.data === null ? "has no data" : "has data"}`);
      const copy: unknown = JSON.parse(JSON.stringify(d.data));
      assert.equal(copy, d.data, `${path}: the data of ${d.code} is not JSON`);
      const { message, help = null, label = "", related = [] } = wordsFrom(d.code, copy);
      assert.equal([message, help, label], [d.message, d.help, d.label], `${path}: ${d.code}`);
      const labels = new Set([...related, ...Object.values(PLACE_LABELS)]);
      for (const place of d.related) assert.ok(labels.has(place.label), `${path}: the words of ${d.code} don't have the label "${place.label}"`);
    }
  }
  // tests/analysis/lint.test.ts has the warnings.
  const unseen = codes.filter((code) => !seen.has(code) && !isWarning(code));
  assert.equal(unseen, CODES_WITHOUT_CASE);
});

data("what the parser expected says so in fields", () => {
  const first = (text: string): unknown => diagnosticsOf("p.ingress", `edition 1\n${text}`).map((d) => [d.code, d.data])[0];
  for (const [text, code, found] of FIELDS) assert.equal(first(text), [code, found], text);
});

const FIELDS: readonly (readonly [text: string, code: DiagnosticCode, data: unknown])[] = [
  ["net a = 10.0.0.0/8; ", "ING101", { fault: "signs", text: ";", isBehindFrom: false }],
  ["// a", "ING101", { fault: "comment", mark: "//" }],
  ["net \u043effice = 10.0.0.0/8", "ING101", { fault: "word", characters: ["\u043e"], more: 0, meant: "office" }],
  ["net\u00a0a = 10.0.0.0/8", "ING101", { fault: "blanks", characters: ["\u00a0"] }],
  ['test "a\u0001" {}', "ING103", { characters: ["\u0001"] }],
  ["ned a = 10.0.0.0/8", "ING104", { place: "statement", found: "word", word: "ned", near: "net" }],
  ["server a {}", "ING104", { place: "statement", found: "foreign", word: "server", means: "expose" }],
  ["cap 5 connections", "ING104", { place: "statement", found: "keyword", word: "cap", belongs: "clause" }],
  ["dryrun allow from any", "ING104", { place: "statement", found: "allow" }],
  ["budget { port 5 }", "ING105", { place: "bound", found: "foreign", word: "port", means: "ports" }],
  ["net a 10.0.0.0/8", "ING106", { of: "word", word: "=", near: null, found: "10.0.0.0/8", at: "found", in: "set" }],
  ["net = 10.0.0.0/8", "ING106", { of: "kind", kind: "name", found: "=", at: "found", in: "set" }],
  ["net a =", "ING106", { of: "part", part: "member", found: null, at: "file_end", near: null }],
  ['expose web on\ntest "a" {}', "ING106", { of: "part", part: "proto", found: "test", at: "line_end", near: null }],
  ["deny all", "ING106", { of: "form", form: "everyone", action: "deny", found: "all" }],
  ['test "a" {', "ING107", { before: null }],
  ["deny from any named b", "ING109", { fault: "order", clause: "named", later: "from" }],
  ["deny from any from any", "ING109", { fault: "twice", clause: "from", in: "rule" }],
  ["net a = $b", "ING115", { fault: "outside", text: "$b" }],
  ['@onwer "x"\nnet a = 10.0.0.0/8', "ING116", { fault: "unknown", annotation: "onwer", near: "owner" }],
  ["template t() {\n  net a = 10.0.0.0/8\n  cap 5 connections\n}", "ING117", { found: "clause" }],
];

data("a program reads what is wrong without reading sentences", () => {
  const [twice] = diagnosticsOf("p.ingress", 'edition 1\nexpose a on tcp 443 as tls {\n  cert "x"\n  cert "y"\n  backend 127.0.0.1:80\n  allow from any\n}\n');
  assert.equal([twice?.code, twice?.data], ["ING405", { clause: "cert", in: "expose" }]);
  const [mode] = diagnosticsOf("p.ingress", "edition 1\nexpose a on tcp 443 as tsl { backend 127.0.0.1:80 allow from any }\n");
  assert.equal([mode?.code, mode?.data], ["ING411", { mode: "tsl", fault: "unknown", guess: "tls" }]);
});

data.run();
