// Parses prefixes as written in a compiled policy (`10.0.0.0/8`, `2001:db8::/32`) to their first and last
// address.
import { isV4, parseAddress, type Address } from "./address.ts";

/** Both `first` and `last` are part of the prefix. */
export interface Prefix {
  readonly first: Address;
  readonly last: Address;
}

/** Null for anything but an address, a slash and a length, with all bits after the length 0. */
export function parsePrefix(text: string): Prefix | null {
  const slash = text.indexOf("/");
  const digits = text.slice(slash + 1);
  const first = slash < 0 ? null : parseAddress(text.slice(0, slash));
  if (first === null || !/^(0|[1-9][0-9]{0,2})$/.test(digits)) return null;
  const length = Number(digits) + (isV4(first) ? 96 : 0);
  if (length > 128) return null;
  const host = ([0, 1, 2, 3] as const).map((word) => hostBits(length - 32 * word));
  const fits = first.every((word, i) => (word & (host[i] ?? 0)) === 0);
  const filled = (i: 0 | 1 | 2 | 3): number => (first[i] | (host[i] ?? 0)) >>> 0;
  return fits ? { first, last: [filled(0), filled(1), filled(2), filled(3)] } : null;
}

export function isWithin({ first, last }: Prefix, address: Address): boolean {
  return compare(first, address) <= 0 && compare(address, last) <= 0;
}

/** The host bits of a word whose upper `length` bits belong to the prefix. */
function hostBits(length: number): number {
  if (length <= 0) return 0xffffffff;
  return length >= 32 ? 0 : 0xffffffff >>> length;
}

function compare(x: Address, y: Address): number {
  return x[0] - y[0] || x[1] - y[1] || x[2] - y[2] || x[3] - y[3];
}
