#!/usr/bin/env node
// `npm run ok`: types, lint, format and the tests of files changed since the last commit (`npm run ok -- main`: since main).
// It is for use while you work, and takes a minute or more; it prints the time of each part. `.ci/run` checks everything.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const CACHE = "node_modules/.cache/ingressd";

/** The tests for a changed file, as filters of tests/run.mjs: those of the first row that the file's path starts with. */
const TESTS = [
  ["crates/", ["tests/crates/"]],
  ["compiler/cli/", ["tests/cli/"]],
  ["compiler/syntax/", ["tests/compiler/", "tests/semantics/", "tests/editors/"]],
  ["compiler/", ["tests/compiler/", "tests/semantics/"]],
  ["runtime/abi/", ["tests/engine/", "tests/crates/", "tests/house/numbers", "tests/docs/generated"]],
  ["runtime/engine/", ["tests/engine/"]],
  ["runtime/envoy/", ["tests/engine/", "tests/fleet/"]],
  ["runtime/guard/", ["tests/guard/"]],
  ["runtime/host/", ["tests/host/"]],
  ["runtime/os/", ["tests/os/", "tests/crates/"]],
  ["runtime/", ["tests/shell/"]],
  ["gateway/tls/", ["tests/tls/", "gateway/tls", "gateway/mtls", "gateway/passthrough"]],
  ["gateway/config", ["gateway/config", "gateway/check_config"]],
  ["gateway/", ["tests/gateway/"]],
  ["policies/", ["tests/cli/policies", "tests/cli/demo"]],
  ["docs/editors/", ["tests/editors/", "tests/docs/pages"]],
  ["docs/", ["tests/docs/"]],
  ["README.md", ["tests/cli/readme", "tests/docs/"]],
  ["scripts/", ["tests/docs/", "tests/shell/"]],
  ["package", ["tests/house/dependencies"]],
];
/** Quick tests that cover every file. */
const ALWAYS = ["tests/house/arrows", "tests/house/style"];

const since = process.argv[2] ?? "HEAD";
const git = (...words) =>
  execFileSync("git", words, { cwd: ROOT, encoding: "utf8" })
    .split("\n")
    .filter((line) => line !== "");
const changed = [...git("diff", "--name-only", since), ...git("ls-files", "--others", "--exclude-standard")];
const sources = changed.filter((path) => /\.(ts|mts|mjs)$/.test(path));
const filters = new Set(ALWAYS);
for (const path of changed) {
  if (/^tests\/.*\.test\.ts$/.test(path)) filters.add(path);
  else for (const filter of TESTS.find(([start]) => path.startsWith(start))?.[1] ?? []) filters.add(filter);
}

mkdirSync(ROOT + CACHE, { recursive: true });
const started = performance.now();
const failed = [];
await Promise.all([
  run("types", ["npx", "tsc", "--noEmit", "--incremental", "--tsBuildInfoFile", `${CACHE}/types`]),
  ...(sources.length === 0 ? [] : [run("format", ["npx", "prettier", "--check", "--log-level", "warn", "--no-error-on-unmatched-pattern", ...sources])]),
  run("lint", ["npx", "eslint", ".", "--max-warnings", "0", "--cache", "--cache-location", `${CACHE}/lint`]),
]);
await run(`tests of ${changed.length} changed files`, [process.execPath, "tests/run.mjs", ...filters]);
console.log(`${failed.length === 0 ? "ok" : `failed: ${failed.join(", ")}`} after ${((performance.now() - started) / 1000).toFixed(0)} s`);
process.exitCode = failed.length === 0 ? 0 : 1;

/** Runs a command and prints its output if it fails. */
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
      console.log(`${code === 0 ? "ok  " : "FAIL"}  ${name} (${seconds} s)`);
      if (code !== 0) {
        failed.push(name);
        console.log(Buffer.concat(chunks).toString("utf8").replace(/^/gm, "    | "));
      }
      resolve();
    });
  });
}
