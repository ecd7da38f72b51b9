// Both flights of a connection whose backend requests a second hello, byte by byte.
import { bytes, helloWith, record, serverName, u16, u24, u8, vector16, vector8 } from "./hello_bytes.ts";

export const RETRY = Buffer.from("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c", "hex");
export const NAME = "a.example";
export const helloOf = (...names: readonly string[]): Buffer => record(helloWith(...(names.length === 0 ? [] : [serverName(...names)])));
export const FIRST = helloOf(NAME);

/** A ServerHello with this random value. */
export function serverHello(random: Buffer): Buffer {
  const content = bytes(u16(0x0303), random, vector8(Buffer.alloc(32, 7)), u16(0x1301), u8(0), vector16(Buffer.alloc(6)));
  return bytes(u8(2), u24(content.length), content);
}
export const HELLO_RETRY = record(serverHello(RETRY));
export const SERVER_HELLO = record(serverHello(Buffer.alloc(32, 5)));
export const CHANGE = bytes(u8(20), u16(0x0303), vector16(u8(1)));
export const early = (length: number): Buffer => bytes(u8(23), u16(0x0303), vector16(Buffer.alloc(length, 9)));
export const ALERT = bytes(u8(21), u16(0x0303), vector16(bytes(u8(2), u8(40))));

export const DATA = Buffer.from("anything at all");
export const OTHER = helloOf("b.example");
