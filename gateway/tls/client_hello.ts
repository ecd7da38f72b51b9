// Reads the ClientHello at the start of a TLS stream without taking part in the handshake, for
// `passthrough`. Bytes are fed as they come; the answer depends on the bytes alone, never on how
// they were cut into segments, and a fault is reported at the first byte that shows it.
//
//   record:   u8 type = 22 | u8 3 | u8 any | u16 n, 1..2^14 | n bytes of handshake messages
//   message:  u8 type = 1  | u24 n         | n bytes of body (hello_body.ts)
//
// The message may be spread over several records. It must end where a record ends: a client has
// nothing to say in the same flight, and every record layer in use refuses more. Records after that
// (early data of TLS 1.3, and the change of cipher before it) are not read; they are the backend's.
//
// The name is what the client *says*. It is the outer name where Encrypted ClientHello is used, and
// a second hello (after a HelloRetryRequest of the backend) or a request inside the stream may
// name another one: a backend that serves several names has to keep to its own rules as well.
//
// Cost: each byte is copied and looked at a bounded number of times whatever the segments are;
// memory follows the bytes that came, not the lengths that they announce.
import { readHelloBody, type HelloNames } from "./hello_body.ts";
import type { HelloFault } from "./hello_faults.ts";

/** The longest hello: the message with its header, over all its records. */
export const HELLO_BYTES = 16 * 1024;
/** The most records that a hello may be spread over. */
export const HELLO_RECORDS = 64;
/** The most content that a record may have (RFC 8446 section 5.1). */
export const RECORD_BYTES = 1 << 14;

const RECORD_HEADER_BYTES = 5;
const MESSAGE_HEADER_BYTES = 4;
/** The most bytes that a reader without an answer has buffered. */
export const BUFFERED_BYTES = HELLO_BYTES + HELLO_RECORDS * RECORD_HEADER_BYTES;

const CHANGE_CIPHER_SPEC = 20;
const HANDSHAKE = 22;
const HEARTBEAT = 24;
const CLIENT_HELLO = 1;
/** Room for the first bytes where they come in small pieces. */
const FIRST_BYTES = 512;

export interface ClientHello extends HelloNames {
  /** Bytes from the stream's start to the end of the hello's last record. */
  readonly streamBytes: number;
}

export type HelloAnswer =
  { readonly kind: "more" } | { readonly kind: "hello"; readonly hello: ClientHello } | { readonly kind: "malformed"; readonly fault: HelloFault };

export interface HelloReader {
  /**
   * Copies the bytes and answers. Once that is `hello` or `malformed` it stays so: stop reading
   * then. Bytes that are fed after a hello are still kept for the backend, without a bound.
   */
  feed(chunk: Uint8Array): HelloAnswer;
  /** The stream has ended: `malformed` (`cut_short`) unless there is an answer. */
  end(): HelloAnswer;
  /** All bytes that were fed, exactly and in order; none once malformed. Valid until the next feed. */
  bytes(): Buffer;
}

const MORE: HelloAnswer = { kind: "more" };

export function createHelloReader(): HelloReader {
  return new HelloScanner();
}

class HelloScanner implements HelloReader {
  #stream: Buffer = Buffer.alloc(0);
  #filled = 0;
  #answer = MORE;

  /** Offset in the stream up to which it was scanned. */
  #at = 0;
  #records = 0;
  /** Bytes of the scanned record that are still to come. */
  #recordLeft = 0;
  /** Bytes of the message seen, and its announced length with the header, once that is known. */
  #seen = 0;
  #messageBytes = 0;
  /** Body bytes of each record, as offsets in the stream: start, end, start, end, … */
  readonly #parts: number[] = [];

