// The sockets that should listen under a policy: its static exposures, and the leases that it grants.
import { isLinkLocal6, type Address } from "../../runtime/net/address.ts";
import type { BackendInfo, ListenerInfo, PolicyEngine, PolicyInfo, PortRange } from "../../runtime/host/module.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { Backend, Backends } from "../forward/backends.ts";
import { remoteBackend, tcpBackend, unixBackend, type BackendAddress } from "../forward/backend.ts";
import type { Lease } from "../intents/leases.ts";
import { bareAddress, candidateAddresses, listensAt, type HostAddress, type UdpPlaces } from "../listen/addresses.ts";
import { exposure, overlaps, type Exposure, type Served, type Shared } from "../listen/ports.ts";

/** A listener that has its ports alone, or a group of them. */
interface Place extends Shared {
  readonly members: readonly ListenerInfo[];
  readonly ports: readonly PortRange[];
}

/** Static exposures; an error says why this policy can't be served. */
export function staticExposures(
  engine: PolicyEngine,
  backends: Backends,
  host: readonly HostAddress[],
  maxPorts: number,
  udpPlaces: UdpPlaces = "wildcards",
): Result<readonly Exposure[], string> {
  const wanted: Exposure[] = [];
  // INVARIANT: sockets are counted before any port is walked, so that the walk has at most
  // `maxPorts` steps; this runs on the thread that serves.
  let sockets = 0;
  for (const { number, isGroup, members, ports } of placesIn(engine.info)) {
    const exposes: Served[] = [];
    for (const info of members) {
      if (info.backends.length === 0) continue;
      const own: Backend[] = [];
      for (const named of info.backends) {
        const backend = staticBackend(info, named, backends);
        if (!backend.ok) return failed(`expose \`${info.name}\`: ${backend.error}`);
        own.push(backend.value);
      }
      exposes.push({ info, backends: own, lease: null });
    }
    const [first] = exposes;
    if (first === undefined) continue;
    const { info } = first;
    const addresses = candidateAddresses(info, host, udpPlaces);
    if (addresses.length === 0) continue;
    sockets += addresses.length * ports.reduce((sum, range) => sum + range.last - range.first + 1, 0);
    if (sockets > maxPorts) {
      return failed(`the policy exposes more than ${maxPorts} sockets (one per address and port): raise caps.ports or expose fewer`);
    }
    for (const range of ports) {
      for (let port = range.first; port <= range.last; port++) {
        for (const address of addresses) {
          if (listensAt(engine, info, port, address, number)) wanted.push(exposure(address, port, info.proto, { number, isGroup }, exposes));
        }
      }
    }
  }
  const byPort = groupedByPort(wanted);
  for (const { exposes, proto } of wanted)
    for (const { info, backends: own } of exposes)
      for (const { address } of own) {
        if (address.kind !== "tcp" || address.remote) continue;
        if (byPort.get(address.port)?.some((other) => other.proto === proto && overlaps(other, address)) !== true) continue;
        return failed(`expose \`${info.name}\`: its backend ${address.key} is a port that ingressd itself opens; name the service's own port`);
      }
  return ok(wanted);
}

/** Each port of the policy once. */
function placesIn({ listeners, groups }: PolicyInfo): readonly Place[] {
  const shared = new Map<number, PortRange[]>();
  for (const { members, ports } of groups)
    for (const member of members) {
      const own = shared.get(member);
      if (own === undefined) shared.set(member, [...ports]);
      else own.push(...ports);
    }
  const alone = listeners.map((info) => ({ number: info.id, isGroup: false, members: [info], ports: without(info.ports, shared.get(info.id) ?? []) }));
  const together = groups.map(({ id, members, ports }) => ({
    number: id,
    isGroup: true,
    members: members.flatMap((member) => listeners[member] ?? []),
    ports,
  }));
  return [...alone, ...together];
}

/** Ports that are not among `taken`, whose ranges are each within one of `ranges`, and disjoint. */
function without(ranges: readonly PortRange[], taken: readonly PortRange[]): readonly PortRange[] {
  if (taken.length === 0) return ranges;
  const rising = [...taken].sort((x, y) => x.first - y.first);
  return ranges.flatMap(({ first, last }) => {
    const left: PortRange[] = [];
    let next = first;
    for (const one of rising) {
      if (one.last < next || one.first > last) continue;
      if (one.first > next) left.push({ first: next, last: one.first - 1 });
      next = one.last + 1;
    }
    if (next <= last) left.push({ first: next, last });
    return left;
  });
}

