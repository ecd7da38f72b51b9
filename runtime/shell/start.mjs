// How a program of this package starts: from the build in `dist/`.
//
// In a clone the build follows the sources. The build lists them with size and time; where one differs, the
// project is built again (scripts/build.mjs, a tenth of a second), into a folder of its own, and `dist/build.json`
// is replaced in one step. A published package has a build and no sources, and never builds.
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { closeDebugger } from "../host/debugger.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const LIST = `${ROOT}dist/build.json`;
const EXIT_MISSING = 4;

/**
 * Runs `main` of a program with the words of the command line.
 * @param {"ingressc" | "ingressd" | "ingress-guard"} name
 */
export async function start(name) {
  await closeDebugger();
  const build = await currentBuild();
  if ("missing" in build) return refuse(name, build.missing);
  const { main } = await import(pathToFileURL(`${ROOT}dist/${build.folder}/${name}.mjs`).href);
  await main(process.argv.slice(2));
}

/** The build to run, or what is missing for one, as a sentence. */
async function currentBuild() {
  const last = readList();
  if (last !== null && isCurrent(last.sources)) return last;
  let builder;
  try {
    builder = await import("../../scripts/build.mjs");
  } catch (error) {
    // A package without the builder, or an install without development dependencies, runs what was built last.
    if (error?.code !== "ERR_MODULE_NOT_FOUND") throw error;
    return last ?? { missing: "there is no build of it, and the packages that make one are not installed: run `npm ci`, or `npm ci --omit=dev` after `npm run build`" };
  }
  try {
    return await builder.build();
  } catch (error) {
    if (last !== null && sameText(last.sources)) return last;
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
function sameText(sources) {
  try {
    return sources.every(([path, , , sha256]) => createHash("sha256").update(readFileSync(ROOT + path)).digest("hex") === sha256);
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
