// Finds the line of a key in TOML text. The TOML parser gives no places, and a second parser
// would disagree with it some day, so the same parser finds them: a key begins after the longest part of
// the text, cut at a line's end, that parses and does not have the key.
import { parse, TomlError } from "smol-toml";

/** Lines that are looked through one by one where many in a row can't be cut at; beyond that no place is given. */
const MOST_TRIES = 2_000;

/** From 1; null where the text does not have the key or the line can't be found. */
export function lineOf(text: string, path: readonly string[]): number | null {
  const lines = text.split("\n");
  let tries = 0;
  /** Whether the first `count` lines have the key; null where they can't be read alone. */
  const has = (count: number): boolean | null => {
    tries++;
    try {
      return reaches(parse(`${lines.slice(0, count).join("\n")}\n`), path);
    } catch (error) {
      if (!(error instanceof TomlError)) throw error;
      return null;
    }
  };
  if (has(lines.length) !== true) return null;
  // INVARIANT: `without` lines lack the key, `within` lines have it.
  let without = 0;
  let within = lines.length;
  while (within - without > 1) {
    const middle = (without + within) >> 1;
    let cut = middle;
    let found = has(cut);
    while (found === null && cut < within - 1 && tries < MOST_TRIES) found = has(++cut);
    if (found === null) {
      for (cut = middle; found === null && cut > without + 1 && tries < MOST_TRIES;) found = has(--cut);
      // Nothing between can be cut at: one value over many lines.
      if (found === null) break;
    }
    if (found) within = cut;
    else without = cut;
  }
  if (tries >= MOST_TRIES) return null;
  for (let line = without; line < within; line++) if (!/^\s*(#|$)/.test(lines[line] ?? "")) return line + 1;
  return null;
}

function reaches(document: unknown, path: readonly string[]): boolean {
  let at = document;
  for (const part of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, part)) return false;
    at = Object.entries(at).find(([key]) => key === part)?.[1];
  }
  return true;
}
