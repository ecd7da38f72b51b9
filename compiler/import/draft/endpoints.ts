// Where servers listen, as the exposes that have the same places: a socket with an address of its own gets its connections before one that
// listens on all addresses, and in a policy the two exposes have a `bind` for that.
import { ANY, ANY4, ANY6, UNBINDABLE } from "../../check/sets/builtin_nets.ts";
import { EMPTY, equal, intersects, isEmpty, subtract, union } from "../../check/sets/intervals.ts";
import type { AddressSet, PortRange } from "../../policy/policy.ts";
import { parseAddress, isWildcard, isV4 } from "../../../runtime/net/address.ts";
import { blockSet, intersect } from "./addresses.ts";
import type { Protocol } from "./draft.ts";

export interface Endpoint {
  readonly protocol: Protocol;
  readonly ports: PortRange;
  readonly local: AddressSet;
  /** It is the address of all interfaces of a family. */
  readonly isWide: boolean;
}

/** The local addresses of `*`, `0.0.0.0`, `[::]` or one address; null for anything else, such as a host name. */
export function listenAddress(text: string): Pick<Endpoint, "local" | "isWide"> | null {
  if (text === "" || text === "*") return { local: ANY4, isWide: true };
  const address = parseAddress(text.replace(/^\[(.*)\]$/, "$1"));
  if (address === null) return null;
  if (isWildcard(address)) return { local: isV4(address) ? ANY4 : ANY6, isWide: true };
  const local = blockSet(address, isV4(address) ? 32 : 128);
  return local === null || isEmpty(subtract(local, UNBINDABLE)) ? null : { local, isWide: false };
}

/** One expose's place: ports that have the same local addresses. */
export interface Place {
  readonly protocol: Protocol;
  readonly ports: readonly PortRange[];
  /** Null: all. */
  readonly bind: AddressSet | null;
  /** The clients that a socket there can have: of the families of its addresses. */
  readonly clients: AddressSet;
}

/** The places of one server among all endpoints of the configuration. */
export function placesOf(own: readonly Endpoint[], all: readonly Endpoint[]): readonly Place[] {
  const groups = new Map<string, { readonly protocol: Protocol; readonly ports: PortRange[]; readonly bind: AddressSet | null; readonly local: AddressSet }>();
  for (const { protocol, ports } of own) {
    const here = own.filter((e) => e.protocol === protocol && e.ports.first === ports.first && e.ports.last === ports.last);
    if (here[0]?.protocol !== protocol || here.findIndex((e) => e.ports === ports) > 0) continue;
    const others = all.filter((e) => !own.includes(e) && e.protocol === protocol && e.ports.first <= ports.last && ports.first <= e.ports.last);
    const taken = union(others.filter((e) => !e.isWide).map((e) => e.local));
    const wide = union(here.filter((e) => e.isWide).map((e) => e.local));
    const local = union([subtract(wide, taken), ...here.filter((e) => !e.isWide).map((e) => e.local)]);
    const isAlone = others.length === 0 && here.every((e) => e.isWide);
    const bind = isAlone || equal(local, ANY) ? null : local;
    const key = `${protocol} ${bind === null ? "" : bind.bounds.join()} ${local.bounds.join()}`;
    const group = groups.get(key) ?? { protocol, ports: [], bind, local };
    groups.set(key, group);
    group.ports.push(ports);
  }
  return [...groups.values()].map(({ protocol, ports, bind, local }) => ({ protocol, ports, bind, clients: familiesOf(local) }));
}

/** A place with the sources that may come there. Named by a load balancer they may be of any family, so the families of the socket are its `bind`. */
export function behind(
  via: AddressSet | null,
  { protocol, ports, bind, clients }: Place,
  from: AddressSet,
): Omit<Place, "clients"> & { readonly from: AddressSet } {
  if (via === null) return { protocol, ports, bind, from: intersect(from, clients) };
  return { protocol, ports, bind: bind ?? (equal(clients, ANY) ? null : clients), from };
}

/** Whether two sockets would have the same place, or ranges of ports that can't be compared as a whole. */
export function collide(a: Endpoint, b: Endpoint): boolean {
  if (a.protocol !== b.protocol || a.ports.last < b.ports.first || b.ports.last < a.ports.first) return false;
  const isSame = a.ports.first === b.ports.first && a.ports.last === b.ports.last;
  return !isSame || (a.isWide === b.isWide && intersects(a.local, b.local));
}

function familiesOf(local: AddressSet): AddressSet {
  return union([ANY4, ANY6].map((family) => (isEmpty(intersect(local, family)) ? EMPTY : family)));
}
