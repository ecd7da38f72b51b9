// Local addresses that a listener takes: the wildcards, or each address of this host that the
// policy's `bind` has. The compiled policy itself says which belong.
import { networkInterfaces } from "node:os";
import { ANY4, ANY6, isV4, parseAddress, type Address } from "../../runtime/net/address.ts";
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

/** Where `info` listens on `port`; `local` are the host's addresses. */
export function localAddresses(
  engine: PolicyEngine, info: ListenerInfo, port: number, local: readonly Address[],
): readonly Address[] {
  if (info.bind === null) return [ANY4, ANY6];
  const candidates = [...local, ...loopbackHosts(info.bind)];
  const seen = new Set<string>();
  return candidates.filter((address) => {
    const key = address.join();
    if (seen.has(key) || engine.listenerAt("tcp", port, address) !== info.id) return false;
    seen.add(key);
    return true;
  });
}

/** Every 127.x.y.z is this host's, though only 127.0.0.1 is an interface's. */
function loopbackHosts(bind: readonly string[]): readonly Address[] {
  const hosts = bind.filter((prefix) => /^127\.[0-9.]+\/32$/.test(prefix)).map((prefix) => parseAddress(prefix.slice(0, -3)));
  return hosts.filter((address): address is Address => address !== null);
}

function isLinkLocal6(address: Address): boolean {
  return !isV4(address) && address[0] >>> 22 === 0x3fa;
}
