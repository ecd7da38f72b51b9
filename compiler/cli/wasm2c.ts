// The engine as C, by npm's wabt, an optional dependency: the same text for every policy, compared with the
// hash that this release was tested with.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { engineBytes } from "../emit/engine.ts";
import { ENGINE_C_SHA256 } from "../emit/pin.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { Outcome } from "./outcome.ts";

/** As package.json pins it. */
const WABT_VERSION = "1.0.39";

export interface EngineC {
  readonly source: string;
  readonly header: string;
}

/** The C that wasm2c makes of the engine's bytes, unchecked. */
export function writeEngineC(wasm2c: string, engine: Uint8Array): Result<EngineC, Outcome> {
  const scratch = mkdtempSync(join(tmpdir(), "ingressc-c-"));
  try {
    writeFileSync(join(scratch, "engine.wasm"), engine);
    const { status, stderr } = spawnSync(process.execPath, [wasm2c, "engine.wasm", "-n", "engine", "-o", "engine.c"], {
      cwd: scratch,
      encoding: "utf8",
      timeout: 60_000,
    });
    if (status !== 0 || !["engine.c", "engine.h"].every((name) => existsSync(join(scratch, name)))) {
      const [said = ""] = stderr.trim().split("\n");
      return failed({
        class: "delegate",
        code: "policy.wasm2c_failed",
        message: `wasm2c failed: ${said === "" ? "it said nothing" : said}`,
        help: `install wabt again: npm install wabt@${WABT_VERSION}`,
      });
    }
    return ok({ source: readFileSync(join(scratch, "engine.c"), "utf8"), header: readFileSync(join(scratch, "engine.h"), "utf8") });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** SHA-256 of engine.c and engine.h, one behind the other, lower-case hex. */
export function sha256OfC({ source, header }: EngineC): string {
  return createHash("sha256").update(source).update(header).digest("hex");
}

/** The path of the command, or null where the package is not installed. */
export function findWasm2c(): string | null {
  try {
    return createRequire(import.meta.url).resolve("wabt/bin/wasm2c");
  } catch {
    return null;
  }
}

/** The pinned C once it was made. Every policy has the same, and `--watch` builds many. */
let pinned: EngineC | null = null;

/** The pinned C, or why there is none. */
export function pinnedC(): Result<EngineC, Outcome> {
  if (pinned !== null) return ok(pinned);
  const made = engineC();
  if (made.ok) pinned = made.value;
  return made;
}

/** The same, made anew by this wasm2c. */
export function engineC(wasm2c: string | null = findWasm2c()): Result<EngineC, Outcome> {
  if (wasm2c === null) {
    return failed({
      class: "missing",
      code: "policy.wabt_missing",
      message: "`--target c` needs the npm package wabt, which is not installed",
      help: `install it beside ingressd: npm install wabt@${WABT_VERSION}`,
    });
  }
  const made = writeEngineC(wasm2c, engineBytes());
  if (!made.ok) return made;
  if (sha256OfC(made.value) !== ENGINE_C_SHA256) {
    return failed({
      class: "delegate",
      code: "policy.engine_c",
      message: "wasm2c wrote other C of the engine than this release was tested with",
      help: `install the version of wabt that ingressd names: npm install wabt@${WABT_VERSION}`,
    });
  }
  return made;
}
