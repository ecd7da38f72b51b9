// The TextMate grammar, run by VS Code's own libraries: the scopes of one policy with every clause in a golden file, of words
// that only look like others in a table, and of every word of every policy against what the compiler reads.
//
// `INGRESSD_GOLDEN=write` writes the golden file.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { must } from "../package/packed.ts";
import { POLICIES, read, type Kind } from "./policies.ts";

const TOOLS = fileURLToPath(new URL("tools/", import.meta.url));
const GOLDEN = fileURLToPath(new URL("golden/every_clause.scopes.txt", import.meta.url));
const SYNTAXES = fileURLToPath(new URL("../../docs/editors/vscode/syntaxes/", import.meta.url));

/** The part of the two libraries that is used. */
interface Oniguruma {
  readonly loadWASM: (bytes: Uint8Array) => Promise<void>;
  readonly OnigScanner: new (patterns: string[]) => object;
  readonly OnigString: new (text: string) => object;
}
interface ScopedToken {
  readonly startIndex: number;
  readonly endIndex: number;
  readonly scopes: readonly string[];
}
interface Grammar {
  readonly tokenizeLine: (
    line: string,
    stack: unknown,
  ) => { readonly tokens: readonly ScopedToken[]; readonly ruleStack: unknown; readonly stoppedEarly: boolean };
}
interface TextMate {
  readonly INITIAL: unknown;
  readonly parseRawGrammar: (text: string, path: string) => object;
  readonly Registry: new (options: object) => { readonly loadGrammar: (scope: string) => Promise<Grammar | null> };
}

/** With offsets in the whole text; the grammar's own scope is left out. */
interface Scoped {
  readonly start: number;
  readonly end: number;
  readonly scope: string;
}

const test = suite("TextMate grammar");
let scopesOf: (text: string) => readonly Scoped[] = () => [];

test.before(async () => {
  if (!existsSync(join(TOOLS, "node_modules/vscode-textmate"))) must("npm", ["ci", "--ignore-scripts", "--prefer-offline"], { cwd: TOOLS });
  const require = createRequire(join(TOOLS, "package.json"));
  const onig = require(join(TOOLS, "node_modules/vscode-oniguruma")) as Oniguruma;
  const textMate = require(join(TOOLS, "node_modules/vscode-textmate")) as TextMate;
  await onig.loadWASM(readFileSync(join(TOOLS, "node_modules/vscode-oniguruma/release/onig.wasm")));
  const path = join(SYNTAXES, "ingress.tmLanguage.json");
  const registry = new textMate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns: string[]) => new onig.OnigScanner(patterns),
      createOnigString: (text: string) => new onig.OnigString(text),
    }),
    loadGrammar: (scope: string) => Promise.resolve(scope === "source.ingress" ? textMate.parseRawGrammar(readFileSync(path, "utf8"), path) : null),
  });
  const grammar = await registry.loadGrammar("source.ingress");
  if (grammar === null) throw new Error("the grammar was not loaded");
  scopesOf = (text) => {
    let stack = textMate.INITIAL;
    let offset = 0;
    return text.split("\n").flatMap((line) => {
      const at = offset;
      offset += line.length + 1;
      const { tokens, ruleStack, stoppedEarly } = grammar.tokenizeLine(line.replace(/\r$/, ""), stack);
      if (stoppedEarly) throw new Error(`line ${line} took too long`);
      stack = ruleStack;
      return tokens.map(({ startIndex, endIndex, scopes }) => ({ start: at + startIndex, end: at + endIndex, scope: scopes.slice(1).join(" ") }));
    });
  };
});

/** The scope of a stretch, if it has one alone from its first character to its last. */
function scopeAt(scopes: readonly Scoped[], start: number, end: number): string | null {
  const found = scopes.find((s) => s.start === start);
  return found !== undefined && found.end === end ? found.scope : null;
}

const SCOPE: Readonly<Record<Kind, RegExp>> = {
  keyword: /^keyword\.(?:control|other|operator\.set)\b/,
  text: /^string\.quoted\.double\.ingress$/,
  comment: /^comment\.line\.number-sign\.ingress$/,
  number: /^constant\.numeric\.(?!address)/,
  address: /^constant\.numeric\.address\./,
  parameter: /^variable\.parameter\.ingress$|^entity\.name\./,
};

test("every word of every policy has a scope of its kind", () => {
  const counts = new Map<Kind, number>();
  const wrong = POLICIES.flatMap(({ path, text }) => {
    const { whole, pieces } = read(text);
    if (!whole) return [];
    const scopes = scopesOf(text);
    return pieces.flatMap(({ kind, start, end }) => {
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      const scope = scopeAt(scopes, start, end);
      return scope !== null && SCOPE[kind].test(scope) ? [] : [`${path}:${start} ${text.slice(start, end)}: ${kind} has ${scope ?? "several scopes"}`];
    });
  });
  assert.equal(wrong, []);
  console.log([...counts].map(([kind, n]) => `${n} ${kind}`).join(", "));
  for (const kind of Object.keys(SCOPE) as Kind[]) assert.ok((counts.get(kind) ?? 0) >= 10, `only ${counts.get(kind) ?? 0} of ${kind}`);
});

