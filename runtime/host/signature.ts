// Reads a policy's signature from the section that may follow the hash, and checks it over exactly the bytes before it.
// runtime/abi/signature.ts has the layout.
import * as abi from "../abi/signature.ts";
import { concatBytes, SECTION_SIGNATURE, writeCustom } from "../abi/sections.ts";
import type { Section } from "../abi/sections.ts";
import { bytesOfHex, hexOf } from "./bytes.ts";
import { verifyEd25519 } from "./platform.ts";
import { failed, ok, type Result } from "../result/result.ts";
import type { TrustedKey } from "./trusted_key.ts";
import type { Refusal } from "./module.ts";

/** The claims of a signature section. Its author is known only after the signature is verified. */
export interface SignatureFacts {
  /** Lower-case hex. */
  readonly keyId: string;
  /** 1 to MAX_REVISION. */
  readonly revision: number;
}

/** The length of a whole section in bytes; it never varies. */
export const SIGNATURE_SECTION_BYTES = writeCustom(SECTION_SIGNATURE, new Uint8Array(abi.SIGNATURE_BODY_BYTES)).length;

/** Reads the module's last section, whose name is `ingress.signature`. */
export function readSignature({ body, start, end }: Section): Result<SignatureFacts, Refusal> {
  const refuse = (code: Refusal["code"], message: string): Result<never, Refusal> => failed({ code, message });
  if (body.length !== abi.SIGNATURE_BODY_BYTES || end - start !== SIGNATURE_SECTION_BYTES) {
    return refuse("signature_malformed", `the signature section has ${end - start} bytes, not ${SIGNATURE_SECTION_BYTES}`);
  }
  const version = body[abi.S_VERSION];
  if (version !== abi.SIGNATURE_VERSION)
    return refuse("signature_version", `the signature section has version ${version ?? "none"}, and this release reads version ${abi.SIGNATURE_VERSION}`);
  const algorithm = body[abi.S_ALGORITHM];
  if (algorithm !== abi.SIGNATURE_ALGORITHM)
    return refuse("signature_algorithm", `the signature has algorithm ${algorithm ?? "none"}, and this release supports ${abi.SIGNATURE_ALGORITHM} (Ed25519)`);
  const revision = new DataView(body.buffer, body.byteOffset, body.byteLength).getBigUint64(abi.S_REVISION, true);
  if (revision < 1n || revision > BigInt(abi.MAX_REVISION))
    return refuse("signature_malformed", `the signature's revision is not between 1 and ${abi.MAX_REVISION}`);
  const id = body.subarray(abi.S_KEY_ID, abi.S_KEY_ID + abi.KEY_ID_BYTES);
  return ok({ keyId: hexOf(id), revision: Number(revision) });
}

/** Null where one of `trusted` signed `bytes`, the whole file, from whose signature section `keyId` was read. */
export function checkSignature(bytes: Uint8Array, { keyId }: SignatureFacts, trusted: readonly TrustedKey[]): Refusal | null {
  const key = trusted.find(({ id }) => id === keyId);
  if (key === undefined) return { code: "signature_key", message: `the module is signed with the key ${keyId}, which is not a trusted one` };
  const at = bytes.length - abi.SIGNATURE_BYTES;
  const signed = verifyEd25519(key.raw, signedMessage(bytes.subarray(0, at)), bytes.subarray(at));
  if (signed === null) return { code: "signature_bad", message: "the signature can't be checked because this platform has no Ed25519" };
  return signed ? null : (
      { code: "signature_bad", message: `the signature of the key ${keyId} does not match the module's bytes: module, revision or signature was changed` }
    );
}

/** The message that Ed25519 signs: the domain, a zero byte, and all bytes before the signature. */
export function signedMessage(before: Uint8Array): Uint8Array {
  return concatBytes([new TextEncoder().encode(`${abi.SIGNATURE_DOMAIN}\0`), before]);
}

/** The section's body with zeros in the place of the signature. */
export function signatureBody({ keyId, revision }: SignatureFacts): Uint8Array {
  const body = new Uint8Array(abi.SIGNATURE_BODY_BYTES);
  body[abi.S_VERSION] = abi.SIGNATURE_VERSION;
  body[abi.S_ALGORITHM] = abi.SIGNATURE_ALGORITHM;
  body.set(bytesOfHex(keyId), abi.S_KEY_ID);
  new DataView(body.buffer).setBigUint64(abi.S_REVISION, BigInt(revision), true);
  return body;
}
