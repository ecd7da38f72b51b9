// A client's identity as the policy module is asked about it: words such as `dns:jump.example`, and
// the key under which its caps and limits are counted.
import { createHash } from "node:crypto";
import type { Address } from "../net/address.ts";

/** The most names of one certificate. */
export const MAX_IDENTITY_NAMES = 64;
/** The most bytes of their words. */
export const MAX_IDENTITY_BYTES = 8192;
/** The word of the certificate itself, which is not one of its names. */
const FINGERPRINT = "sha256:";

export interface Identity {
  /** Sorted, each once. At most MAX_IDENTITY_NAMES names with MAX_IDENTITY_BYTES bytes, and one `sha256:`. */
  readonly words: readonly string[];
  /** Four words of a SHA-256 over the sorted names; of a certificate without names over its own word. */
  readonly key: Address;
}

export function identityOf(words: readonly string[]): Identity {
  const sorted = [...new Set(words)].sort();
  const names = sorted.filter((word) => !word.startsWith(FINGERPRINT));
  const hash = createHash("sha256");
  // A word has no zero byte, so that no two lists are one text.
  for (const word of names.length > 0 ? names : sorted) hash.update(`${word}\0`);
  const digest = hash.digest();
  return { words: sorted, key: [digest.readUInt32BE(0), digest.readUInt32BE(4), digest.readUInt32BE(8), digest.readUInt32BE(12)] };
}
