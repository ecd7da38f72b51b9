// SHA-256 as the compiler has it anywhere, a browser included. Where the platform has a faster
// one, `compile` takes that: a module of 60 MB is hashed in a second here, in 40 ms there.
import { sha256 as portable } from "@noble/hashes/sha2.js";

/** The 32 bytes of a SHA-256. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

export const sha256: Sha256 = portable;
