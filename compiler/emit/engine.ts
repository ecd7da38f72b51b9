// The pinned engine's bytes, without a file system: the compiler also runs in a browser.
import { readSections, SECTION_CODE } from "../../runtime/abi/sections.ts";
import { ENGINE_BASE64 } from "../../runtime/engine/build/bytes.ts";

let decoded: Uint8Array | null = null;

export function engineBytes(): Uint8Array {
  decoded ??= Uint8Array.from(atob(ENGINE_BASE64), (c) => c.charCodeAt(0));
  return decoded;
}

/** Bytes of its code section. */
export function codeBytes(engine: Uint8Array): number {
  return readSections(engine)?.find(({ id }) => id === SECTION_CODE)?.body.length ?? 0;
}
