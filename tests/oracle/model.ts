// A small policy of the oracle's own: what a random policy is before it is text. The compiler
// reads the text, the oracle reads this; whatever they make of it has to be the same.
import type { ModelIds, NamedIds } from "./identities.ts";
import type { ModelHosts, NamedHosts } from "./names.ts";
import { FAMILY_CUTS, LAST, cuts, inPrefix, isV4, readPrefix, type Prefix, type Range } from "./space.ts";

export type BuiltIn = "any" | "any4" | "any6" | "loopback" | "private" | "linklocal";

export type Term =
  | { readonly kind: "prefix"; readonly prefix: Prefix }
  | { readonly kind: "net"; readonly net: ModelNet }
  | { readonly kind: "file"; readonly path: string; readonly prefixes: readonly Prefix[] }
  | { readonly kind: "builtin"; readonly name: BuiltIn };

/** `members except except`: everything after the word is taken from everything before it. */
export interface ModelSet {
  readonly members: readonly Term[];
  readonly except: readonly Term[];
}

export interface ModelNet {
  readonly name: string;
  readonly set: ModelSet;
}

export interface ModelRule {
  readonly action: "allow" | "deny";
  readonly name: string | null;
  /** Null only in a top-level deny with another clause. */
  readonly from: ModelSet | null;
  /** Not written or null: whatever the name is, or none. */
  readonly sni?: ModelHosts | null;
  /** Not written or null: any client. */
  readonly client?: ModelIds | null;
  /** UTC seconds. */
  readonly after?: number | null;
  readonly until?: number | null;
  readonly dryrun?: boolean;
}

export interface Ports {
  readonly first: number;
  readonly last: number;
}

export interface ModelDeny extends ModelRule {
  readonly on: readonly Ports[] | null;
  /** Of `on`; not written: tcp. */
  readonly proto?: "udp" | "both";
}

export interface ModelLimit {
  readonly count: number;
  /** The window as it is written: `s`, `30s`, `7d`. */
  readonly per: string;
  /** Null: not written, so the count. */
  readonly burst: number | null;
  readonly key:
    | { readonly kind: "listener" }
    | { readonly kind: "identity" }
    | { readonly kind: "source"; readonly v4: number; readonly v6: number; readonly written: boolean };
  /** Of a key of sources, those that it counts. Not written: all. */
  readonly from?: ModelSet;
}

/** `N per source [/V4 /V6] [from NET]` */
export interface ModelSourceCap {
  readonly connections: number;
  readonly v4: number;
  readonly v6: number;
  readonly written: boolean;
  readonly from?: ModelSet;
}

export interface ModelCap {
  readonly connections: number;
  /** Not written or null: none. */
  readonly perIdentity?: number | null;
  readonly perSource: ModelSourceCap | null;
  /** Further ones, each a clause of its own. */
  readonly more?: readonly ModelSourceCap[];
}

/** `dryrun cap` and `dryrun limit`. */
export interface ModelDryrun {
  /** Null: none. */
  readonly connections: number | null;
  readonly perSource: readonly ModelSourceCap[];
  readonly limits: readonly ModelLimit[];
}

export interface ModelExpose {
  readonly name: string;
  readonly ports: readonly Ports[];
  readonly bind: ModelSet | null;
  /** `for`. Not written or null: every name that leads to no other expose of the port. */
  readonly names?: ModelHosts | null;
  /** Not written: plain tcp. */
  readonly mode?: "passthrough" | "tls" | "mtls" | "direct";
  /** Not written: tcp. `both` is short for two listeners of one name. */
  readonly proto?: "udp" | "both";
  /** Of udp, but for mode direct. */
  readonly amplify?: number | "any";
  /** Not written: a service on 127.0.0.1:8080; `registers`: no backend in the policy. */
  readonly backend?: "registers";
  readonly cap: ModelCap | null;
  readonly limits: readonly ModelLimit[];
  /** Not written: none. */
  readonly dryrun?: ModelDryrun;
  /** In mode direct one that no text has: `allow from any`. */
  readonly rules: readonly ModelRule[];
}

/** One per protocol; their rules are the same. */
export function listenersOf({ exposes }: ModelPolicy): readonly ModelExpose[] {
  return exposes.flatMap((expose) => {
    if (expose.proto !== "both") return [expose];
    const { proto: _, amplify: __, ...tcp } = expose;
    return [tcp, { ...expose, proto: "udp" as const }];
  });
}

export interface ModelPolicy {
  /** Services that dial over udp. */
  readonly dials?: readonly string[];
  readonly nets: readonly ModelNet[];
  readonly hosts?: readonly NamedHosts[];
  readonly ids?: readonly NamedIds[];
  readonly denies: readonly ModelDeny[];
  readonly exposes: readonly ModelExpose[];
}

/** Is an address in a set? Lists of real size bring a quicker way to look (sorted.ts). */
export type Membership = (set: ModelSet, address: bigint) => boolean;

const BUILT_INS: Record<BuiltIn, readonly Prefix[]> = {
  any: ["0.0.0.0/0", "::/0"].map(readPrefix),
  any4: [readPrefix("0.0.0.0/0")],
  any6: [readPrefix("::/0")],
  loopback: ["127.0.0.0/8", "::1/128"].map(readPrefix),
  private: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"].map(readPrefix),
  linklocal: ["169.254.0.0/16", "fe80::/10"].map(readPrefix),
};

export const ANY: ModelSet = { members: [{ kind: "builtin", name: "any" }], except: [] };

function termHas(term: Term, a: bigint): boolean {
  switch (term.kind) {
    case "prefix":
      return inPrefix(term.prefix, a);
    case "net":
      return setHas(term.net.set, a);
    case "file":
      return term.prefixes.some((p) => inPrefix(p, a));
    case "builtin":
      return BUILT_INS[term.name].some((p) => inPrefix(p, a));
  }
}

/** Membership by looking at everything, every time. */
export function setHas(set: ModelSet, a: bigint): boolean {
  return set.members.some((t) => termHas(t, a)) && !set.except.some((t) => termHas(t, a));
}

/** Every prefix that a set's text speaks of, on either side of `except`. */
export function prefixesOf(set: ModelSet): Prefix[] {
  return [...set.members, ...set.except].flatMap((term) => {
    switch (term.kind) {
      case "prefix":
        return [term.prefix];
      case "net":
        return prefixesOf(term.net.set);
      case "file":
        return [...term.prefixes];
      case "builtin":
        return [...BUILT_INS[term.name]];
    }
  });
}

/**
 * The set as sorted, disjoint ranges that touch nowhere but at the edges of IPv4: cut the
 * space wherever membership could change, and test each piece.
 */
export function rangesOf(set: ModelSet, has: Membership = setHas): Range[] {
  const at = [...new Set([...FAMILY_CUTS, ...prefixesOf(set).flatMap(cuts)])].filter((a) => a <= LAST).sort((a, b) => (a < b ? -1 : 1));
  const ranges: { first: bigint; last: bigint }[] = [];
  at.forEach((first, i) => {
    if (!has(set, first)) return;
    const last = (at[i + 1] ?? LAST + 1n) - 1n;
    const before = ranges.at(-1);
    if (before !== undefined && before.last + 1n === first && isV4(before.last) === isV4(first)) before.last = last;
    else ranges.push({ first, last });
  });
  return ranges;
}

export function isEmpty(set: ModelSet): boolean {
  return rangesOf(set).length === 0;
}
