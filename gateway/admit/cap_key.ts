// The key under which a cap per source counts a source, as the engine makes it (runtime/engine/limits.ts): the listener,
// and the prefix of the source that the cap names; a link-local source whole, with its interface.
import type { ListenerInfo } from "../../runtime/host/module.ts";
import { isLinkLocal6, isV4, type Address } from "../../runtime/net/address.ts";

const V4_OFFSET = 96;

export function capKeyOf({ id, capSource }: Pick<ListenerInfo, "id" | "capSource">, source: Address, zone: number): string {
  if (capSource === null) return "";
  const bits =
    isLinkLocal6(source) ? 128
    : isV4(source) ? V4_OFFSET + capSource.v4
    : capSource.v6;
  return `${id} ${source.map((word, i) => (word & maskOf(bits - 32 * i)) >>> 0).join(" ")} ${zone}`;
}

/** The first `bits` of a word. */
function maskOf(bits: number): number {
  return (
    bits <= 0 ? 0
    : bits >= 32 ? 0xffffffff
    : 0xffffffff << (32 - bits)
  );
}
