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
    else splitV6(toBig(first), toBig(last), out);
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

function splitV6(first: bigint, last: bigint, out: string[]): void {
  for (let at = first; at <= last; ) {
    let host = 0n;
    while (host < 128n && at % (1n << (host + 1n)) === 0n && at + (1n << (host + 1n)) - 1n <= last) host++;
    out.push(`${formatAddress(fromBig(at))}/${128n - host}`);
    at += 1n << host;
  }
}

function toBig(a: Address): bigint {
  return a.reduce((sum, word) => (sum << 32n) | BigInt(word), 0n);
}

function fromBig(n: bigint): Address {
  const word = (shift: bigint): number => Number((n >> shift) & 0xffffffffn);
  return [word(96n), word(64n), word(32n), word(0n)];
}
