// A queue of records from one thread to another, in shared memory. One thread writes, one reads.
//
//   [words, kind, row, generation, a, b, c, bytes, payload...]      a record, of 32-bit words; it never wraps around
//   [SKIP]                                                           the rest of the memory up to its end is no record
//
// INVARIANT: no record is lost, and nobody spins. The writer keeps records that do not fit, in order, until the reader has
// made room and has woken it; a reader that has read all sleeps, and the writer of the next record wakes it.

const HEAD = 0;
const TAIL = 1;
/** 1: the reader sleeps, or is about to. */
const SLEEPS = 2;
/** 1: the writer keeps records for which there is no room. */
const WAITS = 3;
const CONTROL_WORDS = 16;
const HEADER_WORDS = 8;
const SKIP = 0;
const WORD_BYTES = 4;

/** Of each ring; a power of two. */
export const RING_BYTES = 1024 * 1024;
/** The largest payload: one read of a client, which is 64 KiB at most, behind at most 17 KiB of a hello. */
export const MOST_PAYLOAD = 128 * 1024;

/** A record; numbers are 32 bits with a sign, and mean what `kind` says. */
export interface Message {
  readonly kind: number;
  readonly row: number;
  readonly generation: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  /** A copy of its own; null: there is none. */
  readonly payload: Buffer | null;
}

export function newRing(bytes = RING_BYTES): SharedArrayBuffer {
  return new SharedArrayBuffer(CONTROL_WORDS * WORD_BYTES + bytes);
}

interface Views {
  readonly control: Int32Array;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
}

function viewsOf(memory: SharedArrayBuffer): Views {
  const from = CONTROL_WORDS * WORD_BYTES;
  return {
    control: new Int32Array(memory, 0, CONTROL_WORDS),
    words: new Int32Array(memory, from),
    bytes: new Uint8Array(memory, from),
  };
}

export class RingWriter {
  readonly #views: Views;
  readonly #wakeReader: () => void;
  /** Records for which there was no room. */
  #kept: Message[] = [];
  #head = 0;
  /** Something was written since the reader was woken last. */
  #isNew = false;
  /** As it was read last; the reader may be further. */
  #tail = 0;

  /** `wakeReader` is called from `wake` alone, where the reader sleeps. */
  constructor(memory: SharedArrayBuffer, wakeReader: () => void) {
    this.#views = viewsOf(memory);
    this.#wakeReader = wakeReader;
    this.#head = Atomics.load(this.#views.control, HEAD);
  }

  /** Of records that wait for room. */
  get kept(): number {
    return this.#kept.length;
  }

