// Backends in use. There is one load for each address, whichever listener its connections come from: the cap of connections
// under way and the choice of the backend with the fewest open ones depend on it.
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

/**
 * Says who has bound a udp backend, where it is not (any more) who it must be. Such a socket has no connection that could be looked at.
 * `near` is the local address of a flow's socket, and null before the flow has one.
 */
export type OwnerCheck = (address: BackendAddress, near: string | null) => string | null;

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
  /** Shared by all that reach the same address over the same protocol. */
  readonly load: Load;
  /** Shared by all exposes of one service. */
  readonly pause: Pause;
}

/** The checks of backends on other hosts, whose owners can't be looked at. Each says nothing of one on this host. */
export interface RemoteChecks {
  readonly verify: Verify;
  readonly owner: OwnerCheck;
  /** Why no connection may be made to it now; null where one may. */
  readonly fault: (address: BackendAddress) => string | null;
  /** Why a policy that names it can't be put in force, under the configuration that would be in force with it; null where it can. */
  readonly refusal: (address: BackendAddress) => string | null;
  /** The addresses of this host may be others now. */
  readonly hostChanged: () => void;
  /** Whether the configuration in force does not allow it, so that connections to it end. */
  readonly isOutside: (address: BackendAddress) => boolean;
}

const noOther = (address: BackendAddress): string | null => (isRemote(address) ? "no other host is allowed" : null);

/** INVARIANT: without networks there is no way to another host. */
const NOWHERE: RemoteChecks = {
  verify: (_socket, address) => noOther(address),
  owner: noOther,
  fault: noOther,
  refusal: noOther,
  isOutside: isRemote,
  hostChanged: () => undefined,
};

export function isRemote(address: BackendAddress): boolean {
  return address.kind === "tcp" && address.remote;
}

export interface Load {
  /** Connections that the backend has not yet accepted. */
  underWay: number;
  /** Connections or flows that have gone there and have not ended, those under way among them. */
  open: number;
  /** When it was chosen last, as a number that rises with each choice. */
  lastUse: number;
}

/** The clock, in milliseconds, until which other backends are tried first: this one has failed. */
export interface Pause {
  untilMs: number;
}

/** A backend that the policy names for a service has these; they are kept over reloads. */
interface Named {
  readonly pause: Pause;
  /** It remembers what it has found. */
  readonly check: Verify | null;
}

export class Backends {
  readonly #loads = new Map<string, Load>();
  readonly #named = new Map<string, Named>();
  readonly #notOwn: Verify;
  readonly #ofStatic: StaticVerify;
  readonly #ownerOf: StaticOwnerCheck;
  readonly #ownedBy: (service: string, address: BackendAddress) => string;
  /** Whether a backend on another host may be used. */
  readonly remote: RemoteChecks;

  /** `ownedBy` is a word for what a check of a service's backend depends on. `notOwn` is called at every connect to a unix socket, whether a policy or a lease named it. */
  constructor(
    notOwn: Verify,
    ofStatic: StaticVerify = () => null,
    ownerOf: StaticOwnerCheck = () => null,
    ownedBy = (_service: string, _address: BackendAddress): string => "",
    remote: RemoteChecks = NOWHERE,
  ) {
    this.#ownedBy = ownedBy;
    this.#notOwn = notOwn;
    this.#ofStatic = ofStatic;
    this.#ownerOf = ownerOf;
    this.remote = remote;
  }

  /** One of a udp expose, that the policy names for a service. */
  namedUdp(service: string, address: BackendAddress): Backend {
    const { pause } = this.#namedAs(`udp ${service} ${address.key}`, () => null);
    return { ...this.udpAt(address, isRemote(address) ? this.remote.owner : this.#ownerOf(service, address)), pause };
  }

  /** Nothing counts as under way there: a flow is connected at once. */
  udpAt(address: BackendAddress, owner: OwnerCheck | null): Backend {
    return { address, verify: null, owner, proxy: null, load: this.#load(`udp ${address.key}`), pause: { untilMs: 0 } };
  }

  /** One that the policy names for a service. */
  named(service: string, address: BackendAddress, proxy: ProxyVersion | null = null): Backend {
    const { check, pause } = this.#namedAs(`tcp ${service} ${address.key} ${this.#ownedBy(service, address)}`, () =>
      isRemote(address) ? this.remote.verify : this.#ofStatic(service, address),
    );
    return { ...this.at(address, check, proxy), pause };
  }

  at(address: BackendAddress, verify: Verify | null, proxy: ProxyVersion | null = null): Backend {
    const [load, pause] = [this.#load(`tcp ${address.key}`), { untilMs: 0 }];
    if (address.kind === "tcp") return { address, verify, owner: null, proxy, load, pause };
    const notOwn = this.#notOwn;
    return { address, load, owner: null, proxy, pause, verify: (socket, at) => notOwn(socket, at) ?? verify?.(socket, at) ?? null };
  }

  /** Forgets idle addresses that are not in use, so that registrations can't pile them up. */
  prune(inUse: Iterable<Backend>): void {
    const [loads, pauses] = [new Set<Load>(), new Set<Pause>()];
    for (const { load, pause } of inUse) {
      loads.add(load);
      pauses.add(pause);
    }
    for (const [key, load] of this.#loads) if (load.open === 0 && load.underWay === 0 && !loads.has(load)) this.#loads.delete(key);
    for (const [key, { pause }] of this.#named) if (!pauses.has(pause)) this.#named.delete(key);
  }

  #load(key: string): Load {
    const known = this.#loads.get(key);
    if (known !== undefined) return known;
    const load: Load = { underWay: 0, open: 0, lastUse: 0 };
    this.#loads.set(key, load);
    return load;
  }

  #namedAs(key: string, check: () => Verify | null): Named {
    const known = this.#named.get(key);
    if (known !== undefined) return known;
    const named: Named = { pause: { untilMs: 0 }, check: check() };
    this.#named.set(key, named);
    return named;
  }
}
