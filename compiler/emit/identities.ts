// The trie of identities as nodes in the buckets of one hash table; runtime/engine/identities.ts searches it.
import * as abi from "../../runtime/abi/layout.ts";
import type { IdentityTable } from "../lower/tables.ts";
import { depthOf, spread } from "./trie_buckets.ts";
import type { ImageWriter } from "./writer.ts";

const SLASH = 47;

/** The bounds of a search. */
export interface IdentitySearch {
  /** Nodes of the largest bucket. */
  readonly probes: number;
  /** The most bytes that a part has in common with others that are compared before it. */
  readonly shared: number;
  /** Parts of the deepest node. */
  readonly depth: number;
  /** The most lengths that beginnings of parts have below one node. */
  readonly lengths: number;
}

export function writeIdentities(out: ImageWriter, table: IdentityTable): IdentitySearch {
  const { parents, parts, endOf, ends, classCount } = table;
  const { seed, starts, order, probes } = spread(parts.length, abi.MAX_IDENTITY_PROBES, "identities", (node, hashes) => {
    const parent = parents[node] ?? 0;
    return hashOf(hashes[parent] ?? 0, parent !== 0, parts[node]?.text ?? "");
  });
  const placeOf = new Uint32Array(parts.length);
  order.forEach((node, at) => {
    placeOf[node] = at;
  });
  const offsets = new Map<string, number>();
  const texts: string[] = [];
  let bytes = 0;
  out.header(abi.H_IDENTITY_NODES, out.end());
  out.header(abi.H_IDENTITY_NODE_COUNT, parts.length);
  const at = out.record(parts.length * abi.IDENTITY_BYTES);
  order.forEach((node, i) => {
    const { text, open } = parts[node] ?? { text: "", open: false };
    const offset = offsets.get(text) ?? bytes;
    if (!offsets.has(text)) {
      offsets.set(text, offset);
      texts.push(text);
      bytes += text.length;
    }
    const record = at + i * abi.IDENTITY_BYTES;
    out.u32(record + abi.R_IDENTITY_PARENT, placeOf[parents[node] ?? 0] ?? 0);
    out.u32(record + abi.R_IDENTITY_OFFSET, offset);
    out.u32(record + abi.R_IDENTITY_LENGTH, 2 * text.length + Number(open));
    out.u32(record + abi.R_IDENTITY_END, endOf[node] ?? 0);
  });
  out.header(abi.H_IDENTITY_BUCKETS, out.words(starts));
  out.header(abi.H_IDENTITY_BUCKET_COUNT, starts.length - 1);
  out.header(abi.H_IDENTITY_SEED, seed);
  out.header(abi.H_IDENTITY_BYTES, out.byteText(texts.join("")));
  out.header(abi.H_IDENTITY_BYTE_COUNT, bytes);
  out.header(abi.H_IDENTITY_ENDS, out.words(ends));
  out.header(abi.H_IDENTITY_END_COUNT, ends.length / (abi.IDENTITY_END_BYTES / 4));
  out.header(abi.H_IDENTITY_CLASS_COUNT, classCount);
  return { probes, shared: sharedBytes(table, starts, order), depth: depthOf(parents), lengths: lengthsOf(table) };
}

/** FNV-1a as runtime/engine/identities.ts computes it: on from the parent's word, over the slash and the part. */
function hashOf(parent: number, slash: boolean, part: string): number {
  let hash = slash ? Math.imul(parent ^ SLASH, abi.NAME_HASH_PRIME) : parent;
  for (let at = 0; at < part.length; at++) hash = Math.imul(hash ^ part.charCodeAt(at), abi.NAME_HASH_PRIME);
  return hash >>> 0;
}

/** Only parts of one kind and length below one parent are compared, in one bucket. */
function sharedBytes({ parents, parts }: IdentityTable, starts: Uint32Array, order: Uint32Array): number {
  let most = 0;
  for (let bucket = 0; bucket + 1 < starts.length; bucket++) {
    const nodes = order.subarray(starts[bucket], starts[bucket + 1]);
    for (const node of nodes) {
      const own = parts[node];
      let shared = 0;
      for (const other of nodes) {
        const twin = parts[other];
        if (other === node || own === undefined || twin === undefined) continue;
        if (parents[other] !== parents[node] || twin.open !== own.open || twin.text.length !== own.text.length) continue;
        let same = 0;
        while (same < own.text.length && twin.text.charCodeAt(same) === own.text.charCodeAt(same)) same++;
        shared += same;
      }
      most = Math.max(most, shared);
    }
  }
  return most;
}

function lengthsOf({ parents, parts }: IdentityTable): number {
  const below = new Map<number, Set<number>>();
  parts.forEach(({ text, open }, node) => {
    if (!open) return;
    const parent = parents[node] ?? 0;
    const lengths = below.get(parent) ?? new Set<number>();
    below.set(parent, lengths.add(text.length));
  });
  return Math.max(0, ...[...below.values()].map(({ size }) => size));
}
