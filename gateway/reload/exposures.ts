// The sockets that should listen under a policy: its static exposures, and the leases that it grants.
import { isLinkLocal6, type Address } from "../../runtime/net/address.ts";
import type { ListenerInfo, PolicyEngine } from "../../runtime/host/module.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { Backend, Backends } from "../forward/backends.ts";
import { tcpBackend, unixBackend } from "../forward/backend.ts";
import type { Lease } from "../intents/leases.ts";
import { bareAddress, candidateAddresses, listensAt, localAddresses, type HostAddress, type UdpPlaces } from "../listen/addresses.ts";
import { exposure, overlaps, type Exposure } from "../listen/ports.ts";

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
  for (const info of engine.info.listeners) {
    const backend = staticBackend(info, backends);
    if (backend === null) continue;
    if (!backend.ok) return failed(`expose \`${info.name}\`: ${backend.error}`);
    const addresses = candidateAddresses(info, host, udpPlaces);
    if (addresses.length === 0) continue;
    sockets += addresses.length * info.ports.reduce((sum, { first, last }) => sum + last - first + 1, 0);
    if (sockets > maxPorts) {
      return failed(`the policy exposes more than ${maxPorts} sockets (one an address and port): raise caps.ports or expose fewer`);
    }
    for (const { first, last } of info.ports) {
      for (let port = first; port <= last; port++) {
        for (const address of addresses) {
          if (listensAt(engine, info, port, address)) wanted.push(exposure(address, port, info, backend.value, null));
        }
      }
    }
  }
  const byPort = groupedByPort(wanted);
  const loop = wanted.find(
    ({ info, backend: { address } }) =>
      address.kind === "tcp" && byPort.get(address.port)?.some((other) => other.info.proto === info.proto && overlaps(other, address)),
  );
  if (loop !== undefined) {
    return failed(`expose \`${loop.info.name}\`: its backend ${loop.backend.address.key} is a port that ingressd itself opens; name the service's own port`);
  }
  return ok(wanted);
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

/** Why a udp expose can't have the backend. */
export const NO_UNIX_DATAGRAMS = "a unix socket is no backend of udp: name a loopback address with a port";

function staticBackend(info: ListenerInfo, backends: Backends): Result<Backend, string> | null {
  if (info.backend === null) return null;
  const address = info.backend.kind === "tcp" ? tcpBackend(info.backend.host, info.backend.port) : unixBackend(info.backend.path);
  if (typeof address === "string") return failed(address);
  if (info.proto === "tcp") return ok(backends.named(info.service, address, info.proxy));
  return address.kind === "unix" ? failed(NO_UNIX_DATAGRAMS) : ok(backends.namedUdp(info.service, address));
}

/** The place at which a service wants to be reached. */
export type Intended = Pick<Lease, "service" | "proto" | "port" | "bind">;

/** The listener that grants a registration, or null. */
export function granting(engine: PolicyEngine, { service, proto, port, bind }: Intended): ListenerInfo | null {
  const info = engine.info.listeners.find(
    (listener) =>
      listener.service === service &&
      listener.proto === proto &&
      listener.ports.some(({ first, last }) => port >= first && port <= last) &&
      (bind === null || engine.listenerAt(proto, port, bind) === listener.id),
  );
  return info ?? null;
}

/** Whether the policy still grants a lease as it was granted. */
export function grants(engine: PolicyEngine, lease: Lease): boolean {
  const info = granting(engine, lease);
  return info !== null && info.backend === null && info.mode === lease.mode;
}

/** The sockets that the gateway opens for a lease; none if the policy does not grant it (any more), or the service listens by itself. */
export function leasedExposures(engine: PolicyEngine, lease: Lease, host: readonly HostAddress[], udpPlaces: UdpPlaces = "wildcards"): readonly Exposure[] {
  const info = granting(engine, lease);
  const { backend } = lease;
  if (info === null || backend === null || !grants(engine, lease)) return [];
  const addresses = lease.bind === null ? localAddresses(engine, info, lease.port, host, udpPlaces) : placesOf(lease.bind, host);
  return addresses.map((address) => exposure(address, lease.port, info, backend, lease.id));
}

/** A link-local address is bound on each interface that has it. */
function placesOf(address: Address, host: readonly HostAddress[]): readonly HostAddress[] {
  if (!isLinkLocal6(address)) return [address];
  return host.filter((own) => bareAddress(own).every((word, i) => word === address[i]));
}
