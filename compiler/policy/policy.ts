// CheckedPolicy: what a policy means, after every name is resolved and every set is computed.
// Types only; `check/` makes it, `lower/` and `emit/` read it.
import type { Span } from "../source/source.ts";

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

/** `tcp` is on this host, `remote` on another one. */
export type Backend = { readonly kind: "tcp" | "remote"; readonly host: string; readonly port: number } | { readonly kind: "unix"; readonly path: string };

/** Versions of the PROXY protocol. */
export type ProxyVersion = "v1" | "v2";

/** A prefix length for each family; the part of a source that is its key. */
export interface SourceKey {
  readonly v4: number;
  readonly v6: number;
}

export interface CheckedCap {
  /** Concurrent connections of the listener; the documented default where none is written. */
  readonly connections: number;
  readonly perSource: readonly SourceCap[];
  /** Connections of one identity. */
  readonly perIdentity: number | null;
  /** Null where none is written. */
  readonly span: Span | null;
}

/** `dryrun cap` and `dryrun limit`: they count, and refuse nothing. */
export interface DryrunCounts {
  /** Concurrent connections of the listener; null where none is written. */
  readonly connections: number | null;
  readonly perSource: readonly SourceCap[];
  readonly perIdentity: number | null;
  readonly limits: readonly CheckedLimit[];
  /** Of the caps; null where none is written. */
  readonly span: Span | null;
}

export interface SourceCap extends SourceKey {
  readonly connections: number;
  /** The sources that it counts; null: all. */
  readonly from: AddressSet | null;
}

export interface CheckedLimit {
  /** `count` new connections every `periodMs`, at most `burst` at once. */
  readonly count: number;
  readonly periodMs: number;
  readonly burst: number;
  readonly key: { readonly kind: "listener" } | { readonly kind: "identity" } | ({ readonly kind: "source"; readonly from: AddressSet | null } & SourceKey);
  readonly span: Span;
}

/**
 * A set of names as a trie of labels from the right; the root is the empty name. Whether a name is in the set
 * is decided by the deepest node on its way: `self` if the name ends there, `one` if one more label
 * precedes it, `deep` if more do. Canonical: equal sets are equal tries, and a child that says
 * what its parent says of it is left out.
 */
export interface HostNode {
  readonly self: boolean;
  readonly one: boolean;
  readonly deep: boolean;
  readonly children: ReadonlyMap<string, HostNode>;
}

export interface HostSet {
  readonly root: HostNode;
  /**
   * The set in canonical words, sorted: `www.example.com`, `*.example.com` (one label more),
   * `**.example.com` (one or more), and with `!` before what is taken out. The narrowest word that
   * matches a name decides. Equal sets have equal words.
   */
  readonly words: readonly string[];
}

/** One pattern of `for HOSTS`: of the patterns of all exposes on a port that match a name, the most specific one decides where it leads. */
export interface NamePattern {
  /** `www.example.com`, `*.example.com` or `**.example.com`. */
  readonly text: string;
  /** From the right; without the `*`. */
  readonly labels: readonly string[];
  readonly wild: "none" | "one" | "deep";
  /** The names that `except` takes out of it, as a node at the place of the labels; null: none. */
  readonly except: HostNode | null;
  /** The same as canonical words, as those of a HostSet. */
  readonly exceptWords: readonly string[];
  readonly span: Span;
}

/** Where the names of one port lead: a trie as a HostNode is, with exposes (their indexes) instead of yes and no, or -1 for none. */
export interface LeadNode {
  readonly self: number;
  readonly one: number;
  readonly deep: number;
  readonly children: ReadonlyMap<string, LeadNode>;
}

/** The exposes of a port, where they are several or the only one has `for`; runtime/abi/groups.ts makes them. */
export interface CheckedGroup {
  /** Indexes of exposes, rising. */
  readonly members: readonly number[];
  readonly ports: readonly PortRange[];
  readonly leads: LeadNode;
  /** Where a client leads that sends no name: the member without `for`, or -1. */
  readonly nameless: number;
  /** The names that lead to each other member; names in none of these lead where `nameless` says. */
  readonly sets: readonly { readonly expose: number; readonly set: HostSet }[];
}

/** One pattern of identities: a word such as `uri:spiffe://corp.example/ops/*`, cut at each `/` that ends a part. */
export interface IdPattern {
  /** `open`: the part begins so and may be longer. At most one is open, and then nothing is `deep`. */
  readonly parts: readonly { readonly text: string; readonly open: boolean }[];
  /** One more part or several follow. */
  readonly deep: boolean;
}

