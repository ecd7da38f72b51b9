// The types with which programs query a compiled policy. `load.ts` makes a LoadedPolicy from bytes, and `ask.ts` makes its
// PolicyEngine.
import type { Identity } from "./identity.ts";
import type { Profile } from "../abi/profiles.ts";
import type { Address } from "../net/address.ts";
import type { ValidToken } from "./token.ts";
import type { Answer, Decision, Denial, Shadow } from "./decision.ts";

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export type ProxyVersion = "v1" | "v2";

/** As the policy names it; `tcp` is on this host, `remote` on another one. */
export type BackendInfo = { readonly kind: "tcp" | "remote"; readonly host: string; readonly port: number } | { readonly kind: "unix"; readonly path: string };

/** One listener as the module's semantic JSON describes it. */
export interface ListenerInfo {
  /** The position in `listeners`, and the number by which the module's calls name the listener. */
  readonly id: number;
  /** An expose on tcp and udp is two listeners with this name. */
  readonly name: string;
  readonly service: string;
  readonly proto: "tcp" | "udp";
  readonly ports: readonly PortRange[];
  /** Prefixes of local addresses; null means the wildcard sockets 0.0.0.0 and ::. */
  readonly bind: readonly string[] | null;
  /**
   * `direct`: the service binds by itself, with a token, and the gateway opens nothing. A udp listener in mode `tcp` is one whose
   * datagrams are forwarded as they come; it has no other mode.
   */
  readonly mode: "tcp" | "passthrough" | "tls" | "mtls" | "direct";
  /** The names of its certificates, where the gateway terminates TLS, of which a client gets the first that it supports; else none. */
  readonly certs: readonly string[];
  /** Protocols that it offers by ALPN, the preferred one first; where there are none, nothing is negotiated. */
  readonly alpn: readonly string[];
  /** The name of the authority of client certificates, where the listener requires them. */
  readonly ca: string | null;
  /** Each connection goes to one of them; none: the port opens when the service registers. */
  readonly backends: readonly BackendInfo[];
  /** The version of the PROXY header that the policy's backends get; null: they get none. */
  readonly proxy: ProxyVersion | null;
  /** Prefixes of peers that begin with a PROXY header, whose source is then the client's; null: none does. Listeners of a group have the same. */
  readonly via: readonly string[] | null;
  /** The patterns of `for`, sorted; null where there is none: then every name leads here that leads to no other listener of the port. */
  readonly names: readonly NamePattern[] | null;
  /** Whether an enforced rule that applies to this listener has `sni`, so that decisions need the client's server name. */
  readonly needsNames: boolean;
  readonly capConnections: number;
  /** The cap per source, and how much of a source is its key; null where there is no such cap. */
  readonly capSource: { readonly v4: number; readonly v6: number; readonly connections: number; readonly isOfAll: boolean } | null;
  /** Of a udp listener whose datagrams are forwarded: how many bytes a client is sent at most for each that it sent. Absent for every other listener. */
  readonly amplify?: number | "any";
  readonly origin: Origin;
  readonly annotations: Annotations;
}

/** A pattern of `for`: of the patterns of a port's listeners that match a name, the most specific one decides. */
export interface NamePattern {
  /** `www.example.com`, `*.example.com` (one label more) or `**.example.com` (one or more). */
  readonly pattern: string;
  /** The names that `except` takes out of it, in the same form; the narrowest that matches a name decides, with `!` before what is not taken out. */
  readonly except: readonly string[];
}

/** The listeners that share a port, or the only one of a port if it has `for`. */
export interface GroupInfo {
  /** The number by which the module's calls name the group; those of groups follow those of listeners. */
  readonly id: number;
  /** Numbers of listeners, rising. */
  readonly members: readonly number[];
  /** Of tcp. */
  readonly ports: readonly PortRange[];
  readonly bind: readonly string[] | null;
}

