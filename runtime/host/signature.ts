// A policy's signature: read from the section that may follow the hash, and checked over exactly
// the bytes before it. runtime/abi/signature.ts has the layout.
import * as abi from "../abi/signature.ts";
import { concatBytes, SECTION_SIGNATURE, writeCustom } from "../abi/sections.ts";
import type { Section } from "../abi/sections.ts";
import { bytesOfHex, hexOf } from "./bytes.ts";
import { verifyEd25519 } from "./platform.ts";
import { failed, ok, type Result } from "../result/result.ts";
import type { TrustedKey } from "./trusted_key.ts";
import type { Refusal } from "./module.ts";

/** What a signature section says of itself; who wrote it is known only once it is verified. */
export interface SignatureFacts {
  /** Lower-case hex. */
  readonly keyId: string;
  /** 1 to MAX_REVISION. */
  readonly revision: number;
}

/** Bytes of a whole section: it has one form only. */
export const SIGNATURE_SECTION_BYTES = writeCustom(SECTION_SIGNATURE, new Uint8Array(abi.SIGNATURE_BODY_BYTES)).length;

/** `section` is the module's last and called `ingress.signature`. */
export function readSignature({ body, start, end }: Section): Result<SignatureFacts, Refusal> {
  const refuse = (code: Refusal["code"], message: string): Result<never, Refusal> => failed({ code, message });
  if (body.length !== abi.SIGNATURE_BODY_BYTES || end - start !== SIGNATURE_SECTION_BYTES) {
    return refuse("signature_malformed", `the signature section has ${end - start} bytes, not ${SIGNATURE_SECTION_BYTES}`);
  }
  const version = body[abi.S_VERSION];
  if (version !== abi.SIGNATURE_VERSION) return refuse("signature_version", `the signature section has version ${version ?? "none"}, this release reads ${abi.SIGNATURE_VERSION}`);
  const algorithm = body[abi.S_ALGORITHM];
  if (algorithm !== abi.SIGNATURE_ALGORITHM) return refuse("signature_algorithm", `the signature is of algorithm ${algorithm ?? "none"}, this release knows ${abi.SIGNATURE_ALGORITHM} (Ed25519)`);
  const revision = new DataView(body.buffer, body.byteOffset, body.byteLength).getBigUint64(abi.S_REVISION, true);
  if (revision < 1n || revision > BigInt(abi.MAX_REVISION)) return refuse("signature_malformed", `the signature's revision is not within 1 and ${abi.MAX_REVISION}`);
  const id = body.subarray(abi.S_KEY_ID, abi.S_KEY_ID + abi.KEY_ID_BYTES);
  return ok({ keyId: hexOf(id), revision: Number(revision) });
}

/** Null when one of `trusted` signed `bytes`, the whole file; its signature section was read already. */
export function checkSignature(bytes: Uint8Array, { keyId }: SignatureFacts, trusted: readonly TrustedKey[]): Refusal | null {
  const key = trusted.find(({ id }) => id === keyId);
  if (key === undefined) return { code: "signature_key", message: `the module is signed with the key ${keyId}, which is not a trusted one` };
  const at = bytes.length - abi.SIGNATURE_BYTES;
  const signed = verifyEd25519(key.raw, signedMessage(bytes.subarray(0, at)), bytes.subarray(at));
  if (signed === null) return { code: "signature_bad", message: "the signature can't be checked here: no Ed25519 is at hand" };
  return signed
    ? null
    : { code: "signature_bad", message: `the signature of the key ${keyId} does not fit the module's bytes: module, revision or signature was changed` };
}

/** What Ed25519 signs: the domain, a zero byte, and everything before the signature. */
export function signedMessage(before: Uint8Array): Uint8Array {
  return concatBytes([new TextEncoder().encode(`${abi.SIGNATURE_DOMAIN}\0`), before]);
}

/** The section's body up to the signature, which is left zero. */
export function signatureBody({ keyId, revision }: SignatureFacts): Uint8Array {
  const body = new Uint8Array(abi.SIGNATURE_BODY_BYTES);
  body[abi.S_VERSION] = abi.SIGNATURE_VERSION;
  body[abi.S_ALGORITHM] = abi.SIGNATURE_ALGORITHM;
  body.set(bytesOfHex(keyId), abi.S_KEY_ID);
  new DataView(body.buffer).setBigUint64(abi.S_REVISION, BigInt(revision), true);
  return body;
}
