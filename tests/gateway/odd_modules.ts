// Modules that are wrong in one point and right in all others.
import { createHash } from "node:crypto";
import { H_MAGIC, H_VERSION, TABLES_MAGIC } from "../../runtime/abi/layout.ts";
import { concatBytes, readSections, SECTION_HASH, writeCustom } from "../../runtime/abi/sections.ts";

/** The module with its core changed and a hash that is right again. */
export function rehashed(module: Uint8Array, change: (core: Buffer) => void): Uint8Array {
  const start = readSections(module)?.at(-1)?.start ?? 0;
  const core = Buffer.from(module.subarray(0, start));
  change(core);
  return concatBytes([core, writeCustom(SECTION_HASH, createHash("sha256").update(core).digest())]);
}

/** Says an ABI version that no known engine reads. */
export function otherAbi(core: Buffer): void {
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(TABLES_MAGIC);
  const tables = core.lastIndexOf(magic) - H_MAGIC;
  core.writeUInt32LE(core.readUInt32LE(tables + H_VERSION) + 1000, tables + H_VERSION);
}
