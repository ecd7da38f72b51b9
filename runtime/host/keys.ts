// Public keys that policies are checked with: PEM text -> TrustedKey, or a sentence.
import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { kindOfKey, type KeyKind } from "./key_kinds.ts";
import { KEY_ID_BYTES, PUBLIC_KEY_BYTES } from "../abi/signature.ts";

/** An Ed25519 key that signatures can be checked with; plain data, so that it can go to a worker. */
export interface TrustedKey {
  /** The first sixteen bytes of the SHA-256 of `raw`, lower-case hex. */
  readonly id: string;
  /** The 32 bytes of RFC 8032. */
  readonly raw: Uint8Array;
}

export interface KeyRefusal {
  /** Completes "FILE …". */
  readonly refused: string;
}

export function isKeyRefusal(x: TrustedKey | KeyRefusal): x is KeyRefusal {
  return "refused" in x;
}

/** RFC 8410: what stands before the 32 bytes in a SubjectPublicKeyInfo. */
const SPKI_HEAD = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00);

const ONE_PUBLIC_KEY = /^\s*-----BEGIN PUBLIC KEY-----\r?\n[A-Za-z0-9+/=\r\n]+-----END PUBLIC KEY-----\s*$/;

const PRIVATE = "holds a private key: name the public one, and keep this file where the policies are signed";

const NO_PUBLIC_KEY: Readonly<Partial<Record<KeyKind, string>>> = {
  private: PRIVATE, encrypted: PRIVATE, ssh_private: PRIVATE, der_private: PRIVATE,
  certificate: "holds a certificate, and a public key is wanted: `ingressc keygen` makes a pair for policies",
  ssh_public: "holds a key of OpenSSH, and PEM is wanted: `ssh-keygen -e -m PKCS8 -f FILE` writes an RSA or ECDSA key so, and `ingressc keygen` makes an Ed25519 pair",
  der_public: "holds a public key in DER, and PEM is wanted: `openssl pkey -pubin -inform DER -in FILE -out KEY.pub` writes it",
  raw: "holds the bytes of a key alone, and PEM is wanted: name the `.pub` file that `ingressc keygen` wrote",
};

/** One PEM block of a SubjectPublicKeyInfo, as `ingressc keygen` and `openssl pkey -pubout` write it. */
export function parsePublicKey(text: string): TrustedKey | KeyRefusal {
  const kind = kindOfKey(text);
  const instead = kind === null ? undefined : NO_PUBLIC_KEY[kind];
  if (instead !== undefined) return { refused: instead };
  if (!ONE_PUBLIC_KEY.test(text)) return { refused: "is not one public key in PEM (`-----BEGIN PUBLIC KEY-----`)" };
  let key: KeyObject;
  try {
    key = createPublicKey(text);
  } catch {
    return { refused: "is not a public key that can be read: write it again with `ingressc keygen`" };
  }
  if (key.asymmetricKeyType !== "ed25519") return { refused: `holds a key of type ${key.asymmetricKeyType ?? "unknown"}: policies are signed with Ed25519` };
  return trustedKey(new Uint8Array(key.export({ format: "der", type: "spki" })).subarray(-PUBLIC_KEY_BYTES));
}

/** `raw` has the 32 bytes of an Ed25519 key. */
export function trustedKey(raw: Uint8Array): TrustedKey | KeyRefusal {
  if (raw.length !== PUBLIC_KEY_BYTES) return { refused: "is not an Ed25519 key of 32 bytes" };
  if (anyoneSignsFor(raw)) return { refused: "holds a weak key, for which anybody can make signatures: write a new pair with `ingressc keygen`" };
  return { id: keyId(raw), raw: Uint8Array.from(raw) };
}

export function keyId(raw: Uint8Array): string {
  return createHash("sha256").update(raw).digest("hex").slice(0, 2 * KEY_ID_BYTES);
}

/** For node:crypto, from a key that was accepted. */
export function keyObject({ raw }: TrustedKey): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_HEAD, raw]), format: "der", type: "spki" });
}

/** The y of the points whose order divides 8, without the bit of the sign of x; y = 0, 1, -1 and two more. */
const SMALL_ORDER: readonly string[] = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
];

/**
 * Whether the key is a point of small order, for which node:crypto over OpenSSL 3.0 (Node 20) accepts
 * signatures that nobody made (3.5.8 does not), or is written in a form that no honest key has (y not below 2^255 - 19).
 */
function anyoneSignsFor(raw: Uint8Array): boolean {
  const y = Uint8Array.from(raw);
  y[31] = (y[31] ?? 0) & 0x7f;
  const beyond = (y[0] ?? 0) >= 0xed && y[31] === 0x7f && y.subarray(1, 31).every((byte) => byte === 0xff);
  return beyond || SMALL_ORDER.includes(Buffer.from(y).toString("hex"));
}
