// The most loop iterations that one whole decision (accept, name, identity and both charges) can take: each term is
// the bound of one loop of runtime/engine.
import * as abi from "../../runtime/abi/layout.ts";
import type { CellTree, ClassTable, PolicyTables } from "../lower/tables.ts";
import type { IdentitySearch } from "./identities.ts";
import type { NameSearch } from "./names.ts";

/** Words in, rounds out: the loop of `fingerprint`. */
const HASH_STEPS = 7;

export function maximumSteps(tables: PolicyTables, names: NameSearch, identities: IdentitySearch): number {
  const search = Math.max(searchSteps(tables.v4), searchSteps(tables.v6));
  const charges = tables.listeners.map(({ expose, limitFirst, some }, i) => {
    const phases = expose.mode === "mtls" ? 2 : 1;
    const rows = tables.limits.slice(limitFirst, tables.listeners[i + 1]?.limitFirst ?? tables.limits.length);
    const steps = { listener: 0, connections: 0, key: keySteps, cap: HASH_STEPS + 2 * abi.CAP_PROBE_SETS * abi.WAYS };
    return rows.reduce((sum, { kind }) => sum + 2 * phases + steps[kind], some.length === 0 ? 0 : search + treeSteps(tables.cells));
  });
  const times = tables.residuals.reduce((most, { timeCount }) => Math.max(most, timeCount), 0);
  const named = tables.nameCells.rowCount === 0 ? 0 : nameSteps(names) + treeSteps(tables.nameCells);
  const identified = tables.identityCells.rowCount === 0 ? 0 : identitySteps(identities, treeSteps(tables.identityCells));
  const bySource = search + treeSteps(tables.cells) + Math.ceil(Math.log2(times + 1));
  // At a group the source is looked up once more, at the listener to which the name leads, and the name before that.
  const led = tables.groups.length === 0 ? 0 : bySource + nameSteps(names) + treeSteps(tables.leads);
  return bySource + led + named + identified + Math.max(0, ...charges);
}

/** A name of MAX_NAME_BYTES with labels of one byte. */
const LABELS_AT_MOST = (abi.MAX_NAME_BYTES + 1) / 2;

/** Checked: hash, find, sketch. Charged: find, free place, sketch. */
const keySteps = HASH_STEPS + abi.WAYS + abi.SKETCH_ROWS + abi.WAYS + abi.WAYS + abi.SKETCH_ROWS;

function searchSteps({ classes, trie }: ClassTable): number {
  if (trie === null) return binarySteps(classes.length);
  // Pages take no loop; a bucket is searched.
  let most = 1;
  for (let at = 1; at < trie.buckets.length; at += 2) most = Math.max(most, trie.buckets[at] ?? 0);
  return binarySteps(most);
}

function binarySteps(count: number): number {
  return Math.ceil(Math.log2(Math.max(count, 1)));
}

function treeSteps({ shift }: CellTree): number {
  return shift / abi.CELL_BITS;
}

/** Every byte and every label is read; labels are looked up, and their bytes compared, until one isn't there. */
function nameSteps({ probes, shared, labels }: NameSearch): number {
  const looked = Math.min(LABELS_AT_MOST, labels + 1);
  return abi.MAX_NAME_BYTES + LABELS_AT_MOST + looked * (probes + shared) + Math.min(abi.MAX_NAME_BYTES, looked * abi.MAX_LABEL_BYTES);
}

/**
 * Every word and every byte of the longest identity is read. Parts are looked up, and their bytes
 * compared, until one isn't there; where beginnings of parts are edges, these are looked up at every byte.
 */
function identitySteps({ probes, shared, depth, lengths }: IdentitySearch, tree: number): number {
  const words = abi.MAX_IDENTITY_WORDS;
  const bytes = abi.MAX_IDENTITY_WORD_BYTES;
  const whole = words * (depth + 1) * (probes + shared) + bytes;
  const begun = lengths === 0 ? 0 : bytes * (probes + shared + lengths);
  return words + bytes + (words + 1) * tree + whole + begun;
}
