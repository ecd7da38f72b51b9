// The records that a client may send between its first hello and a second one, which are passed to the backend unchanged.
import type { HelloFault } from "./hello_faults.ts";

const HANDSHAKE = 22;
/** A record of another type than a handshake's that a client may send between its two hellos. */
const BETWEEN: Readonly<Record<number, { readonly least: number; readonly most: number }>> = {
  // Change of cipher: one byte, for middleboxes.
  20: { least: 1, most: 1 },
  // An alert: the client ends the connection.
  21: { least: 2, most: 2 },
  // Early data, encrypted.
  23: { least: 0, most: (1 << 14) + 256 },
};
const RECORD_HEADER_BYTES = 5;

export class RecordsBetween {
  /** Of the record that is read: bytes of its header that came, its type, and bytes of its content to come. */
  #header = 0;
  #type = 0;
  #left = 0;

  /** How many bytes come before the next handshake record; all of them where none begins in `chunk`. */
  pass(chunk: Buffer): number | HelloFault {
    // The rest of a record is passed on as it comes.
    const skipped = this.#header === RECORD_HEADER_BYTES ? Math.min(this.#left, chunk.length) : 0;
    this.#left -= skipped;
    if (this.#header === RECORD_HEADER_BYTES && this.#left === 0) this.#header = 0;
    const found = this.#scan(chunk.subarray(skipped));
    return typeof found === "string" ? found : skipped + found;
  }

  #scan(chunk: Buffer): number | HelloFault {
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (this.#header === 0 && byte === HANDSHAKE) return at;
      const fault = this.#inHeader(byte);
      if (fault !== null) return fault;
      if (++this.#header < RECORD_HEADER_BYTES) continue;
      const skipped = Math.min(this.#left, chunk.length - at - 1);
      at += skipped;
      this.#left -= skipped;
      if (this.#left > 0) return chunk.length;
      this.#header = 0;
    }
    return chunk.length;
  }

  #inHeader(byte: number): HelloFault | null {
    switch (this.#header) {
      case 0:
        this.#type = byte;
        return BETWEEN[byte] === undefined ? "record_type" : null;
      case 1:
        return byte === 3 ? null : "record_version";
      case 3:
        this.#left = byte << 8;
        return null;
      case 4: {
        this.#left |= byte;
        const bounds = BETWEEN[this.#type];
        return bounds === undefined || this.#left < bounds.least || this.#left > bounds.most ? "record_length" : null;
      }
      default:
        return null;
    }
  }
}
