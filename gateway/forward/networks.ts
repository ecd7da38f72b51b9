// Which backends on other hosts the operator allows (`backends.networks` of the configuration), and whether an address is
// this host's. Both are checked before each connect and again when the connection is there.
//
// INVARIANT: a backend on another host has no check of its owner: who listens there only that host knows. An address of this
// host is therefore never one, or the check would be evaded, and no connection leads back to a port of the gateway.
import { isWithin, parsePrefix, type Prefix } from "../../runtime/net/prefix.ts";
import { fromV4, isV4, parseAddress, type Address } from "../../runtime/net/address.ts";
import { embeddedV4, notRemote } from "../../runtime/net/remote.ts";
import type { BackendAddress } from "./backend.ts";
import type { NearEnd, RemoteChecks } from "./backends.ts";

/** Addresses of this host are read at most so often. */
const HOST_SEEN_MS = 1_000;

export interface NetworksSetup {
  /** Prefixes of the configuration in force. INVARIANT: another list where they have changed. */
  readonly networks: () => readonly string[];
  /** Those of the configuration that a change under way would put in force; else those in force. */
  readonly upcoming: () => readonly string[];
  /** The addresses of this host's interfaces, now. May throw. */
  readonly hostAddresses: () => readonly (readonly [...Address, zone?: string])[];
  readonly monoMs: () => number;
}

type TcpBackend = BackendAddress & { readonly kind: "tcp" };

export class Networks implements RemoteChecks {
  readonly #setup: NetworksSetup;
  /** Null where they can't be read. */
  #host: ReadonlySet<string> | null = null;
  #seenMs = -Infinity;

  constructor(setup: NetworksSetup) {
    this.#setup = setup;
  }

  readonly refusal = (backend: BackendAddress): string | null => {
    if (backend.kind !== "tcp" || !backend.remote || contains(this.#setup.upcoming(), backend.address)) return null;
    return `its backend ${backend.key} is on another host, and in none of backends.networks: add its network to the configuration`;
  };

  readonly hostChanged = (): void => {
    this.#seenMs = -Infinity;
  };

  readonly isOutside = (backend: BackendAddress): boolean => {
    return backend.kind === "tcp" && backend.remote && !contains(this.#setup.networks(), backend.address);
  };

  readonly fault = (backend: BackendAddress): string | null => {
    if (backend.kind !== "tcp" || !backend.remote) return null;
    if (!contains(this.#setup.networks(), backend.address)) return `${backend.key} is in none of backends.networks`;
    return this.#ownFault(backend);
  };

  /** A flow is checked when it begins, when it has its socket, and while it lasts; narrower networks end it by the recheck of their reload. */
  readonly owner = (backend: BackendAddress, near: string | null): string | null => {
    if (backend.kind !== "tcp" || !backend.remote) return null;
    if (near === null) return this.fault(backend);
    return this.#ownFault(backend) ?? nearFault(near, backend);
  };

  /** Whatever route leads there, a connection from this host to itself has the same address at both ends, or one of an interface's. */
  readonly verify = (socket: NearEnd, backend: BackendAddress): string | null => {
    const fault = this.fault(backend);
    if (fault !== null || backend.kind !== "tcp" || !backend.remote) return fault;
    return nearFault(socket.localAddress ?? "", backend);
  };

  /** INVARIANT: where the host's addresses are not known, any may be one of them. */
  #ownFault(backend: TcpBackend): string | null {
    const now = this.#setup.monoMs();
    if (now - this.#seenMs >= HOST_SEEN_MS) {
      this.#host = this.#read();
      this.#seenMs = now;
    }
    if (this.#host === null) return `${backend.key} may be an address of this host, whose addresses can't be read`;
    const host = this.#host;
    // A translator on the way may send it back.
    const all = [backend.address, ...embeddedV4(backend.address).map(fromV4)];
    return all.some((address) => host.has(address.join(" "))) ? ownAddress(backend) : null;
  }

  #read(): ReadonlySet<string> | null {
    try {
      return new Set(this.#setup.hostAddresses().map(([a, b, c, d]) => `${a} ${b} ${c} ${d}`));
    } catch {
      return null;
    }
  }
}

function nearFault(near: string, backend: TcpBackend): string | null {
  const { address } = backend;
  const end = parseAddress(near);
  if (end === null) return "its near end is not known";
  return end.every((word, i) => word === address[i]) ? ownAddress(backend) : null;
}

function ownAddress({ key }: BackendAddress): string {
  return `${key} is an address of this host`;
}

/** INVARIANT: what no other host can have is in no network, whatever the configuration says. */
function contains(networks: readonly string[], address: Address): boolean {
  if (notRemote(address) !== null) return false;
  // `::/0` has no IPv4 address, though those are in it in the one form of all addresses.
  return prefixesOf(networks).some((prefix) => isV4(prefix.first) === isV4(address) && isWithin(prefix, address));
}

/** A list of the configuration never changes: a reload has another one. */
const read = new WeakMap<readonly string[], readonly Prefix[]>();

/** INVARIANT: what can't be read allows nothing. */
function prefixesOf(networks: readonly string[]): readonly Prefix[] {
  let prefixes = read.get(networks);
  if (prefixes === undefined) {
    prefixes = networks.flatMap((text) => parsePrefix(text) ?? []);
    read.set(networks, prefixes);
  }
  return prefixes;
}
