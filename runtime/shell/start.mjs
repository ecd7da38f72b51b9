// How a program of this package starts: from the build in `dist/`.
//
// In a clone the build follows the sources. The build lists them with size and time; where one differs, the
// project is built again (scripts/build.mjs, a tenth of a second), into a folder of its own, and `dist/build.json`
// is replaced in one step. A program looks only at its own sources, and for help and version only at those of its head.
// A published package has a build and no sources, and never builds.
import { closeDebugger } from "../host/debugger.mjs";

/** The least minor version of each supported major version before 26, as in package.json; the function below is missing in Node 22.2. */
const LEAST_MINOR = new Map([
  [20, 19],
  [22, 3],
  [24, 0],
]);

/**
 * Why a program does not run with this Node, as a sentence; null if it does.
 * @param {string} version as in `process.versions.node`
 */
export function nodeRefusal(version) {
  const [major, minor] = version.split(".").map(Number);
  return major >= 26 || minor >= LEAST_MINOR.get(major) ? null : `it needs Node 20 (from 20.19), 22 (from 22.3), 24, 26 or later, found v${version}`;
}

// An import of Node's modules takes longer (scripts/bundle.mjs). An old Node has no such function; `start` says so.
const { readFileSync, statSync } = process.getBuiltinModule?.("node:fs") ?? {};
const { fileURLToPath, pathToFileURL } = process.getBuiltinModule?.("node:url") ?? {};

const ROOT = fileURLToPath?.(new URL("../../", import.meta.url));
const LIST = `${ROOT}dist/build.json`;
/** As in exit.ts. */
const EXIT_MISSING = 4;
const EXIT_DELEGATE = 5;

/**
 * Runs `main` of a program with the words of the command line.
 * @param {"ingressc" | "ingressd" | "ingress-guard"} name
 */
export async function start(name) {
  const refusal = nodeRefusal(process.versions.node);
  if (refusal !== null) return refuse(name, refusal);
  await closeDebugger();
  const words = process.argv.slice(2);
  const build = await currentBuild(name, isForHead(words) ? "head" : "all");
  if ("missing" in build) return refuse(name, build.missing);
  const text = textFor(build.folder, name, words);
  if (text !== null) {
    // The reader is gone (`| head`): exit class delegate, as for every command that answers and ends.
    process.stdout.on("error", () => process.exit(EXIT_DELEGATE));
    process.stdout.write(`${text}\n`);
    return;
  }
  // Node 20 has no compile cache, so nothing is loaded for it.
  if (process.getBuiltinModule("node:module").enableCompileCache !== undefined) {
    const { useCompileCache } = await import("./compile_cache.mjs");
    useCompileCache(`${ROOT}dist/${build.folder}`);
  }
  const { main } = await import(pathToFileURL(`${ROOT}dist/${build.folder}/${name}.mjs`).href);
  await main(words);
}

/** Whether the head of a program answers alone: the words that runtime/shell/command_line.ts takes for help and version. */
function isForHead(words) {
  const end = words.indexOf("--");
  return (
    words[0] === "help" ||
    words.slice(0, end < 0 ? words.length : end).some((word) => word === "--help" || word === "-h" || word === "--version" || word === "-V")
  );
}

/** The text that the build has for these words (scripts/texts.ts), or null. */
function textFor(folder, name, words) {
  if (!isForHead(words)) return null;
  const texts = JSON.parse(readFileSync(`${ROOT}dist/${folder}/${name}.texts.json`, "utf8"));
  const line = words.join(" ");
  return Object.hasOwn(texts, line) ? texts[line] : null;
}

/** The build to run, or what is missing for one, as a sentence. */
async function currentBuild(name, part) {
  const last = readList();
  // A list of an older release names no programs.
  const own = last?.programs?.[name]?.[part].map((i) => last.sources[i]) ?? last?.sources;
  if (own !== undefined && isCurrent(own)) return last;
  let builder;
  try {
    builder = await import("../../scripts/build.mjs");
  } catch (error) {
    // A package without the builder, or an install without development dependencies, runs what was built last.
    if (error?.code !== "ERR_MODULE_NOT_FOUND") throw error;
    return (
      last ?? {
        missing: "there is no build of it, and the packages that make one are not installed: run `npm ci`, or `npm ci --omit=dev` after `npm run build`",
      }
    );
  }
  try {
    return await builder.build();
  } catch (error) {
    if (own !== undefined && (await sameText(own))) return last;
    return { missing: `its sources have changed and can't be built here: ${error.message}` };
  }
}

function readList() {
  try {
    return JSON.parse(readFileSync(LIST, "utf8"));
  } catch (error) {
    if (error.code !== "ENOENT" && !(error instanceof SyntaxError)) throw error;
    return null;
  }
}

/** @param {readonly [path: string, bytes: number, timeMs: number, sha256: string][]} sources */
function isCurrent(sources) {
  return sources.every(([path, bytes, timeMs]) => {
    const file = statSync(ROOT + path, { throwIfNoEntry: false });
    return file !== undefined && file.size === bytes && file.mtimeMs === timeMs;
  });
}

/** A copy of the project has other times and the same text. */
async function sameText(sources) {
  // Loading it costs a fifth of a start, and most starts need no hash.
  const { createHash } = await import("node:crypto");
  try {
    return sources.every(
      ([path, , , sha256]) =>
        createHash("sha256")
          .update(readFileSync(ROOT + path))
          .digest("hex") === sha256,
    );
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    return false;
  }
}

function refuse(name, sentence) {
  if (name === "ingressc" && process.argv.includes("--json")) {
    process.stdout.write(`${JSON.stringify({ ok: false, class: "missing", code: "policy.missing_dependency", message: sentence })}\n`);
  } else process.stderr.write(`${name}: ${sentence}\n`);
  process.exitCode = EXIT_MISSING;
}
