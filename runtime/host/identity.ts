// A client's identity as the policy module is asked about it: words such as `dns:jump.example`, and
// the key under which its caps and limits are counted.
import type { Address } from "../net/address.ts";
import { sha256 } from "./platform.ts";

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
  // A word has no zero byte, so that no two lists are one text.
  const digest = sha256(new TextEncoder().encode((names.length > 0 ? names : sorted).map((word) => `${word}\0`).join("")));
  const view = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
  return { words: sorted, key: [view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12)] };
}
