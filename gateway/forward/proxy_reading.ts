// Reads the header of the PROXY protocol with which a trusted peer begins a connection: whose it is, and where it was sent. Strict, because
// it names the source that rules see. Source: HAProxy's doc/proxy-protocol.txt (2020/03/05). Not a byte behind the header is used.
import { canBeSource, isV4, parseAddress, type Address } from "../../runtime/net/address.ts";
import { crc32c } from "./crc32c.ts";
import { SIGNATURE, STREAM_V4, STREAM_V6, type Endpoint } from "./proxy_header.ts";

/** The reasons for which a header is refused; the record of a refusal has the word. */
export const HEADER_FAULTS = [
  "not_a_header",
  "cut_short",
  "line_too_long",
  "line_form",
  "family",
  "address",
  "source",
  "port",
  "two_families",
  "version",
  "command",
  "transport",
  "too_large",
  "too_short",
  "fields",
  "checksum",
] as const;
export type HeaderFault = (typeof HEADER_FAULTS)[number];

export interface ProxyHeader {
  /** Null where the header names nobody: then the peer itself is the source. */
  readonly named: { readonly source: Endpoint; readonly destination: Endpoint } | null;
  /** Its length. */
  readonly bytes: number;
}

export type ReadHeader = ProxyHeader | { readonly fault: HeaderFault };

/** The whole header, of either version. */
export const HEADER_MOST_BYTES = 4096;
/** Version 1, the line end included. */
export const LINE_MOST_BYTES = 107;

const CR = 13;
const LF = 10;
const LINE_START = Buffer.from("PROXY ", "latin1");
/** Signature, version and command, family and transport, length. */
const HEAD_BYTES = 16;
const COMMAND_LOCAL = 0;
const COMMAND_PROXY = 1;
const UNSPEC = 0x00;
/** By family: none, IPv4, IPv6, paths. */
const ADDRESS_BYTES = [0, 12, 36, 216] as const;
const TLV_CRC32C = 0x03;
const TLV_HEAD_BYTES = 3;
const CRC_BYTES = 4;

export class HeaderReading {
  readonly #bytes = Buffer.allocUnsafe(HEADER_MOST_BYTES);
  #kept = 0;

  /** Read so far, what is behind the header included. */
  bytesRead = 0;

