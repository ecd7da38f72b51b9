// Changed tables whose seal is right again: so that a test sees the check it is about, not the seal.
import * as abi from "../../runtime/abi/layout.ts";
import { sealOf } from "../../compiler/emit/seal.ts";

/** `tables`: the bytes from TABLES_BASE on. Left as they are where their end is no place in them. */
export function reseal(tables: Uint8Array): void {
  const view = new DataView(tables.buffer, tables.byteOffset, tables.byteLength);
  const length = tables.length < abi.HEADER_BYTES ? 0 : view.getUint32(abi.H_TABLES_END, true) - abi.TABLES_BASE;
  if (length < abi.HEADER_BYTES || length > tables.length || length % 4 !== 0) return;
  sealOf(tables.subarray(0, length)).forEach((word, i) => view.setUint32(abi.H_SEAL + 4 * i, word, true));
}
