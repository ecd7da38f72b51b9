// The trie of names as nodes in the buckets of one hash table; runtime/engine/names.ts searches it.
import * as abi from "../../runtime/abi/layout.ts";
import type { NameTable } from "../lower/tables.ts";
import { depthOf, spread } from "./trie_buckets.ts";
import type { ImageWriter } from "./writer.ts";

const DOT = 46;
/** The bounds of a search. */
export interface NameSearch {
  /** Nodes of the largest bucket. */
  readonly probes: number;
  /** The most bytes that a label has in common with others that are compared before it. */
  readonly shared: number;
  /** Labels of the deepest node. */
  readonly labels: number;
}

export function writeNames(out: ImageWriter, names: NameTable): NameSearch {
  const { parents, labels, endOf, ends, classCount } = names;
  const count = labels.length;
  const { seed, starts, order, probes } = spread(count, abi.MAX_NAME_PROBES, "names", (node, hashes) => {
    const parent = parents[node] ?? 0;
    return nameHash(hashes[parent] ?? 0, parent !== 0, labels[node] ?? "");
  });
  const placeOf = new Uint32Array(count);
  order.forEach((node, at) => {
    placeOf[node] = at;
  });
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
