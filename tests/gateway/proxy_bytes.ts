// Headers of the PROXY protocol for tests, written from the protocol's text alone, and not by the gateway's writer of them.
import { bytes, u16, u8 } from "./hello_bytes.ts";

export const SIGNATURE = bytes("\r\n\r\n\0\r\nQUIT\n");

export const line = (...words: readonly (string | number)[]): Buffer => bytes(`${["PROXY", ...words].join(" ")}\r\n`);

export const quad = (text: string): Buffer => Buffer.from(text.split(".").map(Number));
/** Eight groups, all written. */
export const groups = (text: string): Buffer => bytes(...text.split(":").map((group) => u16(parseInt(group, 16))));

/** Signature, version and command, family and transport, length, and what the length counts. */
export const head = (versionAndCommand: number, familyAndTransport: number, content: Buffer, length = content.length): Buffer =>
  bytes(SIGNATURE, u8(versionAndCommand), u8(familyAndTransport), u16(length), content);

export const tlv = (type: number, value: Buffer, length = value.length): Buffer => bytes(u8(type), u16(length), value);

export const four = (source: string, destination: string, from: number, to: number, ...fields: readonly Buffer[]): Buffer =>
  head(0x21, 0x11, bytes(quad(source), quad(destination), u16(from), u16(to), ...fields));

export const six = (source: string, destination: string, from: number, to: number, ...fields: readonly Buffer[]): Buffer =>
  head(0x21, 0x21, bytes(groups(source), groups(destination), u16(from), u16(to), ...fields));

export const LOCAL = head(0x20, 0x00, Buffer.alloc(0));

/** Bit by bit, unlike the gateway's. */
export function castagnoli(of: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of of) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** A header with a checksum of itself as its last field; `wrong` is added to it. */
export function summed(of: (field: Buffer) => Buffer, wrong = 0): Buffer {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE((castagnoli(of(tlv(0x03, sum))) + wrong) >>> 0);
  return of(tlv(0x03, sum));
}
