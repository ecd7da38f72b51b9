// Exact longest-prefix lookup. A lookup costs one probe of a table for each length that is in use, 33 or 129 at most, and one
// for the usual /32 or /64 alone. Keys are mixed with a seed of the process, so that no choice of sources makes a bucket long.
import { randomBytes } from "node:crypto";
import { isV4, type Address } from "../../runtime/net/address.ts";
import { maskOf, type Prefix } from "./prefix.ts";

interface Entry<T> {
  readonly prefix: Prefix;
  value: T;
}

interface Length<T> {
  readonly bits: number;
  readonly buckets: Map<number, Entry<T>[]>;
  size: number;
}

export class PrefixTable<T> {
  readonly #seed = randomBytes(4).readUInt32LE();
  /** The longest first. */
  readonly #v4: Length<T>[] = [];
  readonly #v6: Length<T>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Replaces what the same prefix has. */
  set(prefix: Prefix, value: T): void {
    const lengths = this.#of(prefix.family);
    let length = lengths.find(({ bits }) => bits === prefix.bits);
    if (length === undefined) {
      length = { bits: prefix.bits, buckets: new Map(), size: 0 };
      lengths.push(length);
      lengths.sort((a, b) => b.bits - a.bits);
    }
    const key = this.#keyOf(prefix.address, offset(prefix));
    const bucket = length.buckets.get(key) ?? [];
    const known = bucket.find((one) => same(one.prefix.address, prefix.address));
    if (known !== undefined) {
      known.value = value;
      return;
    }
    bucket.push({ prefix, value });
    length.buckets.set(key, bucket);
    length.size++;
    this.#size++;
  }

  /** Of this very prefix. */
  get(prefix: Prefix): T | undefined {
    const length = this.#of(prefix.family).find(({ bits }) => bits === prefix.bits);
    return length?.buckets.get(this.#keyOf(prefix.address, offset(prefix)))?.find((one) => same(one.prefix.address, prefix.address))?.value;
  }

  delete(prefix: Prefix): boolean {
    const lengths = this.#of(prefix.family);
    const length = lengths.find(({ bits }) => bits === prefix.bits);
    const key = this.#keyOf(prefix.address, offset(prefix));
    const bucket = length?.buckets.get(key);
    const at = bucket?.findIndex((one) => same(one.prefix.address, prefix.address)) ?? -1;
    if (length === undefined || bucket === undefined || at < 0) return false;
    bucket.splice(at, 1);
    if (bucket.length === 0) length.buckets.delete(key);
    length.size--;
    this.#size--;
    if (length.size === 0) lengths.splice(lengths.indexOf(length), 1);
    return true;
  }

  /** Of the longest prefix that has the source and whose value is wanted. */
  find(source: Address, isWanted: (value: T) => boolean): T | undefined {
    if (this.#size === 0) return undefined;
    const lengths = isV4(source) ? this.#v4 : this.#v6;
    const first = isV4(source) ? 96 : 0;
    for (const { bits, buckets } of lengths) {
      for (const entry of buckets.get(this.#keyOf(source, first + bits)) ?? []) {
        if (covers(entry.prefix.address, source, first + bits) && isWanted(entry.value)) return entry.value;
      }
    }
    return undefined;
  }

  *values(): Generator<T> {
    for (const { buckets } of [...this.#v4, ...this.#v6]) for (const bucket of buckets.values()) for (const { value } of bucket) yield value;
  }

  #of(family: 4 | 6): Length<T>[] {
    return family === 4 ? this.#v4 : this.#v6;
  }

  #keyOf([a, b, c, d]: Address, bits: number): number {
    let key = this.#seed;
    key = mix(key ^ (a & maskOf(bits)));
    key = mix(key ^ (b & maskOf(bits - 32)));
    key = mix(key ^ (c & maskOf(bits - 64)));
    return mix(key ^ (d & maskOf(bits - 96)));
  }
}

/** Its length in the common form of sixteen bytes. */
function offset({ family, bits }: Prefix): number {
  return family === 4 ? 96 + bits : bits;
}

function mix(word: number): number {
  let x = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

function same(a: Address, b: Address): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}

function covers(prefix: Address, source: Address, bits: number): boolean {
  for (let i = 0; i < 4; i++) if ((((prefix[i] ?? 0) ^ (source[i] ?? 0)) & maskOf(bits - 32 * i)) !== 0) return false;
  return true;
}
