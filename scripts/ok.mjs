#!/usr/bin/env node
// `npm run ok`: types, lint, format and tests of the files changed since the last commit (`npm run ok -- main`: since main).
// It is for use while you work and takes less than a minute on two cores; it prints the time of each part. So it does
// less than `.ci/run`, which checks everything:
// - Lint reads the changed files and the files that import them, because a changed type can break a rule there.
// - The tests nearest to the change run first, and none starts after TESTS_MS. It prints how many did not run.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { importersOf, nearest } from "./nearest.mjs";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const CACHE = "node_modules/.cache/ingressd";
/** How long each test file took in the last run of this script, in seconds. */
const TIMES = `${ROOT}${CACHE}/test_times.json`;
const TESTS_MS = 20_000;
/** After a change of one of these every file is linted. */
const LINTS_ALL = ["eslint.config.js", "tsconfig.json", "package.json", "package-lock.json"];

/** The tests for a changed file, as parts of paths: those of the first row that the file's path starts with. */
const TESTS = [
  ["crates/", ["tests/crates/"]],
  ["compiler/cli/lsp/", ["tests/lsp/"]],
  ["compiler/cli/", ["tests/cli/"]],
  ["compiler/lsp/", ["tests/lsp/"]],
  ["compiler/import/", ["tests/import/"]],
  ["compiler/emitters/", ["tests/fleet/"]],
  ["compiler/graph/", ["tests/graph/"]],
  ["compiler/analysis/", ["tests/analysis/"]],
  ["compiler/wording/", ["tests/analysis/", "tests/cli/"]],
  ["compiler/lint/", ["tests/analysis/lint", "tests/cli/lint"]],
  ["compiler/syntax/", ["tests/compiler/", "tests/semantics/", "tests/editors/"]],
  ["compiler/", ["tests/compiler/", "tests/semantics/"]],
  ["runtime/abi/", ["tests/engine/", "tests/crates/", "tests/house/numbers", "tests/docs/generated"]],
  ["runtime/distribution/", ["tests/distribution/"]],
  ["runtime/engine/", ["tests/engine/"]],
  ["runtime/envoy/", ["tests/engine/", "tests/fleet/"]],
  ["runtime/guard/", ["tests/guard/"]],
  ["runtime/host/", ["tests/host/"]],
  ["runtime/os/", ["tests/os/", "tests/crates/"]],
  ["runtime/", ["tests/shell/"]],
  ["gateway/tls/", ["tests/tls/", "gateway/tls", "gateway/mtls", "gateway/passthrough"]],
  ["gateway/config", ["gateway/config", "gateway/check_config"]],
  ["gateway/", ["tests/gateway/"]],
  ["schemas/", ["tests/docs/generated", "gateway/config", "tests/compiler/source_json"]],
  ["policies/", ["tests/cli/policies", "tests/cli/demo"]],
  ["docs/editors/", ["tests/editors/", "tests/docs/pages"]],
  ["docs/playground/", ["tests/playground/"]],
  ["docs/operations.md", ["tests/docs/", "gateway/docs"]],
  ["docs/diagnostics.md", ["tests/docs/", "compiler/diagnostics"]],
  ["docs/", ["tests/docs/"]],
  ["README.md", ["tests/cli/readme", "tests/docs/"]],
  ["CHANGELOG.md", ["tests/docs/"]],
  ["CONTRIBUTING.md", ["tests/docs/"]],
  ["scripts/", ["tests/docs/", "tests/shell/"]],
  ["package", ["tests/house/dependencies"]],
];
/** Quick tests that cover every file. */
const ALWAYS = ["tests/house/arrows.test.ts", "tests/house/style.test.ts"];

const since = process.argv[2] ?? "HEAD";
const git = (...words) =>
  execFileSync("git", words, { cwd: ROOT, encoding: "utf8" })
    .split("\n")
    .filter((line) => line !== "");
const present = (path) => existsSync(ROOT + path);
const isSource = (path) => /\.(ts|mts|mjs)$/.test(path);
const changed = [...git("diff", "--name-only", since), ...git("ls-files", "--others", "--exclude-standard")];
const files = [...new Set([...git("ls-files"), ...changed])].filter((path) => isSource(path) && present(path));
const importers = importersOf(files, (path) => readFileSync(ROOT + path, "utf8"));
const sources = changed.filter((path) => isSource(path) && present(path));
const linted =
  changed.some((path) => LINTS_ALL.includes(path)) ? ["."] : [...new Set([...sources, ...sources.flatMap((path) => [...(importers.get(path) ?? [])])])];
const ends = (path) => path.endsWith(".test.ts");
const parts = changed.flatMap((path) => TESTS.find(([start]) => path.startsWith(start))?.[1] ?? []);
const times = existsSync(TIMES) ? JSON.parse(readFileSync(TIMES, "utf8")) : {};
const tests = nearest({ changed, importers, times, always: ALWAYS, tests: files.filter((path) => path.startsWith("tests/") && ends(path)), parts });

mkdirSync(ROOT + CACHE, { recursive: true });
const started = performance.now();
const failed = [];
await Promise.all([
  run("types", ["npx", "tsc", "--noEmit", "--incremental", "--tsBuildInfoFile", `${CACHE}/types`]),
  ...(sources.length === 0 ? [] : [run("format", ["npx", "prettier", "--check", "--log-level", "warn", "--no-error-on-unmatched-pattern", ...sources])]),
  ...(linted.length === 0 ?
    []
  : [run(`lint of ${linted[0] === "." ? "all" : linted.length} files`, ["npx", "eslint", "--max-warnings", "0", "--no-warn-ignored", ...linted])]),
]);
const output = await run(`tests of ${changed.length} changed files`, [process.execPath, "tests/run.mjs", "--stop-after-ms", String(TESTS_MS), ...tests]);
const ran = [...output.matchAll(/^(?:ok  |FAIL) {2}(tests\/\S+) \((?:\d+ tests, )?([\d.]+) s\)/gm)];
writeFileSync(TIMES, JSON.stringify({ ...times, ...Object.fromEntries(ran.map(([, path, seconds]) => [path, Number(seconds)])) }));
if (ran.length < tests.length)
  console.log(`      ${tests.length - ran.length} of ${tests.length} test files did not run: node tests/run.mjs ${[...new Set(parts)].join(" ")}`);
console.log(`${failed.length === 0 ? "ok" : `failed: ${failed.join(", ")}`} after ${((performance.now() - started) / 1000).toFixed(0)} s`);
process.exitCode = failed.length === 0 ? 0 : 1;

/** Runs a command, prints its output if it fails, and returns the output. */
function run(name, [command, ...words]) {
  const from = performance.now();
  const child = spawn(command, words, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  const chunks = [];
  child.stdout.on("data", (chunk) => chunks.push(chunk));
  child.stderr.on("data", (chunk) => chunks.push(chunk));
  return new Promise((resolve) => {
    child.once("error", (error) => {
      chunks.push(Buffer.from(error.message));
    });
    child.once("close", (code) => {
      const seconds = ((performance.now() - from) / 1000).toFixed(0);
      const text = Buffer.concat(chunks).toString("utf8");
      console.log(`${code === 0 ? "ok  " : "FAIL"}  ${name} (${seconds} s)`);
      if (code !== 0) {
        failed.push(name);
        console.log(text.replace(/^/gm, "    | "));
      }
      resolve(text);
    });
  });
}
