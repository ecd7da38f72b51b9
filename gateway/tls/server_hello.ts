// Reads the beginning of what a TLS server sends first, as far as it takes to know whether it is a
// HelloRetryRequest (RFC 8446 section 4.1.4): a ServerHello whose random value is a fixed one.
//
//   record:   u8 type = 22 | u8 3 | u8 any | u16 n, 1..2^14 | n bytes of handshake messages
//   message:  u8 type = 2  | u24 n         | u16 version | 32 random | …
//
// The message may be spread over records. Alerts, and changes of cipher, before it are passed over. Bytes
// that are not TLS are no HelloRetryRequest.

const RECORD_HEADER_BYTES = 5;
const RECORD_BYTES = 1 << 14;
const CHANGE_CIPHER_SPEC = 20;
const ALERT = 21;
const HANDSHAKE = 22;
const SERVER_HELLO = 2;
/** Where the random value begins in the message: behind its header and the version. */
const RANDOM_AT = 6;
/** SHA-256 of "HelloRetryRequest". */
const RETRY_RANDOM = Buffer.from("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c", "hex");

export type ServerFlight = "more" | "hello" | "retry";

export interface ServerHelloReader {
  /** Once it is not `more`, the answer stays. */
  feed(chunk: Uint8Array): ServerFlight;
}

export function createServerHelloReader(): ServerHelloReader {
  let answer: ServerFlight = "more";
  /** Of the record that is read: bytes of its header that came, its type, and bytes of its content to come. */
  let header = 0;
  let type = 0;
  let left = 0;
  /** Bytes of the message that came. */
  let seen = 0;

  function inHeader(byte: number): boolean {
    switch (header++) {
      case 0:
        type = byte;
        return type === HANDSHAKE || type === ALERT || type === CHANGE_CIPHER_SPEC;
      case 1:
        return byte === 3;
      case 2:
        return true;
      case 3:
        left = byte << 8;
        return true;
      default:
        left |= byte;
        return left > 0 && left <= RECORD_BYTES;
    }
  }

  /** Whether the message may still be a HelloRetryRequest. */
  function inMessage(byte: number): boolean {
    const at = seen++;
    if (at === 0) return byte === SERVER_HELLO;
    return at < RANDOM_AT || byte === RETRY_RANDOM[at - RANDOM_AT];
  }

  function step(byte: number): ServerFlight {
    if (header < RECORD_HEADER_BYTES) return inHeader(byte) ? "more" : "hello";
    if (--left === 0) header = 0;
    if (type !== HANDSHAKE) return "more";
    if (!inMessage(byte)) return "hello";
    return seen === RANDOM_AT + RETRY_RANDOM.length ? "retry" : "more";
  }

  return {
    feed(chunk) {
      for (let i = 0; i < chunk.length && answer === "more"; i++) answer = step(chunk[i] ?? 0);
      return answer;
    },
  };
}
