// The state of each row and of each descriptor of the kernel transport, in typed arrays that grow.
import { NO_ROW } from "../connection/transport.ts";

export const NONE = -1;

/** Bits of a row's mode: its hello is read. */
export const READS = 1;
/** Its backend is dialed. */
export const DIALS = 2;
/** Bytes go both ways. */
export const RELAYS = 4;
/** Another transport serves it; see `secure`. */
export const OF_OTHER = 8;
/** It waits for a descriptor. */
export const WANTS = 16;
/** Its handshake is under way. */
export const SECURES = 32;

/** Its backend is probed where it stays silent. */
export const KEPT = 64;

const FIRST = 1024;

export class Rows {
  #clients = new Int32Array(FIRST).fill(NONE);
  #upstreams = new Int32Array(FIRST).fill(NONE);
  #modes = new Uint8Array(FIRST);
  /** Bytes of the hello that were looked at. */
  #seen = new Uint32Array(FIRST);
  /** Counts the connections of a row: what was put off for an earlier one is not done. */
  #epochs = new Uint32Array(FIRST);
  /** By descriptor. */
  #rows = new Int32Array(FIRST).fill(NO_ROW);

  begin(row: number, client: number): void {
    if (row >= this.#modes.length) this.#growRows(row);
    this.#clients[row] = client;
    this.#upstreams[row] = NONE;
    this.#modes[row] = 0;
    this.#seen[row] = 0;
    this.#name(client, row);
  }

  setUpstream(row: number, fd: number): void {
    this.#upstreams[row] = fd;
    this.#name(fd, row);
  }

  setMode(row: number, mode: number): void {
    this.#modes[row] = mode;
  }

  setSeen(row: number, bytes: number): void {
    this.#seen[row] = bytes;
  }

  /** Of the connection so far, nothing that was put off is done any more. */
  next(row: number): void {
    this.#epochs[row] = this.epoch(row) + 1;
  }

  client(row: number): number {
    return this.#clients[row] ?? NONE;
  }

  upstream(row: number): number {
    return this.#upstreams[row] ?? NONE;
  }

  mode(row: number): number {
    return this.#modes[row] ?? 0;
  }

  seen(row: number): number {
    return this.#seen[row] ?? 0;
  }

  is(row: number, bit: number): boolean {
    return (this.mode(row) & bit) !== 0;
  }

  epoch(row: number): number {
    return this.#epochs[row] ?? 0;
  }

  /** NO_ROW where the descriptor is of none. */
  of(fd: number): number {
    return this.#rows[fd] ?? NO_ROW;
  }

  isClient(fd: number): boolean {
    return this.client(this.of(fd)) === fd;
  }

  /** The client's descriptor is the row's no more; NONE where it has none. */
  takeClient(row: number): number {
    const fd = this.client(row);
    if (fd === NONE) return NONE;
    this.#clients[row] = NONE;
    this.#rows[fd] = NO_ROW;
    return fd;
  }

  takeUpstream(row: number): number {
    const fd = this.upstream(row);
    if (fd === NONE) return NONE;
    this.#upstreams[row] = NONE;
    this.#rows[fd] = NO_ROW;
    return fd;
  }

  #name(fd: number, row: number): void {
    if (fd >= this.#rows.length) {
      const rows = new Int32Array(Math.max(fd + 1, 2 * this.#rows.length)).fill(NO_ROW);
      rows.set(this.#rows);
      this.#rows = rows;
    }
    this.#rows[fd] = row;
  }

  #growRows(row: number): void {
    const room = Math.max(row + 1, 2 * this.#modes.length);
    const [clients, upstreams] = [new Int32Array(room).fill(NONE), new Int32Array(room).fill(NONE)];
    const [modes, seen, epochs] = [new Uint8Array(room), new Uint32Array(room), new Uint32Array(room)];
    clients.set(this.#clients);
    upstreams.set(this.#upstreams);
    modes.set(this.#modes);
    seen.set(this.#seen);
    epochs.set(this.#epochs);
    [this.#clients, this.#upstreams, this.#modes, this.#seen, this.#epochs] = [clients, upstreams, modes, seen, epochs];
  }
}
