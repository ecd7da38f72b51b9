// The tables of a policy as values, before they are bytes. Types only: `lower/` makes them,
// `emit/` writes them. runtime/abi/layout.ts says what the engine does with each.
import type { AddressSet, CheckedExpose, PortRange } from "../check/policy.ts";
import type { Span } from "../source.ts";

/** One rule in canonical order; rules that say the same are one. */
export interface OrderedRule {
  readonly id: number;
  readonly action: "allow" | "deny";
  /** Index of the listener, or null for a top-level deny. */
  readonly listener: number | null;
  readonly from: AddressSet;
  readonly on: readonly PortRange[] | null;
  /** Listeners for which it holds. */
  readonly holds: ReadonlySet<number> | "all";
  readonly names: readonly string[];
  readonly spans: readonly Span[];
}

/** Sorted interval starts of one family and the class of each interval. */
export interface Stretches {
  /** Words a key: 1 for IPv4, 4 for IPv6. */
  readonly words: 1 | 4;
  readonly starts: Uint32Array;
  readonly classes: Uint32Array;
}

/** The same as a trie on the first 32 bits of an address. */
export interface Trie {
  /** One value (VALUE_*) for each of the first 16 bits. */
  readonly root: Uint32Array;
  /** 256 values each; the upper pages first. */
  readonly pages: readonly Uint32Array[];
  readonly upperPages: number;
  readonly buckets: readonly { readonly first: number; readonly count: number }[];
  /** Three words a key. */
  readonly keys: Uint32Array;
  readonly classes: Uint32Array;
}

export interface ClassTable extends Stretches {
  /** Null where a search over all stretches is good enough. */
  readonly trie: Trie | null;
}

export interface ListenerRow {
  readonly expose: CheckedExpose;
  readonly identity: bigint;
  readonly limitFirst: number;
}

export interface LimitRow {
  readonly identity: bigint;
  readonly count: number;
  readonly periodMs: number;
  readonly burst: number;
  readonly kind: "listener" | "source";
  readonly v4: number;
  readonly v6: number;
}

export interface ResidualRow {
  readonly verdict: number;
  readonly code: number;
  readonly rule: number;
}

export interface PortTable {
  /** proto << 16 | port, the first one 0. */
  readonly keys: readonly number[];
  readonly spans: readonly { readonly first: number; readonly count: number }[];
  readonly entries: readonly { readonly listener: number; readonly bindFirst: number; readonly bindCount: number }[];
  /** Eight words an interval, as in AddressSet. */
  readonly binds: Uint32Array;
}

export interface PolicyTables {
  readonly rules: readonly OrderedRule[];
  readonly listeners: readonly ListenerRow[];
  readonly limits: readonly LimitRow[];
  readonly ports: PortTable;
  readonly v4: ClassTable;
  readonly v6: ClassTable;
  readonly classCount: number;
  /** Residual number at class * listeners + listener. */
  readonly cells: Uint32Array;
  readonly residuals: readonly ResidualRow[];
}
