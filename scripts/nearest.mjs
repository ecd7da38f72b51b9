// Which files import a changed one, and in which order tests are worth running after a change (`npm run ok`).
import { posix } from "node:path";

/** `from "./x.ts"`, `import "./x.ts"`, `import("./x.ts")`. */
const IMPORTS = /(?:from|import)\s*\(?\s*"(\.{1,2}\/[^"\n]+)"/g;
/** A module of JavaScript has its types beside it. */
const sourceOf = (path) => path.replace(/\.d\.mts$/, ".mjs");
/** The seconds assumed for a file whose time is not known. */
const UNKNOWN = 2;

/**
 * The files that import each file directly.
 * @param {readonly string[]} files paths in the project
 * @param {(path: string) => string} read
 * @returns {Map<string, Set<string>>}
 */
export function importersOf(files, read) {
  const importers = new Map(files.map((path) => [path, new Set()]));
  for (const path of files) {
    for (const [, specifier] of read(path).matchAll(IMPORTS)) {
      const imported = posix.join(posix.dirname(path), specifier);
      importers.get(imported)?.add(path);
    }
  }
  for (const path of files) {
    const source = sourceOf(path);
    if (source !== path && importers.has(source)) importers.set(path, importers.get(source));
  }
  return importers;
}

/** How many imports lead from each file to one of `changed`, at least; 0 for these. */
function distances(changed, importers) {
  const found = new Map(changed.map((path) => [path, 0]));
  for (const [path, distance] of found) for (const next of importers.get(path) ?? []) if (!found.has(next)) found.set(next, distance + 1);
  return found;
}

const stemOf = (path) => posix.basename(path).replace(/\..*$/, "");

/**
 * The test files to run after a change, the first one first: changed ones, `always`, then those that import a changed
 * file or have its name, then the others of `parts` by the number of imports that lead to the change. Of equal ones the
 * quicker one is first.
 * @param {{ changed: readonly string[], importers: Map<string, Set<string>>, times: Record<string, number>,
 *   always: readonly string[], tests: readonly string[], parts: readonly string[] }} given
 * @returns {string[]}
 */
export function nearest({ changed, importers, times, always, tests, parts }) {
  const found = distances(changed, importers);
  const stems = new Set(changed.map(stemOf));
  const rank = (path) => {
    if (changed.includes(path)) return 0;
    if (always.includes(path)) return 0.5;
    return stems.has(stemOf(path)) ? 1 : (found.get(path) ?? Infinity);
  };
  const isChosen = (path) => rank(path) <= 1 || parts.some((part) => path.includes(part));
  const byTime = (a, b) => (times[a] ?? UNKNOWN) - (times[b] ?? UNKNOWN) || (a < b ? -1 : 1);
  return tests.filter(isChosen).sort((a, b) => (rank(a) === rank(b) ? byTime(a, b) : rank(a) - rank(b)));
}
