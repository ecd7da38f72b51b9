#!/usr/bin/env node
// The test runner: one child process per file, two at a time, with counts from uvu's own summary. The files are
// transpiled together first; if one can't be, each runs from source through tsx. uvu exits 0 when a file forgets
// `.run()` and when a `before` hook throws; here both fail.
//
//   node tests/run.mjs [options] [FILTER…]     a FILTER is a part of a file's path
//   --root DIR        where to look (default: this folder)
//   --suffix TEXT     what a file's name ends with (default: .test.ts)
//   --timeout-ms N    time limit per file (default: 120000)
//   --jobs N          files at a time (default: 2)
//   --stop-after-ms N start no further file after this time; the files of an earlier FILTER run before those of a later one
//   --except PARTS    not the files whose path contains one of these, separated by commas
//   --output          also print the output of files that pass (figures, counts)
//   --at-length       run all cases of tests that otherwise run a sample, and only files with such tests
//   --coverage        print which lines ran, in all processes of the tests, and write coverage/lcov.info
//   --own-network     run each file in a network namespace of its own, so that files don't share ports (needs root)
//   --as-shipped      run everything from source through tsx; nothing is transpiled first
//   --again           run each file that fails once more, alone, when all others have ended (also INGRESSD_TESTS_AGAIN=1).
//                     One that passes then counts as passed and is named on a line `unstable: FILE: TEST`
//
// A file that can't run a check prints a line `SKIP name: what is missing` in its place.
// The last line is `N passed, N failed, N skipped`; the exit code is 1 unless nothing failed.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "../scripts/build.mjs";
import { createCoverage } from "./coverage.mjs";
import { transpile } from "./transpile.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const project = dirname(here);
/** Runs TypeScript, with Chevrotain in one file as in ingressc. */
const LOADERS = ["tsx", "../compiler/cli/chevrotain.mjs"].flatMap((name) => ["--import", import.meta.resolve(name)]);
/** Files with tests that run a sample of their cases import this. */
const SAMPLES = join(here, "at_length.ts");
const LCOV = "coverage/lcov.info";
/** Exits a process that has no pending events. */
const ENDS = import.meta.resolve("./ends.mjs");
/** How long descendants of a finished file may keep its output open. */
const LINGER_MS = 5_000;

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      root: { type: "string", default: here },
      suffix: { type: "string", default: ".test.ts" },
      "timeout-ms": { type: "string", default: "120000" },
      jobs: { type: "string", default: "2" },
      "stop-after-ms": { type: "string" },
      except: { type: "string", default: "" },
      output: { type: "boolean", default: false },
      "at-length": { type: "boolean", default: false },
      coverage: { type: "boolean", default: false },
      "own-network": { type: "boolean", default: false },
      "as-shipped": { type: "boolean", default: false },
      again: { type: "boolean", default: process.env.INGRESSD_TESTS_AGAIN === "1" },
    },
  });
  const whole = (name) => {
    const n = Number(values[name]);
    if (Number.isSafeInteger(n) && n > 0) return n;
    throw new Error(`--${name} takes a whole number above 0, not \`${values[name]}\``);
  };
  return {
    root: resolve(values.root),
    suffix: values.suffix,
    timeoutMs: whole("timeout-ms"),
    jobs: whole("jobs"),
    stopAfterMs: values["stop-after-ms"] === undefined ? null : whole("stop-after-ms"),
    except: values.except === "" ? [] : values.except.split(","),
    output: values.output,
    atLength: values["at-length"],
    network: values["own-network"] ? ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"] : [],
    coverage: values.coverage,
    asShipped: values["as-shipped"],
    again: values.again,
    filters: positionals,
  };
}

function find(folder, suffix) {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return entry.name === "node_modules" ? [] : find(path, suffix);
      return entry.isFile() && entry.name.endsWith(suffix) ? [path] : [];
    });
}

/** The same files, those of the first filter first. */
function inOrder(files, filters) {
  const rank = (path) => filters.findIndex((filter) => relative(project, path).split(sep).join("/").includes(filter));
  return files
    .map((path) => [rank(path), path])
    .sort(([a], [b]) => a - b)
    .map(([, path]) => path);
}

/** The running process groups; a child of the runner leads each. */
const groups = new Set();

function killGroup(pid) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

