// Builds the decision engine: runtime/engine -> engine.wasm, its bytes as a TypeScript module for
// the compiler, the host's pin of its code, and the pin of the C that wasm2c makes of it; its build for
// Envoy, runtime/envoy -> envoy.wasm; and the OS image's network half, runtime/os/net -> net.wasm. `--check` builds beside and compares only.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import "../runtime/host/register.mjs";

const { engineFiles, envoyText } = await import("./engine_files.ts");

const root = fileURLToPath(new URL("..", import.meta.url));
const check = process.argv.includes("--check");
const scratch = mkdtempSync(join(tmpdir(), "ingressd-engine-"));
try {
  const build = (folder, config, name) => {
    const built = join(scratch, name);
    execFileSync(
      process.execPath,
      [join(root, "node_modules/assemblyscript/bin/asc.js"), `${folder}/main.ts`, "--config", config, "--target", "release", "-o", built],
      { cwd: root, stdio: ["ignore", "inherit", "inherit"] },
    );
    return readFileSync(built);
  };
  const bytes = build("runtime/engine", "asconfig.json", "engine.wasm");
  const { code, files } = engineFiles(bytes);
  const outputs = { "runtime/engine/build/engine.wasm": bytes };
  for (const [path, text] of Object.entries(files)) outputs[path] = Buffer.from(text);
  const { findWasm2c, sha256OfC, writeEngineC } = await import("../compiler/cli/wasm2c.ts");
  const wasm2c = findWasm2c();
  if (wasm2c === null) throw new Error("wabt is not installed: npm ci");
  const c = writeEngineC(wasm2c, bytes);
  if (!c.ok) throw new Error(c.error.message);
  outputs["compiler/emit/pin.ts"] = Buffer.from(
    "// Made by `npm run engine`: SHA-256 of engine.c and engine.h, as wasm2c writes them of this release's engine.\n" +
      `export const ENGINE_C_SHA256 = "${sha256OfC(c.value)}";\n`,
  );
  const envoy = build("runtime/envoy", "runtime/envoy/asconfig.json", "envoy.wasm");
  outputs["runtime/envoy/build/envoy.wasm"] = envoy;
  outputs["runtime/envoy/build/bytes.ts"] = Buffer.from(envoyText(envoy));
  console.log(`build for Envoy: ${envoy.length} bytes`);
  outputs["runtime/os/net/build/net.wasm"] = build("runtime/os/net", "runtime/os/net/asconfig.json", "net.wasm");
  console.log(`network half of the OS image: ${outputs["runtime/os/net/build/net.wasm"].length} bytes`);
  let differs = false;
  for (const [path, content] of Object.entries(outputs)) {
    if (!check) writeFileSync(join(root, path), content);
    else if (!readFileSync(join(root, path)).equals(content)) {
      differs = true;
      console.error(`${path} is not what its sources build; run \`npm run engine\` and commit the result`);
    }
  }
  console.log(`engine: ${bytes.length} bytes, code ${code}`);
  process.exitCode = differs ? 1 : 0;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
