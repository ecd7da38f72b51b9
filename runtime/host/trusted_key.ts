// The Ed25519 keys that signatures of policies are checked with. keys.ts reads one from PEM text.
import { KEY_ID_BYTES, PUBLIC_KEY_BYTES } from "../abi/signature.ts";
import { hexOf } from "./bytes.ts";
import { failed, ok, type Result } from "../result/result.ts";
import { sha256 } from "./platform.ts";

/** An Ed25519 key that signatures can be checked with. It is plain data, so that it can be posted to a worker. */
export interface TrustedKey {
  /** The first sixteen bytes of the SHA-256 of `raw`, lower-case hex. */
  readonly id: string;
  /** The 32 bytes of RFC 8032. */
  readonly raw: Uint8Array;
}

/** Checks the 32 bytes of an Ed25519 key. The error completes "FILE …". */
export function trustedKey(raw: Uint8Array): Result<TrustedKey, string> {
  if (raw.length !== PUBLIC_KEY_BYTES) return failed("is not an Ed25519 key of 32 bytes");
  if (anyoneSignsFor(raw)) return failed("is a weak key, for which anybody can make signatures: write a new pair with `ingressc keygen`");
  return ok({ id: keyId(raw), raw: Uint8Array.from(raw) });
}

export function keyId(raw: Uint8Array): string {
  return hexOf(sha256(raw).subarray(0, KEY_ID_BYTES));
}

/** The y coordinates of the points whose order divides 8, without the sign bit of x: 0, 1, -1 and two more. */
const SMALL_ORDER: readonly string[] = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
];

/**
 * Whether the key is a point of small order, for which node:crypto over OpenSSL 3.0 (Node 20) accepts signatures that
 * nobody made (3.5.8 does not), or has an encoding that no valid key has (y not below 2^255 - 19).
 */
function anyoneSignsFor(raw: Uint8Array): boolean {
  const y = Uint8Array.from(raw);
  y[31] = (y[31] ?? 0) & 0x7f;
  const beyond = (y[0] ?? 0) >= 0xed && y[31] === 0x7f && y.subarray(1, 31).every((byte) => byte === 0xff);
  return beyond || SMALL_ORDER.includes(hexOf(y));
}
