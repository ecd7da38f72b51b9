// The tree-sitter grammar: src/parser.c compiled by gcc and read through Python's tree-sitter. Policies, those of the repository and
// random ones, have no error node and the compiler's statements; the compiler refuses a text if and only if the grammar does, but for
// what a context-free grammar can't see; and an edit leads to the tree that the new text has by itself.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.ts";
import { lex } from "../../compiler/syntax/tokens.ts";
import { parse } from "../../compiler/syntax/parse.ts";
import { RandomPolicy, writeOut } from "../compiler/random_policy.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { must, run } from "../package/packed.ts";
import { ownFolder, stallsAfter, suite } from "../suite.ts";
import { POLICIES, read, type Kind } from "./policies.ts";

const test = suite("tree-sitter");
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const GRAMMAR = here("../../docs/editors/tree-sitter/");
const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "ingressd-ci");
const WHEELS = here("tools/tree_sitter_wheels.txt");
const MODULES = join(CACHE, `tree-sitter-${/tree-sitter==([\d.]+)/.exec(readFileSync(WHEELS, "utf8"))?.[1] ?? ""}`);
/** That wrote src/parser.c: `cargo install --locked --root FOLDER tree-sitter-cli@VERSION`. */
const CLI_VERSION = "0.25.10";
const CLI = join(CACHE, `tree-sitter-cli-${CLI_VERSION}/bin/tree-sitter`);
const SEED = 20261130;
const RANDOM_POLICIES = 300;
const MUTANTS = 2_500;
const EDITS = 2_000;

interface Tree {
  readonly error: boolean;
  readonly statements: readonly (readonly [number, number])[];
  readonly captures: readonly (readonly [number, number, string])[];
}
interface Answer {
  readonly abi: number;
  readonly trees: readonly Tree[];
  readonly reparsed: number;
  readonly clean: number;
  readonly different: readonly { readonly error: boolean; readonly text: string }[];
}

const library = join(ownFolder("ingressd-tree-sitter-"), "ingress.so");

function parsed(texts: readonly string[], { captures = false, edits = 0 }: { readonly captures?: boolean; readonly edits?: number } = {}): Answer {
  const query = (name: string): string => readFileSync(join(GRAMMAR, "queries", `${name}.scm`), "utf8");
  const job = { library, highlights: query("highlights"), folds: query("folds"), texts, captures, edits, seed: SEED };
  const { status, stdout, stderr, error } = spawnSync("python3", [here("parse_trees.py")], {
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
    input: JSON.stringify(job),
    env: { ...process.env, PYTHONPATH: MODULES },
  });
  if (error !== undefined) throw error;
  assert.is(status, 0, stderr);
  return JSON.parse(stdout) as Answer;
}

test.before(() => {
  if (!existsSync(join(MODULES, "tree_sitter"))) {
    must("python3", [
      "-m",
      "pip",
      "install",
      "--quiet",
      "--no-deps",
      "--only-binary",
      ":all:",
      "--require-hashes",
      "--upgrade",
      "--target",
      MODULES,
      "-r",
      WHEELS,
    ]);
  }
  must("gcc", ["-std=c11", "-O1", "-shared", "-fPIC", "-Wall", "-Werror", "-I", join(GRAMMAR, "src"), "-o", library, join(GRAMMAR, "src/parser.c")]);
});

/** From UTF-16 units to bytes. */
const bytes = (text: string, offset: number): number => Buffer.byteLength(text.slice(0, offset));

function randomPolicies(count: number): readonly string[] {
  const c = chance(SEED);
  return Array.from({ length: count }, () => writeOut(c, new RandomPolicy(c).words(), true));
}

const CAPTURE: Readonly<Record<Kind, string>> = {
  keyword: "keyword",
  text: "string",
  comment: "comment",
  number: "constant.numeric",
  address: "constant",
  parameter: "variable.parameter",
};

