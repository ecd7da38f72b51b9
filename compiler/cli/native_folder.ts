// `--target c`: the folder that a freestanding host is built of. The engine's C is the same for every
// policy; a new policy is policy.bin and its manifest.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { abiHeader, nativePolicy } from "../emit/native.ts";
import { isCode } from "./disk.ts";
import { usage, type Outcome } from "./outcome.ts";
import { sha256 } from "./sha256.ts";
import { pinnedC } from "./wasm2c.ts";
import { cannotWrite, writeModule } from "./write.ts";

/** Null when everything is written. The data comes last: a write that stops halfway produces a manifest that does not match, and hosts refuse it. */
export async function writeNative(folder: string, module: Uint8Array, inputs: ReadonlySet<string>): Promise<Outcome | null> {
  const made = pinnedC();
  if (!made.ok) return made.error;
  const c = made.value;
  const { data, manifest } = nativePolicy(module, sha256);
  const text = (s: string): Uint8Array => new TextEncoder().encode(s);
  const files: readonly (readonly [name: string, bytes: Uint8Array])[] = [
    ["engine.c", text(c.source)],
    ["engine.h", text(c.header)],
    ["abi.h", text(abiHeader(sha256))],
    ["policy.manifest.json", text(manifest)],
    ["policy.bin", data],
  ];
  try {
    await mkdir(folder);
  } catch (error) {
    if (isCode(error, "ENOENT"))
      return usage("output_folder", `the folder that \`${folder}\` is to be made in does not exist`, "create it, or give `-o` another path");
    if (!isCode(error, "EEXIST")) return cannotWrite(folder, error, "nothing was changed; choose another place with `-o`");
  }
  for (const [name, bytes] of files) {
    const trouble = await writeModule(join(folder, name), bytes, inputs);
    if (trouble !== null) return trouble;
  }
  return null;
}
