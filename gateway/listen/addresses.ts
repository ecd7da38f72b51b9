// Local addresses that a listener takes: the wildcards, or each address of this host that the
// policy's `bind` has. The compiled policy itself says which belong.
import { networkInterfaces } from "node:os";
import { ANY4, ANY6, isLoopback, isV4, parseAddress, type Address } from "../../runtime/net/address.ts";
import { isWithin, parsePrefix, type Prefix } from "../../runtime/net/prefix.ts";
import type { ListenerInfo, PolicyEngine } from "../../runtime/host/module.ts";

/** The addresses of this host's interfaces, now. */
export function interfaceAddresses(): readonly Address[] {
  const found: Address[] = [];
  for (const entries of Object.values(networkInterfaces())) {
    for (const entry of entries ?? []) {
      const address = parseAddress(entry.address);
      // A link-local address is bound with its zone, and a policy can't speak of zones.
      if (address !== null && !isLinkLocal6(address)) found.push(address);
    }
  }
  return found;
}

/**
 * Where `info` may listen, whatever the port: the wildcards, or what of the host's addresses its
 * `bind` has. Of each of them and a port the compiled policy itself has the last word.
 */
export function candidateAddresses(info: ListenerInfo, local: readonly Address[]): readonly Address[] {
  if (info.bind === null) return [ANY4, ANY6];
  const prefixes = prefixesOf(info.bind);
  const seen = new Set<string>();
  return [...local.filter((address) => prefixes.some((p) => isWithin(p, address))), ...loopbackHosts(prefixes)]
    .filter((address) => {
      const key = address.join();
      return !seen.has(key) && seen.add(key);
    });
}

/** Where `info` listens on `port`; `local` are the host's addresses. */
export function localAddresses(
  engine: PolicyEngine, info: ListenerInfo, port: number, local: readonly Address[],
): readonly Address[] {
  return candidateAddresses(info, local).filter((address) => listensAt(engine, info, port, address));
}

export function listensAt(engine: PolicyEngine, info: ListenerInfo, port: number, address: Address): boolean {
  return info.bind === null || engine.listenerAt("tcp", port, address) === info.id;
}

/** A policy's list never changes, and the same one may be asked about at every look at the host. */
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

function isLinkLocal6(address: Address): boolean {
  return !isV4(address) && address[0] >>> 22 === 0x3fa;
}
