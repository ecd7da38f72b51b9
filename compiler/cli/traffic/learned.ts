// The facts from which a policy is learned: of each listener its ports, and the sources with the names and identities that were allowed.
// Every table is bounded; a record that finds no room is left out and counted.
import { readHostName } from "../../check/names/host_names.ts";
import { formatAddress, isWildcard, type Address } from "../../../runtime/net/address.ts";
import type { DecisionRecord } from "./audit_record.ts";
import { Sources, type Room } from "./prefix_set.ts";
import { idText } from "./request_text.ts";

export const MOST_LISTENERS = 1_024;
/** Pairs of a name and an identity, of one listener. */
export const MOST_KINDS = 1_024;
/** Ports, local addresses and backends of one listener. */
export const MOST_OF_EACH = 256;
/** Intervals of addresses of all sets together. */
export const MOST_SOURCES = 4_000_000;

/** Clients that differ by their source alone. */
export interface Kind {
  /** Null: none was sent, or none is known. */
  readonly sni: string | null;
  /** As a rule names it; null: no certificate. */
  readonly id: string | null;
  readonly direct: Sources;
  /** Named by a load balancer. */
  readonly named: Sources;
}

export interface Listener {
  readonly name: string | null;
  readonly service: string | null;
  readonly proto: "tcp" | "udp";
  readonly ports: Set<number>;
  /** Texts of local addresses; empty where a socket listened on all of them. */
  readonly locals: Set<string>;
  isOnAll: boolean;
  readonly backends: Set<string>;
  readonly peers: Sources;
  readonly kinds: Map<string, Kind>;
  records: number;
  firstSeconds: number;
  lastSeconds: number;
}

/** Why a record was not learned from. */
export type LeftOut = "name" | "identity" | "facts" | "room";

export class Learner {
  readonly listeners = new Map<string, Listener>();
  readonly room: Room = { left: MOST_SOURCES };
  /** Sources that a deny refuses, enforced or tried out. */
  readonly denied = new Sources(this.room);
  readonly leftOut = new Map<LeftOut, number>();
  decisions = 0;
  learned = 0;
  /** Decisions that are no allow of a connection. */
  others = 0;

  /** False when there is no room for more sources. */
  add(record: DecisionRecord): boolean {
    const { source } = record;
    this.decisions++;
    if (record.byDeny && source !== null) this.denied.add(source);
    if (record.op !== "accept" || !record.allowed) this.others++;
    // The source is left out of every set at the end.
    else if (!record.byDeny) {
      const why = this.#learn(record);
      if (why === null) this.learned++;
      else this.leftOut.set(why, (this.leftOut.get(why) ?? 0) + 1);
    }
    return this.room.left >= 0;
  }

  #learn(record: DecisionRecord): LeftOut | null {
    const { source, local, sni, client, peer } = record;
    if (source === null || local === null) return "facts";
    if (typeof sni === "string" && !isName(sni)) return "name";
    const id = typeof client === "string" ? identityText(client) : null;
    if (typeof client === "string" && id === null) return "identity";
    const listener = this.#listenerOf(record);
    if (listener === null || !fits(listener, local.port, local.address)) return "room";
    const key = `${sni ?? ""} ${id ?? ""}`;
    let kind = listener.kinds.get(key);
    if (kind === undefined) {
      if (listener.kinds.size >= MOST_KINDS) return "room";
      kind = { sni: sni ?? null, id, direct: new Sources(this.room), named: new Sources(this.room) };
      listener.kinds.set(key, kind);
    }
    if (peer === null) kind.direct.add(source);
    else {
      kind.named.add(source);
      listener.peers.add(peer);
    }
    if (record.backend !== null && listener.backends.size < MOST_OF_EACH) listener.backends.add(record.backend);
    listener.records++;
    listener.firstSeconds = Math.min(listener.firstSeconds, record.seconds);
    listener.lastSeconds = Math.max(listener.lastSeconds, record.seconds);
    return null;
  }

  #listenerOf({ proto, listener: name, service, seconds }: DecisionRecord): Listener | null {
    const key = `${proto} ${name ?? ""}`;
    const known = this.listeners.get(key);
    if (known !== undefined) return known;
    if (this.listeners.size >= MOST_LISTENERS) return null;
    const made: Listener = {
      name,
      service,
      proto,
      ports: new Set(),
      locals: new Set(),
      isOnAll: false,
      backends: new Set(),
      peers: new Sources(this.room),
      kinds: new Map(),
      records: 0,
      firstSeconds: seconds,
      lastSeconds: seconds,
    };
    this.listeners.set(key, made);
    return made;
  }
}

/** Notes where the listener was reached; false when it has too many places. */
function fits(listener: Listener, port: number, local: Address): boolean {
  if (!listener.ports.has(port)) {
    if (listener.ports.size >= MOST_OF_EACH) return false;
    listener.ports.add(port);
  }
  if (isWildcard(local)) {
    listener.isOnAll = true;
    return true;
  }
  const text = formatAddress(local);
  if (listener.locals.has(text)) return true;
  if (listener.locals.size >= MOST_OF_EACH) return false;
  listener.locals.add(text);
  return true;
}

/** Names come again and again. */
const MOST_KNOWN = 4_096;
const names = new Map<string, boolean>();
const identities = new Map<string, string | null>();

function isName(text: string): boolean {
  return remembered(names, text, (name) => {
    const read = readHostName(name);
    return read.ok && read.value === name;
  });
}

/** The first name of the certificate that a rule can name, which is the one that decided where several were; else its fingerprint. */
function identityText(client: string): string | null {
  return remembered(identities, client, (text) => {
    const words = text.split(" ");
    const hash = words.find((word) => word.startsWith("sha256:"));
    const named = words.filter((word) => word !== hash).map(idText);
    return named.find((one) => one !== null) ?? (hash === undefined ? null : idText(hash));
  });
}

function remembered<V>(known: Map<string, V>, key: string, make: (key: string) => V): V {
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = make(key);
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(key, made);
  return made;
}