/** Client identities. Of the patterns that match a word the narrowest says whether the set includes it; where none does, it is not in the set. */
export interface IdSet {
  /** The wider ones first: of those that match a word, the last decides. */
  readonly members: readonly { readonly pattern: IdPattern; readonly included: boolean }[];
  /** Sorted, with `!` before what is not in the set. Equal sets have equal words. */
  readonly words: readonly string[];
}

export interface Annotations {
  readonly owner: string | null;
  readonly ticket: string | null;
  readonly why: string | null;
}

export interface CheckedRule {
  readonly from: AddressSet;
  /** Null: whatever the name is, or none. */
  readonly sni: HostSet | null;
  /** Null: whatever the client is. */
  readonly client: IdSet | null;
  /** UTC seconds; the rule is true before this moment. Null: always. Only an allow has one. */
  readonly after: number | null;
  readonly until: number | null;
  /** Never enforced: it only counts for the shadow verdict. */
  readonly dryrun: boolean;
  /** The author's word from `named`. */
  readonly name: string | null;
  readonly annotations: Annotations;
  readonly span: Span;
}

export interface TopLevelDeny extends CheckedRule {
  /** The ports that it applies to; null means every listener. */
  readonly on: { readonly proto: "tcp" | "udp"; readonly ports: readonly PortRange[] } | null;
}

export type Mode = "tcp" | "passthrough" | "tls" | "mtls" | "direct";

/** One `expose` is one listener for each of its protocols: all its ports and addresses share its caps and limits. */
export interface CheckedExpose {
  readonly name: string;
  readonly service: string;
  readonly proto: "tcp" | "udp";
  readonly ports: readonly PortRange[];
  /** Local addresses; null means any (the wildcard sockets). */
  readonly bind: AddressSet | null;
  /** Peers that begin with a PROXY header, whose source is then the client's; null: none does. Exposes that share a port have the same. */
  readonly via: AddressSet | null;
  /** The names that lead here on its ports; null: every name that leads to no other expose, and clients that send none. */
  readonly names: readonly NamePattern[] | null;
  /** udp has `direct` or none (written `tcp` here). Under `direct` the one rule is `allow from any`: the service serves whom it likes. */
  readonly mode: Mode;
  /** Names of certificates, of which a client gets one that it can verify; none where no TLS ends here. */
  readonly certs: readonly string[];
  /** Protocols that are offered by ALPN, the preferred one first; where there are none nothing is negotiated. */
  readonly alpn: readonly string[];
  readonly ca: string | null;
  /** In canonical order, each once; none: the port opens when the service registers an ExposeIntent. */
  readonly backends: readonly Backend[];
  /** The PROXY protocol's version in which the backends receive the client's address; null: they receive none. */
  readonly proxy: ProxyVersion | null;
  readonly cap: CheckedCap;
  readonly limits: readonly CheckedLimit[];
  readonly dryrun: DryrunCounts;
  /** Bytes that a client is sent at most for each that it sent; null where the gateway forwards no datagrams. */
  readonly amplify: number | "any" | null;
  readonly allows: readonly CheckedRule[];
  readonly denies: readonly CheckedRule[];
  readonly annotations: Annotations;
  readonly span: Span;
}

/** A list file of a `net` or `hosts`: how many entries it has, and how many it must and may have. */
export interface ListFile {
  /** As in SourceFile. */
  readonly path: string;
  readonly entries: number;
  readonly min: number;
  readonly max: number;
}

/** A service that may use udp as a client does: bind the wildcard address at a port of the kernel's choice. */
export interface CheckedDial {
  readonly service: string;
  readonly annotations: Annotations;
  readonly span: Span;
}

export type ReasonWord = "policy" | "cidr" | "sni" | "rate" | "mtls";

export interface Expected {
  readonly verdict: "allow" | "deny";
  /** Of a deny. */
  readonly reason: ReasonWord | null;
  /** `by NAME`: the author's word of the rule that must decide. */
  readonly by: string | null;
}

/** Four big-endian u32 words; see runtime/net. */
export type AddressWords = readonly [number, number, number, number];

/** A named target must be reachable at each of the expose's ports. */
export type Target =
  | { readonly kind: "expose"; readonly name: string }
  | { readonly kind: "port"; readonly proto: "tcp" | "udp"; readonly port: number; readonly local: AddressWords | null };

