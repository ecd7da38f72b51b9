// Nodes of a trie in the buckets of one hash table.

/** A seed whose largest bucket has no more nodes than this is good enough. */
const GOOD_PROBES = 10;
const SEEDS = 64;

export interface Spread {
  readonly seed: number;
  /** First node of each bucket, and one more. */
  readonly starts: Uint32Array;
  /** By place in the table, the node's number. */
  readonly order: Uint32Array;
  readonly probes: number;
}

/**
 * The first seed, of some, that spreads the nodes well, else the best of them. Names are an author's
 * own words: nobody else may make a decision slow by choosing them, so no bucket may be large. Node 0
 * is the root; `hashOf` a node continues from its parent's, which comes before it.
 */
export function spread(count: number, mostProbes: number, what: string, hashOf: (node: number, hashes: Uint32Array) => number): Spread {
  const buckets = 2 ** Math.ceil(Math.log2(Math.max(1, count - 1)));
  const hashes = new Uint32Array(count);
  let best: Spread | null = null;
  for (let seed = 0; seed < SEEDS; seed++) {
    hashes[0] = Math.imul(seed + 1, 0x9e3779b1);
    const starts = new Uint32Array(buckets + 1);
    for (let node = 1; node < count; node++) {
      const hash = hashOf(node, hashes);
      hashes[node] = hash;
      const bucket = (hash ^ (hash >>> 16)) & (buckets - 1);
      starts[bucket] = (starts[bucket] ?? 0) + 1;
    }
    const probes = starts.reduce((most, n) => Math.max(most, n), 0);
    if (best !== null && probes >= best.probes) continue;
    best = { seed: hashes[0], starts, order: inBuckets(hashes, starts), probes };
    if (probes <= GOOD_PROBES) break;
  }
  if (best === null || best.probes > mostProbes) throw new RangeError(`no seed spreads the ${what} over their table`);
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

/** Nodes from the root to the deepest one, without the root. A parent has a lower number than its children. */
export function depthOf(parents: Uint32Array): number {
  const depths = new Uint32Array(parents.length);
  for (let node = 1; node < parents.length; node++) depths[node] = (depths[parents[node] ?? 0] ?? 0) + 1;
  return depths.reduce((most, depth) => Math.max(most, depth), 0);
}
