// The platform's cryptography and turns of its event loop, on Node. A bundle for a browser has platform_portable.ts in its
// place (scripts/package/libraries.ts).
import { createHash, createPublicKey, verify } from "node:crypto";
import { setImmediate } from "node:timers/promises";

/** RFC 8410: the bytes before the 32 of an Ed25519 key in a SubjectPublicKeyInfo. */
const SPKI_HEAD = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00);

/** The 32 bytes of a SHA-256. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}

/** Whether `signature` is a signature of `message` by the Ed25519 key of 32 bytes; null where the platform can't check it. */
export function verifyEd25519(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean | null {
  return verify(null, message, createPublicKey({ key: Buffer.concat([SPKI_HEAD, key]), format: "der", type: "spki" }), signature);
}

/** Resolves in a later turn of the event loop. */
export async function nextTurn(): Promise<void> {
  await setImmediate();
}
