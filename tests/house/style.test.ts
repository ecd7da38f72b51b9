// Style rules for names, sizes and text that are cheap to check.
import ts from "typescript";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sources } from "./sources.ts";

const house = suite("style");
const code = sources(".ts", ".mjs");
/** Generated files may have any length. */
const WRITTEN = "gateway/control/validators.mjs";
const product = code.filter((f) => !f.path.startsWith("tests/") && f.path !== WRITTEN);
const all = sources(".ts", ".mjs", ".js", ".json", ".md", ".ingress", ".toml", ".txt", ".sh", ".capnp", "/run").filter((f) => f.path !== "package-lock.json");

const linesOf = (text: string): number => text.split("\n").length - 1;

house("no file has a generic name", () => {
  const bad = code.filter((f) => /(^|\/)(index|utils?|helpers?|common|types|misc|shared)(\/|\.\w+$)/.test(f.path));
  assert.equal(
    bad.map((f) => f.path),
    [],
  );
});

/** Names that other programs determine: a command, a header of wasm2c, a file of npm, a version of a specification, files of an editor. */
const OTHER_NAMES = new Set([
  "ingress-guard.mjs",
  "wasm-rt.h",
  "package-lock.json",
  "abi-filter-v2.md",
  "Cargo.toml",
  "ingress.tmLanguage.json",
  "language-configuration.json",
  "node-types.json",
]);

const isNamed = (path: string): boolean => {
  const name = path.split("/").at(-1) ?? "";
  if (path.startsWith("docs/decisions/")) return /^\d{4}(-[a-z0-9]+)+\.md$|^README\.md$/.test(name);
  // Documents that readers expect in capitals, and settings of tools.
  return OTHER_NAMES.has(name) || /^\.?[a-z0-9_]+(\.[a-z0-9_]+)*$/.test(name) || /^[A-Z]+\.md$/.test(name);
};

house("files have one form of name, snake_case", () => {
  assert.equal(
    all.map(({ path }) => path).filter((path) => !isNamed(path)),
    [],
  );
  for (const path of ["gateway/tlsEnd.ts", "gateway/tls-end.ts", "gateway/Tls.ts", "docs/Upgrading.md", "docs/decisions/27.md", "docs/decisions/0027_x.md"])
    assert.not(isNamed(path), path);
});

house("files stay small", () => {
  const sizes = product.map((f) => ({ path: f.path, lines: linesOf(f.text) }));
  assert.equal(
    sizes.filter((s) => s.lines > 500).map((s) => `${s.path}: ${s.lines} lines`),
    [],
  );
  const median = sizes.map((s) => s.lines).sort((a, b) => a - b)[Math.floor(sizes.length / 2)] ?? 0;
  assert.ok(median <= 140, `the median file has ${median} lines`);
});

/** Of each function, by place: its name and how many lines it has. */
function functionsOf(path: string, text: string): readonly (readonly [place: string, lines: number])[] {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const lineOf = (at: number): number => file.getLineAndCharacterOfPosition(at).line;
  const found: [string, number][] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node)) found.push([`${path}:${lineOf(node.getStart()) + 1}`, lineOf(node.end) - lineOf(node.getStart()) + 1]);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

house("no function has more than 80 lines", () => {
  const functions = product.flatMap(({ path, text }) => functionsOf(path, text));
  assert.ok(functions.length > 2_000, `only ${functions.length} functions`);
  assert.equal(
    functions.filter(([, lines]) => lines > 80),
    [],
  );
});

house("the top level has only the agreed folders", () => {
  const rooms = new Set(["compiler", "clients", "crates", "runtime", "gateway", "policies", "schemas", "tests", "docs", "scripts", ".ci"]);
  const tops = new Set(all.filter((f) => f.path.includes("/")).map((f) => f.path.split("/")[0] ?? ""));
  assert.equal(
    [...tops].filter((t) => !rooms.has(t)),
    [],
  );
});

/** Patterns that a reviewer would reject; the first line with one is shown. */
const words: readonly { readonly name: string; readonly found: RegExp }[] = [
  { name: "work left open", found: /\b(TODO|FIXME|XXX|HACK)\b/ },
  { name: "as unknown as", found: /\bas unknown as\b/ },
  { name: "a compiler check switched off", found: /@ts-(ignore|nocheck)(?!: decorator)/ },
  { name: "a lint rule switched off without its reason", found: /eslint-disable(?!-next-line [\w/@-]+ -- \w)/ },
  { name: "a barrel", found: /^export \* from/m },
  { name: "a default export", found: /^export default/m },
  { name: "a catch that continues silently", found: /catch *(\([^)]*\))? *\{ *\}/ },
];

house("no code has a forbidden pattern", () => {
  const found = code
    .filter((f) => f.path !== "tests/house/style.test.ts" && f.path !== "tests/house/runner.test.ts")
    .flatMap((f) => words.filter((w) => w.found.test(f.text)).map((w) => `${f.path}: ${w.name}`));
  assert.equal(found, []);
});

house("the project contains no machine paths", () => {
  const path = new RegExp(`(?:^|[^\\w.$}])/(?:${["work", "root", "home", "farm"].join("|")})/\\w`, "m");
  assert.equal(
    all.filter((f) => path.test(f.text)).map((f) => f.path),
    [],
  );
});

house("text ends with one line end and has no trailing blanks", () => {
  const ragged = code.filter((f) => !/[^\n]\n$/.test(f.text) || /[ \t]+$/m.test(f.text) || f.text.includes("\r"));
  assert.equal(
    ragged.map((f) => f.path),
    [],
  );
});

house("every suite that a test makes is run", () => {
  const tests = code.filter((f) => f.path.endsWith(".test.ts") && !f.path.startsWith("tests/house/"));
  const short = tests.filter((f) => (f.text.match(/= suite(<[^(]*>)?\(/g) ?? []).length !== (f.text.match(/^\s*\w+\.run\(\);$/gm) ?? []).length);
  assert.equal(
    short.map((f) => f.path),
    [],
  );
});

/** The time limit of a test and its closings. */
const LIMITS = "tests/suite.ts";

house("no test sleeps", () => {
  const sleepers = code
    .filter((f) => f.path.startsWith("tests/") && !f.path.startsWith("tests/bench/") && /timers\/promises|setTimeout\(\s*(resolve|done|r)\b/.test(f.text))
    .map((f) => f.path)
    .filter((p) => p !== "tests/house/style.test.ts" && p !== LIMITS);
  assert.equal(sleepers, []);
});

house("folders open with their role", () => {
  const headless = product.filter((f) => f.path.endsWith(".ts") && !/^(\/\/|\/\*\*|#!)/.test(f.text));
  assert.equal(
    headless.map((f) => f.path),
    [],
  );
});

house.run();
