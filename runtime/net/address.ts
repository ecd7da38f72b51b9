// Addresses, from text to sixteen bytes and back, stored as four big-endian u32 words. IPv4 is mapped to
// ::ffff:0:0/96. No other embedding is unwrapped, so every later step sees one form.
import ipaddr from "ipaddr.js";
import { scanV4, scanV6 } from "./scan.ts";

/** Sixteen bytes, most significant word first; each word is an unsigned 32-bit integer. */
export type Address = readonly [number, number, number, number];

/** The third word of an IPv4 address. */
export const MAPPED = 0xffff;

export const ANY4: Address = [0, 0, MAPPED, 0];
export const ANY6: Address = [0, 0, 0, 0];

/** The address for the 32 bits of an IPv4 address. */
export function fromV4(bits: number): Address {
  return [0, 0, MAPPED, bits >>> 0];
}

export function isV4(a: Address): boolean {
  return a[0] === 0 && a[1] === 0 && a[2] === MAPPED;
}

/** 127.0.0.0/8 and ::1. */
export function isLoopback(a: Address): boolean {
  if (isV4(a)) return a[3] >>> 24 === 127;
  return a[0] === 0 && a[1] === 0 && a[2] === 0 && a[3] === 1;
}

/** 0.0.0.0 and ::, the addresses of a socket that listens on all addresses. */
export function isWildcard(a: Address): boolean {
  return a[0] === 0 && a[1] === 0 && a[3] === 0 && (a[2] === 0 || a[2] === MAPPED);
}

/** 224.0.0.0/4 and ff00::/8. */
function isMulticast(a: Address): boolean {
  return isV4(a) ? a[3] >>> 28 === 0xe : a[0] >>> 24 === 0xff;
}

/** Whether a client can have it, so that a PROXY header may name it. */
export function canBeSource(a: Address): boolean {
  return !isWildcard(a) && !isMulticast(a);
}

/** fe80::/10; such an address is valid only on the interface that its zone names. */
export function isLinkLocal6(a: Address): boolean {
  return !isV4(a) && a[0] >>> 22 === 0x3fa;
}

const scanned = new Uint32Array(4);

/**
 * Reads an address: a dotted quad of four decimal numbers, or IPv6 text (mapped IPv4 becomes IPv4).
 * Returns null for anything else, zones included. scan.ts defines the syntax, here and in the language.
 */
export function parseAddress(text: string): Address | null {
  if (!scanV4(text, 0, text.length, scanned) && !scanV6(text, 0, text.length, scanned)) return null;
  return [scanned[0] ?? 0, scanned[1] ?? 0, scanned[2] ?? 0, scanned[3] ?? 0];
}

/** The numbers of a dotted quad, each with the dot behind it. Every record of a decision has one. */
const DOTTED: readonly string[] = Array.from({ length: 256 }, (_, n) => `${n}.`);

/** The dotted quad of the 32 bits of an IPv4 address. */
export function formatV4(bits: number): string {
  return `${DOTTED[bits >>> 24]}${DOTTED[(bits >>> 16) & 255]}${DOTTED[(bits >>> 8) & 255]}${bits & 255}`;
}

/** RFC 5952 text; IPv4 as a dotted quad. */
export function formatAddress(a: Address): string {
  if (isV4(a)) return formatV4(a[3]);
  const parts = a.flatMap((w) => [w >>> 16, w & 0xffff]);
  return new ipaddr.IPv6(parts).toRFC5952String();
}

/** The same followed by a zone, unless it is empty. */
export function formatHost(a: Address, zone: string): string {
  return zone === "" ? formatAddress(a) : `${formatAddress(a)}%${zone}`;
}

/** `host:port`, with brackets around IPv6. */
export function formatEndpoint(a: Address, port: number, zone = ""): string {
  return isV4(a) ? `${formatAddress(a)}:${port}` : `[${formatHost(a, zone)}]:${port}`;
}
