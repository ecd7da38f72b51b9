// Builds the decision engine: runtime/engine -> engine.wasm, its bytes as a TypeScript module for
// the compiler, and the host's pin of its code. `--check` builds beside and compares only.
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
const scratch = mkdtempSync(join(tmpdir(), "ingressd-engine-"));
try {
  const built = join(scratch, "engine.wasm");
  execFileSync(process.execPath, [
    join(root, "node_modules/assemblyscript/bin/asc.js"), "runtime/engine/main.ts",
    "--config", "asconfig.json", "--target", "release", "-o", built,
  ], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  const bytes = readFileSync(built);
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
