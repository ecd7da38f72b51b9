// Replaces platform.ts in a browser and other runtimes, for `ingressd/host`; uses nothing of Node.
import { sha256 as portable } from "@noble/hashes/sha2.js";

/** The 32 bytes of a SHA-256. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return portable(bytes);
}

/** Always null, because a browser verifies Ed25519 only asynchronously, and a module is checked in one turn. */
export function verifyEd25519(): boolean | null {
  return null;
}

/** Resolves in a later turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
