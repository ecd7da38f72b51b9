// A range of addresses, as firewalls and lists write it, and the prefixes that it is.
import { formatAddress } from "../../../runtime/net/address.ts";
import type { AddressWords } from "../../policy/policy.ts";

/** The meaning of `10.0.0.10-10.0.0.20`. */
export type RangeRead =
  | { readonly kind: "prefixes"; readonly prefixes: readonly string[] }
  /** The end is before the start; the prefixes are those of the other order. */
  | { readonly kind: "reversed"; readonly prefixes: readonly string[] }
  /** IPv4 at one end and IPv6 at the other. */
  | { readonly kind: "mixed" };

/** One end, or null where it is no address. */
type ReadEnd = (text: string) => { readonly first: AddressWords; readonly family: 4 | 6 } | null;

/** Null where the text is no range of addresses. `10.0.0.10-20` ends at 10.0.0.20. */
export function readAddressRange(text: string, read: ReadEnd): RangeRead | null {
  const [, start = "", end = ""] = /^([^-]+)-([^-]+)$/.exec(text) ?? [];
  const whole = /^[0-9]{1,3}$/.test(end) ? start.replace(/[0-9]+$/, end) : end;
  const [first, last] = [read(start), read(whole)];
  if (first === null || last === null) return null;
  if (first.family !== last.family) return { kind: "mixed" };
  const [from, to] = [valueOf(first.first), valueOf(last.first)];
  return from <= to ? { kind: "prefixes", prefixes: prefixesOf(from, to) } : { kind: "reversed", prefixes: prefixesOf(to, from) };
}

function valueOf(words: AddressWords): bigint {
  return words.reduce((value, word) => (value << 32n) | BigInt(word), 0n);
}

function wordsOf(value: bigint): AddressWords {
  const word = (i: bigint): number => Number((value >> (32n * i)) & 0xffffffffn);
  return [word(3n), word(2n), word(1n), word(0n)];
}

/** Where IPv4 lies among the addresses: an IPv6 prefix around it contains IPv6 alone. */
const MAPPED = 0xffffn << 32n;
const MAPPED_END = MAPPED | 0xffffffffn;

/** The fewest prefixes; of IPv4 at most 62, of IPv6 at most 254. */
function prefixesOf(from: bigint, to: bigint): string[] {
  const isV4 = from >= MAPPED && to <= MAPPED_END;
  const found: string[] = [];
  for (let at = from; at <= to;) {
    let bits = 0;
    while (bits < 128 && ((at >> BigInt(bits)) & 1n) === 0n && at + (1n << BigInt(bits + 1)) - 1n <= to) bits++;
    const end = at + (1n << BigInt(bits));
    if (isV4 || at < MAPPED || at > MAPPED_END || end > MAPPED_END + 1n) {
      found.push(bits === 0 ? formatAddress(wordsOf(at)) : `${formatAddress(wordsOf(at))}/${(isV4 ? 32 : 128) - bits}`);
    }
    at = end;
  }
  return found;
}
