// Pipes between two splices. Each costs two descriptors, so their number is bounded; a direction that gets none is
// moved by reads and writes.
import type { KernelCalls } from "./calls.ts";

/** The room of a pipe: what one splice moves at most. It is the kernel's memory, and only as much as is in it. */
export const PIPE_BYTES = 1024 * 1024;

export class Pipes {
  readonly #calls: KernelCalls;
  readonly #ends = new Int32Array(2);
  /** By source: its pipe's ends, and the bytes in it. */
  readonly #in = new Map<number, { readonly reads: number; readonly writes: number; bytes: number }>();
  readonly #free: (readonly [reads: number, writes: number])[] = [];
  readonly #most: number;
  #made = 0;

  /** `most` in all, used and free; descriptors.ts counts their descriptors. */
  constructor(calls: KernelCalls, most: number) {
    this.#calls = calls;
    this.#most = most;
  }

  has(source: number): boolean {
    return this.#in.size > 0 && this.#in.has(source);
  }

  bytes(source: number): number {
    return this.#in.size === 0 ? 0 : (this.#in.get(source)?.bytes ?? 0);
  }

  /** Gives a pipe to the direction, where there is one. */
  take(source: number): void {
    const pipe = this.#free.pop() ?? this.#make();
    if (pipe !== null) this.#in.set(source, { reads: pipe[0], writes: pipe[1], bytes: 0 });
  }

  /** Takes it back; one with bytes in it is closed. */
  give(source: number): void {
    if (!this.has(source)) return;
    const pipe = this.#in.get(source);
    this.#in.delete(source);
    if (pipe === undefined) return;
    if (pipe.bytes === 0) this.#free.push([pipe.reads, pipe.writes]);
    else this.#destroy(pipe.reads, pipe.writes);
  }

  /** From the source into its pipe, which is empty; as splice(2). */
  fill(source: number): number {
    const pipe = this.#in.get(source);
    if (pipe === undefined) return 0;
    const got = this.#calls.splice(source, pipe.writes, PIPE_BYTES);
    if (got > 0) pipe.bytes += got;
    return got;
  }

  /** From the pipe of the source into `target`; as splice(2). */
  drain(source: number, target: number): number {
    const pipe = this.#in.get(source);
    if (pipe === undefined) return 0;
    const sent = this.#calls.splice(pipe.reads, target, pipe.bytes);
    if (sent > 0) pipe.bytes -= sent;
    return sent;
  }

  /** Closes those that nobody uses: where descriptors are short. */
  release(): void {
    for (const [reads, writes] of this.#free.splice(0)) this.#destroy(reads, writes);
  }

  close(): void {
    for (const source of [...this.#in.keys()]) this.give(source);
    this.release();
  }

  #make(): readonly [number, number] | null {
    if (this.#made >= this.#most || this.#calls.pipe(this.#ends) < 0) return null;
    this.#made++;
    const [reads = -1, writes = -1] = this.#ends;
    // Where the user has no more of the kernel's memory for pipes, it keeps the size that it has.
    this.#calls.setPipeSize(writes, PIPE_BYTES);
    return [reads, writes];
  }

  #destroy(reads: number, writes: number): void {
    this.#made--;
    this.#calls.close(reads);
    this.#calls.close(writes);
  }
}