test("policies have no error node, the compiler's statements, and each word the colour of its kind", () => {
  stallsAfter(120_000);
  const all = [...POLICIES.map(({ path, text }) => ({ path, text })), ...randomPolicies(RANDOM_POLICIES).map((text, i) => ({ path: `random ${i}`, text }))];
  const whole = all.map((p) => ({ ...p, ...read(p.text) })).filter((p) => p.whole);
  assert.ok(whole.length > RANDOM_POLICIES + 100, `${whole.length}`);
  const { abi, trees } = parsed(
    whole.map(({ text }) => text),
    { captures: true },
  );
  assert.is(abi, 14);
  assert.equal(
    whole.filter((_, i) => trees[i]?.error !== false).map(({ path, text }) => (path.startsWith("random") ? text : path)),
    [],
  );
  const wrong = whole.flatMap(({ path, text, pieces }, i) => {
    const captures = new Map(trees[i]?.captures.map(([start, end, name]) => [`${start} ${end}`, name]));
    return pieces.flatMap(({ kind, start, end }) => {
      const last = text.charAt(end) === "\r" && kind === "comment" ? end + 1 : end;
      const name = captures.get(`${bytes(text, start)} ${bytes(text, last)}`);
      return name === CAPTURE[kind] ? [] : [`${path}: ${text.slice(start, end)}: ${kind} is ${name ?? "nothing"}`];
    });
  });
  assert.equal(wrong, []);
  for (const [i, { path, text, statements }] of whole.entries()) {
    const tree = trees[i];
    assert.equal(
      tree?.statements,
      statements.map(({ start, end }) => [bytes(text, start), bytes(text, end)]),
      path,
    );
    const places = (tree?.captures ?? []).map(([start, end, name]) => ({ place: `${start} ${end}`, name }));
    assert.is(
      new Set(places.map(({ place }) => place)).size,
      new Set(places.map(({ place, name }) => `${place} ${name}`)).size,
      `${path}: two captures of one word`,
    );
  }
  console.log(
    `${whole.length} policies, ${whole.reduce((n, { statements }) => n + statements.length, 0)} statements, ${whole.reduce((n, p) => n + p.pieces.length, 0)} words`,
  );
});

/** A policy with one word removed, doubled, moved, or replaced by another one of it. */
function mutant(c: Chance, text: string): string {
  const { tokens } = lex(text);
  const words = tokens.map(({ startOffset, endOffset }) => text.slice(startOffset, (endOffset ?? startOffset) + 1));
  const at = c.below(words.length);
  const other = c.below(words.length);
  const word = words[at] ?? "";
  switch (c.below(4)) {
    case 0:
      words.splice(at, 1);
      break;
    case 1:
      words.splice(at, 0, word);
      break;
    case 2:
      words[at] = words[other] ?? "";
      words[other] = word;
      break;
    default:
      words[at] = words[other] ?? "";
  }
  return words.join(" ");
}

/** Faults that a context-free grammar can't see; docs/editors.md names them. */
function isBeyond({ code, data, message }: Diagnostic): boolean {
  if (code === "ING115") return true;
  const { of, part } = (data as { readonly of?: string; readonly part?: string } | null) ?? {};
  return of === "form" || (of === "part" && (part === "proxy" || part === "amplify")) || /^expected a member of the set, found `(?:allow|deny)`$/.test(message);
}

test("the compiler refuses a text if and only if the grammar does", () => {
  stallsAfter(120_000);
  const c = chance(SEED + 1);
  const whole = [...POLICIES.map(({ text }) => text), ...randomPolicies(60)].filter(
    (text) => parse({ path: "p.ingress", text }).whole && lex(text).tokens.length > 0,
  );
  const texts = [...POLICIES.map(({ text }) => text), ...Array.from({ length: MUTANTS }, () => mutant(c, c.pick(whole)))];
  const { trees } = parsed(texts);
  let [refused, unseen] = [0, 0];
  const different = texts.flatMap((text, i) => {
    const { whole: isWhole, diagnostics } = parse({ path: "p.ingress", text });
    const said = diagnostics.map((d) => `${d.code} ${d.message}`).join("; ");
    if (isWhole) return trees[i]?.error === false ? [] : [`refused by the grammar alone: ${text}`];
    refused++;
    if (trees[i]?.error === true) return [];
    unseen++;
    return diagnostics.some(isBeyond) ? [] : [`refused by the compiler alone: ${said}\n${text}`];
  });
  console.log(`${texts.length} texts, ${refused} of them refused by the compiler, ${unseen} of these not by the grammar`);
  assert.equal(different, []);
  assert.ok(refused > MUTANTS / 2 && unseen < refused / 50, `${refused} ${unseen}`);
});

test("an edit leads to the tree that the new text has by itself", () => {
  stallsAfter(120_000);
  const { reparsed, clean, different } = parsed([...POLICIES.map(({ text }) => text), ...randomPolicies(20)], { edits: EDITS });
  console.log(`${reparsed} edits, ${clean} of them to a text without an error`);
  assert.ok(reparsed >= EDITS);
  assert.ok(clean > EDITS / 10, `${clean}`);
  assert.equal(different, []);
});

// It takes minutes to compile, so only where docs/editors.md had it installed. tree_sitter_generated.test.ts compares hashes everywhere.
if (existsSync(CLI)) {
  test("src/parser.c is what the grammar generates", () => {
    const folder = ownFolder("ingressd-tree-sitter-");
    for (const name of ["grammar.js", "package.json"]) copyFileSync(join(GRAMMAR, name), join(folder, name));
    mkdirSync(join(folder, "src"));
    must(CLI, ["generate", "--abi", "14"], { cwd: folder, env: { HOME: folder } });
    assert.is(run("diff", ["-r", "--brief", join(folder, "src"), join(GRAMMAR, "src")]).out, "");
  });
} else console.log(`tree-sitter-cli ${CLI_VERSION} is not installed, so src/ is not generated anew`);

test.run();
