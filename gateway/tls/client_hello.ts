// Reads the ClientHello at the start of a TLS stream without taking part in the handshake, for
// `passthrough`. Bytes are fed as they come; the answer depends on the bytes alone, never on how
// they were cut into segments, and a fault is told at the first byte that shows it.
//
//   record:   u8 type = 22 | u8 3 | u8 any | u16 n, 1..2^14 | n bytes of handshake messages
//   message:  u8 type = 1  | u24 n         | n bytes of body (hello_body.ts)
//
// The message may be spread over several records. It must end where a record ends: a client has
// nothing to say in the same flight, and every record layer in use refuses more. Records after that
// (early data of TLS 1.3, and the change of cipher before it) are not read; they are the backend's.
//
// The name is what the client *says*. It is the outer name where Encrypted ClientHello is used, and
// a second hello (after a HelloRetryRequest of the backend) or what is asked inside the stream may
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
/** What a reader that has not answered yet holds at most. */
export const HELD_BYTES = HELLO_BYTES + HELLO_RECORDS * RECORD_HEADER_BYTES;

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
  | { readonly kind: "more" }
  | { readonly kind: "hello"; readonly hello: ClientHello }
  | { readonly kind: "malformed"; readonly fault: HelloFault };

export interface HelloReader {
  /**
   * Copies the bytes and answers. Once that is `hello` or `malformed` it stays so: stop reading
   * then. What is fed after a hello is still kept for the backend, without a bound.
   */
  feed(chunk: Uint8Array): HelloAnswer;
  /** The stream has ended: `malformed` (`cut_short`) unless there is an answer. */
  end(): HelloAnswer;
  /** All bytes that were fed, exactly and in order; none once malformed. Valid until the next feed. */
  bytes(): Buffer;
}

const MORE: HelloAnswer = { kind: "more" };

export function createHelloReader(): HelloReader {
  let stream: Buffer = Buffer.alloc(0);
  let filled = 0;
  let answer = MORE;

  /** Where the scan stands in the stream. */
  let at = 0;
  let records = 0;
  /** What is still to come of the record that the scan is in. */
  let recordLeft = 0;
  /** Bytes of the message seen, and its announced length with the header, once that is known. */
  let seen = 0;
  let messageBytes = 0;
  /** Body bytes of each record, as offsets in the stream: start, end, start, end, … */
  const parts: number[] = [];

  function keep(chunk: Uint8Array): void {
    if (filled + chunk.length > stream.length) {
      const larger = Buffer.alloc(stream.length === 0
        ? Math.max(chunk.length, FIRST_BYTES)
        : Math.max(filled + chunk.length, 2 * stream.length));
      stream.copy(larger, 0, 0, filled);
      stream = larger;
    }
    stream.set(chunk, filled);
    filled += chunk.length;
  }

  function scan(): HelloNames | HelloFault | null {
    for (;;) {
      if (recordLeft === 0) {
        if (at === filled) return null;
        const length = recordHeader();
        if (typeof length !== "number") return length;
        records++;
        at += RECORD_HEADER_BYTES;
        recordLeft = length;
        if (seen >= MESSAGE_HEADER_BYTES && recordLeft > messageBytes - seen) return "after_hello";
      }
      while (seen < MESSAGE_HEADER_BYTES && recordLeft > 0) {
        const byte = at < filled ? stream[at] : undefined;
        if (byte === undefined) return null;
        if (seen === 0 && byte !== CLIENT_HELLO) return "not_client_hello";
        if (seen > 0) messageBytes = messageBytes * 256 + byte;
        step(1);
        if (seen < MESSAGE_HEADER_BYTES) continue;
        messageBytes += MESSAGE_HEADER_BYTES;
        if (messageBytes > HELLO_BYTES) return "too_large";
        if (recordLeft > messageBytes - seen) return "after_hello";
      }
      // The record ended inside the message's header.
      if (seen < MESSAGE_HEADER_BYTES) continue;
      const body = Math.min(recordLeft, filled - at);
      if (body > 0) {
        // A record's body that comes in several segments is one part.
        if (parts.at(-1) === at) parts.pop();
        else parts.push(at);
        step(body);
        parts.push(at);
      }
      if (recordLeft > 0) return null;
      if (seen === messageBytes) return readHelloBody(messageBody());
    }
  }

  function step(bytes: number): void {
    at += bytes;
    seen += bytes;
    recordLeft -= bytes;
  }

  /** The length of the record's content; each byte is judged as soon as it is there. */
  function recordHeader(): number | HelloFault | null {
    const type = stream.readUInt8(at);
    if (type !== HANDSHAKE) {
      if (records > 0 || (type >= CHANGE_CIPHER_SPEC && type <= HEARTBEAT)) return "record_type";
      // SSL 2.0: u16 length with its top bit set, u8 message type.
      if (type < 0x80) return "not_tls";
      if (filled < 3) return null;
      return stream.readUInt8(2) === CLIENT_HELLO ? "ssl2" : "not_tls";
    }
    if (records === HELLO_RECORDS) return "too_many_records";
    const there = filled - at;
    if (there < 2) return null;
    if (stream.readUInt8(at + 1) !== 3) return "record_version";
    if (there < RECORD_HEADER_BYTES) return null;
    const length = stream.readUInt16BE(at + 3);
    return length === 0 || length > RECORD_BYTES ? "record_length" : length;
  }

  /** Copies only what is spread over several records. */
  function messageBody(): Buffer {
    const spans: Buffer[] = [];
    for (let i = 0; i < parts.length; i += 2) spans.push(stream.subarray(parts[i], parts[i + 1]));
    return spans.length === 1 && spans[0] !== undefined ? spans[0] : Buffer.concat(spans);
  }

  function malformed(fault: HelloFault): HelloAnswer {
    stream = Buffer.alloc(0);
    filled = 0;
    return { kind: "malformed", fault };
  }

  return {
    feed(chunk) {
      if (answer.kind === "malformed") return answer;
      keep(chunk);
      if (answer.kind === "hello") return answer;
      const found = scan();
      if (typeof found === "string") answer = malformed(found);
      else if (found !== null) answer = { kind: "hello", hello: { ...found, streamBytes: at } };
      return answer;
    },
    end() {
      if (answer.kind === "more") answer = malformed("cut_short");
      return answer;
    },
    bytes: () => stream.subarray(0, filled),
  };
}
