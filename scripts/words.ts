// Counts the private words of docs/glossary.md in documents, comments, messages and names, per folder.
// `npm run words` fails where a folder has more of them than tests/house/words.txt allows, and shows the places;
// `npm run words -- FOLDER` shows the places of one folder; `--lower` writes the lower numbers. No number is ever raised.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";
import { ALLOWED, PRIVATE, SENTENCES } from "./words_list.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const RATCHET = join(ROOT, "tests/house/words.txt");

export interface Place {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** The word, or the name of the kind of sentence. */
  readonly word: string;
  /** The text around it. */
  readonly text: string;
}

/** A stretch of a file that people read. */
interface Piece {
  readonly line: number;
  readonly text: string;
  /** A name has words and no sentences. */
  readonly prose: boolean;
}

const blank = (text: string): string => text.replace(/[^\n]/g, " ");

/** The text without the uses on the allow list. */
function withoutAllowed(text: string): string {
  return ALLOWED.reduce((rest, { use }) => rest.replace(use, blank), text);
}

function faultsOf(path: string, { line, text, prose }: Piece): readonly Place[] {
  const rest = withoutAllowed(text);
  const at = (index: number, word: string): Place => ({
    path,
    word,
    line: line + rest.slice(0, index).split("\n").length - 1,
    text: text
      .slice(Math.max(0, index - 50), index + 60)
      .replace(/\s+/g, " ")
      .trim(),
  });
  const words = [...rest.matchAll(PRIVATE)].map((m) => at(m.index, m[0].toLowerCase()));
  const sentences = prose ? SENTENCES.flatMap(({ name, found }) => [...rest.matchAll(found)].map((m) => at(m.index, name))) : [];
  return [...words, ...sentences].sort((a, b) => a.line - b.line);
}

/** `waitsForAddress` and `WAITS_FOR` have the words of a sentence. */
const spaced = (name: string): string => name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").replace(/_/g, " ");