  /** Null while more is to come; nothing is to be fed after another answer. */
  take(chunk: Uint8Array): ReadHeader | null {
    this.bytesRead += chunk.length;
    const taken = chunk.subarray(0, HEADER_MOST_BYTES - this.#kept);
    this.#bytes.set(taken, this.#kept);
    this.#kept += taken.length;
    return readHeader(this.#bytes.subarray(0, this.#kept));
  }

  /** Bytes that have to come at least before more is known. */
  bytesDue(): number {
    const { length } = this.bytes();
    if (length === 0 || this.#bytes[0] === LINE_START[0]) return 1;
    if (length < HEAD_BYTES) return HEAD_BYTES - length;
    return Math.max(1, HEAD_BYTES + this.#bytes.readUInt16BE(14) - length);
  }

  /** The bytes so far, up to the longest header. */
  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#kept);
  }
}

/** Of the bytes so far, from the first one on. */
export function readHeader(bytes: Buffer): ReadHeader | null {
  if (bytes.length === 0) return null;
  if (bytes[0] === LINE_START[0]) return readLine(bytes);
  return begins(bytes, SIGNATURE) ? readBytes(bytes) : { fault: "not_a_header" };
}

/** Whether the bytes so far are those of `start`, as far as both go. */
function begins(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

function readLine(bytes: Buffer): ReadHeader | null {
  if (!begins(bytes, LINE_START)) return { fault: "not_a_header" };
  const line = bytes.subarray(0, LINE_MOST_BYTES);
  const end = line.findIndex((byte) => byte === CR || byte === LF);
  if (end < 0 || end + 1 === line.length) {
    if (line[end] === LF) return { fault: "line_form" };
    return line.length === LINE_MOST_BYTES ? { fault: "line_too_long" } : null;
  }
  if (line[end] !== CR || line[end + 1] !== LF) return { fault: "line_form" };
  const length = end + 2;
  const [, family = "", ...words] = bytes.toString("latin1", 0, end).split(" ");
  // The protocol has a receiver ignore all that follows this word on the line.
  if (family === "UNKNOWN") return { named: null, bytes: length };
  if (family !== "TCP4" && family !== "TCP6") return { fault: "family" };
  const [from = "", to = "", fromPort = "", toPort = "", ...more] = words;
  if (words.length < 4 || more.length > 0) return { fault: "line_form" };
  const [source, destination] = [addressOf(from, family), addressOf(to, family)];
  if (source === null || destination === null) return { fault: "address" };
  const ports = [fromPort, toPort].map(portOf);
  const [sourcePort = null, destinationPort = null] = ports;
  if (sourcePort === null || destinationPort === null) return { fault: "port" };
  return named({ address: source, port: sourcePort }, { address: destination, port: destinationPort }, length);
}

/** An address of the family as it is written in text, without a zone. */
function addressOf(text: string, family: "TCP4" | "TCP6"): Address | null {
  return text.includes(":") === (family === "TCP6") ? parseAddress(text) : null;
}

function portOf(text: string): number | null {
  return /^(0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65_535 ? Number(text) : null;
}

function readBytes(bytes: Buffer): ReadHeader | null {
  const [versionAndCommand, familyAndTransport] = [bytes[12], bytes[13]];
  if (versionAndCommand === undefined) return null;
  if (versionAndCommand >>> 4 !== 2) return { fault: "version" };
  const command = versionAndCommand & 0x0f;
  if (command !== COMMAND_LOCAL && command !== COMMAND_PROXY) return { fault: "command" };
  if (bytes.length < HEAD_BYTES || familyAndTransport === undefined) return null;
  const length = HEAD_BYTES + bytes.readUInt16BE(14);
  if (length > HEADER_MOST_BYTES) return { fault: "too_large" };
  const isLocal = command === COMMAND_LOCAL;
  const size =
    isLocal || familyAndTransport === UNSPEC ? 0
    : familyAndTransport === STREAM_V4 ? 4
    : familyAndTransport === STREAM_V6 ? 16
    : null;
  if (size === null) return { fault: (familyAndTransport & 0x0f) === 1 ? "family" : "transport" };
  const fields = HEAD_BYTES + (size === 0 ? 0 : 2 * size + 4);
  if (length < fields) return { fault: "too_short" };
  if (bytes.length < length) return null;
  const header = bytes.subarray(0, length);
  if (isLocal) return readLocal(header, familyAndTransport);
  const fault = faultOfFields(header, fields);
  if (fault !== null) return { fault };
  if (size === 0) return { named: null, bytes: length };
  const ports = HEAD_BYTES + 2 * size;
  const source = { address: addressAt(header, HEAD_BYTES, size), port: header.readUInt16BE(ports) };
  const destination = { address: addressAt(header, HEAD_BYTES + size, size), port: header.readUInt16BE(ports + 2) };
  return named(source, destination, length);
}

/** Valid with whatever follows, except fields with a checksum that is not the header's: nothing in those is to be believed, the command neither. */
function readLocal(header: Buffer, familyAndTransport: number): ReadHeader {
  const addresses = ADDRESS_BYTES[familyAndTransport >>> 4];
  const fault = addresses === undefined ? null : faultOfFields(header, HEAD_BYTES + addresses);
  return fault === "checksum" ? { fault } : { named: null, bytes: header.length };
}

/** A mapped address is IPv4. */
function addressAt(bytes: Buffer, at: number, size: number): Address {
  if (size === 4) return [0, 0, 0xffff, bytes.readUInt32BE(at)];
  return [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4), bytes.readUInt32BE(at + 8), bytes.readUInt32BE(at + 12)];
}

/** Fields end where the header does. Only the checksum is read: others decide nothing. */
function faultOfFields(header: Buffer, first: number): HeaderFault | null {
  let checksum = -1;
  let at = first;
  while (at + TLV_HEAD_BYTES <= header.length) {
    const length = header.readUInt16BE(at + 1);
    const value = at + TLV_HEAD_BYTES;
    if (value + length > header.length) break;
    if (header[at] === TLV_CRC32C) {
      if (length !== CRC_BYTES || checksum >= 0) return "checksum";
      checksum = value;
    }
    at = value + length;
  }
  if (checksum >= 0) {
    const blank = Buffer.from(header);
    blank.fill(0, checksum, checksum + CRC_BYTES);
    if (crc32c(blank) !== header.readUInt32BE(checksum)) return "checksum";
  }
  return at === header.length ? null : "fields";
}

/** INVARIANT: what no client can have is no source. */
function named(source: Endpoint, destination: Endpoint, bytes: number): ReadHeader {
  if (!canBeSource(source.address)) return { fault: "source" };
  if (source.port === 0 || destination.port === 0) return { fault: "port" };
  if (isV4(source.address) !== isV4(destination.address)) return { fault: "two_families" };
  return { named: { source, destination }, bytes };
}
