// A learned listener as parts: its local addresses that differ in nothing are one, and each other one is a part with the clients that were
// seen at it alone.
import { union } from "../../check/sets/intervals.ts";
import type { AddressSet } from "../../policy/policy.ts";
import { sha256 } from "../sha256.ts";
import { ON_ALL, type Listener, type Place } from "./learned.ts";

/** Clients that differ by their source alone. */
export interface Kind {
  readonly sni: string | null;
  readonly id: string | null;
  readonly direct: AddressSet;
  readonly named: AddressSet;
}

export interface Part extends Pick<Listener, "name" | "service" | "proto" | "backends">, Pick<Place, "records" | "firstSeconds" | "lastSeconds"> {
  readonly ports: ReadonlySet<number>;
  /** Texts; empty where a socket listened on all addresses. */
  readonly locals: ReadonlySet<string>;
  readonly isOnAll: boolean;
  readonly peers: AddressSet;
  readonly kinds: readonly Kind[];
}

/** Local addresses are in one part where every listener has both of them, with the same ports and clients, or none of the two. */
export function partsOf(listeners: readonly Listener[]): readonly Part[] {
  const looks = new Map<string, string[]>();
  listeners.forEach(({ proto, places }, i) => {
    if (places.has(ON_ALL)) return;
    for (const [local, place] of places) {
      const key = `${proto} ${local}`;
      looks.set(key, [...(looks.get(key) ?? []), `${i} ${lookOf(place)}`]);
    }
  });
  return listeners.flatMap((listener): readonly Part[] => {
    const { proto, places } = listener;
    if (places.has(ON_ALL)) return [partOf(listener, [...places.keys()], true)];
    const groups = new Map<string, string[]>();
    for (const local of places.keys()) {
      const look = (looks.get(`${proto} ${local}`) ?? []).join(";");
      groups.set(look, [...(groups.get(look) ?? []), local]);
    }
    return [...groups.values()].map((locals) => partOf(listener, locals, false));
  });
}

/** Equal for places with equal ports, load balancers and clients. */
function lookOf(place: Place): string {
  const { ports, kinds } = place;
  const clients = [...kinds].map(([key, { direct, named }]) => `${key} ${hashOf(direct.set())} ${hashOf(named.set())}`).sort();
  return JSON.stringify([[...ports.keys()].sort((a, b) => a - b), hashOf(peersOf(place)), clients]);
}

/** The load balancers of all ports of a place. */
function peersOf({ ports }: Place): AddressSet {
  return union([...ports.values()].map((peers) => peers.set()));
}

function hashOf({ bounds }: AddressSet): string {
  return Buffer.from(sha256(new Uint8Array(bounds.buffer, bounds.byteOffset, bounds.byteLength))).toString("base64");
}

function partOf(listener: Listener, locals: readonly string[], isOnAll: boolean): Part {
  const { name, service, proto, backends } = listener;
  const places = locals.flatMap((local) => listener.places.get(local) ?? []);
  const keys = [...new Set(places.flatMap(({ kinds }) => [...kinds.keys()]))];
  const kinds = keys.flatMap((key): readonly Kind[] => {
    const own = places.flatMap((place) => place.kinds.get(key) ?? []);
    const [first] = own;
    if (first === undefined) return [];
    return [{ sni: first.sni, id: first.id, direct: union(own.map(({ direct }) => direct.set())), named: union(own.map(({ named }) => named.set())) }];
  });
  return {
    ...{ name, service, proto, backends },
    records: places.reduce((sum, { records }) => sum + records, 0),
    firstSeconds: Math.min(...places.map(({ firstSeconds }) => firstSeconds)),
    lastSeconds: Math.max(...places.map(({ lastSeconds }) => lastSeconds)),
    ports: new Set(places.flatMap(({ ports }) => [...ports.keys()])),
    locals: new Set(locals.filter((local) => local !== ON_ALL)),
    isOnAll,
    peers: union(places.map(peersOf)),
    kinds,
  };
}
