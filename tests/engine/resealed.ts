// Repairs the seal of changed tables, so that a test reaches the check that it is about.
import * as abi from "../../runtime/abi/layout.ts";
import { sealOf } from "../../compiler/emit/seal.ts";

/** `tables`: the bytes from TABLES_BASE on. They are not changed if their end is out of range. */
export function reseal(tables: Uint8Array): void {
  const view = new DataView(tables.buffer, tables.byteOffset, tables.byteLength);
  const length = tables.length < abi.HEADER_BYTES ? 0 : view.getUint32(abi.H_TABLES_END, true) - abi.TABLES_BASE;
  if (length < abi.HEADER_BYTES || length > tables.length || length % 4 !== 0) return;
  sealOf(tables.subarray(0, length)).forEach((word, i) => view.setUint32(abi.H_SEAL + 4 * i, word, true));
}
