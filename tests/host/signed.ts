// Signatures for tests, put together byte by byte from docs/abi.md and not with the product's own
// writer, so that each of their fields can be wrong.
import { createHash, createPrivateKey, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { trustedKey, type TrustedKey } from "../../runtime/host/keys.ts";

export interface Signer {
  readonly key: KeyObject;
  readonly trusted: TrustedKey;
  readonly pem: string;
}

export function signerOf(privateKey: KeyObject, publicKey: KeyObject): Signer {
  const raw = new Uint8Array(publicKey.export({ format: "der", type: "spki" })).subarray(-32);
  const trusted = trustedKey(raw);
  if (!trusted.ok) throw new Error(trusted.error);
  return { key: privateKey, trusted: trusted.value, pem: publicKey.export({ format: "pem", type: "spki" }).toString() };
}

export function newSigner(): Signer {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  return signerOf(privateKey, publicKey);
}

/** From a seed of RFC 8032, so that a vector can be written down. */
export function privateKeyOf(seedHex: string): KeyObject {
  return createPrivateKey({ key: Buffer.from(`302e020100300506032b657004220420${seedHex}`, "hex"), format: "der", type: "pkcs8" });
}

export interface Fields {
  readonly version?: number;
  readonly algorithm?: number;
  readonly keyId?: Uint8Array;
  readonly revision?: bigint;
  readonly domain?: string;
  readonly name?: string;
  /** Bytes between revision and signature; a correct section has none there. */
  readonly between?: Uint8Array;
  /** Bytes of the section's size; one is right. */
  readonly sizeBytes?: 1 | 2;
}

/** `module` with a signature section; what is not given is right, with revision 1. */
export function signed(module: Uint8Array, { key, trusted }: Signer, fields: Fields = {}): Uint8Array {
  const id = fields.keyId ?? createHash("sha256").update(trusted.raw).digest().subarray(0, 16);
  const revision = Buffer.alloc(8);
  revision.writeBigUInt64LE(fields.revision ?? 1n);
  const name = Buffer.from(fields.name ?? "ingress.signature");
  const between = fields.between ?? Buffer.alloc(0);
  const head = Buffer.concat([Buffer.of(name.length), name, Buffer.of(fields.version ?? 1, fields.algorithm ?? 1), id, revision, between]);
  const size = head.length + 64;
  const length = fields.sizeBytes === 2 ? Buffer.of(0x80 | (size & 0x7f), size >> 7) : Buffer.of(size);
  const before = Buffer.concat([module, Buffer.of(0), length, head]);
  const domain = Buffer.from(fields.domain ?? "ingressd policy signature v1\0", "latin1");
  return new Uint8Array(Buffer.concat([before, sign(null, Buffer.concat([domain, before]), key)]));
}
