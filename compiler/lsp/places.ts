// The places of a tree, each once, to move them when the text before them changes.
import type { SourceFile } from "../source/source.ts";

/** A Span of a tree that belongs to an edited text, which alone may move it. */
export interface Place {
  file: SourceFile;
  start: number;
  end: number;
}

/** All places in nodes and diagnostics, by identity: nodes share some. */
export function placesIn(root: unknown): readonly Place[] {
  const found = new Set<Place>();
  const open: unknown[] = [root];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (Array.isArray(next)) {
      for (const item of next as readonly unknown[]) if (typeof item === "object" && item !== null) open.push(item);
    } else if (isPlace(next)) found.add(next);
    else if (typeof next === "object" && next !== null) {
      for (const value of Object.values(next)) if (typeof value === "object" && value !== null) open.push(value);
    }
  }
  return [...found];
}

function isPlace(value: unknown): value is Place {
  return (
    typeof value === "object" &&
    value !== null &&
    "file" in value &&
    "start" in value &&
    "end" in value &&
    typeof value.start === "number" &&
    typeof value.file === "object"
  );
}
