// The folders on the way of a connection import each other in one direction: none imports itself by way of others.
import { posix } from "node:path";
import ts from "typescript";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sources } from "./sources.ts";

const house = suite("gateway folders");

/** Each may import those before it, and no other of them. */
const ORDER = ["audit", "tls", "forward", "connection", "listen", "admit"];
/** Imports of other folders of the gateway: types, all of them. */
const TO_OTHERS = [
  // A store of certificates takes part in a change of policy.
  "tls -> reload",
  // The credentials of a socket's other side.
  "admit -> intents",
];

interface Arrow {
  readonly from: string;
  readonly to: string;
}

const files = sources(".ts").filter(({ path }) => path.startsWith("gateway/"));
const arrows: readonly Arrow[] = files.flatMap(({ path, text }) => arrowsOf(path, text));

function arrowsOf(path: string, text: string): Arrow[] {
  return ts.preProcessFile(text, true, true).importedFiles
    .filter(({ fileName }) => fileName.startsWith("."))
    .map(({ fileName }) => ({ from: path, to: posix.join(posix.dirname(path), fileName) }))
    .filter(({ to }) => to.startsWith("gateway/"));
}

/** The folder of a file; null for a file of the gateway's own folder, which belongs to none of them. */
function folderOf(path: string): string | null {
  const parts = path.split("/");
  return parts.length > 2 ? parts[1] ?? null : null;
}

/** Every folder that a file leads to, straight or by files of the gateway's own folder. */
function reached(from: string, all: readonly Arrow[], seen = new Set<string>()): readonly string[] {
  return all.filter((arrow) => arrow.from === from).flatMap(({ to }) => {
    const folder = folderOf(to);
    if (folder !== null) return [folder];
    if (seen.has(to)) return [];
    seen.add(to);
    return reached(to, all, seen);
  });
}

function wrong(path: string, all: readonly Arrow[]): readonly string[] {
  const own = folderOf(path) ?? "";
  const place = ORDER.indexOf(own);
  if (place < 0) return [];
  return [...new Set(reached(path, all))].filter((folder) => {
    const other = ORDER.indexOf(folder);
    return other < 0 ? !TO_OTHERS.includes(`${own} -> ${folder}`) : other > place;
  }).map((folder) => `${path} -> ${folder}`);
}

house("the folders are there, and each imports only those before it", () => {
  for (const folder of ORDER) assert.ok(files.some(({ path }) => folderOf(path) === folder), folder);
  assert.ok(arrows.length > 100, `only ${arrows.length} imports`);
  assert.equal(files.flatMap(({ path }) => wrong(path, arrows)), []);
});

house("an import that goes back is found, also by way of a file of the gateway's own folder", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["gateway/connection/stage.ts", "../admit/admit.ts"],
    ["gateway/tls/secure.ts", "../connection/table.ts"],
    ["gateway/audit/line.ts", "../reload/reload.ts"],
    ["gateway/clock.ts", "./connection/table.ts"],
  ];
  for (const [from, specifier] of rows) {
    const back = [...arrows, ...arrowsOf(from, `import "${specifier}";`)];
    assert.ok(files.some(({ path }) => wrong(path, back).length > 0), `${from} -> ${specifier} passes`);
  }
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

house("no function on the way of a connection has more than 80 lines", () => {
  const all = files.filter(({ path }) => ORDER.includes(folderOf(path) ?? "")).flatMap(({ path, text }) => functionsOf(path, text));
  assert.ok(all.length > 300, `only ${all.length} functions`);
  assert.equal(all.filter(([, lines]) => lines > 80), []);
  const long = `function f() {\n${"  g();\n".repeat(79)}}\n`;
  assert.equal(functionsOf("x.ts", long), [["x.ts:1", 81]]);
});

house.run();
