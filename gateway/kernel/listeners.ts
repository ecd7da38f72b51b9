// Listening sockets: peers are accepted in the turn that reports them. Where no descriptor is left, nothing is accepted
// until one is free again; peers stay in the kernel's queue meanwhile.
import type { ListenFailure, Local } from "../connection/forwarder.ts";
import type { PeerAddress } from "../connection/transport.ts";
import { getSystemErrorName } from "node:util";
import { EMFILE, ENFILE, ENOBUFS, ENOMEM, EAGAIN, type KernelCalls } from "./calls.ts";
import { EPOLLIN, type Poller } from "./poller.ts";
import { PEER_BYTES, peerFrom } from "./sockaddr.ts";
import { listenAt } from "./sockets.ts";

/** Peers accepted of one socket in a round. */
const MOST_ACCEPTED = 64;
/** Between two tries to accept again, where nothing was closed. */
const RETRY_MS = 100;

export interface ListenersSetup {
  readonly calls: KernelCalls;
  readonly poller: Poller;
  readonly keepAliveMs: number;
  readonly accepted: (listening: number, fd: number, peer: PeerAddress) => void;
  /** Descriptors may be free again: takes those that others wait for, and answers whether all have one. */
  readonly served: () => boolean;
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
  #retry: NodeJS.Timeout | null = null;

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
    const made = listenAt(calls, local, keepAliveMs);
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
      this.#setup.poller.forget(fd);
      this.#setup.calls.close(fd);
    }
    if (this.#numbers.size === 0) this.#stopRetry();
  }

  has(fd: number): boolean {
    return this.#numbers.has(fd);
  }

  accept(fd: number): void {
    const { calls, accepted } = this.#setup;
    for (let i = 0; i < MOST_ACCEPTED && !this.#isShort; i++) {
      const listening = this.#numbers.get(fd);
      if (listening === undefined) return;
      const client = calls.accept(fd, this.#peer);
      if (client >= 0) accepted(listening, client, peerFrom(this.#peer, calls));
      else if (isShortage(client)) this.lack();
      else if (client === -EAGAIN) return;
    }
  }

  /** A descriptor was needed, and there was none. Answers whether the reserve was given up for it. */
  lack(): boolean {
    const { calls } = this.#setup;
    if (!this.#isShort) this.#pause();
    if (this.#reserve < 0) return false;
    calls.close(this.#reserve);
    this.#reserve = -1;
    this.freed();
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
    else this.#pause();
  }

  #pause(): void {
    for (const fd of this.#numbers.keys()) this.#setup.poller.remove(fd);
    this.#isShort = true;
    this.#retry ??= setTimeout(() => {
      this.#retry = null;
      this.#resume();
    }, RETRY_MS);
  }

  #stopRetry(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
  }
}
