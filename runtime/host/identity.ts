// A client's identity in the form that the policy module reads: words such as `dns:jump.example`, and the key under
// which its caps and limits are counted.
import type { Address } from "../net/address.ts";
import { sha256 } from "./platform.ts";

/** The most names of one certificate. */
export const MAX_IDENTITY_NAMES = 64;
/** The most bytes that the words of these names have together. */
export const MAX_IDENTITY_BYTES = 8192;
/** Begins the word of the certificate itself, which is not one of its names. */
const FINGERPRINT = "sha256:";

export interface Identity {
  /** Sorted, without duplicates. At most MAX_IDENTITY_NAMES names with MAX_IDENTITY_BYTES bytes, and one `sha256:`. */
  readonly words: readonly string[];
  /** Four 32-bit words of a SHA-256 over the sorted names, or over the certificate's own word where it has no names. */
  readonly key: Address;
}

export function identityOf(words: readonly string[]): Identity {
  const sorted = [...new Set(words)].sort();
  const names = sorted.filter((word) => !word.startsWith(FINGERPRINT));
  // A word has no zero byte, so two different lists never give the same text.
  const digest = sha256(new TextEncoder().encode((names.length > 0 ? names : sorted).map((word) => `${word}\0`).join("")));
  const view = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
  return { words: sorted, key: [view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12)] };
}
