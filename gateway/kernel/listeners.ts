// Listening sockets: peers are accepted in the turn that reports them. Where no descriptor is left, nothing is accepted
// until one is free again; peers stay in the kernel's queue meanwhile.
import type { Cancel } from "../clock.ts";
import type { ListenFailure, Local } from "../connection/forwarder.ts";
import type { PeerAddress } from "../connection/transport.ts";
import { getSystemErrorName } from "node:util";
import {
  EAGAIN,
  ECONNABORTED,
  EHOSTDOWN,
  EHOSTUNREACH,
  EINTR,
  EMFILE,
  ENETDOWN,
  ENETUNREACH,
  ENFILE,
  ENOBUFS,
  ENOMEM,
  EPROTO,
  type KernelCalls,
} from "./calls.ts";
import { EPOLLIN, type Poller } from "./poller.ts";
import { PEER_BYTES, peerFrom } from "./sockaddr.ts";
import { listenAt, listenOn } from "./sockets.ts";

/** Peers accepted of one socket in a round. */
const MOST_ACCEPTED = 64;
/** Errors of accept4(2) by which one peer is gone, and the next may be accepted. */
const OF_ONE_PEER: readonly number[] = [EINTR, EPROTO, ENETDOWN, ENETUNREACH, ECONNABORTED, EHOSTDOWN, EHOSTUNREACH];
/** More of them in one round are taken for an error that stays. */
const MOST_ERRORS = 16;
/** Between two tries to accept again, where nothing was closed. */
const RETRY_MS = 100;

export interface ListenersSetup {
  readonly calls: KernelCalls;
  readonly poller: Poller;
  readonly keepAliveMs: number;
  readonly accepted: (listening: number, fd: number, peer: PeerAddress) => void;
  /** Descriptors may be free again: takes those that others wait for, and answers whether all have one. */
  readonly served: () => boolean;
  /** Nothing is accepted from now on, because there is no descriptor. */
  readonly lacked: () => void;
  /** Calls back after `ms`; in place of a timer of Node's, which a thread without its event loop does not have. */
  readonly later?: ((ms: number, call: () => void) => Cancel) | undefined;
}

export function isShortage(error: number): boolean {
  return error === -EMFILE || error === -ENFILE || error === -ENOBUFS || error === -ENOMEM;
}

export class Listeners {
  readonly #setup: ListenersSetup;
  readonly #peer = Buffer.alloc(PEER_BYTES);
  /** By descriptor: its number for the stages. */
  readonly #numbers = new Map<number, number>();
  /** A descriptor to give up where the last one is needed; -1 while it is in use. */
  #reserve: number;
  #isShort = false;
  #retry: Cancel | null = null;

  constructor(setup: ListenersSetup) {
    this.#setup = setup;
    this.#reserve = setup.calls.eventfd();
  }

  /** Whether nothing is accepted now for lack of descriptors. */
  get isShort(): boolean {
    return this.#isShort;
  }

  open(listening: number, local: Local): ListenFailure | null {
    const { calls, poller, keepAliveMs } = this.#setup;
    const made = local.inherited === undefined ? listenAt(calls, local, keepAliveMs) : listenOn(calls, local.inherited.fd, keepAliveMs);
    if (!made.ok) return made.error;
    const fd = made.value;
    const added = this.#isShort ? 0 : poller.add(fd, EPOLLIN);
    if (added < 0) {
      calls.close(fd);
      return { code: getSystemErrorName(added) };
    }
    this.#numbers.set(fd, listening);
    return null;
  }

  close(listening: number): void {
    for (const [fd, number] of this.#numbers) {
      if (number !== listening) continue;
      this.#numbers.delete(fd);
      // Another process may have the same file, which stays in the epoll descriptor then.
      this.#setup.poller.remove(fd);
      this.#setup.calls.close(fd);
    }
    if (this.#numbers.size === 0) this.#stopRetry();
  }

  descriptorOf(listening: number): number | null {
    for (const [fd, number] of this.#numbers) if (number === listening) return fd;
    return null;
  }

  has(fd: number): boolean {
    return this.#numbers.has(fd);
  }

  accept(fd: number): void {
    const { calls, accepted } = this.#setup;
    let errors = 0;
    for (let i = 0; i < MOST_ACCEPTED && !this.#isShort; i++) {
      const listening = this.#numbers.get(fd);
      if (listening === undefined) return;
      const client = calls.accept(fd, this.#peer);
      if (client >= 0) accepted(listening, client, this.#peerOf(client));
      else if (client === -EAGAIN) return;
      else if (!OF_ONE_PEER.includes(-client) || ++errors > MOST_ERRORS) this.#pause(isShortage(client));
    }
  }

  #peerOf(client: number): PeerAddress {
    const { calls } = this.#setup;
    try {
      return peerFrom(this.#peer, calls);
    } catch (error) {
      calls.close(client);
      throw error;
    }
  }

  /** A connection that was accepted needs a descriptor, and there was none. Answers whether the reserve was given up for it. */
  lack(): boolean {
    this.#pause(true);
    if (this.#reserve < 0) return false;
    this.#setup.calls.close(this.#reserve);
    this.#reserve = -1;
    return true;
  }

  /** One was closed. */
  freed(): void {
    if (this.#isShort) this.#setup.poller.after(() => this.#resume());
  }

  shut(): void {
    for (const number of new Set(this.#numbers.values())) this.close(number);
    this.#stopRetry();
    if (this.#reserve >= 0) this.#setup.calls.close(this.#reserve);
    this.#reserve = -1;
  }

  #resume(): void {
    if (!this.#isShort) return;
    const { calls, poller, served } = this.#setup;
    if (served() && this.#reserve < 0) this.#reserve = calls.eventfd();
    let isOver = this.#reserve >= 0;
    this.#isShort = false;
    for (const fd of isOver ? this.#numbers.keys() : []) isOver = poller.add(fd, EPOLLIN) >= 0 && isOver;
    if (isOver) this.#stopRetry();
    else this.#pause(false);
  }

  #pause(isShortage: boolean): void {
    if (isShortage && this.#retry === null) this.#setup.lacked();
    for (const fd of this.#numbers.keys()) this.#setup.poller.remove(fd);
    this.#isShort = true;
    const { later = afterTimeout } = this.#setup;
    this.#retry ??= later(RETRY_MS, () => {
      this.#retry = null;
      this.#setup.poller.after(() => this.#resume());
    });
  }

  #stopRetry(): void {
    this.#retry?.();
    this.#retry = null;
  }
}

function afterTimeout(ms: number, call: () => void): Cancel {
  const timer = setTimeout(call, ms);
  return () => clearTimeout(timer);
}