/** A document without its blocks, its code and the targets of its links: those show what programs print and read. */
export function proseOf(markdown: string): string {
  return (
    markdown
      .replace(/^(```+)[^]*?^\1/gm, blank)
      .replace(/<!--[^]*?-->/g, blank)
      // Titles of tests, behind the test's path.
      .replace(/(?<=`:\s+|",\s+)"[^"]*"/g, blank)
      .replace(/``[^`]+``|`[^`\n]+`/g, (code) => "`".padEnd(code.length - 1, "x") + "`")
      .replace(/\]\([^)\n]*\)/g, blank)
  );
}

function paragraphs(markdown: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let start = 1;
  for (const block of proseOf(markdown).split(/\n(?=\n|#|\s*[-*] |\s*\d+\. |\|)/)) {
    // A heading and a cell of a table need no sentence.
    pieces.push({ line: start, text: block, prose: !/^\n?\s*[#|]/.test(block) });
    start += block.split("\n").length;
  }
  return pieces;
}

const marks = (comment: string): string => comment.replace(/^\s*(\/\/+|\/\*+|\*\/|\*|#)/gm, blank).replace(/\*\/$/, blank);

/** The name that a node declares; an import, an access and a shorthand declare none. */
function declared(node: ts.Node): ts.Identifier | null {
  if (ts.isPropertyAccessExpression(node) || ts.isImportSpecifier(node) || ts.isImportClause(node) || ts.isShorthandPropertyAssignment(node)) return null;
  if (ts.isBindingElement(node) && node.propertyName === undefined && node.dotDotDotToken === undefined) return null;
  return "name" in node && typeof node.name === "object" && node.name !== null && ts.isIdentifier(node.name as ts.Node) ? (node.name as ts.Identifier) : null;
}

/** Comments (lines that follow each other are one), texts and names of TypeScript and JavaScript. */
function piecesOfCode(path: string, text: string): readonly Piece[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, false);
  const lineOf = (at: number): number => source.getLineAndCharacterOfPosition(at).line + 1;
  const pieces: Piece[] = [];
  const comments = new Map<number, number>();
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    for (const range of [...(ts.getLeadingCommentRanges(text, node.pos) ?? []), ...(ts.getTrailingCommentRanges(text, node.end) ?? [])])
      comments.set(range.pos, range.end);
    const name = declared(node);
    if (name !== null && !names.has(name.text)) {
      // A name counts once per file, where it is declared; its uses change with it.
      pieces.push({ line: lineOf(name.end), text: spaced(name.text), prose: false });
      names.add(name.text);
    } else if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddle(node) || ts.isTemplateTail(node)) {
      // Texts without a blank are values, except where one is a file's name or an option.
      if (/\s/.test(node.text.trim())) pieces.push({ line: lineOf(node.getStart(source)), text: node.text.replace(/`[^`\n]+`/g, blank), prose: false });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  let last: { start: number; end: number } | null = null;
  const joined: { start: number; end: number }[] = [];
  for (const [start, end] of [...comments].sort(([a], [b]) => a - b)) {
    if (last !== null && /^\s*$/.test(text.slice(last.end, start)) && lineOf(start) === lineOf(last.end) + 1) last.end = end;
    else joined.push((last = { start, end }));
  }
  for (const { start, end } of joined) {
    const comment = marks(text.slice(start, end)).replace(/`[^`\n]+`/g, (code) => "`".padEnd(code.length - 1, "x") + "`");
    pieces.push({ line: lineOf(start), text: comment, prose: true });
  }
  return pieces;
}

/** Other languages: every line, names split into words. */
const piecesOfText = (text: string): readonly Piece[] => [{ line: 1, text: spaced(text), prose: false }];

/** The private words of one file, in order. */
export function placesOf(path: string, text: string): readonly Place[] {
  const pieces =
    path.endsWith(".md") ? paragraphs(text)
    : /\.(ts|mjs|js)$/.test(path) ? piecesOfCode(path, text)
    : piecesOfText(text);
  return pieces.flatMap((piece) => faultsOf(path, piece)).sort((a, b) => a.line - b.line);
}

/** Names the words themselves, or was written by a machine. */
const LEFT_OUT = new Set([
  "node_modules",
  ".git",
  "build",
  "dist",
  "target",
  "scripts/words_list.ts",
  "docs/glossary.md",
  "gateway/control/validators.mjs",
  "docs/editors/tree-sitter/src",
  "tests/house/words.test.ts",
  "tests/house/words.txt",
]);
const ENDINGS = /\.(md|ts|mjs|js|py|go|rs|c|h|sh|toml|service|ingress)$/;

function walk(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (LEFT_OUT.has(entry.name) || LEFT_OUT.has(path)) return [];
    if (entry.isDirectory()) return walk(path);
    return entry.isFile() && ENDINGS.test(entry.name) ? [path] : [];
  });
}

/** The folders that are counted; a file belongs to the first that fits. A move inside one changes no number. */
const FOLDERS = [
  "compiler/cli",
  "compiler",
  "gateway",
  "runtime/guard",
  "runtime/host",
  "runtime/shell",
  "runtime/engine",
  "runtime/os",
  "runtime",
  "clients",
  "policies",
  "scripts",
  "docs/decisions",
  "docs/how_to",
  "docs/deploy",
  "docs/security",
  "docs",
  "tests",
];

export function folderOf(path: string): string {
  return FOLDERS.find((folder) => path.startsWith(`${folder}/`)) ?? path;
}

/** Every private word of the project. */
export function allPlaces(): readonly Place[] {
  return walk("").flatMap((path) => placesOf(path, readFileSync(join(ROOT, path), "utf8")));
}

export function countsOf(places: readonly Place[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { path } of places) counts.set(folderOf(path), (counts.get(folderOf(path)) ?? 0) + 1);
  return counts;
}

/** The most that each folder may have; one that is not listed may have none. */
export function allowance(): ReadonlyMap<string, number> {
  const lines = readFileSync(RATCHET, "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const [count = "0", folder = ""] = line.split(" ");
      return [folder, Number(count)];
    }),
  );
}

/** Folders that have more than they may, with both numbers. */
export function over(counts: ReadonlyMap<string, number>, may: ReadonlyMap<string, number>): readonly string[] {
  return [...counts].flatMap(([folder, count]) =>
    count > (may.get(folder) ?? 0) ? [`${folder}: ${count} private words, at most ${may.get(folder) ?? 0}: \`npm run words -- ${folder}\` shows them`] : [],
  );
}

function lower(counts: ReadonlyMap<string, number>): void {
  const head = readFileSync(RATCHET, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("#"));
  const rows = [...allowance()].map(([folder, most]): readonly [string, number] => [folder, Math.min(most, counts.get(folder) ?? 0)]);
  const left = rows.filter(([, most]) => most > 0).map(([folder, most]) => `${most} ${folder}`);
  writeFileSync(RATCHET, [...head, ...left, ""].join("\n"));
}

const show = (places: readonly Place[]): void => places.forEach((p) => console.log(`${p.path}:${p.line}: ${p.word}: ${p.text}`));

function main(argv: readonly string[]): number {
  const places = allPlaces();
  const counts = countsOf(places);
  if (argv.includes("--lower")) lower(counts);
  const folders = argv.filter((word) => !word.startsWith("--"));
  if (folders.length > 0) {
    const shown = places.filter(({ path }) => folders.some((folder) => path === folder || path.startsWith(`${folder}/`)));
    show(shown);
    return shown.length === 0 ? 0 : 1;
  }
  const may = allowance();
  for (const [folder, count] of [...counts].sort()) console.log(`${String(count).padStart(5)} of ${String(may.get(folder) ?? 0).padStart(5)}  ${folder}`);
  const failures = over(counts, may);
  show(places.filter(({ path }) => failures.some((f) => f.startsWith(`${folderOf(path)}: `))));
  failures.forEach((f) => console.error(f));
  return failures.length === 0 ? 0 : 1;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) process.exitCode = main(process.argv.slice(2));