  feed(chunk: Uint8Array): HelloAnswer {
    if (this.#answer.kind === "malformed") return this.#answer;
    this.#keep(chunk);
    if (this.#answer.kind === "hello") return this.#answer;
    const found = this.#scan();
    if (typeof found === "string") this.#answer = this.#malformed(found);
    else if (found !== null) this.#answer = { kind: "hello", hello: { ...found, streamBytes: this.#at } };
    return this.#answer;
  }

  end(): HelloAnswer {
    if (this.#answer.kind === "more") this.#answer = this.#malformed("cut_short");
    return this.#answer;
  }

  bytes(): Buffer {
    return this.#stream.subarray(0, this.#filled);
  }

  #keep(chunk: Uint8Array): void {
    if (this.#filled + chunk.length > this.#stream.length) {
      const larger = Buffer.alloc(
        this.#stream.length === 0 ? Math.max(chunk.length, FIRST_BYTES) : Math.max(this.#filled + chunk.length, 2 * this.#stream.length),
      );
      this.#stream.copy(larger, 0, 0, this.#filled);
      this.#stream = larger;
    }
    this.#stream.set(chunk, this.#filled);
    this.#filled += chunk.length;
  }

  #scan(): HelloNames | HelloFault | null {
    for (;;) {
      if (this.#recordLeft === 0) {
        if (this.#at === this.#filled) return null;
        const length = this.#recordHeader();
        if (typeof length !== "number") return length;
        this.#records++;
        this.#at += RECORD_HEADER_BYTES;
        this.#recordLeft = length;
        if (this.#seen >= MESSAGE_HEADER_BYTES && this.#recordLeft > this.#messageBytes - this.#seen) return "after_hello";
      }
      const header = this.#messageHeader();
      if (header !== "whole") {
        if (header === "next_record") continue;
        return header;
      }
      this.#messagePart();
      if (this.#recordLeft > 0) return null;
      if (this.#seen === this.#messageBytes) return readHelloBody(this.#messageBody());
    }
  }

  /** `next_record`: the record ended inside the message's header. */
  #messageHeader(): "whole" | "next_record" | HelloFault | null {
    while (this.#seen < MESSAGE_HEADER_BYTES && this.#recordLeft > 0) {
      const byte = this.#at < this.#filled ? this.#stream[this.#at] : undefined;
      if (byte === undefined) return null;
      if (this.#seen === 0 && byte !== CLIENT_HELLO) return "not_client_hello";
      if (this.#seen > 0) this.#messageBytes = this.#messageBytes * 256 + byte;
      this.#step(1);
      if (this.#seen < MESSAGE_HEADER_BYTES) continue;
      this.#messageBytes += MESSAGE_HEADER_BYTES;
      if (this.#messageBytes > HELLO_BYTES) return "too_large";
      if (this.#recordLeft > this.#messageBytes - this.#seen) return "after_hello";
    }
    return this.#seen < MESSAGE_HEADER_BYTES ? "next_record" : "whole";
  }

  /** Notes what has come of the message's body in this record. */
  #messagePart(): void {
    const body = Math.min(this.#recordLeft, this.#filled - this.#at);
    if (body <= 0) return;
    // A record's body that comes in several segments is one part.
    if (this.#parts.at(-1) === this.#at) this.#parts.pop();
    else this.#parts.push(this.#at);
    this.#step(body);
    this.#parts.push(this.#at);
  }

  #step(bytes: number): void {
    this.#at += bytes;
    this.#seen += bytes;
    this.#recordLeft -= bytes;
  }

  /** The length of the record's content; each byte is judged as soon as it is there. */
  #recordHeader(): number | HelloFault | null {
    const stream = this.#stream;
    const at = this.#at;
    const type = stream.readUInt8(at);
    if (type !== HANDSHAKE) {
      if (this.#records > 0 || (type >= CHANGE_CIPHER_SPEC && type <= HEARTBEAT)) return "record_type";
      // SSL 2.0: u16 length with its top bit set, u8 message type.
      if (type < 0x80) return "not_tls";
      if (this.#filled < 3) return null;
      return stream.readUInt8(2) === CLIENT_HELLO ? "ssl2" : "not_tls";
    }
    if (this.#records === HELLO_RECORDS) return "too_many_records";
    const there = this.#filled - at;
    if (there < 2) return null;
    if (stream.readUInt8(at + 1) !== 3) return "record_version";
    if (there < RECORD_HEADER_BYTES) return null;
    const length = stream.readUInt16BE(at + 3);
    return length === 0 || length > RECORD_BYTES ? "record_length" : length;
  }

  /** Copies only what is spread over several records. */
  #messageBody(): Buffer {
    const spans: Buffer[] = [];
    for (let i = 0; i < this.#parts.length; i += 2) spans.push(this.#stream.subarray(this.#parts[i], this.#parts[i + 1]));
    return spans.length === 1 && spans[0] !== undefined ? spans[0] : Buffer.concat(spans);
  }

  #malformed(fault: HelloFault): HelloAnswer {
    this.#stream = Buffer.alloc(0);
    this.#filled = 0;
    return { kind: "malformed", fault };
  }
}
