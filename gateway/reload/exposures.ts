// What ought to listen under a policy: its static exposures, and the leases that it grants.
import { type Address } from "../../runtime/net/address.ts";
import type { ListenerInfo, PolicyEngine } from "../../runtime/host/module.ts";
import type { Backend, Backends } from "../admit/backends.ts";
import { tcpBackend, unixBackend } from "../forward/backend.ts";
import type { Lease } from "../intents/leases.ts";
import { localAddresses } from "../listen/addresses.ts";
import { exposure, overlaps, type Exposure } from "../listen/ports.ts";

/** Static exposures; a string says why this policy can't be served. */
export function staticExposures(
  engine: PolicyEngine, backends: Backends, host: readonly Address[], maxPorts: number,
): readonly Exposure[] | string {
  const wanted: Exposure[] = [];
  for (const info of engine.info.listeners) {
    const backend = staticBackend(info, backends);
    if (backend === null) continue;
    if (typeof backend === "string") return `expose \`${info.name}\`: ${backend}`;
    for (const { first, last } of info.ports) {
      for (let port = first; port <= last; port++) {
        for (const address of localAddresses(engine, info, port, host)) {
          if (wanted.length >= maxPorts) {
            return `the policy exposes more than ${maxPorts} sockets (one an address and port): raise caps.ports or expose fewer`;
          }
          wanted.push(exposure(address, port, info, backend, null));
        }
      }
    }
  }
  const loop = wanted.find(({ backend: { address } }) =>
    address.kind === "tcp" && wanted.some((other) => overlaps(other, address)));
  if (loop !== undefined) {
    return `expose \`${loop.info.name}\`: its backend ${loop.backend.address.key} is a port that ingressd itself opens; name the service's own port`;
  }
  return wanted;
}

function staticBackend(info: ListenerInfo, backends: Backends): Backend | string | null {
  if (info.backend === null) return null;
  const address = info.backend.kind === "tcp"
    ? tcpBackend(info.backend.host, info.backend.port)
    : unixBackend(info.backend.path);
  return typeof address === "string" ? address : backends.at(address, null);
}

/** The listener that grants a registration, or null. */
export function granting(engine: PolicyEngine, service: string, port: number, bind: Address | null): ListenerInfo | null {
  const info = engine.info.listeners.find((listener) =>
    listener.service === service && listener.ports.some(({ first, last }) => port >= first && port <= last)
    && (bind === null || engine.listenerAt("tcp", port, bind) === listener.id));
  return info ?? null;
}

/** What a lease opens; empty when the policy does not grant it (any more). */
export function leasedExposures(engine: PolicyEngine, lease: Lease, host: readonly Address[]): readonly Exposure[] {
  const info = granting(engine, lease.service, lease.port, lease.bind);
  if (info === null || info.backend !== null) return [];
  const addresses = lease.bind === null ? localAddresses(engine, info, lease.port, host) : [lease.bind];
  return addresses.map((address) => exposure(address, lease.port, info, lease.backend, lease.id));
}
