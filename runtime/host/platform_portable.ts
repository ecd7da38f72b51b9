// What platform.ts has, without Node: for `ingressd/host` in a browser.
import { sha256 as portable } from "@noble/hashes/sha2.js";

/** The 32 bytes of a SHA-256. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return portable(bytes);
}

/** Null: a browser has Ed25519 only with an answer in a later turn, and a module is checked in one. */
export function verifyEd25519(): boolean | null {
  return null;
}

/** Resolves in a later turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
