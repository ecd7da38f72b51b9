// The keys under which the caps per source of a listener count a source, as the engine makes them (runtime/engine/limits.ts): the
// listener, the cap, and the prefix of the source that the cap names; a link-local source whole, with its interface. Which of
// several caps is full is known by the places under each key, because the engine reports only that one is.
import type { ListenerInfo, SourceCapInfo } from "../../runtime/host/module.ts";
import { isLinkLocal6, isV4, type Address } from "../../runtime/net/address.ts";
import { hasAddress } from "./address_sets.ts";

const V4_OFFSET = 96;
const NO_KEYS: readonly string[] = [];

/** One key for each cap, in their order; empty where a cap does not count the source. */
export function capKeysOf({ id, sourceCaps }: Pick<ListenerInfo, "id" | "sourceCaps">, source: Address, zone: number): readonly string[] {
  if (sourceCaps.length === 0) return NO_KEYS;
  return sourceCaps.map((cap, i) => (cap.from === null || hasAddress(cap.from, source) ? sourceKey(`${id} ${i}`, cap, source, zone) : ""));
}

/** Those of them whose cap is full; the others are empty. `placesOf` is the number of places under a key. */
export function fullKeysOf(info: Pick<ListenerInfo, "id" | "sourceCaps">, source: Address, zone: number, placesOf: (key: string) => number): readonly string[] {
  return capKeysOf(info, source, zone).map((key, i) => (key !== "" && placesOf(key) >= (info.sourceCaps[i]?.connections ?? Infinity) ? key : ""));
}

export function sourceKey(owner: string, { v4, v6 }: Pick<SourceCapInfo, "v4" | "v6">, source: Address, zone: number): string {
  const bits =
    isLinkLocal6(source) ? 128
    : isV4(source) ? V4_OFFSET + v4
    : v6;
  return `${owner} ${source.map((word, i) => (word & maskOf(bits - 32 * i)) >>> 0).join(" ")} ${zone}`;
}

/** The first `bits` of a word. */
function maskOf(bits: number): number {
  return (
    bits <= 0 ? 0
    : bits >= 32 ? 0xffffffff
    : 0xffffffff << (32 - bits)
  );
}