export type TestLine =
  | {
      readonly kind: "from";
      readonly source: AddressWords;
      /** The peer whose PROXY header names the source; null: the source is the peer. */
      readonly via: AddressWords | null;
      readonly to: Target;
      /** Canonical; null: the client sends none. */
      readonly sni: string | null;
      /** The words of the client's certificate (`dns:jump.example`). Null: no certificate. */
      readonly client: readonly string[] | null;
      readonly expected: Expected;
      readonly span: Span;
    }
  | {
      readonly kind: "repeat";
      readonly count: number;
      /** The connections come evenly over this time, the first at its start. */
      readonly overMs: number;
      /** Each connection closes before the next one comes. */
      readonly closing: boolean;
      readonly source: AddressWords;
      /** The peer whose PROXY header names the source; null: the source is the peer. */
      readonly via: AddressWords | null;
      readonly to: Target;
      readonly sni: string | null;
      readonly client: readonly string[] | null;
      /** How many of them; an outcome that is not written has none. */
      readonly expected: readonly { readonly outcome: Expected; readonly count: number }[];
      readonly span: Span;
    }
  | {
      readonly kind: "bind";
      readonly subject: string;
      readonly proto: "tcp" | "udp";
      readonly address: AddressWords;
      readonly port: number;
      readonly expected: Expected;
      readonly span: Span;
    };

export interface CheckedTest {
  readonly name: string;
  /** UTC seconds; null: there is no wall clock. */
  readonly at: number | null;
  readonly lines: readonly TestLine[];
  readonly span: Span;
}

/** A statement about every request. A condition that is null says nothing of its fact. */
export interface CheckedClaim {
  /** No request; no other request; every request. */
  readonly word: "never" | "only" | "always";
  readonly from: AddressSet | null;
  readonly sni: HostNode | null;
  readonly client: IdSet | null;
  readonly to: ClaimSubject;
  /** Only the exposes of this mode. */
  readonly mode: Mode | null;
  /** UTC seconds; null: at any time, and where no clock is known. */
  readonly at: number | null;
  readonly span: Span;
}

export type ClaimSubject =
  | { readonly kind: "any" }
  | { readonly kind: "expose"; readonly name: string }
  | { readonly kind: "ports"; readonly proto: "tcp" | "udp"; readonly ports: readonly PortRange[] };

export interface CheckedInvariant {
  readonly title: string;
  readonly claims: readonly CheckedClaim[];
  readonly span: Span;
}

/** Null: only the documented default applies. */
export interface CheckedBudget {
  readonly ports: Bound | null;
  readonly rules: Bound | null;
  readonly prefixes: Bound | null;
  /** Sum of the caps of all listeners. */
  readonly connections: Bound | null;
  readonly moduleKiB: Bound | null;
  readonly steps: Bound | null;
}

/** The smallest of several, and its place. */
export interface Bound {
  readonly most: number;
  readonly span: Span;
}

/** A named set, for commands that show which of its members are ever met. */
export type NamedSet = NamedSetOf<"net", AddressSet> | NamedSetOf<"ports", readonly PortRange[]> | NamedSetOf<"hosts", HostNode> | NamedSetOf<"ids", IdSet>;

export interface NamedSetOf<K, T> {
  readonly kind: K;
  /** As the policy calls it in its own file. */
  readonly name: string;
  readonly set: T;
  /** The members as written, with what each means; a list file is one member, and so is another set. Made at the first call. */
  members(): readonly { readonly text: string; readonly set: T; readonly span: Span }[];
  readonly annotations: Annotations;
  readonly span: Span;
}

/** Clauses that only the profile `host` has: the profile `os` refuses each. */
export interface HostOnly {
  readonly code: "ING801" | "ING802" | "ING803" | "ING804" | "ING805" | "ING808" | "ING809" | "ING810" | "ING811" | "ING812" | "ING813" | "ING814";
  /** The words, such as `as mtls` or `backend unix`. */
  readonly what: string;
  readonly span: Span;
}

export interface CheckedPolicy {
  readonly edition: 1;
  /** Sorted by name. */
  readonly exposes: readonly CheckedExpose[];
  /** Those that share a port, in the order of their numbers. */
  readonly groups: readonly CheckedGroup[];
  readonly dials: readonly CheckedDial[];
  readonly denies: readonly TopLevelDeny[];
  readonly tests: readonly CheckedTest[];
  readonly invariants: readonly CheckedInvariant[];
  readonly budget: CheckedBudget;
  /** Those that are declared in a file, identities aside. */
  readonly sets: readonly NamedSet[];
  /** Sorted by path. A file that two parts of the policy bound differently is there twice. */
  readonly listFiles: readonly ListFile[];
  /** Empty where it can be built for the profile `os`, if it fits. */
  readonly hostOnly: readonly HostOnly[];
}