/** The place of a rule or an expose in the policy's source. `file` is relative to the policy root. */
export interface Origin {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** The annotations before a rule or an expose; null where the author wrote none. */
export interface Annotations {
  readonly owner: string | null;
  readonly ticket: string | null;
  readonly why: string | null;
}

/** A rule. Equal rules that the author wrote several times are one rule with several origins. */
export interface RuleInfo {
  /** The rule's number in canonical order. */
  readonly id: number;
  readonly action: "allow" | "deny";
  /** The listener's name; null for a top-level deny. */
  readonly listener: string | null;
  /** The listener's protocol, since an expose on tcp and udp has each of its rules twice; null for a top-level deny. */
  readonly proto: "tcp" | "udp" | null;
  /** The rule is never enforced; it only counts for the shadow verdict. */
  readonly dryrun: boolean;
  /** UTC seconds at which an allow ends; null where it has no end. */
  readonly after: number | null;
  readonly until: number | null;
  /** 16 characters that are equal for rules of two policies with the same meaning and an expose of the same name. */
  readonly meaning: string;
  readonly names: readonly string[];
  readonly origins: readonly Origin[];
  /** One entry for each origin. */
  readonly annotations: readonly Annotations[];
}

export interface PolicyInfo {
  /** SHA-256 of the module's bytes before its hash section, lower-case hex. */
  readonly sha256: string;
  /** SHA-256 of the semantic JSON, lower-case hex. */
  readonly treeSha256: string;
  readonly abiVersion: number;
  /** The profile that the module was built for. A module with `os` keeps the bounds of that profile; this host runs it as any other. */
  readonly profile: Profile;
  readonly memoryBytes: number;
  /** The most loop iterations that one decision can take. */
  readonly maxSteps: number;
  /** Null where the module has none. */
  readonly signature: SignatureInfo | null;
  readonly listeners: readonly ListenerInfo[];
  readonly groups: readonly GroupInfo[];
  /** Services that may use udp as clients do. */
  readonly dialers: readonly string[];
  readonly rules: readonly RuleInfo[];
}

export interface SignatureInfo {
  /** The first sixteen bytes of the SHA-256 of the signer's public key, lower-case hex. */
  readonly keyId: string;
  /** 1 to 2^53 - 1. */
  readonly revision: number;
  /** False where the caller passed no trusted keys; then anybody may have written the signature and the module. */
  readonly verified: boolean;
}

/** A policy that was checked and is not running yet. It has compiled code and the parsed sections, and no state. */
export interface LoadedPolicy {
  readonly info: PolicyInfo;
  /** @internal `instance.ts` instantiates it. */
  readonly module: WebAssembly.Module;
  /**
   * @internal The bytes of the data segment, where `module` is the module without it; the engine's `validate` has accepted
   * exactly these bytes. Null where the module itself contains its tables.
   */
  readonly tables: Uint8Array | null;
}

/** Why a module is refused, with a code, and a message that names the cause for an operator. */
export interface Refusal {
  readonly code:
    | "module_too_large"
    | "module_malformed"
    | "module_hash"
    | "module_code"
    | "module_version"
    | "module_memory"
    | "module_tables"
    | "module_selftest"
    | "module_trailing"
    | "signature_missing"
    | "signature_twice"
    | "signature_malformed"
    | "signature_version"
    | "signature_algorithm"
    | "signature_key"
    | "signature_bad";
  readonly message: string;
}

export interface Clock {
  /** Monotonic milliseconds since any fixed moment; whole, >= 0. */
  readonly monoMs: number;
  /** UTC seconds, or null where no wall clock is known. */
  readonly wallSeconds: number | null;
}

/** A bind that a subject makes. */
export interface BindRequest {
  readonly subject: string;
  readonly proto: "tcp" | "udp";
  readonly address: Address;
  readonly port: number;
}

/** Where a name leads. */
export type Lead = { readonly listener: number } | { readonly listener: null; readonly denial: Denial };

/** A new peer, for `admit`. `listener` may be a group: then nothing is charged, and a pending answer waits for its name. */
export interface Peer {
  readonly listener: number;
  readonly source: Address;
  /** The number of a link-local source's interface, for the keys of caps and limits; 0 or absent for any other source. */
  readonly zone?: number;
}

/**
 * A running policy. No method throws. After a trap or an impossible answer the engine is poisoned: it denies everything
 * with `module_trap` or `module_result`.
 */
export interface PolicyEngine {
  readonly info: PolicyInfo;
  readonly poisoned: boolean;
  /** Sets the time of the decisions that follow; a time earlier than the last one has no effect. */
  setClock(clock: Clock): void;
  /** Phase 0 for a subject without a token. The code is `no_token` where the policy grants the bind with a token. */
  bind(request: BindRequest): Decision;
  /** Phase 0 for a subject that has shown this token, which must be for this policy. */
  bindWithToken(token: ValidToken): Decision;
  /** The listener or group at a protocol, port and local address, or -1. A wildcard address finds only a listener on the wildcard. */
  listenerAt(proto: "tcp" | "udp", port: number, local: Address): number;
  /** Phase 1 without caps and limits, at a listener or a group. It charges nothing; rechecks and `explain` use it. */
  accept(listener: number, source: Address): Answer;
  /**
   * Phase 1 with caps and limits for a batch of peers, in order, in one call. Allowed and pending peers are charged. The
   * caller must release a pending peer of a listener (not of a group) that is refused later.
   */
  admit(peers: readonly Peer[]): readonly Answer[];
  /**
   * The listener to which a name leads at a group, or the refusal of phase 1 or of the name; a listener leads to itself.
   * It is followed by `named` at that listener.
   */
  lead(group: number, source: Address, name: string | null): Lead;
  /** Phase 1's caps and limits alone, for a connection of a group that the rules of this listener admit. The rule of a refusal is `rule`. */
  charge(peer: Peer, rule: number): Decision;
  /** Takes a token of each limit per source of a group's listeners, for a source whose name led to none of them. */
  spend(group: number, source: Address, zone?: number): void;
  /**
   * Phases 1 and 2 without caps and limits; charges nothing. `name` is canonical (lower case, no trailing dot, at most 255
   * bytes), null where the client sends none. For a listener in mode `tcp` the name is no fact, and the answer is that of
   * phase 1. The answer is pending only for a listener in mode `mtls`, where the identity is still to come.
   */
  named(listener: number, source: Address, name: string | null): Answer;
  /** Phases 1 and 2 for a client that shows no certificate; a pending answer becomes a refusal. */
  hello(listener: number, source: Address, name: string | null): Decision;
  /** Phases 1 to 3 without caps and limits; charges nothing. `identity` is that of a verified certificate. */
  identity(listener: number, source: Address, name: string | null, identity: Identity): Decision;
  /** Phases 1 to 3, and phase 4 with its caps and limits. An admitted connection is charged. */
  admitIdentity(listener: number, source: Address, name: string | null, identity: Identity): Decision;
  /**
   * The shadow verdict, or null where no dryrun rule applies to the listener, or to none of a group. `name` and `identity` are undefined where
   * they never came.
   */
  shadow(listener: number, source: Address, name: string | null | undefined, identity?: Identity): Shadow | null;
  /** Releases the caps of one admitted connection. `zone` is the one with which it was admitted. */
  release(listener: number, source: Address, zone?: number): void;
  /** Releases the cap of phase 4 of one admitted connection. */
  releaseIdentity(listener: number, identity: Identity): void;
  /** Counts a connection that was admitted before a reload in the caps of this policy, without a check. */
  recount(listener: number, source: Address, zone?: number): void;
  /** Counts such a connection in the cap of phase 4, without a check. */
  recountIdentity(listener: number, identity: Identity): void;
  /** The state of limits, which survives a reload, in opaque records. Caps are recounted instead. */
  exportState(): Uint8Array;
  importState(state: Uint8Array): void;
  /** Does the same as `importState(from.exportState())`, faster. Both engines have the same seed and time. */
  takeState(from: PolicyEngine): void;
  /** Every limit counts as exhausted for everyone. Returns the milliseconds until each has a token for everyone again; 0 where there is no limit. */
  exhaustLimits(): number;
  /** How many concurrent connections the module counts for a listener. */
  connections(listener: number): number;
  /** How many entries of the limits' table are in use, and how many there are in all; for `status`. */
  limiterFill(): { readonly used: number; readonly places: number };
}
