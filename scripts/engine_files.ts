// The files that follow from the bytes of the engine: the bytes as a module for the compiler, and the host's pin; and those that follow from
// the bytes of its build for Envoy.
import { createHash } from "node:crypto";
import { ABI_VERSION } from "../runtime/abi/layout.ts";
import { pinnedBytes, readSections } from "../runtime/abi/sections.ts";

export interface EngineFiles {
  /** SHA-256 of the engine's code, in hexadecimal. */
  readonly code: string;
  /** The text of each file by its path in the project. */
  readonly files: Readonly<Record<"runtime/engine/build/bytes.ts" | "runtime/host/pin.ts", string>>;
}

function codeSha256(bytes: Uint8Array): string {
  const sections = readSections(bytes);
  if (sections === null) throw new Error("asc wrote something that is not a WebAssembly module");
  return createHash("sha256").update(pinnedBytes(sections, bytes)).digest("hex");
}

function base64Text(name: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,96}/g) ?? [];
  return `export const ${name} =\n${lines.map((line) => `  "${line}"`).join(" +\n")};\n`;
}

/** The text of runtime/envoy/build/bytes.ts. Throws where `bytes` are no WebAssembly module. */
export function envoyText(bytes: Uint8Array): string {
  return (
    "// Made by `npm run engine`: the bytes of envoy.wasm, and the SHA-256 of its code, which is the same in every policy of a release.\n" +
    `export const ENVOY_CODE_SHA256 = "${codeSha256(bytes)}";\n${base64Text("ENVOY_BASE64", bytes)}`
  );
}

/** Throws where `bytes` are no WebAssembly module. */
export function engineFiles(bytes: Uint8Array): EngineFiles {
  const code = codeSha256(bytes);
  return {
    code,
    files: {
      "runtime/engine/build/bytes.ts": "// Made by `npm run engine`: the bytes of engine.wasm.\n" + base64Text("ENGINE_BASE64", bytes),
      "runtime/host/pin.ts":
        "// Made by `npm run engine`: the engine code of this release.\n" +
        `export const ENGINE_CODE_SHA256 = "${code}";\nexport const ENGINE_ABI_VERSION = ${ABI_VERSION};\n`,
    },
  };
}
