// Builds the decision engine: runtime/engine -> engine.wasm, its bytes as a TypeScript module for
// the compiler, the host's pin of its code, and the pin of the C that wasm2c makes of it; and the OS
// image's network half, runtime/os/net -> net.wasm. `--check` builds beside and compares only;
// `--alone` leaves out what only an OS needs (the C's pin and the network half).
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import "../runtime/host/register.mjs";

const { pinnedBytes, readSections } = await import("../runtime/abi/sections.ts");
const { ABI_VERSION } = await import("../runtime/abi/layout.ts");

const root = fileURLToPath(new URL("..", import.meta.url));
const check = process.argv.includes("--check");
const alone = process.argv.includes("--alone");
const scratch = mkdtempSync(join(tmpdir(), "ingressd-engine-"));
try {
  const build = (folder, config, name) => {
    const built = join(scratch, name);
    execFileSync(process.execPath, [
      join(root, "node_modules/assemblyscript/bin/asc.js"), `${folder}/main.ts`,
      "--config", config, "--target", "release", "-o", built,
    ], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
    return readFileSync(built);
  };
  const bytes = build("runtime/engine", "asconfig.json", "engine.wasm");
  const sections = readSections(bytes);
  if (sections === null) throw new Error("asc wrote something that is not a WebAssembly module");
  const code = createHash("sha256").update(pinnedBytes(sections, bytes)).digest("hex");
  const outputs = {
    "runtime/engine/build/engine.wasm": bytes,
    "runtime/engine/build/bytes.ts": Buffer.from(
      "// Made by `npm run engine`: the bytes of engine.wasm.\n" +
      `export const ENGINE_BASE64 =\n${(bytes.toString("base64").match(/.{1,96}/g) ?? []).map((line) => `  "${line}"`).join(" +\n")};\n`,
    ),
    "runtime/host/pin.ts": Buffer.from(
      "// Made by `npm run engine`: the engine code of this release.\n" +
      `export const ENGINE_CODE_SHA256 = "${code}";\nexport const ENGINE_ABI_VERSION = ${ABI_VERSION};\n`,
    ),
  };
  if (!alone) {
    const { findWasm2c, isEngineC, sha256OfC, writeEngineC } = await import("../compiler/cli/wasm2c.ts");
    const wasm2c = findWasm2c();
    if (wasm2c === null) throw new Error("wabt is not installed: npm ci");
    const c = writeEngineC(wasm2c, bytes);
    if (!isEngineC(c)) throw new Error(c.message);
    outputs["compiler/emit/pin.ts"] = Buffer.from(
      "// Made by `npm run engine`: SHA-256 of engine.c and engine.h, as wasm2c writes them of this release's engine.\n" +
      `export const ENGINE_C_SHA256 = "${sha256OfC(c)}";\n`,
    );
    outputs["runtime/os/net/build/net.wasm"] = build("runtime/os/net", "runtime/os/net/asconfig.json", "net.wasm");
    console.log(`network half of the OS image: ${outputs["runtime/os/net/build/net.wasm"].length} bytes`);
  }
  let differs = false;
  for (const [path, content] of Object.entries(outputs)) {
    if (!check) writeFileSync(join(root, path), content);
    else if (!readFileSync(join(root, path)).equals(content)) {
      differs = true;
      console.error(`${path} is not what runtime/engine builds; run \`npm run engine\` and commit the result`);
    }
  }
  console.log(`engine: ${bytes.length} bytes, code ${code}`);
  process.exitCode = differs ? 1 : 0;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
