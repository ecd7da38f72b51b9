// Local addresses that a listener takes: the wildcards, or each address of this host that the
// policy's `bind` has. The compiled policy itself says which belong.
import { networkInterfaces } from "node:os";
import { ANY4, ANY6, isLinkLocal6, isLoopback, isV4, parseAddress, type Address } from "../../runtime/net/address.ts";
import { isWithin, parsePrefix, type Prefix } from "../../runtime/net/prefix.ts";
import type { ListenerInfo, PolicyEngine } from "../../runtime/host/module.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";

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

/**
 * Reads them, and while they can't be read, as where no descriptor is left, has those that were read last. Throws where none ever were.
 * That they can't be read is said once.
 */
export function keepingLast(read: () => readonly HostAddress[], say: (sentence: string) => void): () => readonly HostAddress[] {
  let last: readonly HostAddress[] | null = null;
  let isSaid = false;
  return () => {
    const now = triedAddresses(read);
    if (now.ok) {
      last = now.value;
      isSaid = false;
      return now.value;
    }
    if (last === null) throw new Error(now.error);
    if (!isSaid) say(`WARNING: the addresses of this host can't be read: ${now.error}: the gateway uses those that it read last`);
    isSaid = true;
    return last;
  };
}

/** The error says why they can't be read. */
export function triedAddresses(read: () => readonly HostAddress[]): Result<readonly HostAddress[], string> {
  try {
    return ok(read());
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
}

/** Without the zone, as a policy has it. */
export function bareAddress([a, b, c, d]: HostAddress): Address {
  return [a, b, c, d];
}

/** How a udp expose without `bind` is opened: at the wildcards, or at each address of the host, where a socket doesn't say which one a datagram came to. */
export type UdpPlaces = "wildcards" | "each_address";

/**
 * Where `info` may listen, whatever the port: the wildcards, or what of the host's addresses its
 * `bind` has. Of each of them and a port the compiled policy itself has the last word.
 */
export function candidateAddresses(info: ListenerInfo, local: readonly HostAddress[], udpPlaces: UdpPlaces = "wildcards"): readonly HostAddress[] {
  if (info.bind === null) return info.proto === "tcp" || udpPlaces === "wildcards" ? [ANY4, ANY6] : eachOnce(local);
  const prefixes = prefixesOf(info.bind);
  return eachOnce([...local.filter((address) => prefixes.some((p) => isWithin(p, bareAddress(address)))), ...loopbackHosts(prefixes)]);
}

function eachOnce(addresses: readonly HostAddress[]): readonly HostAddress[] {
  const seen = new Set<string>();
  return addresses.filter((address) => {
    const key = address.join();
    return !seen.has(key) && seen.add(key);
  });
}

/** Whether `number`, which is the listener's own or that of its group, is what the policy has at a candidate. */
export function listensAt(engine: PolicyEngine, { bind, proto }: ListenerInfo, port: number, address: HostAddress, number: number): boolean {
  return bind === null || engine.listenerAt(proto, port, bareAddress(address)) === number;
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
