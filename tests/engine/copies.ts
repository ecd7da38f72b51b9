// Copies of the project in which the engine is changed and built anew, for checks that need
// another engine than the committed one. The copy's host pins what the copy's engine is.
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));

const COPIED = ["asconfig.json", "compiler", "package.json", "runtime", "scripts", "tests", "tsconfig.json"];
const BUILD_MS = 120_000;

interface Settings {
  readonly targets: { readonly release: object };
}

/** A new folder; its engine is built quickly: it decides the same, it is only larger. */
export function copyProject(): string {
  const folder = mkdtempSync(join(tmpdir(), "engine-"));
  for (const name of COPIED) cpSync(join(root, name), join(folder, name), { recursive: true, filter: (path) => !path.endsWith("node_modules") });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const settings = JSON.parse(readFileSync(join(root, "asconfig.json"), "utf8")) as Settings;
  const release = { ...settings.targets.release, optimizeLevel: 1, shrinkLevel: 0, converge: false };
  writeFileSync(join(folder, "asconfig.json"), JSON.stringify({ ...settings, targets: { release } }));
  return folder;
}

export interface Ran {
  /** Null where it took too long. */
  readonly code: number | null;
  readonly output: string;
}

/**
 * Runs Node in a copy. A run that uvu marks as failed ends there, with code 1. The child leads
 * a process group that ends with it.
 */
export function runNode(folder: string, args: readonly string[], ms: number): Promise<Ran> {
  return new Promise((done) => {
    const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "inherit"], detached: true });
    let output = "";
    let failed = false;
    const end = (): void => { if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL"); };
    const timer = setTimeout(end, ms);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (failed || !text.includes("\u2718")) return;
      failed = true;
      end();
    });
    child.on("error", () => { done({ code: null, output }); });
    child.on("close", (code) => {
      clearTimeout(timer);
      done({ code: failed ? 1 : code, output });
    });
  });
}

export async function buildEngine(folder: string): Promise<boolean> {
  return (await runNode(folder, ["scripts/engine.mjs", "--alone"], BUILD_MS)).code === 0;
}
