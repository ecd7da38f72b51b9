// The keys of one expose's session tickets: those that new tickets get, and the ones before, with which tickets are still
// read. Contexts of one expose in several threads have the same; two exposes never do, nor do two certificates of one.
//
// OpenSSL has a callback for more keys than one, which would run in JavaScript at every ticket. Instead the keys of a
// context are exchanged for the one call that reads a hello with a ticket of the keys before (tls_context.ts): a ticket
// begins with the name of its keys, in clear. Where such a hello leads to a new ticket, that comes in a later call.
import { randomBytes } from "node:crypto";

const NAME_BYTES = 16;
/** A name, a key of HMAC and one of AES, as SSL_CTRL_SET_TLSEXT_TICKET_KEYS has them. */
export const TICKET_KEY_BYTES = NAME_BYTES + 32 + 32;
const ID_BYTES = 16;
/** Of `bytes`: the id, whether there are keys before, the keys, and the keys before. */
const ALL_BYTES = ID_BYTES + 1 + 2 * TICKET_KEY_BYTES;

export class TicketKeys {
  /** A session is good only where this is the same: its `session_id_context`. */
  readonly id: Uint8Array;
  #current: Buffer;
  #previous: Buffer | null;

  private constructor(id: Uint8Array, current: Buffer, previous: Buffer | null) {
    this.id = id;
    this.#current = current;
    this.#previous = previous;
  }

  static create(): TicketKeys {
    return new TicketKeys(randomBytes(ID_BYTES), randomBytes(TICKET_KEY_BYTES), null);
  }

  /** The keys that `bytes` gave in another thread, or null where the bytes are no keys. */
  static from(bytes: Uint8Array): TicketKeys | null {
    if (bytes.length !== ALL_BYTES) return null;
    const all = Buffer.from(bytes);
    const keys = all.subarray(ID_BYTES + 1);
    const previous = all[ID_BYTES] === 1 ? keys.subarray(TICKET_KEY_BYTES) : null;
    return new TicketKeys(all.subarray(0, ID_BYTES), keys.subarray(0, TICKET_KEY_BYTES), previous);
  }

  /** A copy, for a thread. It is secret. */
  bytes(): Uint8Array {
    const previous = this.#previous ?? Buffer.alloc(TICKET_KEY_BYTES);
    return Buffer.concat([this.id, Buffer.from([this.#previous === null ? 0 : 1]), this.#current, previous]);
  }

  get current(): Uint8Array {
    return this.#current;
  }

  /** Null before the first `rotate`. */
  get previous(): Uint8Array | null {
    return this.#previous;
  }

  /** New keys for new tickets. Tickets of the keys until now are still good, those of the ones before are not. */
  rotate(): void {
    this.#previous?.fill(0);
    this.#previous = this.#current;
    this.#current = randomBytes(TICKET_KEY_BYTES);
  }

  /** Whether a hello may have a ticket of the keys before. A hello that only has their name somewhere gets nothing by it. */
  mayBeOfPrevious(hello: Buffer): boolean {
    return this.#previous !== null && hello.includes(this.#previous.subarray(0, NAME_BYTES));
  }
}