test("in a broken policy, too, comments and texts are what they are", () => {
  let seen = 0;
  for (const { path, text } of POLICIES) {
    const { whole, pieces } = read(text);
    // Quotes and comments of other languages are read as what they were meant for.
    if (whole || /['`\u2018-\u201f]|\/[/*]/.test(text)) continue;
    const scopes = scopesOf(text);
    for (const { kind, start, end } of pieces.filter(
      (p) => p.kind === "comment" || (p.kind === "text" && text.charAt(p.end - 1) === '"' && p.end - p.start > 1),
    )) {
      seen++;
      assert.match(scopeAt(scopes, start, end) ?? "several scopes", SCOPE[kind], `${path}:${start} ${text.slice(start, end)}`);
    }
  }
  assert.ok(seen > 100, `${seen}`);
});

/** The scope of each word where it appears first, without `.ingress`. */
const ROWS: readonly (readonly [text: string, words: Readonly<Record<string, string>>])[] = [
  ["net web-net = net.web", { "web-net": "entity.name.type.set", "net.web": "variable.other" }],
  ["net from = any", { net: "keyword.control.statement", from: "entity.name.type.set", any: "support.constant.net" }],
  ['hosts h = "# no comment" # "no text"', { '"# no comment"': "string.quoted.double", '# "no text"': "comment.line.number-sign" }],
  ['test "open {', { test: "keyword.control.statement", '"open {': "invalid.illegal.unclosed" }],
  ["10.0.0.0/8, 10.0.0.1:80, 2001:db8::/32, [::1]:80", { "10.0.0.0/8": "constant.numeric.address.ipv4", "10.0.0.1:80": "constant.numeric.address.ipv4" }],
  ["2001:db8::/32 [::1]:80", { "2001:db8::/32": "constant.numeric.address.ipv6", "[::1]:80": "constant.numeric.address.ipv6" }],
  ["10.0.0 1.2.3.4.5 ::ffff", { "10.0.0": "constant.other.literal", "1.2.3.4.5": "constant.other.literal", "::ffff": "constant.numeric.address.ipv6" }],
  ["200/s 6/30s /24 443 9500-9509 10s 5x", { "200/s": "constant.numeric.rate", "6/30s": "constant.numeric.rate", "/24": "constant.numeric.prefix-length" }],
  [
    "443 9500-9509 10s 5x",
    { "443": "constant.numeric.integer", "9500-9509": "constant.numeric.range", "10s": "constant.numeric.duration", "5x": "constant.other.literal" },
  ],
  ["until 2027-03-01T00:00Z", { until: "keyword.other.rule", "2027-03-01T00:00Z": "constant.other.time" }],
  ['@why "x" expose', { why: "entity.name.decorator", '"x"': "string.quoted.double", expose: "keyword.control.statement" }],
  ['@lint off ING823 "x"', { lint: "entity.name.decorator", off: "entity.name.decorator", ING823: "constant.other.code" }],
  ["expose web on tcp 443 as mtls {", { web: "entity.name.function.expose", tcp: "keyword.other", as: "keyword.other", mtls: "constant.language.mode" }],
  ["} deny sni site", { deny: "keyword.other.clause", sni: "keyword.other.rule", site: "variable.other" }],
  ["=> deny sni", { "=>": "keyword.operator.arrow", deny: "keyword.other.clause", sni: "constant.language.reason" }],
  ["allow 400, deny rate 100", { rate: "constant.language.reason", "100": "constant.numeric.integer" }],
  ["to tcp 443", { to: "keyword.other", tcp: "keyword.other" }],
  ["to from => allow", { from: "variable.other", "=>": "keyword.operator.arrow" }],
  ["template t($a, $b)", { t: "entity.name.function.template", $a: "variable.parameter", $b: "variable.parameter" }],
  ["use nets.team(1)", { "nets.team": "entity.name.function.template", "1": "constant.numeric.integer" }],
  ["exposed allowed Expose ALLOW", { exposed: "variable.other", allowed: "variable.other", Expose: "variable.other", ALLOW: "variable.other" }],
  ["allow-from from.allow", { "allow-from": "variable.other", "from.allow": "variable.other" }],
];

for (const [text, words] of ROWS) {
  test(text, () => {
    const scopes = scopesOf(text);
    for (const [word, scope] of Object.entries(words)) {
      const start = ` ${text}`.search(new RegExp(`(?<=[ (@])${word.replace(/[$.*+?^{}()|[\]\\/]/g, "\\$&")}(?![\\w.-])`)) - 1;
      assert.is(scopeAt(scopes, start, start + word.length), `${scope}.ingress`, `${word}: ${JSON.stringify(scopes)}`);
    }
  });
}

test("the scopes of a policy with every clause", () => {
  const { text } = POLICIES.find(({ path }) => path === "tests/compiler/texts/every_clause.ingress") ?? { text: "" };
  const shown = scopesOf(text)
    .filter(({ start, end }) => text.slice(start, end).trim() !== "")
    .map(({ start, end, scope }) => `${text.slice(0, start).split("\n").length} ${text.slice(start, end)} : ${scope}\n`)
    .join("");
  if (process.env["INGRESSD_GOLDEN"] === "write") writeFileSync(GOLDEN, shown);
  assert.fixture(shown, readFileSync(GOLDEN, "utf8"));
});

test.run();
