// Sockets that this process was given and did not make: by systemd (LISTEN_FDS), or by the gateway that ran before
// (gateway/takeover). Each waits here until a policy opens its place; it is then served like any other, and nothing
// accepts on it before. A socket that the policy does not expose is closed.
import { formatEndpoint, type Address } from "../../runtime/net/address.ts";
import { CODE_NOT_EXPOSED } from "../../runtime/abi/verdicts.ts";
import { denial, type Decision } from "../../runtime/host/decision.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import type { Recorder } from "../audit/recorder.ts";
import type { Inherit } from "../connection/forwarder.ts";
import { keyOf as portKey } from "./ports.ts";

export type Proto = "tcp" | "udp";

/** A socket that is bound, and listens where it is TCP, as the kernel says. */
export interface InheritedSocket {
  readonly fd: number;
  readonly proto: Proto;
  readonly address: Address;
  readonly port: number;
  /** Name of the interface where the address is link-local; empty: none. */
  readonly zone: string;
  /** The giver's name for it; empty where it has none. */
  readonly name: string;
}

/** How the name of a socket begins that a gateway put into the service manager's store itself. */
export const STORE_PREFIX = "ingressd-port ";

/** How long a socket is kept for a service that has not registered yet; peers wait in the kernel's queue meanwhile. */
export const KEPT_MS = 5_000;
/** The most peers that wait at such a socket. */
export const KEPT_PEERS = 1_024;

export interface InheritedSetup {
  readonly sockets: readonly InheritedSocket[];
  readonly close: (fd: number) => void;
  /** Has the kernel keep so many peers of a listening socket. */
  readonly setBacklog: (fd: number, peers: number) => void;
  readonly say: (sentence: string) => void;
  /** One that came from the service manager's store is closed, and taken out of the store. */
  readonly unstore: (name: string) => void;
  /** A socket that the policy does not expose is closed with a sentence, and is no failure. */
  readonly ignoresForeign: boolean;
}

const keyOf = (proto: Proto, local: string): string => `${proto} ${local}`;

export class Inherited {
  readonly #setup: InheritedSetup;
  /** By protocol and local endpoint. */
  readonly #waiting = new Map<string, InheritedSocket>();

  constructor(setup: InheritedSetup) {
    this.#setup = setup;
    for (const socket of setup.sockets) {
      const key = keyOf(socket.proto, localOf(socket));
      if (this.#waiting.has(key)) this.#drop(socket, "another one for the same address and port was given before it");
      else this.#waiting.set(key, socket);
    }
  }

  /** The sockets that no exposure has taken. */
  all(): readonly InheritedSocket[] {
    return [...this.#waiting.values()];
  }

  /** The socket for an exposure, which is the caller's from now on; null where there is none. */
  take(proto: Proto, local: string, lost: (code: string) => void): Inherit | null {
    const key = keyOf(proto, local);
    const socket = this.#waiting.get(key);
    if (socket === undefined) return null;
    this.#waiting.delete(key);
    return { fd: socket.fd, giveBack: () => void this.#waiting.set(key, socket), lost };
  }

  /**
   * `wanted`: whether the policy opens a port with this key by itself.
   * Queries phase 0 about each socket that the policy's own exposures don't take, with a record. Those that it grants wait for their
   * service; the others are foreign, and closed. The answer is why the policy can't be served with them, or null.
   */
  check(engine: PolicyEngine, generation: number, wanted: (key: string) => boolean, recorder: Recorder): string | null {
    const foreign: string[] = [];
    for (const [key, socket] of this.#waiting) {
      const local = localOf(socket);
      if (wanted(portKey(socket.proto, local))) continue;
      const number = engine.listenerAt(socket.proto, socket.port, socket.address);
      const info = engine.info.listeners[number];
      const answer: Decision =
        number < 0 ? denial(CODE_NOT_EXPOSED) : engine.bind({ subject: "ingressd", proto: socket.proto, address: socket.address, port: socket.port });
      const [decision] = recorder.record(
        [{ op: "bind", decision: answer, generation, subject: "ingressd", listener: info?.name, service: info?.service, local, detail: "inherited" }],
        engine.info,
      );
      if (decision?.allowed === true) {
        // The kernel keeps one more than the number that it is given.
        if (socket.proto === "tcp") this.#setup.setBacklog(socket.fd, KEPT_PEERS - 1);
        continue;
      }
      // A policy may have changed since the gateway before this one stored it.
      if (!socket.name.startsWith(STORE_PREFIX)) foreign.push(`${local}/${socket.proto}`);
      this.#waiting.delete(key);
      this.#drop(socket, `the policy does not expose it to the gateway (${decision?.code ?? "internal"})`);
    }
    return foreign.length === 0 || this.#setup.ignoresForeign ?
        null
      : `passed sockets that are not this policy's: ${foreign.join(" ")}: expose them, take them out of the socket unit, or start with --ignore-foreign-fds`;
  }

  /** The time for services to register is over. */
  expire(): void {
    for (const [key, socket] of this.#waiting) {
      this.#waiting.delete(key);
      this.#drop(socket, `nothing serves it after ${KEPT_MS / 1000} s`);
    }
  }

  /** Closes what is left without a sentence: the process ends. */
  close(): void {
    for (const { fd } of this.#waiting.values()) this.#setup.close(fd);
    this.#waiting.clear();
  }

  #drop(socket: InheritedSocket, because: string): void {
    this.#setup.close(socket.fd);
    if (socket.name.startsWith(STORE_PREFIX)) this.#setup.unstore(socket.name);
    this.#setup.say(`the inherited socket ${localOf(socket)}/${socket.proto}${socket.name === "" ? "" : ` (${socket.name})`} is closed: ${because}`);
  }
}

export function localOf({ address, port, zone }: Pick<InheritedSocket, "address" | "port" | "zone">): string {
  return formatEndpoint(address, port, zone);
}
