// A module with an engine that no release has.
import { createHash } from "node:crypto";
import { concatBytes, readSections, SECTION_CODE, SECTION_HASH, writeCustom } from "../../runtime/abi/sections.ts";

/** One byte of the module's code is another one, and its hash is right. */
export function withOtherCode(bytes: Uint8Array): Uint8Array {
  const sections = readSections(bytes) ?? [];
  const [code, hash] = [sections.find(({ id }) => id === SECTION_CODE), sections.find(({ name }) => name === SECTION_HASH)];
  const body = Uint8Array.from(bytes.subarray(0, hash?.start));
  const at = (code?.end ?? 0) - 1000;
  body[at] = (body[at] ?? 0) ^ 1;
  return concatBytes([body, writeCustom(SECTION_HASH, createHash("sha256").update(body).digest())]);
}
