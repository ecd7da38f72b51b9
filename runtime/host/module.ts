// What the host offers to those who ask a compiled policy: types only. load.ts makes a
// LoadedPolicy from bytes, ask.ts makes its PolicyEngine.
import type { Identity } from "./identity.ts";
import type { Profile } from "../abi/profiles.ts";
import type { Address } from "../net/address.ts";
import type { ValidToken } from "./token.ts";
import type { Answer, Decision, Shadow } from "./decision.ts";

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** One exposure as the module's semantic JSON states it; ids are the module's own. */
export interface ListenerInfo {
  /** Position in `listeners`, and what the module's calls take. */
  readonly id: number;
  readonly name: string;
  readonly service: string;
  readonly proto: "tcp" | "udp";
  readonly ports: readonly PortRange[];
  /** Prefixes of local addresses; null means the wildcard sockets 0.0.0.0 and ::. */
  readonly bind: readonly string[] | null;
  /** `direct`: the service binds by itself, with a token; the gateway opens nothing. udp has no other yet. */
  readonly mode: "tcp" | "passthrough" | "tls" | "mtls" | "direct";
  /** The certificate's name, where the gateway terminates TLS. */
  readonly cert: string | null;
  /** The name of the authority of clients' certificates, where they are asked for. */
  readonly ca: string | null;
  readonly backend: { readonly kind: "tcp"; readonly host: string; readonly port: number }
    | { readonly kind: "unix"; readonly path: string } | null;
  /** Whether a rule that holds here asks for the client's server name; `dryrun` rules don't count. */
  readonly asksNames: boolean;
  readonly capConnections: number;
  readonly origin: Origin;
  readonly annotations: Annotations;
}

