// The most loop iterations that one whole phase-1 decision (accept and charge) can take: each
// term is the bound of one loop of runtime/engine.
import * as abi from "../../runtime/abi/layout.ts";
import type { ClassTable, PolicyTables } from "../lower/tables.ts";

/** Words in, rounds out: the loop of `fingerprint`. */
const HASH_STEPS = 7;

/** `probes`: slots that a search for one label looks at, at most. */
export function maximumSteps(tables: PolicyTables, probes: number): number {
  const search = Math.max(searchSteps(tables.v4), searchSteps(tables.v6));
  const charges = tables.listeners.map(({ expose }) => {
    const cap = expose.cap.perSource === null ? 0 : HASH_STEPS + abi.CAP_PROBE_SETS * abi.WAYS;
    return expose.limits.reduce((sum, { key }) => sum + 2 + (key.kind === "source" ? sourceSteps : 0), cap);
  });
  const times = tables.residuals.reduce((most, { timeCount }) => Math.max(most, timeCount), 0);
  const names = tables.nameRows.length === 0 ? 0 : abi.MAX_NAME_BYTES + labelsAtMost * (1 + probes) + probes * abi.MAX_NAME_BYTES;
  return search + Math.ceil(Math.log2(times + 1)) + names + Math.max(0, ...charges);
}

/** A name of MAX_NAME_BYTES with labels of one byte. */
const labelsAtMost = (abi.MAX_NAME_BYTES + 1) / 2;

/** Checked: hash, find, sketch. Charged: find, free place, sketch. */
const sourceSteps = HASH_STEPS + abi.WAYS + abi.SKETCH_ROWS + abi.WAYS + abi.WAYS + abi.SKETCH_ROWS;

function searchSteps({ classes, trie }: ClassTable): number {
  // Pages take no loop; a bucket and a table without a trie are searched.
  const searched = trie === null ? classes.length : trie.buckets.reduce((most, { count }) => Math.max(most, count), 1);
  return Math.ceil(Math.log2(Math.max(searched, 1)));
}
