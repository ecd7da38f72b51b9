// CheckedPolicy: what a policy means, after every name is resolved and every set is computed.
// Types only; `check/` makes it, `lower/` and `emit/` read it.
import type { Span } from "../source.ts";

/**
 * A set of addresses as sorted, disjoint, non-adjacent inclusive intervals over the 128-bit
 * space; IPv4 lies in ::ffff:0:0/96. Eight u32 words an interval, most significant first:
 *
 *   bounds[8i .. 8i+3]  first address      bounds[8i+4 .. 8i+7]  last address
 *
 * INVARIANT: no interval crosses the edge of ::ffff:0:0/96, so each is of one family.
 */
export interface AddressSet {
  readonly bounds: Uint32Array;
}

/** Inclusive; 1..65535. Lists of them are sorted, disjoint and not adjacent. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export type Backend =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** A prefix length for each family; the part of a source that is its key. */
export interface SourceKey {
  readonly v4: number;
  readonly v6: number;
}

export interface CheckedCap {
  /** Concurrent connections of the listener; the documented default where none is written. */
  readonly connections: number;
  readonly perSource: ({ readonly connections: number } & SourceKey) | null;
}

export interface CheckedLimit {
  /** `count` new connections every `periodMs`, at most `burst` at once. */
  readonly count: number;
  readonly periodMs: 1_000 | 60_000 | 3_600_000;
  readonly burst: number;
  readonly key: { readonly kind: "listener" } | ({ readonly kind: "source" } & SourceKey);
  readonly span: Span;
}

export interface CheckedRule {
  readonly from: AddressSet;
  /** The author's word from `named`. */
  readonly name: string | null;
  readonly span: Span;
}

export interface TopLevelDeny extends CheckedRule {
  /** The ports it holds for; null means every listener. */
  readonly on: readonly PortRange[] | null;
}

/** One `expose` is one listener: all its ports and addresses share its caps and limits. */
export interface CheckedExpose {
  readonly name: string;
  readonly service: string;
  readonly proto: "tcp";
  readonly ports: readonly PortRange[];
  /** Local addresses; null means any (the wildcard sockets). */
  readonly bind: AddressSet | null;
  readonly mode: "tcp";
  /** Null: the port opens when the service registers an ExposeIntent. */
  readonly backend: Backend | null;
  readonly cap: CheckedCap;
  readonly limits: readonly CheckedLimit[];
  readonly allows: readonly CheckedRule[];
  readonly denies: readonly CheckedRule[];
  readonly span: Span;
}

export type ReasonWord = "policy" | "cidr" | "sni" | "rate" | "mtls";

export type Expected =
  | { readonly verdict: "allow" }
  | { readonly verdict: "deny"; readonly reason: ReasonWord };

/** Four big-endian u32 words; see runtime/net. */
export type AddressWords = readonly [number, number, number, number];

export type TestLine =
  | {
      readonly kind: "from";
      readonly source: AddressWords;
      /** A named target must hold for each of the expose's ports. */
      readonly to:
        | { readonly kind: "expose"; readonly name: string }
        | { readonly kind: "port"; readonly proto: "tcp"; readonly port: number };
      readonly expected: Expected;
      readonly span: Span;
    }
  | {
      readonly kind: "bind";
      readonly subject: string;
      readonly proto: "tcp";
      readonly address: AddressWords;
      readonly port: number;
      readonly expected: Expected;
      readonly span: Span;
    };

export interface CheckedTest {
  readonly name: string;
  readonly lines: readonly TestLine[];
  readonly span: Span;
}

export interface CheckedPolicy {
  readonly edition: 1;
  /** Sorted by name. */
  readonly exposes: readonly CheckedExpose[];
  readonly denies: readonly TopLevelDeny[];
  readonly tests: readonly CheckedTest[];
}
