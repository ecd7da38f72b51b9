// Addresses for the oracle: one BigInt of 128 bits, IPv4 in ::ffff:0:0/96. Written apart from
// runtime/net on purpose, so that a mistake there is not repeated here.

export const LAST = (1n << 128n) - 1n;
const MAPPED_FIRST = 0xffffn << 32n;
const MAPPED_LAST = MAPPED_FIRST + 0xffffffffn;

/** A prefix as an author writes it: IPv4 lengths are 0..32, and an IPv6 prefix never means IPv4. */
export interface Prefix {
  readonly family: 4 | 6;
  /** First address; for IPv4 the 128-bit form. */
  readonly base: bigint;
  readonly length: number;
}

/** Inclusive. */
export interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

export function isV4(a: bigint): boolean {
  return a >= MAPPED_FIRST && a <= MAPPED_LAST;
}

export function v4(bits: number): bigint {
  return MAPPED_FIRST + BigInt(bits >>> 0);
}

/** The prefix of `length` bits (of its own family) that contains an address. */
export function prefixOf(address: bigint, length: number): Prefix {
  const family = isV4(address) ? 4 : 6;
  const hostBits = BigInt(family === 4 ? 32 - length : 128 - length);
  return { family, base: (address >> hostBits) << hostBits, length };
}

export function rangeOf(p: Prefix): Range {
  const hostBits = BigInt(p.family === 4 ? 32 - p.length : 128 - p.length);
  return { first: p.base, last: p.base + (1n << hostBits) - 1n };
}

export function inPrefix(p: Prefix, a: bigint): boolean {
  const { first, last } = rangeOf(p);
  return (p.family === 4) === isV4(a) && first <= a && a <= last;
}

/** first-1, first, last, last+1 where they exist. */
export function edges(p: Prefix): bigint[] {
  const { first, last } = rangeOf(p);
  return [first - 1n, first, last, last + 1n].filter((a) => a >= 0n && a <= LAST);
}

/** Where membership can change: the first address of a piece that lies wholly inside or outside. */
export function cuts(p: Prefix): bigint[] {
  const { first, last } = rangeOf(p);
  return [first, last + 1n];
}

export const FAMILY_CUTS: readonly bigint[] = [0n, MAPPED_FIRST, MAPPED_LAST + 1n];

/** Four big-endian words, as every call of the product takes an address. */
export function words(a: bigint): readonly [number, number, number, number] {
  const word = (shift: bigint): number => Number((a >> shift) & 0xffffffffn);
  return [word(96n), word(64n), word(32n), word(0n)];
}

export function addressText(a: bigint): string {
  if (isV4(a)) return [24n, 16n, 8n, 0n].map((s) => String((a >> s) & 255n)).join(".");
  const groups = Array.from({ length: 8 }, (_, i) => ((a >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  // The one run of zeros that `::` shortens: leading, so that no other rule is needed here.
  let zeros = 0;
  while (zeros < 8 && groups[zeros] === "0") zeros++;
  if (zeros === 8) return "::";
  if (zeros >= 2) return `::${groups.slice(zeros).join(":")}`;
  let tail = 8;
  while (tail > 0 && groups[tail - 1] === "0") tail--;
  return tail <= 6 ? `${groups.slice(0, tail).join(":")}::` : groups.join(":");
}

export function prefixText(p: Prefix): string {
  return `${addressText(p.base)}/${p.length}`;
}

/** Reads a line of a list: a prefix or a bare address; the test data has no other form. */
export function readPrefix(text: string): Prefix {
  const [address = "", length] = text.split("/");
  if (!address.includes(":")) {
    const parts = address.split(".").map(Number);
    if (parts.length !== 4 || !parts.every((n) => Number.isInteger(n) && n >= 0 && n < 256)) throw new Error(`not an address: ${text}`);
    const bits = parts.reduce((sum, n) => sum * 256 + n, 0);
    return { family: 4, base: MAPPED_FIRST + BigInt(bits), length: Number(length ?? 32) };
  }
  const halves = address.split("::").map((half) => (half === "" ? [] : half.split(":")));
  const head = halves[0] ?? [];
  const rest = halves[1] ?? [];
  const groups = [...head, ...Array.from({ length: halves.length === 2 ? 8 - head.length - rest.length : 0 }, () => "0"), ...rest];
  if (groups.length !== 8) throw new Error(`not an address: ${text}`);
  const base = groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
  return { family: 6, base, length: Number(length ?? 128) };
}