/** Runs one file; the child leads a process group, so that processes that it started end with it. */
function runFile(path, ready, { timeoutMs, atLength, network }, counts = null) {
  const built = ready?.built.get(path);
  const [command, ...words] = [...network, process.execPath, "--import", ENDS, ...(built === undefined ? [...LOADERS, path] : ["--enable-source-maps", built])];
  const { FORCE_COLOR: _, INGRESSD_TESTS_READY: __, INGRESSD_TESTS_AT_LENGTH: ___, INGRESSD_TESTS_AGAIN: ____, ...inherited } = process.env;
  const child = spawn(command, words, {
    cwd: project,
    env: {
      ...inherited,
      NO_COLOR: "1",
      ...(ready !== null && { INGRESSD_TESTS_READY: ready.folder }),
      ...(atLength && { INGRESSD_TESTS_AT_LENGTH: "1" }),
      ...(counts !== null && { NODE_V8_COVERAGE: counts }),
    },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  return new Promise((done) => {
    const chunks = [];
    let trouble = null;
    let linger = null;
    const started = performance.now();
    const timer = setTimeout(() => {
      trouble = `took more than ${timeoutMs} ms and was ended`;
      killGroup(child.pid);
    }, timeoutMs);
    if (child.pid !== undefined) groups.add(child.pid);
    child.stdout.on("data", (chunk) => chunks.push(chunk));
    child.stderr.on("data", (chunk) => chunks.push(chunk));
    child.on("error", (error) => {
      trouble = `could not be started: ${error.message}`;
    });
    child.on("exit", () => {
      clearTimeout(timer);
      linger = setTimeout(() => {
        trouble ??= "left a process behind that keeps its output open";
        killGroup(child.pid);
        child.stdout.destroy();
        child.stderr.destroy();
      }, LINGER_MS);
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      clearTimeout(linger);
      groups.delete(child.pid);
      const output = Buffer.concat(chunks).toString("utf8");
      done({ output, code, signal, trouble, ms: performance.now() - started });
    });
  });
}

const sum = (output, line) => [...output.matchAll(line)].reduce((total, match) => total + Number(match[1]), 0);

/** The most failed tests that the end of the output names. */
const LISTED = 20;
/** The lines of a failed file's output that are repeated at the end. */
const LINES = 40;

/** The most characters of an error's message that are repeated at the end. */
const MESSAGE = 160;

/** The result of one run: counts, the reasons of a failure, and the tests that failed. */
function judge({ output, code, signal, trouble }) {
  const skips = [...output.matchAll(/^(?:[^\n]*[•✘] )?SKIP ([^\n:]+): ([^\n]+)$/gmu)].map((m) => `${m[1]}: ${m[2]}`);
  const ran = /^ {2}Total: {5}\d+$/m.test(output);
  const total = sum(output, /^ {2}Total: {5}(\d+)$/gm);
  const passed = sum(output, /^ {2}Passed: {4}(\d+)$/gm);
  const unnamed = sum(output, /^ {2}Skipped: {3}(\d+)$/gm);
  const why = [];
  if (trouble !== null) why.push(trouble);
  else if (signal !== null) why.push(`ended by ${signal}`);
  else if (code !== 0) why.push(`exit code ${code}`);
  if (trouble === null && total === 0 && skips.length === 0) {
    why.push(ran ? "has no tests" : "ran no tests: does it end with `.run()`?");
  }
  if (passed < total) why.push(`${total - passed} of ${total} tests did not pass`);
  if (unnamed > 0) why.push(`${unnamed} left out by \`.skip\` or \`.only\`: print a SKIP line that says what is missing`);
  // uvu's heading of a failure, and the line after it: `FAIL  suite  "test"`, `message`.
  const names = [...output.matchAll(/^ +FAIL +(\S.*"[^\n]+")\n(?: {4}(\S[^\n]*))?/gm)].map(([, test, message]) =>
    [test.replace(/ {2,}/g, " "), ...(message === undefined ? [] : [message.slice(0, MESSAGE).trimEnd()])].join(": "),
  );
  // A file that ended without uvu's summary: the error that ended it.
  const [, error] = ran ? [] : (/^(\w*Error\b[^\n]*)$/m.exec(output) ?? []);
  if (error !== undefined) why.push(error.slice(0, MESSAGE));
  return { passed, failed: why.length === 0 ? 0 : Math.max(1, total - passed + unnamed), skips, why, names };
}

/** The output of a passing file, without uvu's marks and summary. */
const ownLines = (output) =>
  output
    .split("\n")
    .map((line) => line.replace(/^ \S+ {2}(?=\S)/, "").replace(/^[^\n]*[•✘] /u, ""))
    .filter((line) => line.trim() !== "" && !/^ {2}(Total|Passed|Skipped|Duration): |^[•✘\s]*\(\d+ \/ \d+\)$|^SKIP |• /u.test(line));

async function main() {
  const chosen = options();
  const { root, suffix, jobs, except, output: outputs, filters } = chosen;
  const files = find(root, suffix).filter((path) => {
    const name = relative(project, path).split(sep).join("/");
    return (filters.length === 0 || filters.some((filter) => name.includes(filter))) && !except.some((part) => name.includes(part));
  });
  if (files.length === 0) throw new Error(`no file ending in \`${suffix}\` matches`);
  // Tests start the programs, some of them at the same time and as another user: their build is current before.
  if (files.some((path) => path.startsWith(join(project, sep)))) await build();
  const ready = chosen.asShipped ? null : await transpile(files, project);
  const remove = ready?.remove ?? (() => undefined);
  const coverage = chosen.coverage ? createCoverage(project, [join(project, "dist"), ...(ready === null ? [] : [ready.folder])]) : null;
  process.on("exit", () => {
    remove();
    coverage?.remove();
  });
  const queue = (chosen.stopAfterMs === null ? files : inOrder(files, filters)).filter(
    (path) => !chosen.atLength || ready === null || ready.uses(path, SAMPLES),
  );
  if (queue.length === 0) throw new Error("none of these files runs a sample of its cases");
  const totals = { passed: 0, failed: 0, skipped: 0 };
  const failures = [];
  const unstable = [];
  const once = async (path) => {
    const counts = coverage?.folder() ?? null;
    const run = await runFile(path, ready, chosen, counts);
    if (counts !== null) coverage.read(counts);
    const result = { ...judge(run), path, name: relative(project, path), output: run.output };
    const seconds = (run.ms / 1000).toFixed(1);
    if (result.why.length === 0) {
      console.log(`ok    ${result.name} (${result.passed} tests, ${seconds} s)`);
      if (outputs) for (const line of ownLines(run.output)) console.log(`    | ${line}`);
    } else console.log(`FAIL  ${result.name} (${seconds} s): ${result.why.join("; ")}\n${run.output.replace(/^/gm, "    | ")}`);
    for (const skip of result.skips) console.log(`SKIP  ${skip}`);
    return result;
  };
  const count = ({ passed, failed, skips }) => {
    totals.passed += passed;
    totals.failed += failed;
    totals.skipped += skips.length;
  };
  const isLate = () => chosen.stopAfterMs !== null && performance.now() > chosen.stopAfterMs;
  const worker = async () => {
    for (let path = queue.shift(); path !== undefined; path = isLate() ? undefined : queue.shift()) {
      const result = await once(path);
      if (result.why.length === 0) count(result);
      else failures.push(result);
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  const failedFiles = [];
  for (const first of failures) {
    const last = chosen.again ? await once(first.path) : first;
    count(last);
    if (last.why.length === 0)
      unstable.push(...(first.names.length === 0 ? [first.why.join("; ")] : first.names).map((test) => `unstable: ${first.name}: ${test}`));
    else failedFiles.push(last);
  }
  if (queue.length > 0) console.log(`${queue.length} of ${files.length} files did not run in ${chosen.stopAfterMs} ms`);
  if (coverage !== null) console.log(coverage.report(join(project, LCOV)).join("\n"));
  // Repeated at the end, since a log may be cut in the middle.
  for (const { name, output } of failedFiles.slice(0, 3))
    console.log(`\nthe end of ${name}\n${output.trimEnd().split("\n").slice(-LINES).join("\n").replace(/^/gm, "    | ")}`);
  if (failedFiles.length > 0) console.log(`\nfailed: ${failedFiles.map(({ name }) => name).join(", ")}`);
  const failedTests = failedFiles.flatMap(({ name, names }) => names.map((test) => `failed: ${name}: ${test}`));
  for (const test of failedTests.slice(0, LISTED)) console.log(test);
  if (failedTests.length > LISTED) console.log(`failed: ${failedTests.length - LISTED} more`);
  for (const test of unstable) console.log(test);
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
  return totals.failed === 0 ? 0 : 1;
}

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    for (const pid of groups) killGroup(pid);
    process.exit(130);
  });
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    console.error(`tests/run.mjs: ${error.message}`);
    console.log("0 passed, 1 failed, 0 skipped");
    process.exitCode = 1;
  },
);
