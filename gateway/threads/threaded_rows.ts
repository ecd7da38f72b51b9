// The main thread's side of each row: its thread, the generation of its connection, and the reports that it waits for.
export const NONE = -1;

/** Bits of what a row waits for. */
export const WAITS_HELLO = 1;
export const WAITS_HANDSHAKE = 2;
export const WAITS_CONNECTED = 4;
export const WAITS_FAILED = 8;
export const WAITS_ENDED = 16;
export const WAITS_DROPPED = 32;

const FIRST = 1024;

export class ThreadedRows {
  /** The client's descriptor, while it is the main thread's. */
  #fds = new Int32Array(FIRST).fill(NONE);
  /** The client's descriptor, in whichever thread; it is open at least until RELAY. */
  #clients = new Int32Array(FIRST).fill(NONE);
  #threads = new Int8Array(FIRST).fill(NONE);
  /** Never 0, which is no generation. */
  #generations = new Int32Array(FIRST);
  #waits = new Uint8Array(FIRST);
  /** 1: the header or the hello that is read was reported. */
  #reported = new Uint8Array(FIRST);
  /** The near end of the backend's side: its descriptor between CONNECTED and RELAY, and its port. */
  #nearFds = new Int32Array(FIRST).fill(NONE);
  #nearPorts = new Int32Array(FIRST).fill(NONE);
  /** The number of the last dial. */
  #dials = new Int32Array(FIRST);

  begin(row: number, fd: number): void {
    if (row >= this.#fds.length) this.#grow(row);
    this.#fds[row] = fd;
    this.#clients[row] = fd;
    this.#threads[row] = NONE;
    this.#generations[row] = ((this.#generations[row] ?? 0) + 1) | 0 || 1;
    this.#waits[row] = 0;
    this.#reported[row] = 0;
    this.#nearFds[row] = NONE;
    this.#nearPorts[row] = NONE;
    this.#dials[row] = 0;
  }

  /** The number of the dial that begins now. */
  nextDial(row: number): number {
    return (this.#dials[row] = (this.dial(row) + 1) | 0);
  }

  dial(row: number): number {
    return this.#dials[row] ?? 0;
  }

  give(row: number, thread: number): void {
    this.#threads[row] = thread;
  }

  /** The row is no thread's any more. */
  end(row: number): void {
    this.#clients[row] = NONE;
    this.#threads[row] = NONE;
    this.#waits[row] = 0;
    this.#nearFds[row] = NONE;
    this.#nearPorts[row] = NONE;
  }

  thread(row: number): number {
    return this.#threads[row] ?? NONE;
  }

  generation(row: number): number {
    return this.#generations[row] ?? 0;
  }

  /** The descriptor is the caller's from now on; NONE where it is not the main thread's. */
  takeFd(row: number): number {
    const fd = this.#fds[row] ?? NONE;
    if (fd !== NONE) this.#fds[row] = NONE;
    return fd;
  }

  /** The client's descriptor while no thread has it; else NONE. */
  ownFd(row: number): number {
    return this.#fds[row] ?? NONE;
  }

  /** Between CONNECTED and RELAY a thread owns it, and does nothing with it. */
  client(row: number): number {
    return this.#clients[row] ?? NONE;
  }

  await(row: number, bits: number): void {
    this.#waits[row] = bits;
  }

  waits(row: number, bit: number): boolean {
    return ((this.#waits[row] ?? 0) & bit) !== 0;
  }

  /** The same, once. */
  took(row: number, bit: number): boolean {
    if (!this.waits(row, bit)) return false;
    this.#waits[row] = 0;
    return true;
  }

  report(row: number): void {
    this.#reported[row] = 1;
  }

  unreport(row: number): void {
    this.#reported[row] = 0;
  }

  hasReported(row: number): boolean {
    return this.#reported[row] === 1;
  }

  setNear(row: number, fd: number, port: number): void {
    this.#nearFds[row] = fd;
    this.#nearPorts[row] = port;
  }

  nearFd(row: number): number {
    return this.#nearFds[row] ?? NONE;
  }

  /** Null where there is none. */
  nearPort(row: number): number | null {
    const port = this.#nearPorts[row] ?? NONE;
    return port === NONE ? null : port;
  }

  #grow(row: number): void {
    const room = Math.max(row + 1, 2 * this.#fds.length);
    const grown = (from: Int32Array<ArrayBuffer>, blank: number): Int32Array<ArrayBuffer> => {
      const to = new Int32Array(room).fill(blank);
      to.set(from);
      return to;
    };
    const [threads, waits, reported] = [new Int8Array(room).fill(NONE), new Uint8Array(room), new Uint8Array(room)];
    threads.set(this.#threads);
    waits.set(this.#waits);
    reported.set(this.#reported);
    [this.#threads, this.#waits, this.#reported] = [threads, waits, reported];
    this.#fds = grown(this.#fds, NONE);
    this.#clients = grown(this.#clients, NONE);
    this.#generations = grown(this.#generations, 0);
    this.#nearFds = grown(this.#nearFds, NONE);
    this.#nearPorts = grown(this.#nearPorts, NONE);
    this.#dials = grown(this.#dials, 0);
  }
}
