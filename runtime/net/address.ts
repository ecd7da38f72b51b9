// Addresses: text <-> sixteen bytes, held as four big-endian u32 words. IPv4 lies in
// ::ffff:0:0/96, and no other embedding is unwrapped, so every later step sees one form.
import ipaddr from "ipaddr.js";

/** Sixteen bytes, most significant word first; each word is an unsigned 32-bit integer. */
export type Address = readonly [number, number, number, number];

const MAPPED = 0xffff;

export const ANY4: Address = [0, 0, MAPPED, 0];
export const ANY6: Address = [0, 0, 0, 0];

/** The address of IPv4's 32 bits. */
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

/** 0.0.0.0 and ::, the addresses of a socket that listens on all. */
export function isWildcard(a: Address): boolean {
  return a[0] === 0 && a[1] === 0 && a[3] === 0 && (a[2] === 0 || a[2] === MAPPED);
}

/**
 * Reads an address as a kernel prints it: dotted quad of four decimal numbers, or IPv6 text
 * (mapped IPv4 becomes IPv4). Anything else, a zone included, is null. The policy language
 * has a stricter reader of its own with advice for the author.
 */
export function parseAddress(text: string): Address | null {
  const v4 = parseV4(text);
  if (v4 >= 0) return fromV4(v4);
  if (!text.includes(":") || text.includes("%") || !ipaddr.IPv6.isValid(text)) return null;
  const parts = ipaddr.IPv6.parse(text).parts;
  const word = (i: number): number => (((parts[i] ?? 0) << 16) | (parts[i + 1] ?? 0)) >>> 0;
  const words: Address = [word(0), word(2), word(4), word(6)];
  // ipaddr.js reads `::127.0.0.1` as mapped; the text decides.
  if (isV4(words) && text.includes(".") && !/^(::|0*:0*:0*:0*:0*:)ffff:/i.test(text)) {
    return [0, 0, 0, words[3]];
  }
  return words;
}

/** The 32 bits of a strict dotted quad, or -1. */
export function parseV4(text: string): number {
  let value = 0;
  let octet = -1;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 46) {
      if (octet < 0 || ++dots > 3) return -1;
      value = value * 256 + octet;
      octet = -1;
    } else if (c >= 48 && c <= 57) {
      if (octet === 0) return -1;
      octet = octet < 0 ? c - 48 : octet * 10 + c - 48;
      if (octet > 255) return -1;
    } else return -1;
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : -1;
}

/** RFC 5952 text; IPv4 as a dotted quad. */
export function formatAddress(a: Address): string {
  if (isV4(a)) return [a[3] >>> 24, (a[3] >>> 16) & 255, (a[3] >>> 8) & 255, a[3] & 255].join(".");
  const parts = a.flatMap((w) => [w >>> 16, w & 0xffff]);
  return new ipaddr.IPv6(parts).toRFC5952String();
}

/** `host:port`, with brackets around IPv6. */
export function formatEndpoint(a: Address, port: number): string {
  return isV4(a) ? `${formatAddress(a)}:${port}` : `[${formatAddress(a)}]:${port}`;
}
