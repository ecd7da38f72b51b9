// Intervals of addresses as the fewest prefixes, in text.
import type { AddressSet } from "../check/policy.ts";
import { formatAddress, isV4 } from "../../runtime/net/address.ts";
import type { Address } from "../../runtime/net/address.ts";

export function prefixTexts(set: AddressSet): readonly string[] {
  const out: string[] = [];
  const b = set.bounds;
  for (let i = 0; i < b.length; i += 8) {
    const first: Address = [b[i] ?? 0, b[i + 1] ?? 0, b[i + 2] ?? 0, b[i + 3] ?? 0];
    const last: Address = [b[i + 4] ?? 0, b[i + 5] ?? 0, b[i + 6] ?? 0, b[i + 7] ?? 0];
    if (isV4(first)) splitV4(first[3], last[3], out);
    else splitV6(first, last, out);
  }
  return out;
}

function splitV4(first: number, last: number, out: string[]): void {
  for (let at = first; at <= last; ) {
    let host = 0;
    while (host < 32 && at % 2 ** (host + 1) === 0 && at + 2 ** (host + 1) - 1 <= last) host++;
    out.push(`${formatAddress([0, 0, 0xffff, at])}/${32 - host}`);
    at += 2 ** host;
  }
}

function splitV6(first: Address, last: Address, out: string[]): void {
  for (let at: Address | null = first; at !== null; ) {
    // The largest block that begins here and ends within the interval.
    let host = trailingZeros(at);
    let end = blockEnd(at, host);
    while (compare(end, last) > 0) end = blockEnd(at, --host);
    out.push(`${formatAddress(at)}/${128 - host}`);
    at = compare(end, last) < 0 ? successor(end) : null;
  }
}

function trailingZeros(a: Address): number {
  for (let w = 3, host = 0; w >= 0; w--, host += 32) {
    const word = a[w] ?? 0;
    if (word !== 0) return host + 31 - Math.clz32(word & -word);
  }
  return 128;
}

/** The last address of the block with `host` free bits at `a`. */
function blockEnd(a: Address, host: number): Address {
  return [filled(a[0], host - 96), filled(a[1], host - 64), filled(a[2], host - 32), filled(a[3], host)];
}

/** A word with its low `bits` set. */
function filled(word: number, bits: number): number {
  if (bits <= 0) return word;
  return bits >= 32 ? 0xffffffff : (word | (2 ** bits - 1)) >>> 0;
}

function compare(x: Address, y: Address): number {
  return x[0] - y[0] || x[1] - y[1] || x[2] - y[2] || x[3] - y[3];
}

function successor([a, b, c, d]: Address): Address {
  if (d !== 0xffffffff) return [a, b, c, d + 1];
  if (c !== 0xffffffff) return [a, b, c + 1, 0];
  return b !== 0xffffffff ? [a, b + 1, 0, 0] : [a + 1, 0, 0, 0];
}
