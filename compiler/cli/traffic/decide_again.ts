// A recorded decision under another policy. The module is queried as the gateway queries it, phase by phase, at the time of the
// record and without caps and limits; where a phase needs a fact that the record does not have, the answer is "undecidable".
import { CODE_HELLO_MALFORMED, CODE_NOT_EXPOSED } from "../../../runtime/abi/verdicts.ts";
import { denial, type Decision } from "../../../runtime/host/decision.ts";
import { identityOf, type Identity } from "../../../runtime/host/identity.ts";
import type { ListenerInfo, LoadedPolicy, PolicyEngine } from "../../../runtime/host/module.ts";
import { isWildcard, type Address } from "../../../runtime/net/address.ts";
import { isWithin, parsePrefix, type Prefix } from "../../../runtime/net/prefix.ts";
import { freshEngine } from "../policy_tests.ts";
import type { DecisionRecord } from "./audit_record.ts";

/** The fact that is missing. */
export type Missing = "source" | "local" | "header" | "name" | "identity" | "subject";

export type Again =
  { readonly decided: true; readonly decision: Decision; readonly listener: ListenerInfo | null } | { readonly decided: false; readonly missing: Missing };

/** Engines at different stretches of time that are kept; records of several files may alternate between them. */
const MOST_ENGINES = 4;
/** Places and identities whose reading is kept. */
const MOST_KNOWN = 4_096;

export class Replayer {
  readonly #policy: LoadedPolicy;
  /** UTC seconds at which an allow begins or ends, rising: between two of them every time has the same answers. */
  readonly #edges: readonly number[];
  /** By stretch, the one that was used last at the end. */
  readonly #engines = new Map<number, PolicyEngine>();
  readonly #places = new Map<string, number>();
  readonly #identities = new Map<string, Identity>();
  readonly #via: readonly (readonly Prefix[] | null)[];
  /** Whether any listener has `via`. */
  readonly #hasVia: boolean;

  constructor(policy: LoadedPolicy) {
    this.#policy = policy;
    this.#edges = [...new Set(policy.info.rules.flatMap(({ after, until }) => [after, until]))].filter((t) => t !== null).sort((a, b) => a - b);
    this.#via = policy.info.listeners.map(({ via }) => via?.map(parsePrefix).filter((prefix) => prefix !== null) ?? null);
    this.#hasVia = this.#via.some((prefixes) => prefixes !== null);
  }

  of(record: DecisionRecord): Again {
    const { local, proto } = record;
    if (local === null) return undecidable("local");
    const engine = this.#engineAt(record.seconds);
    if (record.op === "bind") {
      const { subject } = record;
      if (subject === null) return undecidable("subject");
      return decided(engine.bind({ subject, proto, address: local.address, port: local.port }), null);
    }
    if (record.source === null) return undecidable("source");
    const place = this.#placeOf(engine, proto, local.text, local.address, local.port);
    if (place === UNKNOWN_ADDRESS) return undecidable("local");
    if (place < 0) return decided(denial(CODE_NOT_EXPOSED), null);
    return this.#atPlace(engine, place, record, record.source);
  }

  /** Whether a module's tables turned out not to be what they should be. */
  get isPoisoned(): boolean {
    return [...this.#engines.values()].some(({ poisoned }) => poisoned);
  }

  /** Whether a listener or a group reads a PROXY header of this peer. */
  #readsHeader(place: number, peer: Address): boolean {
    const { listeners, groups } = this.#policy.info;
    const prefixes = this.#via[place < listeners.length ? place : (groups.find(({ id }) => id === place)?.members[0] ?? -1)] ?? null;
    return prefixes?.some((prefix) => isWithin(prefix, peer)) === true;
  }

