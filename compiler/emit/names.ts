// The trie of names as nodes in the buckets of one hash table; runtime/engine/names.ts searches it.
import * as abi from "../../runtime/abi/layout.ts";
import type { NameTable } from "../lower/tables.ts";
import type { ImageWriter } from "./writer.ts";

const DOT = 46;
/** A seed whose largest bucket has no more nodes than this is good enough. */
const GOOD_PROBES = 10;
const SEEDS = 64;

/** What bounds a search. */
export interface NameSearch {
  /** Nodes of the largest bucket. */
  readonly probes: number;
  /** The most bytes that a label has in common with others that are compared before it. */
  readonly shared: number;
  /** Labels of the deepest node. */
  readonly labels: number;
}

interface Placed {
  readonly seed: number;
  /** First node of each bucket, and one more. */
  readonly starts: Uint32Array;
  /** By place in the table, the node's number in `names`. */
  readonly order: Uint32Array;
  readonly probes: number;
}

export function writeNames(out: ImageWriter, names: NameTable): NameSearch {
  const { parents, labels, endOf, ends, classCount } = names;
  const count = labels.length;
  const { seed, starts, order, probes } = place(names);
  const placeOf = new Uint32Array(count);
  order.forEach((node, at) => { placeOf[node] = at; });
  const offsets = new Map<string, number>();
  const texts: string[] = [];
  let bytes = 0;
  out.header(abi.H_NAME_NODES, out.end());
  out.header(abi.H_NAME_NODE_COUNT, count);
  const at = out.record(count * abi.NAME_BYTES);
  order.forEach((node, i) => {
    const label = labels[node] ?? "";
    const offset = offsets.get(label) ?? bytes;
    if (offset === bytes) {
      offsets.set(label, offset);
      texts.push(label);
      bytes += label.length;
    }
    const record = at + i * abi.NAME_BYTES;
    out.u32(record + abi.R_NAME_PARENT, placeOf[parents[node] ?? 0] ?? 0);
    out.u32(record + abi.R_NAME_LABEL, offset * 2 ** abi.NAME_LENGTH_BITS + fitting(label.length));
    out.u32(record + abi.R_NAME_END, endOf[node] ?? 0);
  });
  out.header(abi.H_NAME_BUCKETS, out.words(starts));
  out.header(abi.H_NAME_BUCKET_COUNT, starts.length - 1);
  out.header(abi.H_NAME_SEED, seed);
  out.header(abi.H_NAME_BYTES, out.byteText(texts.join("")));
  out.header(abi.H_NAME_BYTE_COUNT, bytes);
  out.header(abi.H_NAME_ENDS, out.words(ends));
  out.header(abi.H_NAME_END_COUNT, ends.length / (abi.END_BYTES / 4));
  out.header(abi.H_NAME_CLASS_COUNT, classCount);
  return { probes, shared: sharedBytes(names, starts, order), labels: depthOf(parents) };
}

function fitting(length: number): number {
  if (length > abi.MAX_LABEL_BYTES) throw new RangeError(`a label of ${length} bytes does not fit its field`);
  return length;
}

/**
 * The first seed, of some, that spreads the nodes well, else the best of them. Names are an author's
 * own words: nobody else may make a decision slow by choosing them, so no bucket may be large.
 */
function place({ parents, labels }: NameTable): Placed {
  const count = labels.length;
  const buckets = 2 ** Math.ceil(Math.log2(Math.max(1, count - 1)));
  const hashes = new Uint32Array(count);
  let best: Placed | null = null;
  for (let seed = 0; seed < SEEDS; seed++) {
    hashes[0] = Math.imul(seed + 1, 0x9e3779b1);
    const starts = new Uint32Array(buckets + 1);
    for (let node = 1; node < count; node++) {
      const parent = parents[node] ?? 0;
      const hash = nameHash(hashes[parent] ?? 0, parent !== 0, labels[node] ?? "");
      hashes[node] = hash;
      const bucket = (hash ^ (hash >>> 16)) & (buckets - 1);
      starts[bucket] = (starts[bucket] ?? 0) + 1;
    }
    const probes = starts.reduce((most, n) => Math.max(most, n), 0);
    if (best !== null && probes >= best.probes) continue;
    best = { seed: hashes[0], starts, order: inBuckets(hashes, starts), probes };
    if (probes <= GOOD_PROBES) break;
  }
  if (best === null || best.probes > abi.MAX_NAME_PROBES) throw new RangeError("no seed spreads the names over their table");
  return best;
}

/** The nodes bucket by bucket, behind the root; turns the buckets' sizes into where they start. */
function inBuckets(hashes: Uint32Array, starts: Uint32Array): Uint32Array {
  const buckets = starts.length - 1;
  let next = 1;
  for (let bucket = 0; bucket <= buckets; bucket++) {
    const size = starts[bucket] ?? 0;
    starts[bucket] = next;
    next += size;
  }
  const order = new Uint32Array(hashes.length);
  const free = starts.slice();
  for (let node = 1; node < hashes.length; node++) {
    const hash = hashes[node] ?? 0;
    const bucket = (hash ^ (hash >>> 16)) & (buckets - 1);
    const at = free[bucket] ?? 0;
    free[bucket] = at + 1;
    order[at] = node;
  }
  return order;
}

/** FNV-1a as runtime/engine/names.ts computes it: on from the parent's name, over the dot and the label's end. */
function nameHash(parent: number, dot: boolean, label: string): number {
  let hash = dot ? Math.imul(parent ^ DOT, abi.NAME_HASH_PRIME) : parent;
  for (let at = label.length - 1; at >= 0; at--) hash = Math.imul(hash ^ label.charCodeAt(at), abi.NAME_HASH_PRIME);
  return hash >>> 0;
}

/** Only labels of one length below one parent are compared, in one bucket. */
function sharedBytes({ parents, labels }: NameTable, starts: Uint32Array, order: Uint32Array): number {
  let most = 0;
  for (let bucket = 0; bucket + 1 < starts.length; bucket++) {
    const nodes = order.subarray(starts[bucket], starts[bucket + 1]);
    for (const node of nodes) {
      const label = labels[node] ?? "";
      let shared = 0;
      for (const other of nodes) {
        const twin = labels[other] ?? "";
        if (other === node || parents[other] !== parents[node] || twin.length !== label.length) continue;
        let same = 0;
        while (twin.charCodeAt(same) === label.charCodeAt(same)) same++;
        shared += same;
      }
      most = Math.max(most, shared);
    }
  }
  return most;
}

function depthOf(parents: Uint32Array): number {
  const depths = new Uint32Array(parents.length);
  for (let node = 1; node < parents.length; node++) depths[node] = (depths[parents[node] ?? 0] ?? 0) + 1;
  return depths.reduce((most, depth) => Math.max(most, depth), 0);
}
