// The facts from which a policy is learned: of each listener its ports, and the sources with the names and identities that were allowed.
// Every table is bounded; a record that finds no room is left out and counted.
import { readHostName } from "../../check/names/host_names.ts";
import { formatAddress, isWildcard, type Address } from "../../../runtime/net/address.ts";
import type { DecisionRecord } from "./audit_record.ts";
import { Sources, type Room } from "./prefix_set.ts";
import { idText } from "./request_text.ts";

export const MOST_LISTENERS = 1_024;
/** Of a name, an identity and a local address together, of one listener. */
export const MOST_KINDS = 1_024;
/** Ports, local addresses and backends of one listener. */
export const MOST_OF_EACH = 256;
/** Intervals of addresses of all sets together. */
export const MOST_SOURCES = 4_000_000;

/** Ports of local addresses for which load balancers are kept. */
const MOST_PEER_SETS = 65_536;

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

/** The clients of one local address of a listener. */
export interface Place {
  /** Its ports, each with the load balancers that were seen there, by refused connections too. */
  readonly ports: Map<number, Sources>;
  readonly kinds: Map<string, Kind>;
  records: number;
  firstSeconds: number;
  lastSeconds: number;
}

/** The key of the place of sockets that listened on all addresses. */
export const ON_ALL = "";

export interface Listener {
  readonly name: string | null;
  readonly service: string | null;
  readonly proto: "tcp" | "udp";
  /** Of all places. */
  readonly ports: Set<number>;
  /** By the text of the local address. */
  readonly places: Map<string, Place>;
  kinds: number;
  readonly backends: Set<string>;
}

/** Why a record was not learned from. */
export type LeftOut = "name" | "identity" | "facts" | "room";

export class Learner {
  readonly listeners = new Map<string, Listener>();
  readonly room: Room = { left: MOST_SOURCES };
  /** Sources that a deny refuses, enforced or tried out. */
  readonly denied = new Sources(this.room);
  readonly leftOut = new Map<LeftOut, number>();
  /** Load balancers by protocol, port and local address: the record of a refusal may have no listener. */
  readonly #peers = new Map<string, Sources>();
  decisions = 0;
  learned = 0;
  /** Decisions that are no allow of a connection. */
  others = 0;

  /** False when there is no room for more sources. */
  add(record: DecisionRecord): boolean {
    const { source } = record;
    this.decisions++;
    if (record.byDeny && source !== null) this.denied.add(source);
    if (record.op !== "accept" || !record.allowed) {
      this.others++;
      // Where its header is not read, the peer is the client, so a refusal shows a load balancer as well as an admission does.
      if (!this.#notePeer(record)) this.leftOut.set("room", (this.leftOut.get("room") ?? 0) + 1);
    }
    // The source is left out of every set at the end.
    else if (!record.byDeny) {
      const why = this.#learn(record);
      if (why === null) this.learned++;
      else this.leftOut.set(why, (this.leftOut.get(why) ?? 0) + 1);
    }
    return this.room.left >= 0;
  }

  /** False when there is no room for the load balancers of one more port. */
  #notePeer({ proto, local, peer }: DecisionRecord): boolean {
    if (local === null || peer === null) return true;
    const peers = this.#peersAt(proto, local.port, local.address);
    peers?.add(peer);
    return peers !== null;
  }

  #peersAt(proto: string, port: number, local: Address): Sources | null {
    const key = `${proto} ${port} ${placeKey(local)}`;
    const known = this.#peers.get(key);
    if (known !== undefined) return known;
    if (this.#peers.size >= MOST_PEER_SETS) return null;
    const made = new Sources(this.room);
    this.#peers.set(key, made);
    return made;
  }

  #learn(record: DecisionRecord): LeftOut | null {
    const { source, local, sni, client, peer } = record;
    if (source === null || local === null) return "facts";
    if (typeof sni === "string" && !isName(sni)) return "name";
    const id = typeof client === "string" ? identityText(client) : null;
    if (typeof client === "string" && id === null) return "identity";
    const listener = this.#listenerOf(record);
    const place = listener === null ? null : this.#placeOf(listener, local.port, local.address);
    if (listener === null || place === null) return "room";
    const peers = this.#peersAt(record.proto, local.port, local.address);
    if (peers === null) return "room";
    const key = `${sni ?? ""} ${id ?? ""}`;
    let kind = place.kinds.get(key);
    if (kind === undefined) {
      if (listener.kinds >= MOST_KINDS) return "room";
      listener.kinds++;
      kind = { sni: sni ?? null, id, direct: new Sources(this.room), named: new Sources(this.room) };
      place.kinds.set(key, kind);
    }
    place.ports.set(local.port, peers);
    if (peer === null) kind.direct.add(source);
    else {
      kind.named.add(source);
      peers.add(peer);
    }
    if (record.backend !== null && listener.backends.size < MOST_OF_EACH) listener.backends.add(record.backend);
    place.records++;
    place.firstSeconds = Math.min(place.firstSeconds, record.seconds);
    place.lastSeconds = Math.max(place.lastSeconds, record.seconds);
    return null;
  }

  #listenerOf({ proto, listener: name, service }: DecisionRecord): Listener | null {
    const key = `${proto} ${name ?? ""}`;
    const known = this.listeners.get(key);
    if (known !== undefined) return known;
    if (this.listeners.size >= MOST_LISTENERS) return null;
    const made: Listener = {
      name,
      service,
      proto,
      ports: new Set(),
      places: new Map(),
      kinds: 0,
      backends: new Set(),
    };
    this.listeners.set(key, made);
    return made;
  }

  /** Where the listener was reached; null when it has too many places. */
  #placeOf({ ports, places }: Listener, port: number, local: Address): Place | null {
    if (!ports.has(port)) {
      if (ports.size >= MOST_OF_EACH) return null;
      ports.add(port);
    }
    const key = placeKey(local);
    const known = places.get(key);
    if (known !== undefined) return known;
    if (key !== ON_ALL && places.size - (places.has(ON_ALL) ? 1 : 0) >= MOST_OF_EACH) return null;
    const times = { records: 0, firstSeconds: Number.POSITIVE_INFINITY, lastSeconds: 0 };
    const made: Place = { ports: new Map(), kinds: new Map(), ...times };
    places.set(key, made);
    return made;
  }
}

function placeKey(local: Address): string {
  return isWildcard(local) ? ON_ALL : formatAddress(local);
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
