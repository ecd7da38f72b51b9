// The sockets that are open for clients, tcp ones that listen and udp ones that are bound, by local address and by
// number, and what each serves under the policy in force.
import { statSync } from "node:fs";
import { formatEndpoint, isV4, isWildcard, type Address } from "../../runtime/net/address.ts";
import type { ListenerInfo } from "../../runtime/host/module.ts";
import type { Backend } from "../forward/backends.ts";
import type { BackendAddress } from "../forward/backend.ts";
import { bareAddress, type HostAddress } from "./addresses.ts";
import type { ListeningSocket } from "../connection/forwarder.ts";

export type Proto = ListenerInfo["proto"];

/** An expose at a socket, and where its connections go. */
export interface Served {
  readonly info: ListenerInfo;
  /** At least one; each connection gets one of them. */
  readonly backends: readonly Backend[];
  /** The lease that opened it; null for a static one. */
  readonly lease: string | null;
}

/** A socket that ought to listen, under one policy. */
export interface Exposure {
  readonly address: Address;
  readonly port: number;
  /** Name of the interface where the address is link-local; empty: none. */
  readonly zone: string;
  /** `host:port`, the host with its zone. */
  readonly local: string;
  /** One for one socket: the protocol is in it. */
  readonly key: string;
  readonly proto: Proto;
  /** The number by which the engine's calls name what is there: a listener's, or a group's. */
  readonly number: number;
  /** `number` is a group's: the name that a client sends leads to one of its exposes. */
  readonly isGroup: boolean;
  /** Without a group exactly one; of a group those that are static or leased, and at least one. */
  readonly exposes: readonly Served[];
}

/** The expose of a port that only one has; undefined where a name must lead to it first. */
export function soleExpose({ isGroup, exposes }: Pick<Exposure, "isGroup" | "exposes">): Served | undefined {
  return isGroup ? undefined : exposes[0];
}

/** The listener or the group that a policy has at a port. */
export type Shared = Pick<Exposure, "number" | "isGroup">;

/** Where connections of an expose go; none where it is not there any more. */
export function backendsOf(serves: Pick<Exposure, "exposes"> | undefined, listener: number): readonly Backend[] {
  return serves?.exposes.find(({ info }) => info.id === listener)?.backends ?? [];
}

/** As records have them. */
export function backendsText(backends: readonly Backend[]): string {
  return backends.map(({ address }) => address.key).join(", ");
}

/** Of the exposes that `keep` says; null where none is left. */
export function exposureOf(exposure: Exposure, keep: (expose: Served) => boolean): Exposure | null {
  const exposes = exposure.exposes.filter(keep);
  if (exposes.length === 0) return null;
  return exposes.length === exposure.exposes.length ? exposure : { ...exposure, exposes };
}

/** By key; the exposes of one socket together. Where only one can have it, the last does. */
export function byKey(exposures: Iterable<Exposure>): Map<string, Exposure> {
  const all = new Map<string, Exposure>();
  for (const one of exposures) {
    const before = all.get(one.key);
    all.set(one.key, before?.isGroup === true ? { ...one, exposes: [...before.exposes, ...one.exposes] } : one);
  }
  return all;
}

export interface OpenPort {
  readonly address: Address;
  readonly port: number;
  readonly local: string;
  readonly key: string;
  readonly proto: Proto;
  readonly socket: ListeningSocket;
  /** The exposes that it serves now. They change at a reload, and where several share it, with their leases and certificates. */
  serves: Exposure;
  closing: boolean;
}

export function exposure(at: HostAddress, port: number, proto: Proto, shared: Shared, exposes: readonly Served[]): Exposure {
  const [, , , , zone = ""] = at;
  const address = bareAddress(at);
  const local = formatEndpoint(address, port, zone);
  return { address, zone, port, local, key: keyOf(proto, local), proto, ...shared, exposes };
}

/** Different for any two sockets. */
export function keyOf(proto: Proto, local: string): string {
  return proto === "udp" ? `udp ${local}` : local;
}

export interface PortWatcher {
  readonly opened: (open: OpenPort) => void;
  readonly closed: (open: OpenPort) => void;
}

