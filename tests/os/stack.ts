// The maximum stack use of calls into the host: the longest path in gcc's call graph with the frame size of each
// function (-fcallgraph-info=su). Throws for a cycle or a frame without a fixed size.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Frame size assumed for functions that were not compiled here, which are leaf functions of libgcc. */
const LEAF_BYTES = 64;

interface Graph {
  readonly frames: ReadonlyMap<string, number>;
  readonly calls: ReadonlyMap<string, readonly string[]>;
}

const INDIRECT = "__indirect_call";

/** The call graph from all `.ci` files of a folder whose names begin with `prefix`. */
export function callGraph(folder: string, prefix: string): Graph {
  const frames = new Map<string, number>();
  const calls = new Map<string, string[]>();
  for (const name of readdirSync(folder).filter((n) => n.startsWith(prefix) && n.endsWith(".ci"))) {
    for (const line of readFileSync(join(folder, name), "utf8").split("\n")) {
      const [, title, bytes, kind] = /^node: \{ title: "([^"]+)" label: "[^"]*\\n(\d+) bytes \(([a-z,]+)\)/.exec(line) ?? [];
      if (title !== undefined) {
        if (kind !== "static") throw new Error(`${title} has a frame that is ${kind ?? "unknown"}`);
        frames.set(title, Number(bytes));
      }
      const [, from, to] = /^edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"/.exec(line) ?? [];
      if (from !== undefined && to !== undefined) calls.set(from, [...(calls.get(from) ?? []), to]);
    }
  }
  // The host calls through a pointer in one place, and only its own call_* functions.
  calls.set(
    INDIRECT,
    [...frames.keys()].filter((title) => /:call_\w+$/.test(title)),
  );
  frames.set(INDIRECT, 0);
  return { frames, calls };
}

export interface Deepest {
  readonly bytes: number;
  /** From the outermost call to the innermost. */
  readonly way: readonly string[];
}

export function deepest({ frames, calls }: Graph, entries: readonly string[]): Deepest {
  const known = new Map<string, Deepest>();
  const from = (title: string, above: readonly string[]): Deepest => {
    if (above.includes(title)) throw new Error(`a cycle of calls: ${[...above, title].join(" > ")}`);
    const before = known.get(title);
    if (before !== undefined) return before;
    const below = (calls.get(title) ?? []).map((to) => from(to, [...above, title]));
    const most = below.reduce<Deepest>((a, b) => (b.bytes > a.bytes ? b : a), { bytes: 0, way: [] });
    const made = { bytes: (frames.get(title) ?? LEAF_BYTES) + most.bytes, way: [title.replace(/^.*:/, ""), ...most.way] };
    known.set(title, made);
    return made;
  };
  return entries.map((entry) => from(entry, [])).reduce((a, b) => (b.bytes > a.bytes ? b : a));
}
