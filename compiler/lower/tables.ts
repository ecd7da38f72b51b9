// The tables of a policy as values, before they are bytes. Types only: `lower/` makes them,
// `emit/` writes them. runtime/abi/layout.ts says what the engine does with each.
import type { AddressSet, Annotations, CheckedExpose, CheckedGroup, HostSet, IdSet, TopLevelDeny } from "../policy/policy.ts";
import type { Span } from "../source/source.ts";

/** One rule in canonical order; rules that say the same are one. */
export interface OrderedRule {
  readonly id: number;
  readonly action: "allow" | "deny";
  /** Index of the listener, or null for a top-level deny. */
  readonly listener: number | null;
  readonly from: AddressSet;
  readonly sni: HostSet | null;
  readonly client: IdSet | null;
  /** UTC seconds; in force from `after` on and before `until`. */
  readonly after: number | null;
  readonly until: number | null;
  readonly dryrun: boolean;
  readonly on: TopLevelDeny["on"];
  /** Listeners that it applies to. */
  readonly appliesTo: ReadonlySet<number> | "all";
  readonly names: readonly string[];
  readonly spans: readonly Span[];
  /** One for each span. */
  readonly annotations: readonly Annotations[];
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
  /** 16 words a page: eight bitmaps of run starts, each with the number of the values before it. The upper pages first. */
  readonly pages: Uint32Array;
  readonly pageCount: number;
  readonly upperPages: number;
  readonly values: Uint32Array;
  /** First key and count, two words a bucket. */
  readonly buckets: Uint32Array;
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
  /** A bit for each of its records in `limits`: of those that count every source, and of those that count identities. */
  readonly everyone: number;
  readonly identities: number;
  /** Those that count only some sources. */
  readonly some: readonly { readonly bit: number; readonly from: AddressSet }[];
}

/** The trie of names: parents come before their children, node 0 is the root. */
export interface NameTable {
  readonly parents: Uint32Array;
  readonly labels: readonly string[];
  /** By node: the number of its end record. */
  readonly endOf: Uint32Array;
  /** Three classes each: of the name that ends here, of those with one label more, and of those with more. */
  readonly ends: Uint32Array;
  /** Class 0 is that of no name. */
  readonly classCount: number;
}

/** The trie of identities: parents come before their children, node 0 is the root. */
export interface IdentityTable {
  readonly parents: Uint32Array;
  /** The part that leads to a node; `open` where it is only the beginning of one. */
  readonly parts: readonly { readonly text: string; readonly open: boolean }[];
  /** By node: the number of its end record. */
  readonly endOf: Uint32Array;
  /** Two classes each, of the word that ends here and of those that continue otherwise, and 1 where an edge from here is open. */
  readonly ends: Uint32Array;
  /** Class 0 is that of a word in no set. */
  readonly classCount: number;
  /** Steps that it took to make the trie. */
  readonly work: number;
}

/** Rows of numbers in shared pages; see runtime/abi/layout.ts. */
export interface CellTree {
  readonly rowCount: number;
  readonly stride: number;
  readonly shift: number;
  readonly rows: Uint32Array;
  /** By depth, the lowest first. */
  readonly pages: readonly Uint32Array[];
  readonly ends: readonly number[];
}

/** Until that moment the other residual applies; Infinity: whenever a clock is known. */
export interface TimeRow {
  /** UTC seconds. */
  readonly until: number;
  readonly residual: number;
}

export interface LimitRow {
  readonly identity: bigint;
  /** Of a cap: connections; its period and burst are 1. */
  readonly count: number;
  readonly periodMs: number;
  readonly burst: number;
  /** `connections`: a dryrun cap of all connections of the listener. */
  readonly kind: "listener" | "key" | "cap" | "connections";
  /** It counts, and refuses nothing. */
  readonly dryrun: boolean;
  readonly of: "listener" | "source" | "identity";
  readonly v4: number;
  readonly v6: number;
  /** The sources that it counts; null: all. */
  readonly from: AddressSet | null;
}

export interface ResidualRow {
  readonly verdict: number;
  readonly code: number;
  readonly rule: number;
  /** Of the name cells, where the name comes next; of the identity cells, where the identity does. */
  readonly row: number;
  readonly timeFirst: number;
  readonly timeCount: number;
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
  /** Those that share a port; their numbers follow the last listener's. */
  readonly groups: readonly CheckedGroup[];
  /** A row a group: for each class of names one more than the number of the listener that it leads to, or 0. */
  readonly leads: CellTree;
  readonly ports: PortTable;
  /** FNV-1a-64 of the services that dial over udp, rising. */
  readonly dialers: readonly bigint[];
  readonly v4: ClassTable;
  readonly v6: ClassTable;
  readonly classCount: number;
  /** The shadow column of each listener and each group; 0 where no dryrun rule applies to it. */
  readonly shadows: readonly number[];
  /** For each listener the column of what counts a source; 0 where everything counts every source. */
  readonly counted: readonly number[];
  /** Listeners, groups, shadows, and those of what counts a source. */
  readonly columnCount: number;
  /** A row a class: for each column a residual. */
  readonly cells: CellTree;
  readonly residuals: readonly ResidualRow[];
  readonly times: readonly TimeRow[];
  readonly names: NameTable;
  /** For each row of names, a residual for each class of names. */
  readonly nameCells: CellTree;
  readonly identities: IdentityTable;
  /** For each row of identities, a residual for each class of identities. */
  readonly identityCells: CellTree;
  /** The work of lowering, of its bound (meter.ts). */
  readonly work: number;
}