export class Ports {
  #watcher: PortWatcher | null = null;
  #losses = 0;
  readonly #byKey = new Map<string, OpenPort>();
  readonly #byNumber = new Map<number, OpenPort>();
  readonly #ownSockets: () => readonly string[];
  readonly #ownPort: () => number | null;
  readonly #isBarred: (backend: BackendAddress) => boolean;

  /**
   * `ownSockets` are the paths of the gateway's own unix sockets, `ownPort` that of its HTTP, now. `isBarred`: whether a
   * backend on another host is not allowed, or is this host; without it none is.
   */
  constructor(ownSockets: () => readonly string[], ownPort: () => number | null, isBarred: (backend: BackendAddress) => boolean = () => true) {
    this.#ownSockets = ownSockets;
    this.#ownPort = ownPort;
    this.#isBarred = isBarred;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** How many sockets were lost so far. */
  get losses(): number {
    return this.#losses;
  }

  all(): readonly OpenPort[] {
    return [...this.#byKey.values()];
  }

  at(key: string): OpenPort | undefined {
    return this.#byKey.get(key);
  }

  /** Also finds a socket that closes, until it is forgotten. */
  numbered(number: number): OpenPort | undefined {
    return this.#byNumber.get(number);
  }

  add(serves: Exposure, socket: ListeningSocket): OpenPort {
    const { address, port, local, key, proto } = serves;
    const open: OpenPort = { address, port, local, key, proto, socket, serves, closing: false };
    this.#byKey.set(key, open);
    this.#byNumber.set(socket.number, open);
    this.#watcher?.opened(open);
    return open;
  }

  /** A socket of another process, whose connections it relays, so that nobody listens on it here. */
  addAbsent(serves: Exposure, socket: ListeningSocket): OpenPort {
    const { address, port, local, key, proto } = serves;
    const open: OpenPort = { address, port, local, key, proto, socket, serves, closing: true };
    this.#byNumber.set(socket.number, open);
    return open;
  }

  /** `opened` is called for each socket from now on, and `closed` before it closes. */
  watch(watcher: PortWatcher): void {
    this.#watcher = watcher;
  }

  /** Takes no new client from now on; connections live on. */
  close(open: OpenPort): void {
    if (!open.closing) this.#watcher?.closed(open);
    open.closing = true;
    open.socket.close();
    if (this.#byKey.get(open.key) === open) this.#byKey.delete(open.key);
  }

  /** Closes a socket that can't be served any more, though its policy has it: the next look at the ports opens it anew. */
  lose(open: OpenPort): void {
    this.#losses++;
    this.close(open);
  }

  /** Forgets closed sockets that no connection refers to any more. */
  forget(inUse: (number: number) => boolean): void {
    for (const [number, open] of this.#byNumber) {
      if (open.closing && !inUse(number)) this.#byNumber.delete(number);
    }
  }

  /** Whether any socket of this port number is open. */
  hasPort(proto: Proto, port: number): boolean {
    for (const open of this.#byKey.values()) if (open.proto === proto && open.port === port) return true;
    return false;
  }

  /** Whether what is sent to `backend` over `proto` would come back to the gateway, or must not be sent there. */
  isOwn(proto: Proto, backend: BackendAddress): boolean {
    if (backend.kind === "unix") return this.#ownSockets().some((own) => sameFile(own, backend.path));
    // The gateway listens at no address but this host's.
    if (backend.remote) return this.#isBarred(backend);
    // On any loopback address, because no other program should listen on that number.
    if (proto === "tcp" && backend.port === this.#ownPort()) return true;
    for (const open of this.#byKey.values()) if (open.proto === proto && overlaps(open, backend)) return true;
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

/** Whether two local endpoints of one protocol can't both be open (a wildcard takes its whole family). */
export function overlaps(a: { readonly address: Address; readonly port: number }, b: { readonly address: Address; readonly port: number }): boolean {
  if (a.port !== b.port || isV4(a.address) !== isV4(b.address)) return false;
  return isWildcard(a.address) || isWildcard(b.address) || a.address.every((w, i) => w === b.address[i]);
}
