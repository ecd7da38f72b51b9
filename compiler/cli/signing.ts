// A module and a private key -> the signed module; nothing here touches the disk.
import { sign } from "node:crypto";
import { concatBytes, readSections, SECTION_SIGNATURE, writeCustom } from "../../runtime/abi/sections.ts";
import { SIGNATURE_BYTES } from "../../runtime/abi/signature.ts";
import { signatureBody, signedMessage } from "../../runtime/host/signature.ts";
import type { SigningKey } from "./key_files.ts";

/** The module without the signature that it may have. */
export function unsigned(module: Uint8Array): Uint8Array {
  const last = readSections(module)?.at(-1);
  return last?.name === SECTION_SIGNATURE ? module.subarray(0, last.start) : module;
}

/** `module` is whole and unsigned, `revision` within 1 and MAX_REVISION. */
export function signModule(module: Uint8Array, { key, public: { id } }: SigningKey, revision: number): Uint8Array {
  const section = writeCustom(SECTION_SIGNATURE, signatureBody({ keyId: id, revision }));
  const before = concatBytes([module, section.subarray(0, section.length - SIGNATURE_BYTES)]);
  return concatBytes([before, sign(null, signedMessage(before), key)]);
}
