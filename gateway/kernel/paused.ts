// Sockets of datagrams whose reading fails now. Nothing is received on them until a later try: events are level-triggered,
// and the same error would come in each turn. Datagrams wait in the kernel's buffer meanwhile.
import { EPOLLIN, type Poller } from "./poller.ts";

/** Between two tries. */
const RETRY_MS = 100;

export class Paused {
  readonly #poller: Poller;
  readonly #fds = new Set<number>();
  #timer: NodeJS.Timeout | null = null;

  constructor(poller: Poller) {
    this.#poller = poller;
  }

  add(fd: number): void {
    this.#poller.remove(fd);
    this.#fds.add(fd);
    this.#timer ??= setTimeout(() => this.#retry(), RETRY_MS);
  }

  /** It is closed, or someone else decides when it is read again. */
  delete(fd: number): void {
    if (this.#fds.delete(fd) && this.#fds.size === 0) this.#stop();
  }

  #stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #retry(): void {
    this.#timer = null;
    for (const fd of [...this.#fds]) if (this.#poller.add(fd, EPOLLIN) >= 0) this.#fds.delete(fd);
    if (this.#fds.size > 0) this.#timer = setTimeout(() => this.#retry(), RETRY_MS);
  }
}
