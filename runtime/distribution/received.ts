// The body of an answer while it comes, in one buffer, with its hash: it costs its length, however small its pieces are, and no turn of the
// event loop has more to do than the piece that has come.
import { createHash } from "node:crypto";

/** The first buffer of a body whose length nobody said. */
const FIRST_BYTES = 65_536;

export class Received {
  readonly #maxBytes: number;
  readonly #expected: number;
  readonly #hash = createHash("sha256");
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;

  /** `expected`: the length that was said; null where none was. Nothing is allocated before a byte has come. */
  constructor(maxBytes: number, expected: number | null) {
    this.#maxBytes = maxBytes;
    this.#expected = expected ?? FIRST_BYTES;
  }

  /** False, and nothing is taken, where that would be more than may come. The piece is copied. */
  take(piece: Uint8Array): boolean {
    const length = this.#length + piece.length;
    if (length > this.#maxBytes) return false;
    if (length > this.#bytes.length) this.#grow(length);
    this.#bytes.set(piece, this.#length);
    this.#hash.update(piece);
    this.#length = length;
    return true;
  }

  /** Once, at the end. `sha256`: lower-case hex. */
  whole(): { readonly bytes: Uint8Array; readonly sha256: string } {
    return { bytes: this.#bytes.subarray(0, this.#length), sha256: this.#hash.digest("hex") };
  }

  #grow(length: number): void {
    const wanted = this.#length === 0 ? this.#expected : 2 * this.#bytes.length;
    // Filling it with zeros would take time, and only bytes that came are given.
    const bytes = Buffer.allocUnsafeSlow(Math.min(this.#maxBytes, Math.max(length, wanted)));
    bytes.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bytes;
  }
}
