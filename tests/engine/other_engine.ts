// Tests of the engine run with another engine than the committed one, for checks that change its source. The engine
// is built in this process, and the tests are transpiled once; both save most of what a change costs.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { engineFiles } from "../../scripts/engine_files.ts";
import { transpile } from "../transpile.mjs";
import { compile } from "./asc.mjs";

export const root = fileURLToPath(new URL("../../", import.meta.url));

interface Settings {
  readonly targets: { readonly release: object };
}

/** The release's settings with less optimization: such an engine decides the same and is only larger. */
function settings(): string {
  const read = JSON.parse(readFileSync(join(root, "asconfig.json"), "utf8")) as Settings;
  return JSON.stringify({ ...read, targets: { release: { ...read.targets.release, optimizeLevel: 1, shrinkLevel: 0, converge: false } } });
}

/** The bytes of the engine with some of its files replaced (text by path in the project), or null where asc does not build it. */
export function buildEngine(replaced: ReadonlyMap<string, string>): Promise<Uint8Array | null> {
  return compile(["runtime/engine/main.ts", "--config", "asconfig.json", "--target", "release", "--outFile", "engine.wasm"], (name) => {
    if (name === "asconfig.json") return settings();
    const text = replaced.get(name);
    if (text !== undefined) return text;
    try {
      return readFileSync(join(root, name), "utf8");
    } catch {
      return null;
    }
  });
}

interface Ran {
  /** Null where it took too long. */
  readonly code: number | null;
  readonly output: string;
}

/**
 * Runs Node on a file. A run that uvu marks as failed ends there, with code 1. The child leads
 * a process group that ends with it.
 */
function runNode(path: string, ms: number): Promise<Ran> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [path], { cwd: root, stdio: ["ignore", "pipe", "inherit"], detached: true });
    let output = "";
    let failed = false;
    const end = (): void => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
    };
    const timer = setTimeout(end, ms);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (failed || !text.includes("\u2718")) return;
      failed = true;
      end();
    });
    child.on("error", () => {
      done({ code: null, output });
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      done({ code: failed ? 1 : code, output });
    });
  });
}

/** Programs of the project (paths) that run with an engine of the caller's choice. */
export interface EngineTests {
  use(engine: Uint8Array): void;
  run(path: string, ms: number): Promise<Ran>;
  remove(): void;
}

const OF_ENGINE = ["runtime/engine/build/bytes.ts", "runtime/host/pin.ts"] as const;

/** Throws where one of the programs does not build. */
export async function engineTests(paths: readonly string[]): Promise<EngineTests> {
  const ready = await transpile(
    paths.map((path) => join(root, path)),
    root,
    OF_ENGINE,
  );
  if (ready === null) throw new Error("the tests of the engine do not build");
  return {
    use(engine) {
      const { files } = engineFiles(engine);
      for (const path of OF_ENGINE) {
        const file = ready.apart.get(join(root, path));
        if (file === undefined) throw new Error(`${path} is not apart`);
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, files[path]);
      }
    },
    run(path, ms) {
      const built = ready.built.get(join(root, path));
      if (built === undefined) throw new Error(`${path} was not built`);
      return runNode(built, ms);
    },
    remove: ready.remove,
  };
}
