#!/usr/bin/env node
// Builds the programs into `dist/`, or reports that the build is current: `npm run build`. The programs do so by
// themselves when a source has changed (runtime/shell/start.mjs).
//
//   dist/build.json   which folder is in use, the sources that it was made of, and which of them each program has
//   dist/HASH/        a build: one file for each program, its help as text, and chunks of code that a command needs
//
// Nothing is minified, and source maps are separate files. koffi and wabt stay packages because they contain native code
// and WebAssembly. A running program may load more files of its build later, so the last few builds are kept.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build as bundle } from "esbuild";
import { onDemandAfter, sourcesIn, withoutFacades } from "./bundle.mjs";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const DIST = join(ROOT, "dist");
const KEPT = 8;
const HASH_DIGITS = 16;
/** The oldest Node that the package supports. */
const TARGET = "node20.19";

/** Name in `dist/` and source of each file that is started by its path. */
export const ENTRIES = {
  ingressc: "compiler/cli/main.ts",
  ingressd: "gateway/cli/main.ts",
  "ingress-guard": "runtime/guard/main.ts",
  load_worker: "runtime/host/load_worker.mjs",
  thread_worker: "gateway/threads/worker_main.mjs",
  launcher: "runtime/guard/launcher.mjs",
  doorman: "runtime/guard/doorman.mjs",
};

/**
 * The entries that are bundled together. esbuild puts code into one chunk if the same entry points and imports on demand reach it, so
 * programs that are bundled apart have fewer and larger chunks; each costs a start about 0.3 ms. The first is the program, the others
 * are what it starts by their path; every program starts `load_worker`.
 */
const BUNDLES = [["ingressc"], ["ingressd", "load_worker", "thread_worker"], ["ingress-guard", "launcher", "doorman"]];

/** The code that a program has loaded before it loads other code on demand. */
const HEADS = {
  ingressc: ["compiler/cli/session.ts", "compiler/cli/progress.ts", "compiler/cli/terminal.ts", "runtime/shell/head.ts"],
  ingressd: ["runtime/shell/head.ts", "runtime/host/load_thread.ts", "gateway/cli/arguments.ts"],
  "ingress-guard": [],
};
/** Small files that most code on demand uses. Each is used by another set of commands, so each would be a chunk. */
const PARTS = {
  ingressc: [
    "compiler/cli/profile.ts",
    "compiler/cli/analysis/nodes.ts",
    "compiler/lint/date_warnings.ts",
    "compiler/source/bounds.ts",
    "runtime/abi/fnv.ts",
    "runtime/abi/groups.ts",
    "runtime/abi/sections.ts",
    "runtime/abi/verdicts.ts",
    "runtime/net/address.ts",
    "runtime/net/scan.ts",
  ],
  ingressd: [
    "runtime/abi/fnv.ts",
    "runtime/abi/names.ts",
    "runtime/abi/verdicts.ts",
    "runtime/host/verify.ts",
    "runtime/host/instance.ts",
    "runtime/net/prefix.ts",
  ],
  "ingress-guard": [],
};
/** They start in a thread of their own, without the head of the program. */
const THREADS = ["runtime/host/load.ts", "gateway/threads/worker.ts"];

/** The files that `path`, which is loaded on demand, is bundled behind. */
const firstOf = (program, path) => [...(THREADS.includes(path) ? [] : HEADS[program]), ...PARTS[program]];

const PACKAGE_FILES = `
export const LOAD_WORKER = new URL("./load_worker.mjs", import.meta.url);
export const THREAD_WORKER = new URL("./thread_worker.mjs", import.meta.url);
export const LAUNCHER = new URL("./launcher.mjs", import.meta.url);
export const DOORMAN = new URL("./doorman.mjs", import.meta.url);
export const INGRESSC = new URL("./ingressc.mjs", import.meta.url);
export const packageVersion = () => VERSION;
`;

/** Files that a build depends on and does not contain. */
const ALSO = ["package.json", "package-lock.json", "scripts/build.mjs", "scripts/bundle.mjs", "scripts/programs.ts", "scripts/texts.ts"];

