// The gateway's folders import each other in one direction, so that each can be read by itself.
import { posix } from "node:path";
import ts from "typescript";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sources } from "./sources.ts";

const house = suite("gateway folders");

/** Folders whose imports of each other have one direction. Add the one that you have brought in order. */
const ORDERED: ReadonlySet<string> = new Set(["cli", "methods", "control", "reload", "intents", "config", "client"]);

/** Files of the gateway's top connect everything and are in no folder. */
const folderOf = (path: string): string | null => /^gateway\/(\w+)\/[^/]+$/.exec(path)?.[1] ?? null;

/** Of each folder, those that it imports, each with a file that does. */
function imports(): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const found = new Map<string, Map<string, string>>();
  for (const { path, text } of sources(".ts", ".mjs")) {
    const from = folderOf(path);
    if (from === null || !ORDERED.has(from)) continue;
    const to = found.get(from) ?? new Map<string, string>();
    found.set(from, to);
    for (const { fileName } of ts.preProcessFile(text, true, true).importedFiles) {
      const folder = fileName.startsWith(".") ? folderOf(posix.join(posix.dirname(path), fileName)) : null;
      if (folder !== null && folder !== from && ORDERED.has(folder)) to.set(folder, path);
    }
  }
  return found;
}

/** The way back from a folder to itself, or null. */
function cycle(graph: ReadonlyMap<string, ReadonlyMap<string, string>>, way: readonly string[]): readonly string[] | null {
  const last = way.at(-1) ?? "";
  for (const next of graph.get(last)?.keys() ?? []) {
    if (next === way[0]) return [...way, next];
    const found = way.includes(next) ? null : cycle(graph, [...way, next]);
    if (found !== null) return found;
  }
  return null;
}

house("no folder imports itself by way of others", () => {
  const graph = imports();
  assert.equal([...graph.keys()].sort(), [...ORDERED].sort());
  for (const folder of ORDERED) assert.is(cycle(graph, [folder])?.join(" -> ") ?? null, null);
});

house("a cycle is found", () => {
  const graph = new Map([["a", new Map([["b", "a/x.ts"]])], ["b", new Map([["c", "b/x.ts"]])], ["c", new Map([["a", "c/x.ts"]])]]);
  assert.equal(cycle(graph, ["a"]), ["a", "b", "c", "a"]);
  graph.get("c")?.clear();
  assert.is(cycle(graph, ["a"]), null);
});

house.run();
