// Reads the body of a ClientHello whose bytes are all there (RFC 8446 section 4.1.2; the layout is
// the same from SSL 3.0 on, extensions may be missing).
//
//   u16 version | 32 random | u8 n, session id | u16 n, cipher suites | u8 n, compression methods
//   [ u16 n, extensions: u16 type | u16 n, data ]
//
//   server_name (0):  u16 n, entries: u8 type = 0 | u16 n, name          exactly one entry
//   alpn (16):        u16 n, entries: u8 n, protocol name                at least one, none empty
//
// Each length must end exactly where what it is part of ends. A hello that a lenient reader would
// accept is refused: the backend may read it another way. With Encrypted ClientHello the name that
// is read here is the outer one; the inner name is sealed for the backend and stays unknown.
import type { HelloFault } from "./hello_faults.ts";
import { saidName, type SaidName } from "./server_name.ts";

/** A name that has no canonical form is no fault of the hello: who decides by names refuses it. */
export interface HelloNames extends SaidName {
  /** In the client's order, one character a byte (latin1). */
  readonly alpn: readonly string[];
}

const RANDOM_BYTES = 32;
export const SESSION_ID_BYTES = 32;
const SERVER_NAME = 0;
const ALPN = 16;
const HOST_NAME = 0;

/** A span that is read from its start; null where it is too short. */
class Span {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** Unsigned, big endian, of 1 or 2 bytes. */
  number(bytes: 1 | 2): number | null {
    if (this.left < bytes) return null;
    const n = this.#bytes.readUIntBE(this.#at, bytes);
    this.#at += bytes;
    return n;
  }

  take(bytes: number): Buffer | null {
    if (this.left < bytes) return null;
    const from = this.#at;
    this.#at += bytes;
    return this.#bytes.subarray(from, this.#at);
  }

  /** A length of `bytes` bytes and that many bytes. */
  vector(bytes: 1 | 2): Buffer | null {
    const n = this.number(bytes);
    return n === null ? null : this.take(n);
  }
}

/** `body` is the message without its 4 byte header. Time and memory are linear in its length. */
export function readHelloBody(body: Buffer): HelloNames | HelloFault {
  const hello = new Span(body);
  const version = hello.number(2);
  const random = hello.take(RANDOM_BYTES);
  if (version === null || random === null) return "hello_length";
  // Which 3.x it is, is between the client and the backend.
  if (version >> 8 !== 3) return "hello_version";
  const session = hello.vector(1);
  if (session === null) return "hello_length";
  if (session.length > SESSION_ID_BYTES) return "session_id";
  const suites = hello.vector(2);
  if (suites === null) return "hello_length";
  if (suites.length === 0 || suites.length % 2 !== 0) return "cipher_suites";
  const compression = hello.vector(1);
  if (compression === null) return "hello_length";
  if (compression.length === 0) return "compression_methods";
  if (hello.left === 0) return { ...saidName(null), alpn: [] };
  const extensions = hello.vector(2);
  if (extensions === null || hello.left > 0) return "extensions_length";
  return readExtensions(new Span(extensions));
}

function readExtensions(extensions: Span): HelloNames | HelloFault {
  const seen = new Set<number>();
  let said: string | null = null;
  let alpn: readonly string[] = [];
  while (extensions.left > 0) {
    const type = extensions.number(2);
    const data = extensions.vector(2);
    if (type === null || data === null) return "extension_length";
    if (seen.has(type)) return "duplicate_extension";
    seen.add(type);
    if (type === SERVER_NAME) {
      const answer = readServerName(data);
      if ("fault" in answer) return answer.fault;
      said = answer.said;
    } else if (type === ALPN) {
      const answer = readAlpn(data);
      if (answer === null) return "alpn_length";
      alpn = answer;
    }
  }
  return { ...saidName(said), alpn };
}

function readServerName(data: Buffer): { readonly said: string } | { readonly fault: HelloFault } {
  const list = onlyVector(data);
  if (list === null) return { fault: "server_name_length" };
  const type = list.number(1);
  if (type === null) return { fault: "server_name_length" };
  // No other type was ever defined, so nobody knows how long such an entry is.
  if (type !== HOST_NAME) return { fault: "name_type" };
  const name = list.vector(2);
  if (name === null) return { fault: "server_name_length" };
  if (list.left > 0) return { fault: "two_names" };
  return { said: name.toString("latin1") };
}

function readAlpn(data: Buffer): readonly string[] | null {
  const list = onlyVector(data);
  if (list === null || list.left === 0) return null;
  const names: string[] = [];
  while (list.left > 0) {
    const name = list.vector(1);
    if (name === null || name.length === 0) return null;
    names.push(name.toString("latin1"));
  }
  return names;
}

/** The content of `data`, which must be one vector with a 2 byte length and nothing else. */
function onlyVector(data: Buffer): Span | null {
  const whole = new Span(data);
  const content = whole.vector(2);
  return content === null || whole.left > 0 ? null : new Span(content);
}
