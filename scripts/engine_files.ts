// The files that follow from the bytes of the engine: the bytes as a module for the compiler, and the host's pin.
import { createHash } from "node:crypto";
import { ABI_VERSION } from "../runtime/abi/layout.ts";
import { pinnedBytes, readSections } from "../runtime/abi/sections.ts";

export interface EngineFiles {
  /** SHA-256 of the engine's code, in hexadecimal. */
  readonly code: string;
  /** The text of each file by its path in the project. */
  readonly files: Readonly<Record<"runtime/engine/build/bytes.ts" | "runtime/host/pin.ts", string>>;
}

/** Throws where `bytes` are no WebAssembly module. */
export function engineFiles(bytes: Uint8Array): EngineFiles {
  const sections = readSections(bytes);
  if (sections === null) throw new Error("asc wrote something that is not a WebAssembly module");
  const code = createHash("sha256").update(pinnedBytes(sections, bytes)).digest("hex");
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,96}/g) ?? [];
  return {
    code,
    files: {
      "runtime/engine/build/bytes.ts":
        "// Made by `npm run engine`: the bytes of engine.wasm.\n" + `export const ENGINE_BASE64 =\n${lines.map((line) => `  "${line}"`).join(" +\n")};\n`,
      "runtime/host/pin.ts":
        "// Made by `npm run engine`: the engine code of this release.\n" +
        `export const ENGINE_CODE_SHA256 = "${code}";\nexport const ENGINE_ABI_VERSION = ${ABI_VERSION};\n`,
    },
  };
}
