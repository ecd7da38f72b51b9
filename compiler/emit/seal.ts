// The seal of the tables: what `validate` computes again over every word. A module's hash is its
// host's to check; this one the engine checks itself, wherever it runs. It sees damage, not intent:
// an attacker who chooses all words chooses the seal too, and only a signature prevents that.
import * as abi from "../../runtime/abi/layout.ts";

/** `tables`: the bytes from TABLES_BASE to the end of the tables, a multiple of 4; the seal's own words are left out. */
export function sealOf(tables: Uint8Array): readonly [first: number, second: number] {
  const view = new DataView(tables.buffer, tables.byteOffset, tables.byteLength);
  let [first, second] = [abi.SEAL_START, 0];
  for (let at = 0; at < tables.length; at += 4) {
    if (at === abi.H_SEAL) at += abi.SEAL_BYTES;
    if (at >= tables.length) break;
    const word = view.getUint32(at, true);
    first = Math.imul(turned(first ^ word, abi.SEAL_TURN_FIRST), abi.SEAL_PRIME_FIRST);
    second = Math.imul(turned((second + word) | 0, abi.SEAL_TURN_SECOND), abi.SEAL_PRIME_SECOND);
  }
  return [first >>> 0, second >>> 0];
}

function turned(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
