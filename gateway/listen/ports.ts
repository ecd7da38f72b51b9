// The listening sockets that are open, by local address and by number, and what each serves
// under the policy in force.
import { statSync } from "node:fs";
import { formatEndpoint, isV4, isWildcard, type Address } from "../../runtime/net/address.ts";
import type { ListenerInfo } from "../../runtime/host/module.ts";
import type { Backend } from "../forward/backends.ts";
import type { BackendAddress } from "../forward/backend.ts";
import { bareAddress, type HostAddress } from "./addresses.ts";
import type { ListeningSocket } from "../connection/forwarder.ts";

/** Something that ought to listen, under one policy. */
export interface Exposure {
  readonly address: Address;
  readonly port: number;
  /** Name of the interface where the address is link-local; empty: none. */
  readonly zone: string;
  /** `host:port`, the host with its zone; one key for one socket. */
  readonly local: string;
  readonly info: ListenerInfo;
  readonly backend: Backend;
  /** The lease that opened it; null for a static exposure. */
  readonly lease: string | null;
}

export interface OpenPort {
  readonly address: Address;
  readonly port: number;
  readonly local: string;
  readonly socket: ListeningSocket;
  /** The expose that it serves now; changes at a reload. */
  serves: Exposure;
  closing: boolean;
}

export function exposure(at: HostAddress, port: number, info: ListenerInfo, backend: Backend, lease: string | null): Exposure {
  const [, , , , zone = ""] = at;
  const address = bareAddress(at);
  return { address, zone, port, local: formatEndpoint(address, port, zone), info, backend, lease };
}

export interface PortWatcher {
  readonly opened: (open: OpenPort) => void;
  readonly closed: (open: OpenPort) => void;
}

export class Ports {
  #watcher: PortWatcher | null = null;
  readonly #byLocal = new Map<string, OpenPort>();
  readonly #byNumber = new Map<number, OpenPort>();
  readonly #ownSockets: () => readonly string[];
  readonly #ownPort: () => number | null;

  /** `ownSockets` are the paths of the gateway's own unix sockets, `ownPort` that of its HTTP, now. */
  constructor(ownSockets: () => readonly string[], ownPort: () => number | null) {
    this.#ownSockets = ownSockets;
    this.#ownPort = ownPort;
  }

  get size(): number {
    return this.#byLocal.size;
  }

  all(): readonly OpenPort[] {
    return [...this.#byLocal.values()];
  }

  at(local: string): OpenPort | undefined {
    return this.#byLocal.get(local);
  }

  /** Also finds a socket that closes, until it is forgotten. */
  numbered(number: number): OpenPort | undefined {
    return this.#byNumber.get(number);
  }

  add(serves: Exposure, socket: ListeningSocket): OpenPort {
    const { address, port, local } = serves;
    const open: OpenPort = { address, port, local, socket, serves, closing: false };
    this.#byLocal.set(local, open);
    this.#byNumber.set(socket.number, open);
    this.#watcher?.opened(open);
    return open;
  }

  /** A socket of another process, whose connections it relays, so that nobody listens on it here. */
  addAbsent(serves: Exposure, socket: ListeningSocket): OpenPort {
    const { address, port, local } = serves;
    const open: OpenPort = { address, port, local, socket, serves, closing: true };
    this.#byNumber.set(socket.number, open);
    return open;
  }

  /** `opened` is called for each socket from now on, and `closed` before it closes. */
  watch(watcher: PortWatcher): void {
    this.#watcher = watcher;
  }

  /** Stops listening at once; connections live on. */
  close(open: OpenPort): void {
    if (!open.closing) this.#watcher?.closed(open);
    open.closing = true;
    open.socket.close();
    if (this.#byLocal.get(open.local) === open) this.#byLocal.delete(open.local);
  }

  /** Forgets closed sockets that no connection refers to any more. */
  forget(inUse: (number: number) => boolean): void {
    for (const [number, open] of this.#byNumber) {
      if (open.closing && !inUse(number)) this.#byNumber.delete(number);
    }
  }

  /** Whether any socket of this port number listens. */
  hasPort(port: number): boolean {
    for (const open of this.#byLocal.values()) if (open.port === port) return true;
    return false;
  }

  /** Whether connecting to `backend` would come back to the gateway. */
  isOwn(backend: BackendAddress): boolean {
    if (backend.kind === "unix") return this.#ownSockets().some((own) => sameFile(own, backend.path));
    // On any loopback address, because no other program should listen on that number.
    if (backend.port === this.#ownPort()) return true;
    for (const open of this.#byLocal.values()) if (overlaps(open, backend)) return true;
    return false;
  }
}

/** Whether two paths lead to one file, through whatever links; a path that leads nowhere is none. */
function sameFile(x: string, y: string): boolean {
  try {
    const [a, b] = [x, y].map((path) => statSync(path, { throwIfNoEntry: false }));
    return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
  } catch {
    // A file that can't be examined can't be distinguished from an own socket.
    return true;
  }
}

/** Whether two local endpoints can't both listen (a wildcard takes its whole family). */
export function overlaps(a: { readonly address: Address; readonly port: number }, b: { readonly address: Address; readonly port: number }): boolean {
  if (a.port !== b.port || isV4(a.address) !== isV4(b.address)) return false;
  return isWildcard(a.address) || isWildcard(b.address) || a.address.every((w, i) => w === b.address[i]);
}
