// Local addresses that a listener takes: the wildcards, or each address of this host that the
// policy's `bind` has. The compiled policy itself says which belong.
import { networkInterfaces } from "node:os";
import { ANY4, ANY6, isLinkLocal6, isLoopback, isV4, parseAddress, type Address } from "../../runtime/net/address.ts";
import { isWithin, parsePrefix, type Prefix } from "../../runtime/net/prefix.ts";
import type { ListenerInfo, PolicyEngine } from "../../runtime/host/module.ts";

/** An address of this host; a link-local one has the name of its interface behind it, with which it is bound. */
export type HostAddress = readonly [...Address, zone?: string];

/** The addresses of this host's interfaces, now. */
export function interfaceAddresses(): readonly HostAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, entries]) =>
    (entries ?? []).flatMap((entry): HostAddress[] => {
      const address = parseAddress(entry.address);
      if (address === null) return [];
      return [isLinkLocal6(address) ? [...address, name] : address];
    }),
  );
}

/** Without the zone, as a policy has it. */
export function bareAddress([a, b, c, d]: HostAddress): Address {
  return [a, b, c, d];
}

/**
 * Where `info` may listen, whatever the port: the wildcards, or what of the host's addresses its
 * `bind` has. Of each of them and a port the compiled policy itself has the last word.
 */
export function candidateAddresses(info: ListenerInfo, local: readonly HostAddress[]): readonly HostAddress[] {
  if (info.bind === null) return [ANY4, ANY6];
  const prefixes = prefixesOf(info.bind);
  const seen = new Set<string>();
  return [...local.filter((address) => prefixes.some((p) => isWithin(p, bareAddress(address)))), ...loopbackHosts(prefixes)].filter((address) => {
    const key = address.join();
    return !seen.has(key) && seen.add(key);
  });
}

/** Where `info` listens on `port`; `local` are the host's addresses. */
export function localAddresses(engine: PolicyEngine, info: ListenerInfo, port: number, local: readonly HostAddress[]): readonly HostAddress[] {
  return candidateAddresses(info, local).filter((address) => listensAt(engine, info, port, address));
}

export function listensAt(engine: PolicyEngine, info: ListenerInfo, port: number, address: HostAddress): boolean {
  return info.bind === null || engine.listenerAt("tcp", port, bareAddress(address)) === info.id;
}

/** A policy's list never changes, and the same one may be looked up at every look at the host. */
const read = new WeakMap<readonly string[], readonly Prefix[]>();

function prefixesOf(bind: readonly string[]): readonly Prefix[] {
  let prefixes = read.get(bind);
  if (prefixes === undefined) {
    prefixes = bind.map(parsePrefix).filter((prefix) => prefix !== null);
    read.set(bind, prefixes);
  }
  return prefixes;
}

/** Every 127.x.y.z is this host's, though only 127.0.0.1 is an interface's. */
function loopbackHosts(prefixes: readonly Prefix[]): readonly Address[] {
  return prefixes.filter(({ first, last }) => isV4(first) && isLoopback(first) && first[3] === last[3]).map(({ first }) => first);
}
