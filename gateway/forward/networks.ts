// Which backends on other hosts the operator allows (`backends.networks`), and whether an address is this host's. Both are
// asked before each connect and again when it is there.
//
// INVARIANT: a backend on another host has no check of its owner: who listens there only that host knows. An address of this
// host is therefore never one, or the check would be evaded.
import { isWithin, parsePrefix, type Prefix } from "../../runtime/net/prefix.ts";
import { parseAddress, type Address } from "../../runtime/net/address.ts";
import type { BackendAddress } from "./backend.ts";
import type { OwnerCheck, Verify } from "./backends.ts";

/** Addresses of this host are read at most so often. */
const HOST_SEEN_MS = 1_000;

export interface NetworksSetup {
  /** Prefixes of the configuration. */
  readonly networks: readonly string[];
  /** The addresses of this host's interfaces, now. */
  readonly hostAddresses: () => readonly (readonly [number, number, number, number, string?])[];
  readonly monoMs: () => number;
}

export class Networks {
  readonly #setup: NetworksSetup;
  #prefixes: readonly Prefix[];
  #host: ReadonlySet<string> = new Set();
  #seenMs = -Infinity;

  constructor(setup: NetworksSetup) {
    this.#setup = setup;
    this.#prefixes = prefixesOf(setup.networks);
  }

  /** Other networks are allowed from now on. Connections to what is in none of them are to be ended: see reload/recheck.ts. */
  replace(networks: readonly string[]): void {
    this.#prefixes = prefixesOf(networks);
  }

  holds(address: Address): boolean {
    return this.#prefixes.some((prefix) => isWithin(prefix, address));
  }

  /** Why nothing may be sent there; null where it may. One on this host is not asked about here. */
  readonly fault = (backend: BackendAddress): string | null => {
    if (backend.kind !== "tcp" || !backend.remote) return null;
    if (!this.holds(backend.address)) return `${backend.key} is in none of backends.networks`;
    return this.#isOwn(backend.address) ? `${backend.key} is an address of this host` : null;
  };

  /** A flow is asked about when it begins, and while it lasts. */
  readonly owner: OwnerCheck = (backend) => this.fault(backend);

  /** The near end of a connection to oneself has the address of the far one, whatever route leads there. */
  readonly verify: Verify = (socket, backend) => {
    const fault = this.fault(backend);
    if (fault !== null || backend.kind !== "tcp" || !backend.remote) return fault;
    const near = parseAddress(socket.localAddress ?? "");
    if (near === null) return "its near end is not known";
    return near.every((word, i) => word === backend.address[i]) ? `${backend.key} is an address of this host` : null;
  };

  #isOwn(address: Address): boolean {
    const now = this.#setup.monoMs();
    if (now - this.#seenMs >= HOST_SEEN_MS) {
      this.#host = new Set(this.#setup.hostAddresses().map(([a, b, c, d]) => `${a} ${b} ${c} ${d}`));
      this.#seenMs = now;
    }
    return this.#host.has(address.join(" "));
  }
}

/** INVARIANT: what can't be read allows nothing. */
function prefixesOf(networks: readonly string[]): readonly Prefix[] {
  return networks.flatMap((text) => parsePrefix(text) ?? []);
}