/** Where the author wrote something. `file` is relative to the policy root. */
export interface Origin {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** What the author wrote before a rule or an expose; null where nothing. */
export interface Annotations {
  readonly owner: string | null;
  readonly ticket: string | null;
  readonly why: string | null;
}

/** A rule by its canonical number; equal rules written twice have several origins. */
export interface RuleInfo {
  readonly id: number;
  readonly action: "allow" | "deny";
  /** Listener name; null for a top-level deny. */
  readonly listener: string | null;
  /** Never enforced; it only counts for the shadow verdict. */
  readonly dryrun: boolean;
  /** UTC seconds from which an allow is no longer true; null: never. */
  readonly until: number | null;
  /** The same for rules of two policies that say the same of an expose of the same name; 16 characters. */
  readonly meaning: string;
  readonly names: readonly string[];
  readonly origins: readonly Origin[];
  /** One for each origin. */
  readonly annotations: readonly Annotations[];
}

export interface PolicyInfo {
  /** SHA-256 of the module's bytes before its hash section, lower-case hex. */
  readonly sha256: string;
  /** SHA-256 of the semantic JSON, lower-case hex. */
  readonly treeSha256: string;
  readonly abiVersion: number;
  /** What it was built for; `os` holds its bounds, and this host runs it as any other. */
  readonly profile: Profile;
  readonly memoryBytes: number;
  /** The most loop iterations that one decision can take. */
  readonly maxSteps: number;
  /** Null where the module has none. */
  readonly signature: SignatureInfo | null;
  readonly listeners: readonly ListenerInfo[];
  /** Services that may use udp as clients do. */
  readonly dialers: readonly string[];
  readonly rules: readonly RuleInfo[];
}

export interface SignatureInfo {
  /** The first sixteen bytes of the SHA-256 of the signer's public key, lower-case hex. */
  readonly keyId: string;
  /** 1 to 2^53 - 1. */
  readonly revision: number;
  /** False where no trusted keys were given: then anybody may have written all of it. */
  readonly verified: boolean;
}

/** Checked but not yet running; holds compiled code and the parsed sections, no state. */
export interface LoadedPolicy {
  readonly info: PolicyInfo;
  /** @internal for ask.ts */
  readonly module: WebAssembly.Module;
  /**
   * @internal The bytes of the data segment, where `module` is the module without it: the engine's
   * `validate` has passed over exactly these. Null where the module holds its tables itself.
   */
  readonly tables: Uint8Array | null;
}

/** Codes of modules that are refused; the message names the cause for an operator. */
export interface Refusal {
  readonly code:
    | "module_too_large" | "module_malformed" | "module_hash" | "module_code"
    | "module_version" | "module_memory" | "module_tables" | "module_selftest" | "module_trailing"
    | "signature_missing" | "signature_twice" | "signature_malformed" | "signature_version"
    | "signature_algorithm" | "signature_key" | "signature_bad";
  readonly message: string;
}

export interface Clock {
  /** Monotonic milliseconds since any fixed moment; whole, >= 0. */
  readonly monoMs: number;
  /** UTC seconds, or null where no wall clock is known. */
  readonly wallSeconds: number | null;
}

export interface BindQuestion {
  readonly subject: string;
  readonly proto: "tcp" | "udp";
  readonly address: Address;
  readonly port: number;
}

/** A new peer, as the batch form takes it. */
export interface Peer {
  readonly listener: number;
  readonly source: Address;
  /** Number of the interface of a link-local source, for the keys of caps and limits; 0 or absent: none. */
  readonly zone?: number;
}

/**
 * A running policy. Every method answers; none throws. After a trap or an impossible answer
 * the engine is poisoned: everything is denied with `module_trap` or `module_result`.
 */
export interface PolicyEngine {
  readonly info: PolicyInfo;
  readonly poisoned: boolean;
  /** Sets the time of the decisions that follow; a clock that runs backwards is held. */
  setClock(clock: Clock): void;
  /** Phase 0 of one who shows no token: `no_token` where the policy grants it with one. */
  bind(question: BindQuestion): Decision;
  /** Phase 0 of one who has shown this token, which must be of this policy. */
  bindWithToken(token: ValidToken): Decision;
  /** The listener at a protocol, port and local address (wildcard: exactly the wildcard), or -1. */
  listenerAt(proto: "tcp" | "udp", port: number, local: Address): number;
  /** Phase 1 without caps and limits: pure, nothing is charged. For recheck and explain. */
  accept(listener: number, source: Address): Answer;
  /**
   * Phase 1 with caps and limits of a batch of peers, in order, in one call. Allowed and pending
   * ones are charged; a pending one that is refused later must be released.
   */
  admit(peers: readonly Peer[]): readonly Answer[];
  /**
   * Phases 1 and 2 without caps and limits: pure, nothing is charged. `name` is canonical (lower
   * case, no trailing dot, at most 255 bytes), null where the client sends none. For a listener in
   * mode `tcp` the name is no fact, and the answer is that of phase 1. Pending only for one in mode
   * `mtls`, where the identity is still to come.
   */
  named(listener: number, source: Address, name: string | null): Answer;
  /** The same for a client that shows no certificate: what would wait for one is refused. */
  hello(listener: number, source: Address, name: string | null): Decision;
  /** Phases 1 to 3 without caps and limits: pure, nothing is charged. `identity` is of a verified certificate. */
  identity(listener: number, source: Address, name: string | null, identity: Identity): Decision;
  /** The same with the caps and limits of phase 4. An admitted one is charged. */
  admitIdentity(listener: number, source: Address, name: string | null, identity: Identity): Decision;
  /**
   * The shadow verdict, or null where no dryrun rule holds for the listener. `name` and `identity` are
   * undefined where they never came.
   */
  shadow(listener: number, source: Address, name: string | null | undefined, identity?: Identity): Shadow | null;
  /** Gives back the caps of one admitted connection; `zone` as it was admitted. */
  release(listener: number, source: Address, zone?: number): void;
  /** Gives back the cap of phase 4 of one admitted connection. */
  releaseIdentity(listener: number, identity: Identity): void;
  /** Counts a connection that lives on from before a reload; checks nothing. */
  recount(listener: number, source: Address, zone?: number): void;
  /** The same for the cap of phase 4. */
  recountIdentity(listener: number, identity: Identity): void;
  /** Limits that outlive a reload (opaque); caps are recounted instead. */
  exportState(): Uint8Array;
  importState(state: Uint8Array): void;
  /** What `importState(from.exportState())` does, at once; both have the same seed and time. */
  takeState(from: PolicyEngine): void;
  /** Concurrent connections that the module counts for a listener. */
  connections(listener: number): number;
  /** Limit entries in use and places in all, for `status`. */
  limiterFill(): { readonly used: number; readonly places: number };
}