  /** How far the reader is, and whether there is more for it. */
  progress(): { readonly readTo: number; readonly isUnread: boolean } {
    const readTo = Atomics.load(this.#views.control, TAIL);
    return { readTo, isUnread: readTo !== this.#head || this.#kept.length > 0 };
  }

  /** The reader sees it at once if it reads just now; if it sleeps, after `wake`. Throws where the payload is too large. */
  write(kind: number, row: number, generation: number, a = 0, b = 0, c = 0, payload: Uint8Array | null = null): void {
    if ((payload?.length ?? 0) > MOST_PAYLOAD) throw new Error(`a record of ${payload?.length ?? 0} bytes is too large for a ring`);
    if (this.#kept.length === 0 && this.#put(kind, row, generation, a, b, c, payload)) return;
    this.#kept.push({ kind, row, generation, a, b, c, payload: payload === null ? null : Buffer.from(payload) });
    this.flush();
  }

  /** Writes what was kept, as far as there is room; the reader wakes this side when it has made more. */
  flush(): void {
    if (this.#kept.length === 0) return;
    // INVARIANT: before the look for room, so that room which is made after that look is reported.
    Atomics.store(this.#views.control, WAITS, 1);
    let written = 0;
    for (const { kind, row, generation, a, b, c, payload } of this.#kept) {
      if (!this.#put(kind, row, generation, a, b, c, payload)) break;
      written++;
    }
    this.#kept.splice(0, written);
    if (this.#kept.length === 0) Atomics.store(this.#views.control, WAITS, 0);
  }

  /** Wakes a reader that sleeps, where there is something new for it. */
  wake(): void {
    if (!this.#isNew) return;
    this.#isNew = false;
    if (Atomics.exchange(this.#views.control, SLEEPS, 0) === 1) this.#wakeReader();
  }

  #put(kind: number, row: number, generation: number, a: number, b: number, c: number, payload: Uint8Array | null): boolean {
    const { control, words, bytes } = this.#views;
    const payloadBytes = payload?.length ?? 0;
    const needed = HEADER_WORDS + Math.ceil(payloadBytes / WORD_BYTES);
    let at = this.#head & (words.length - 1);
    const skipped = at + needed > words.length ? words.length - at : 0;
    if (!this.#hasRoom(skipped + needed)) return false;
    if (skipped > 0) {
      words[at] = SKIP;
      at = 0;
    }
    words[at] = needed;
    words[at + 1] = kind;
    words[at + 2] = row;
    words[at + 3] = generation;
    words[at + 4] = a;
    words[at + 5] = b;
    words[at + 6] = c;
    words[at + 7] = payload === null ? -1 : payloadBytes;
    if (payload !== null) bytes.set(payload, (at + HEADER_WORDS) * WORD_BYTES);
    this.#head = (this.#head + skipped + needed) | 0;
    Atomics.store(control, HEAD, this.#head);
    this.#isNew = true;
    return true;
  }

  #hasRoom(needed: number): boolean {
    const { control, words } = this.#views;
    if (words.length - ((this.#head - this.#tail) | 0) >= needed) return true;
    this.#tail = Atomics.load(control, TAIL);
    return words.length - ((this.#head - this.#tail) | 0) >= needed;
  }
}

export class RingReader {
  readonly #views: Views;
  readonly #wakeWriter: () => void;
  #tail = 0;

  /** `wakeWriter`: there is room again for a writer that keeps records. */
  constructor(memory: SharedArrayBuffer, wakeWriter: () => void) {
    this.#views = viewsOf(memory);
    this.#wakeWriter = wakeWriter;
    this.#tail = Atomics.load(this.#views.control, TAIL);
  }

  /** Gives `take` each record that is there, and at most `most`. Answers how many. Throws where the memory has no records. */
  read(most: number, take: (message: Message) => void): number {
    const { control } = this.#views;
    let count = 0;
    try {
      while (count < most && this.#tail !== Atomics.load(control, HEAD)) {
        const message = this.#next();
        if (message === null) continue;
        count++;
        take(message);
      }
    } finally {
      if (count > 0 && Atomics.exchange(control, WAITS, 0) === 1) this.#wakeWriter();
    }
    return count;
  }

  /** To be called before sleep: false where there is something to read after all. */
  sleeps(): boolean {
    Atomics.store(this.#views.control, SLEEPS, 1);
    if (this.#tail === Atomics.load(this.#views.control, HEAD)) return true;
    this.awake();
    return false;
  }

  awake(): void {
    Atomics.store(this.#views.control, SLEEPS, 0);
  }

  /** Null where the ring wraps to the beginning of the memory. */
  #next(): Message | null {
    const { control, words, bytes } = this.#views;
    const at = this.#tail & (words.length - 1);
    const size = words[at] ?? -1;
    if (size === SKIP) {
      this.#advance(words.length - at);
      return null;
    }
    const payloadBytes = words[at + 7] ?? -1;
    const due = HEADER_WORDS + Math.ceil(Math.max(0, payloadBytes) / WORD_BYTES);
    const there = (Atomics.load(control, HEAD) - this.#tail) | 0;
    if (size !== due || size > there || at + size > words.length) throw new Error("the memory between two threads has no record where one must be");
    const from = (at + HEADER_WORDS) * WORD_BYTES;
    const message: Message = {
      kind: words[at + 1] ?? 0,
      row: words[at + 2] ?? 0,
      generation: words[at + 3] ?? 0,
      a: words[at + 4] ?? 0,
      b: words[at + 5] ?? 0,
      c: words[at + 6] ?? 0,
      payload: payloadBytes < 0 ? null : Buffer.from(bytes.subarray(from, from + payloadBytes)),
    };
    this.#advance(size);
    return message;
  }

  #advance(words: number): void {
    this.#tail = (this.#tail + words) | 0;
    Atomics.store(this.#views.control, TAIL, this.#tail);
  }
}
