// Backends in use, one object for each address, so that the cap of connections under way to a
// backend holds whichever listener they come from.
import type { Socket } from "node:net";
import type { BackendAddress } from "../forward/backend.ts";

/** Says at a connect whether the far side is (still) who it must be; a string is why not. */
export type Verify = (socket: Socket, address: BackendAddress) => string | null;

/** A backend as one exposure reaches it. */
export interface Backend {
  readonly address: BackendAddress;
  /** Null for a TCP backend that the policy or the configuration names. */
  readonly verify: Verify | null;
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

  /** `notOwn` is asked at every connect to a unix socket, whoever named it. */
  constructor(notOwn: Verify) {
    this.#notOwn = notOwn;
  }

  at(address: BackendAddress, verify: Verify | null): Backend {
    let load = this.#loads.get(address.key);
    if (load === undefined) {
      load = { underWay: 0 };
      this.#loads.set(address.key, load);
    }
    if (address.kind === "tcp") return { address, verify, load };
    const notOwn = this.#notOwn;
    return { address, load, verify: (socket, at) => notOwn(socket, at) ?? verify?.(socket, at) ?? null };
  }

  /** Forgets idle addresses that are not in use, so that registrations can't pile them up. */
  prune(inUse: ReadonlySet<string>): void {
    for (const [key, load] of this.#loads) {
      if (load.underWay === 0 && !inUse.has(key)) this.#loads.delete(key);
    }
  }
}