  #atPlace(engine: PolicyEngine, place: number, record: DecisionRecord, named: Address): Again {
    const { listeners } = this.#policy.info;
    const isGroup = place >= listeners.length;
    const own = isGroup ? null : (listeners[place] ?? null);
    let source = named;
    // A header that is not read is the beginning of the client's data, and the peer is the client.
    let isHeaderData = false;
    if (record.peer !== null && !(this.#hasVia && this.#readsHeader(place, record.peer))) {
      source = record.peer;
      isHeaderData = true;
    } else if (record.peer === null && this.#hasVia && this.#readsHeader(place, source)) return undecidable("header");
    const accept = engine.accept(place, source);
    if (!accept.allowed && !accept.later) return decided(accept, own);
    if (isHeaderData && (isGroup || own?.mode !== "tcp")) return decided(denial(CODE_HELLO_MALFORMED), own);
    if (accept.allowed) return decided(accept, own);
    return isGroup ? this.#byName(engine, place, record, source) : this.#named(engine, place, record, source);
  }

  /** At a port that several exposes share the name leads to one of them. */
  #byName(engine: PolicyEngine, group: number, record: DecisionRecord, source: Address): Again {
    if (record.sni === undefined) return undecidable("name");
    const lead = engine.lead(group, source, record.sni);
    return lead.listener === null ? decided(lead.denial, null) : this.#named(engine, lead.listener, record, source);
  }

  #named(engine: PolicyEngine, id: number, record: DecisionRecord, source: Address): Again {
    const listener = this.#policy.info.listeners[id] ?? null;
    const { sni, client, clientMore } = record;
    if (sni === undefined && listener?.needsNames !== false) return undecidable("name");
    const name = sni ?? null;
    const named = engine.named(id, source, name);
    if (named.allowed || !named.later) return decided(named, listener);
    if (client === undefined) return undecidable("identity");
    if (client === null) return decided(engine.hello(id, source, name), listener);
    const decision = engine.identity(id, source, name, this.#identityOf(client));
    // Further names can add a deny, and never take one away.
    if (clientMore > 0 && (decision.allowed || decision.code !== "deny_identity")) return undecidable("identity");
    return decided(decision, listener);
  }

  #placeOf(engine: PolicyEngine, proto: "tcp" | "udp", text: string, address: Address, port: number): number {
    const key = proto === "udp" ? `u${text}` : text;
    let place = this.#places.get(key);
    if (place === undefined) {
      place = engine.listenerAt(proto, port, address);
      // A socket on all addresses does not say to which of them a client came.
      if (place < 0 && isWildcard(address) && this.#hasPort(proto, port)) place = UNKNOWN_ADDRESS;
      keep(this.#places, key, place);
    }
    return place;
  }

  #hasPort(proto: "tcp" | "udp", port: number): boolean {
    return this.#policy.info.listeners.some((l) => l.proto === proto && l.ports.some(({ first, last }) => first <= port && port <= last));
  }

  #identityOf(client: string): Identity {
    let identity = this.#identities.get(client);
    if (identity === undefined) {
      identity = identityOf(client.split(" ").filter((word) => word !== ""));
      keep(this.#identities, client, identity);
    }
    return identity;
  }

  /** An engine's clock never goes back, so each stretch of time has one. */
  #engineAt(seconds: number): PolicyEngine {
    const stretch = this.#edges.length === 0 ? 0 : this.#stretchOf(seconds);
    let engine = this.#engines.get(stretch);
    if (engine === undefined) {
      engine = freshEngine(this.#policy, seconds);
      const [oldest] = this.#engines.keys();
      if (this.#engines.size >= MOST_ENGINES && oldest !== undefined) this.#engines.delete(oldest);
      this.#engines.set(stretch, engine);
    } else if (this.#engines.size > 1) {
      this.#engines.delete(stretch);
      this.#engines.set(stretch, engine);
    }
    return engine;
  }

  /** How many edges are not after the time. */
  #stretchOf(seconds: number): number {
    let [low, high] = [0, this.#edges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#edges[middle] ?? Infinity) <= seconds) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const UNKNOWN_ADDRESS = -2;

function keep<V>(known: Map<string, V>, key: string, value: V): void {
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(key, value);
}

function decided(decision: Decision, listener: ListenerInfo | null): Again {
  return { decided: true, decision, listener };
}

function undecidable(missing: Missing): Again {
  return { decided: false, missing };
}
