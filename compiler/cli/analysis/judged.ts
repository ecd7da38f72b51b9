// The lines of a difference with those that are accepted: an opening is accepted where entries of its listener that are in force have
// all of its requests. Another backend, which is no request, is accepted by an entry about the whole listener alone.
import { ALWAYS, NEVER, type Diagram } from "../../analysis/diagrams.ts";
import type { Space } from "../../analysis/space.ts";
import type { AcceptedOpening } from "./accepted.ts";
import type { DiffLine } from "./difference_lines.ts";

export interface JudgedLine {
  readonly line: DiffLine;
  /** The entries that accept it; empty where it counts. */
  readonly accepted: readonly AcceptedOpening[];
}

export interface Judged {
  readonly lines: readonly JudgedLine[];
  readonly expired: readonly AcceptedOpening[];
  /** In force, and about nothing that opens. */
  readonly unused: readonly AcceptedOpening[];
}

export function judge(space: Space, lines: readonly DiffLine[], entries: readonly AcceptedOpening[], wallSeconds: number): Judged {
  const expired = entries.filter(({ until }) => until <= wallSeconds);
  const current = entries.filter(({ until }) => until > wallSeconds);
  const { diagrams } = space;
  const set = (entry: AcceptedOpening): Diagram => {
    const names = entry.sni === null ? ALWAYS : space.named(space.names.rangesOf(entry.sni));
    return diagrams.and(names, entry.from === null ? ALWAYS : space.sources(entry.from));
  };
  const sets = new Map(current.map((entry) => [entry, set(entry)]));
  const used = new Set<AcceptedOpening>();
  const judged = lines.map((line): JudgedLine => {
    if (line.effect !== "opens") return { line, accepted: [] };
    const own = current.filter((entry) => {
      if (entry.listener !== line.listener) return false;
      const isWhole = entry.from === null && entry.sni === null;
      return line.requests === NEVER ? isWhole : diagrams.and(line.requests, sets.get(entry) ?? NEVER) !== NEVER;
    });
    for (const entry of own) used.add(entry);
    const rest = own.reduce((left, entry) => diagrams.minus(left, sets.get(entry) ?? NEVER), line.requests);
    return { line, accepted: rest === NEVER ? own : [] };
  });
  return { lines: judged, expired, unused: current.filter((entry) => !used.has(entry)) };
}
