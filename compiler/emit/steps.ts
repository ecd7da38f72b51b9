// The most loop iterations that one whole phase-1 decision (accept and charge) can take: each
// term is the bound of one loop of runtime/engine.
import * as abi from "../../runtime/abi/layout.ts";
import { TRIE_FROM_STRETCHES } from "../lower/trie.ts";
import type { ClassTable, PolicyTables } from "../lower/tables.ts";

/** Words in, rounds out: the loop of `fingerprint`. */
const HASH_STEPS = 7;

export function maximumSteps(tables: PolicyTables): number {
  const search = Math.max(searchSteps(tables.v4), searchSteps(tables.v6));
  const charges = tables.listeners.map(({ expose }) => {
    const cap = expose.cap.perSource === null ? 0 : HASH_STEPS + abi.CAP_PROBE_SETS * abi.WAYS;
    return expose.limits.reduce((sum, { key }) => sum + 2 + (key.kind === "source" ? sourceSteps : 0), cap);
  });
  return search + Math.max(0, ...charges);
}

/** Checked: hash, find, sketch. Charged: find, free place, sketch. */
const sourceSteps = HASH_STEPS + abi.WAYS + abi.SKETCH_ROWS + abi.WAYS + abi.WAYS + abi.SKETCH_ROWS;

function searchSteps(table: ClassTable): number {
  const stretches = table.classes.length;
  if (stretches < TRIE_FROM_STRETCHES) return Math.ceil(Math.log2(Math.max(stretches, 1)));
  // Two pages without a loop; below them at most every stretch of one bucket.
  return table.words === 1 ? 0 : Math.ceil(Math.log2(largestBucket(table)));
}

function largestBucket({ starts, classes }: ClassTable): number {
  let largest = 1;
  let run = 1;
  for (let i = 1; i < classes.length; i++) {
    run = starts[i * 4] === starts[i * 4 - 4] ? run + 1 : 1;
    largest = Math.max(largest, run + 1);
  }
  return largest;
}