/** Builds, and returns the contents of dist/build.json. Throws where the sources don't build or a file can't be written. */
export async function build() {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const built = await Promise.all(BUNDLES.map((names) => bundled(names, version)));
  // The name of a chunk is a hash of its content, so two files of one name are the same file.
  const outputFiles = new Map(built.flatMap((one) => one.outputFiles.map((file) => [file.path, file])));
  const inputs = Object.assign({}, ...built.map(({ metafile }) => metafile.inputs));
  const outputs = Object.assign({}, ...built.map(({ metafile }) => metafile.outputs));
  const paths = Object.keys(inputs).filter((path) => !/^(?:node_modules\/|on-demand:|required:)|</.test(path));
  const sources = [...new Set([...paths, ...ALSO])].sort().map(rowOf);
  const folder = createHash("sha256")
    .update(JSON.stringify(sources.map(([path, , , sha256]) => [path, sha256])))
    .digest("hex")
    .slice(0, HASH_DIGITS);
  mkdirSync(DIST, { recursive: true });
  const files = [...outputFiles.values()].map(({ path, text }) => ({ path, contents: path.endsWith(".mjs") ? withoutFacades(text) : text }));
  put(folder, [...files, ...(await textFiles(version))]);
  const list = {
    folder,
    sources,
    programs: programsOf(
      outputs,
      sources.map(([path]) => path),
    ),
  };
  const next = join(DIST, `.build-${process.pid}.json`);
  writeFileSync(next, JSON.stringify(list));
  renameSync(next, join(DIST, "build.json"));
  removeOld(folder);
  return list;
}

function bundled(names, version) {
  return bundle({
    entryPoints: Object.fromEntries(names.map((name) => [name, join(ROOT, ENTRIES[name])])),
    absWorkingDir: ROOT,
    outdir: "/",
    entryNames: "[name]",
    chunkNames: "chunk-[hash]",
    outExtension: { ".js": ".mjs" },
    metafile: true,
    write: false,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: TARGET,
    external: ["koffi", "wabt"],
    plugins: [
      onDemandAfter(ROOT, (path) => firstOf(names[0], path)),
      sourcesIn(ROOT, { "runtime/package/files.ts": `const VERSION = ${JSON.stringify(version)};${PACKAGE_FILES}` }),
    ],
    sourcemap: "linked",
    sourcesContent: false,
    tsconfigRaw: {},
    legalComments: "inline",
    logLevel: "silent",
  });
}

/** One file for each program, `NAME.texts.json`, with its answers to help and version. */
async function textFiles(version) {
  const {
    outputFiles: [{ text }],
  } = await bundle({
    entryPoints: [join(ROOT, "scripts/texts.ts")],
    absWorkingDir: ROOT,
    write: false,
    bundle: true,
    format: "esm",
    platform: "node",
    target: TARGET,
    tsconfigRaw: {},
    logLevel: "silent",
  });
  const { texts } = await import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);
  return Object.entries(texts(version)).map(([name, words]) => ({ path: `/${name}.texts.json`, contents: JSON.stringify(words) }));
}

/**
 * For each program the indices of its sources: `head`, those that answer help and version, and `all`. A file that is
 * started by its path belongs to the programs that start it: `load_worker` to every one.
 */
function programsOf(outputs, paths) {
  const named = new Map(Object.entries(outputs).map(([path, output]) => [path.slice(path.lastIndexOf("/") + 1), output]));
  const reached = (names, kinds) => {
    const seen = new Set();
    const inputs = new Set(ALSO);
    const visit = (name) => {
      const output = named.get(name);
      if (output === undefined || seen.has(name)) return;
      seen.add(name);
      for (const path of Object.keys(output.inputs)) inputs.add(path);
      for (const { path, kind } of output.imports) if (kinds.includes(kind)) visit(path.slice(path.lastIndexOf("/") + 1));
    };
    for (const name of names) visit(`${name}.mjs`);
    return paths.flatMap((path, i) => (inputs.has(path) ? [i] : []));
  };
  const both = ["import-statement", "dynamic-import"];
  return Object.fromEntries(
    BUNDLES.map((names) => [names[0], { head: reached([names[0]], ["import-statement"]), all: reached([...names, "load_worker"], both) }]),
  );
}

function rowOf(path) {
  const file = join(ROOT, path);
  const { size, mtimeMs } = statSync(file);
  return [path.split(sep).join("/"), size, mtimeMs, createHash("sha256").update(readFileSync(file)).digest("hex")];
}

/** The same sources build the same files, so it does not matter which of two builds creates the folder first. */
function put(folder, files) {
  const place = join(DIST, folder);
  if (statSync(place, { throwIfNoEntry: false }) !== undefined) return;
  const next = join(DIST, `.build-${process.pid}`);
  rmSync(next, { recursive: true, force: true });
  mkdirSync(next);
  for (const { path, contents } of files) writeFileSync(join(next, relative("/", path)), contents);
  try {
    renameSync(next, place);
  } catch (error) {
    rmSync(next, { recursive: true, force: true });
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  }
}

function removeOld(current) {
  const builds = readdirSync(DIST)
    .filter((name) => /^[0-9a-f]+$/.test(name) && name !== current)
    .map((name) => ({ path: join(DIST, name), timeMs: statSync(join(DIST, name)).mtimeMs }))
    .sort((a, b) => b.timeMs - a.timeMs);
  for (const { path } of builds.slice(KEPT - 1)) rmSync(path, { recursive: true, force: true });
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { folder, sources } = await build();
  console.log(`dist/${folder}: built from ${sources.length} files`);
}
