// Parses the ClientHello at the start of a connection's stream, by the rules of gateway/tls/client_hello.ts and
// hello_body.ts. Each length must end exactly where the enclosing structure ends, and input that only a lenient
// parser would accept is refused. The ring limits a hello to 4,096 bytes here; the gateway's limit is 16 KiB.
//
// Records may split the message anywhere, so an offset in the message is converted to an offset in the ring
// by walking the record headers, of which there are at most RECORD_MOST.

import { peekByte, unread } from "./connection";
import { NAME, RING_BYTES } from "./layout";
import { canonical } from "./name";

/** More bytes are needed. */
export const MORE = -1;
/** The bytes are not a valid hello. */
export const FAULT = -2;

const RECORD_MOST: u32 = 64;
const RECORD_BYTES: u32 = 16384;
const HANDSHAKE: u32 = 22;
const CLIENT_HELLO: u32 = 1;
const SERVER_NAME: u32 = 0;
const ALPN: u32 = 16;

let conn: usize = 0;
/** The cursor: its offset in the stream, and the remaining bytes of its record. */
let at: u32 = 0;
let left: u32 = 0;
/** The remaining bytes of the message, and whether a length did not fit. */
let rest: u32 = 0;
let bad: bool = false;

/** Length of the record at `offset`, MORE or FAULT; each byte is checked as soon as it has arrived. */
function recordAt(offset: u32, there: u32): i32 {
  if (there <= offset) return MORE;
  if (peekByte(conn, offset) != HANDSHAKE) return FAULT;
  if (there <= offset + 1) return MORE;
  if (peekByte(conn, offset + 1) != 3) return FAULT;
  if (there < offset + 5) return MORE;
  const length = (peekByte(conn, offset + 3) << 8) | peekByte(conn, offset + 4);
  return length == 0 || length > RECORD_BYTES ? FAULT : <i32>length;
}

/** The message's length with its header, once it is complete; MORE or FAULT. */
function whole(there: u32): i32 {
  let offset: u32 = 0;
  let seen: u32 = 0;
  let length: u32 = 0;
  for (let records: u32 = 0; records < RECORD_MOST; records++) {
    const record = recordAt(offset, there);
    if (record < 0) return record;
    offset += 5;
    for (let i: u32 = 0; i < <u32>record && seen + i < 4; i++) {
      if (there <= offset + i) return MORE;
      const byte = peekByte(conn, offset + i);
      if (seen + i == 0 && byte != CLIENT_HELLO) return FAULT;
      if (seen + i > 0) length = (length << 8) | byte;
    }
    seen += record;
    offset += record;
    if (seen < 4) continue;
    // The message must end where a record ends, and fit the ring together with its record headers.
    if (seen > length + 4 || offset > <u32>RING_BYTES || length + 4 > <u32>RING_BYTES) return FAULT;
    if (seen == length + 4) return there < offset ? MORE : <i32>seen;
  }
  return FAULT;
}

function byte(): u32 {
  if (rest == 0) {
    bad = true;
    return 0;
  }
  if (left == 0) {
    left = (peekByte(conn, at + 3) << 8) | peekByte(conn, at + 4);
    at += 5;
  }
  rest--;
  left--;
  return peekByte(conn, at++);
}

function number(bytes: u32): u32 {
  let n: u32 = 0;
  for (; bytes > 0; bytes--) n = (n << 8) | byte();
  return n;
}

function skip(bytes: u32): void {
  for (; bytes > 0 && !bad; bytes--) byte();
}

/** Reads a length of `bytes` bytes, which must fit the remaining bytes. */
function vector(bytes: u32): u32 {
  const length = number(bytes);
  if (length > rest) bad = true;
  return length;
}

/** server_name of `data` bytes: u16 n, then exactly one entry of u8 type = 0, u16 n, name. */
function serverName(data: u32): i32 {
  if (data < 5) return FAULT;
  const list = number(2);
  const kind = number(1);
  const length = number(2);
  if (list != data - 2 || kind != 0 || length != data - 5) return FAULT;
  for (let i: u32 = 0; i < length; i++) {
    const value = byte();
    // One byte more than the longest name allows for a trailing dot.
    if (i < 255) store<u8>(NAME + i, value);
  }
  const name = canonical(length);
  return name == 0 ? FAULT : name;
}

/** ALPN of `data` bytes: u16 n, then at least one u8 n, name; none empty. */
function isAlpn(data: u32): bool {
  if (data < 4 || number(2) != data - 2) return false;
  for (let rest = data - 2; rest > 0;) {
    const length = number(1);
    if (length == 0 || length + 1 > rest) return false;
    skip(length);
    rest -= length + 1;
  }
  return true;
}

/** Whether an extension of this type occurs before `until` bytes remain; rereads the extensions from the first. */
function twice(type: u32, fromAt: u32, fromLeft: u32, fromRest: u32, until: u32): bool {
  const keptAt = at;
  const keptLeft = left;
  const keptRest = rest;
  at = fromAt;
  left = fromLeft;
  rest = fromRest;
  let found = false;
  while (rest > until && !found) {
    found = number(2) == type;
    skip(number(2));
  }
  at = keptAt;
  left = keptLeft;
  rest = keptRest;
  return found;
}

/** Parses the message without its header; returns the name's length (0: none was sent) or FAULT. */
function body(): i32 {
  const version = number(2);
  if (version >>> 8 != 3) return FAULT;
  skip(32);
  const session = vector(1);
  if (session > 32) return FAULT;
  skip(session);
  const suites = vector(2);
  if (suites == 0 || (suites & 1) != 0) return FAULT;
  skip(suites);
  const methods = vector(1);
  if (methods == 0) return FAULT;
  skip(methods);
  if (bad) return FAULT;
  if (rest == 0) return 0;
  if (number(2) != rest || bad) return FAULT;
  return extensions();
}

function extensions(): i32 {
  const firstAt = at;
  const firstLeft = left;
  const firstRest = rest;
  let name: i32 = 0;
  let seen: u64 = 0;
  while (rest > 0) {
    const beforeRest = rest;
    const type = number(2);
    const length = vector(2);
    if (bad) return FAULT;
    const end = rest - length;
    // Types that share a bit are compared individually; for others the bit is enough.
    const bit = (<u64>1) << (type & 63);
    if ((seen & bit) != 0 && twice(type, firstAt, firstLeft, firstRest, beforeRest)) return FAULT;
    seen |= bit;
    if (type == SERVER_NAME) {
      name = serverName(length);
      if (name < 0) return FAULT;
    } else if (type == ALPN && !isAlpn(length)) return FAULT;
    if (bad || rest < end) return FAULT;
    skip(rest - end);
  }
  return name;
}

/** Parses a ClientHello in the received bytes. Returns MORE, FAULT, or the length of the name at NAME (0: none was sent). */
export function readHello(c: usize): i32 {
  conn = c;
  const message = whole(unread(c));
  if (message < 0) return message;
  at = 0;
  left = 0;
  rest = <u32>message;
  bad = false;
  number(4);
  return body();
}
