// Builds ClientHellos byte by byte, right and wrong, and reads the recorded ones in hellos/.
import { readFileSync } from "node:fs";

export const u8 = (n: number): Buffer => Buffer.from([n]);
export const u16 = (n: number): Buffer => Buffer.from([n >> 8, n & 0xff]);
export const u24 = (n: number): Buffer => Buffer.from([n >> 16, (n >> 8) & 0xff, n & 0xff]);
export const bytes = (...parts: readonly (Buffer | string)[]): Buffer =>
  Buffer.concat(parts.map((p) => (typeof p === "string" ? Buffer.from(p, "latin1") : p)));
export const vector8 = (content: Buffer): Buffer => bytes(u8(content.length), content);
export const vector16 = (content: Buffer): Buffer => bytes(u16(content.length), content);

export const extension = (type: number, data: Buffer): Buffer => bytes(u16(type), vector16(data));
export const hostName = (name: string): Buffer => bytes(u8(0), vector16(bytes(name)));
export const serverName = (...names: readonly string[]): Buffer => extension(0, vector16(bytes(...names.map(hostName))));
export const alpn = (...names: readonly string[]): Buffer => extension(16, vector16(bytes(...names.map((n) => vector8(bytes(n))))));
export const padding = (length: number): Buffer => extension(21, Buffer.alloc(length));

export interface BodyParts {
  readonly version: Buffer;
  readonly session: Buffer;
  readonly suites: Buffer;
  readonly compression: Buffer;
  /** The block with its length; empty for none. */
  readonly extensions: Buffer;
}

/** A hello's body; each part that is given replaces the right one, its length included. */
export function body(parts: Partial<BodyParts> = {}): Buffer {
  const whole: BodyParts = {
    version: u16(0x0303),
    session: vector8(Buffer.alloc(32, 7)),
    suites: vector16(Buffer.from([0x13, 1, 0x13, 2])),
    compression: vector8(u8(0)),
    extensions: Buffer.alloc(0),
    ...parts,
  };
  return bytes(whole.version, Buffer.alloc(32, 9), whole.session, whole.suites, whole.compression, whole.extensions);
}

export const message = (content: Buffer): Buffer => bytes(u8(1), u24(content.length), content);
export const record = (content: Buffer): Buffer => bytes(u8(22), u16(0x0301), vector16(content));

/** A message with these extensions. */
export const helloWith = (...extensions: readonly Buffer[]): Buffer => message(body({ extensions: vector16(bytes(...extensions)) }));

/** The content cut at these offsets, one record each. */
export function records(content: Buffer, ...cuts: readonly number[]): Buffer {
  const edges = [0, ...cuts, content.length];
  return bytes(...edges.slice(1).map((end, i) => record(content.subarray(edges[i], end))));
}

export interface Recorded {
  readonly name: string;
  readonly stream: Buffer;
  readonly alpn: readonly string[];
}

/** Bytes that clients sent on loopback; each file names its client. All of them request www.example.com. */
export function recorded(): Recorded[] {
  const web = ["h2", "http/1.1"];
  const files: Readonly<Record<string, readonly string[]>> = { chromium156: web, node24: web, go126: web, curl7: web, java17: [], node20_tls12: [] };
  return Object.entries(files).map(([name, protocols]) => {
    const text = readFileSync(new URL(`hellos/${name}.hex`, import.meta.url), "utf8");
    return { name, alpn: protocols, stream: Buffer.from(text.replace(/^#.*$/gm, "").replace(/\s/g, ""), "hex") };
  });
}