/** Endpoints by their port number; only two of one number can exclude each other. */
export function groupedByPort<E extends { readonly port: number }>(endpoints: Iterable<E>): ReadonlyMap<number, readonly E[]> {
  const groups = new Map<number, E[]>();
  for (const endpoint of endpoints) {
    const group = groups.get(endpoint.port);
    if (group === undefined) groups.set(endpoint.port, [endpoint]);
    else group.push(endpoint);
  }
  return groups;
}

/**
 * The answers of `say` about the backends of a policy that are on other hosts, each with the name of its expose; null where it says
 * nothing.
 */
export function ofRemotes({ info: { listeners } }: Pick<PolicyEngine, "info">, say: (address: BackendAddress) => string | null): readonly string[] {
  return listeners.flatMap(({ name, backends }) =>
    backends.flatMap((named) => {
      const address = named.kind === "remote" ? remoteBackend(named.host, named.port) : null;
      const said = address === null || typeof address === "string" ? address : say(address);
      return said === null ? [] : [`expose \`${name}\`: ${said}`];
    }),
  );
}

/** Why a udp expose can't have the backend. */
export const NO_UNIX_DATAGRAMS = "a unix socket is no backend of udp: name a loopback address with a port";

function staticBackend(info: ListenerInfo, named: BackendInfo, backends: Backends): Result<Backend, string> {
  const address =
    named.kind === "unix" ? unixBackend(named.path)
    : named.kind === "tcp" ? tcpBackend(named.host, named.port)
    : remoteBackend(named.host, named.port);
  if (typeof address === "string") return failed(address);
  if (info.proto === "tcp") return ok(backends.named(info.service, address, info.proxy));
  return address.kind === "unix" ? failed(NO_UNIX_DATAGRAMS) : ok(backends.namedUdp(info.service, address));
}

/** The place at which a service wants to be reached; `expose` is the one that it names, and null where it names none. */
export type Intended = Pick<Lease, "service" | "proto" | "port" | "bind" | "expose">;

/** The listeners of the service that have the place; several where they share the port and none is named. */
export function granting(engine: PolicyEngine, { service, proto, port, bind, expose }: Intended): readonly ListenerInfo[] {
  const { listeners, groups } = engine.info;
  const at = bind === null ? null : engine.listenerAt(proto, port, bind);
  const there = at === null ? null : (groups.find(({ id }) => id === at)?.members ?? [at]);
  return listeners.filter(
    (listener) =>
      listener.service === service &&
      listener.proto === proto &&
      (expose === null || listener.name === expose) &&
      listener.ports.some(({ first, last }) => port >= first && port <= last) &&
      (there === null || there.includes(listener.id)),
  );
}

/** The listener of a lease: the one that its intent named, or the only one, or of several the one that it was granted for. */
export function listenerOf(engine: PolicyEngine, lease: Lease): ListenerInfo | null {
  const found = granting(engine, lease);
  const one = found.length > 1 ? found.find(({ name }) => name === lease.grantedBy) : found[0];
  return one !== undefined && one.backends.length === 0 && one.mode === lease.mode ? one : null;
}

/** Whether the policy still grants a lease as it was granted. */
export function grants(engine: PolicyEngine, lease: Lease): boolean {
  return listenerOf(engine, lease) !== null;
}

/** The sockets that the gateway opens for a lease; none if the policy does not grant it (any more), or the service listens by itself. */
export function leasedExposures(engine: PolicyEngine, lease: Lease, host: readonly HostAddress[], udpPlaces: UdpPlaces = "wildcards"): readonly Exposure[] {
  const info = listenerOf(engine, lease);
  const { backend, port } = lease;
  if (info === null || backend === null) return [];
  const shared = sharedAt(engine, info, port);
  const candidates = lease.bind === null ? candidateAddresses(info, host, udpPlaces) : placesOf(lease.bind, host);
  const addresses = lease.bind === null ? candidates.filter((address) => listensAt(engine, info, port, address, shared.number)) : candidates;
  return addresses.map((address) => exposure(address, port, info.proto, shared, [{ info, backends: [backend], lease: lease.id }]));
}

/** The group of a listener at one of its ports, or the listener itself. */
function sharedAt({ info: { groups } }: PolicyEngine, { id }: ListenerInfo, port: number): Shared {
  const group = groups.find(({ members, ports }) => members.includes(id) && ports.some(({ first, last }) => port >= first && port <= last));
  return group === undefined ? { number: id, isGroup: false } : { number: group.id, isGroup: true };
}

/** A link-local address is bound on each interface that has it. */
function placesOf(address: Address, host: readonly HostAddress[]): readonly HostAddress[] {
  if (!isLinkLocal6(address)) return [address];
  return host.filter((own) => bareAddress(own).every((word, i) => word === address[i]));
}
