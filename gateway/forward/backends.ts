// Backends in use, one object for each address, so that the cap of connections under way to a
// backend counts them whichever listener they come from.
import type { Socket } from "node:net";
import type { OwnSocket } from "../../runtime/shell/libc.ts";
import type { BackendAddress } from "./backend.ts";
import type { ProxyVersion } from "./proxy_header.ts";

/** The far side can't be identified for certain, and will be if the connection is made anew. */
export const AGAIN: unique symbol = Symbol("again");

/** The gateway's socket of a connection to a backend. */
export type NearEnd = Socket | (OwnSocket & Pick<Socket, "localAddress" | "localPort">);

/** Says at a connect whether the far side is (still) who it must be; a string is why not. */
export type Verify = (socket: NearEnd, address: BackendAddress) => string | typeof AGAIN | null;

/** Says who has bound a udp backend, where it is not (any more) who it must be. Such a socket has no connection that could be looked at. */
export type OwnerCheck = (address: BackendAddress) => string | null;

/** The checks of a backend that the policy names for a service over udp. */
export type StaticOwnerCheck = (service: string, address: BackendAddress) => OwnerCheck | null;

/** The check of a backend that the policy names for a service, or null where none is due. */
export type StaticVerify = (service: string, address: BackendAddress) => Verify | null;

/** A backend as one exposure reaches it. */
export interface Backend {
  readonly address: BackendAddress;
  /** Null for a TCP backend that the configuration lists, or that the policy names for a service without a uid. */
  readonly verify: Verify | null;
  /** The check of a udp backend, at each flow and while there are flows; null where none is due. */
  readonly owner: OwnerCheck | null;
  /** The version of the PROXY header that it gets; null: it gets none. */
  readonly proxy: ProxyVersion | null;
  /** Shared by all that reach the same address. */
  readonly load: Load;
}

export interface Load {
  /** Connections that the backend has not yet accepted. */
  underWay: number;
}

export class Backends {
  readonly #loads = new Map<string, Load>();
  readonly #notOwn: Verify;
  readonly #ofStatic: StaticVerify;
  /** Kept over reloads, by what they depend on: a check remembers what it has found. */
  readonly #checks = new Map<string, Verify | null>();
  readonly #ownerOf: StaticOwnerCheck;
  readonly #ownedBy: (service: string, address: BackendAddress) => string;

  /** `ownedBy` is a word for what a check of a service's backend depends on. `notOwn` is called at every connect to a unix socket, whether a policy or a lease named it. */
  constructor(
    notOwn: Verify,
    ofStatic: StaticVerify = () => null,
    ownerOf: StaticOwnerCheck = () => null,
    ownedBy = (_service: string, _address: BackendAddress): string => "",
  ) {
    this.#ownedBy = ownedBy;
    this.#notOwn = notOwn;
    this.#ofStatic = ofStatic;
    this.#ownerOf = ownerOf;
  }

  /** One of a udp expose, that the policy names for a service. */
  namedUdp(service: string, address: BackendAddress): Backend {
    return this.udpAt(address, this.#ownerOf(service, address));
  }

  /** Nothing counts as under way there: a flow is connected at once. */
  udpAt(address: BackendAddress, owner: OwnerCheck | null): Backend {
    return { address, verify: null, owner, proxy: null, load: { underWay: 0 } };
  }

  /** One that the policy names for a service. */
  named(service: string, address: BackendAddress, proxy: ProxyVersion | null = null): Backend {
    const key = `${service} ${address.key} ${this.#ownedBy(service, address)}`;
    const check = this.#checks.get(key) ?? this.#ofStatic(service, address);
    this.#checks.set(key, check);
    return this.at(address, check, proxy);
  }

  at(address: BackendAddress, verify: Verify | null, proxy: ProxyVersion | null = null): Backend {
    let load = this.#loads.get(address.key);
    if (load === undefined) {
      load = { underWay: 0 };
      this.#loads.set(address.key, load);
    }
    if (address.kind === "tcp") return { address, verify, owner: null, proxy, load };
    const notOwn = this.#notOwn;
    return { address, load, owner: null, proxy, verify: (socket, at) => notOwn(socket, at) ?? verify?.(socket, at) ?? null };
  }

  /** Forgets idle addresses that are not in use, so that registrations can't pile them up. */
  prune(inUse: ReadonlySet<string>): void {
    for (const [key, load] of this.#loads) {
      if (load.underWay === 0 && !inUse.has(key)) this.#loads.delete(key);
    }
    for (const key of this.#checks.keys()) if (!inUse.has(key.slice(key.indexOf(" ") + 1, key.lastIndexOf(" ")))) this.#checks.delete(key);
  }
}
