// The cost of `ingressc lsp` beside a full `ingressc check` of the same policy in the same run: `npm run bench:lsp`. It prints each bar as
// a ratio and exits 1 if one is missed. With `-- --quick` it measures the small policy alone, to see that it works, and exits 0.
//
//   first diagnostics   from a change that makes an error to the diagnostics with it
//   completion          from the request to its answer: from a second after the last change on, while the worker judges the rules
//   memory              the most that the server had resident after check, warnings and tests
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import protocol from "vscode-languageserver-protocol/node";

const INGRESSC = fileURLToPath(new URL("../../compiler/cli/ingressc.mjs", import.meta.url));
const ROUNDS = 5;
/** Rules, and the bar of the first diagnostics. */
const SIZES = [
  [300, 0.1],
  [10_000, 0.5],
];
const MOST_MEMORY = 2;
/** From the last change to the begin of the worker's lint. */
const LINT_MS = 1_000;
/** Nobody types faster. */
const LETTER_MS = 50;

const folder = mkdtempSync(join(tmpdir(), "ingressd-bench-lsp-"));
const quick = process.argv.includes("--quick");
let missed = 0;
try {
  for (const [rules, bar] of quick ? SIZES.slice(0, 1) : SIZES) await measure(rules, bar);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = missed > 0 && !quick ? 1 : 0;

async function measure(rules, bar) {
  const name = `${rules}.ingress`;
  const text = policy(rules);
  const path = join(folder, name);
  writeFileSync(path, text);
  const full = Array.from({ length: ROUNDS }, () => fullCheck(path));
  const checkMs = median(full.map(({ ms }) => ms));
  const checkKiB = median(full.map(({ kib }) => kib));
  const server = await started(path, text);
  const first = [];
  const at = positionOf(text, text.indexOf(`from n${rules >> 1}\n`));
  for (let round = 0; round < ROUNDS; round++) {
    first.push(await server.untilError({ start: at, end: { line: at.line, character: at.character + 4 } }, "fro"));
    await server.untilNone({ start: at, end: { line: at.line, character: at.character + 3 } }, "from");
  }
  const completion = [];
  let judging = true;
  const judged = server.untilWarnings().then(() => (judging = false));
  await setTimeout(LINT_MS);
  while (judging || completion.length < ROUNDS) {
    completion.push(await server.completion(at));
    await setTimeout(LETTER_MS);
  }
  await judged;
  const kib = residentPeak(server.pid);
  await server.stop();
  const says = (what, value, most, unit) => {
    const ok = most === null || value <= most;
    if (!ok) missed++;
    console.log(
      `${String(rules).padStart(6)} rules  ${what.padEnd(18)} ${value.toFixed(3).padStart(8)}${unit}${most === null ? "" : ` (at most ${most}: ${ok ? "ok" : "missed"})`}`,
    );
  };
  says("full check", checkMs, null, " ms");
  says("first diagnostics", median(first) / checkMs, bar, " x");
  says("completion", median(completion), null, " ms");
  says("memory", kib / checkKiB, rules >= 10_000 ? MOST_MEMORY : null, " x");
}

/** One expose for each hundred rules, with sets that overlap here and there. */
function policy(rules) {
  const sets = Array.from({ length: rules }, (_, i) => `net n${i} = 10.${(i >> 8) & 255}.${i & 255}.0/24, 2001:db8:${i.toString(16)}::/48\n`);
  const exposes = Array.from({ length: Math.ceil(rules / 100) }, (_, e) => {
    const own = Array.from({ length: Math.min(100, rules - 100 * e) }, (_, i) => `  allow from n${100 * e + i}\n`);
    return `expose e${e} on tcp ${1000 + e} {\n  backend 127.0.0.1:1\n${own.join("")}}\n\ntest "e${e}" {\n  from 10.${((100 * e) >> 8) & 255}.${(100 * e) & 255}.1 to e${e} => allow\n}\n\n`;
  });
  return `edition 1\n\n${sets.join("")}\n${exposes.join("")}`;
}

function fullCheck(path) {
  const said = 'process.on("exit", () => process.stderr.write(`\\nPEAK ${process.resourceUsage().maxRSS}\\n`))';
  const before = performance.now();
  const { status, stderr } = spawnSync(process.execPath, ["--import", `data:text/javascript,${encodeURIComponent(said)}`, INGRESSC, "check", path], {
    encoding: "utf8",
  });
  const ms = performance.now() - before;
  if (status !== 0) throw new Error(`check failed: ${stderr}`);
  return { ms, kib: Number(/PEAK (\d+)/.exec(stderr)?.[1]) };
}

async function started(path, text) {
  const child = spawn(process.execPath, [INGRESSC, "lsp"], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("close", resolve));
  const connection = protocol.createProtocolConnection(new protocol.StreamMessageReader(child.stdout), new protocol.StreamMessageWriter(child.stdin));
  const uri = pathToFileURL(path).href;
  let looks = [];
  let newest = [];
  connection.onNotification("textDocument/publishDiagnostics", (params) => {
    newest = params.diagnostics;
    looks = looks.filter((look) => !look(newest));
  });
  let refreshed = () => undefined;
  connection.onRequest("workspace/codeLens/refresh", () => {
    refreshed();
    return null;
  });
  connection.listen();
  await connection.sendRequest("initialize", { processId: process.pid, rootUri: null, capabilities: { workspace: { codeLens: { refreshSupport: true } } } });
  await connection.sendNotification("initialized", {});
  const hasError = (found) => found.some(({ code }) => String(code).startsWith("ING1"));
  const until = (wanted) => new Promise((resolve) => looks.push((found) => wanted(found) && (resolve(), true)));
  let version = 1;
  const changed = async (range, put, wanted) => {
    const shown = until(wanted);
    const before = performance.now();
    await connection.sendNotification("textDocument/didChange", { textDocument: { uri, version: ++version }, contentChanges: [{ range, text: put }] });
    await shown;
    return performance.now() - before;
  };
  let ran = new Promise((resolve) => (refreshed = resolve));
  await connection.sendNotification("textDocument/didOpen", { textDocument: { uri, languageId: "ingress", version, text } });
  await ran;
  return {
    pid: child.pid,
    untilError: (range, put) => changed(range, put, hasError),
    async untilNone(range, put) {
      ran = new Promise((resolve) => (refreshed = resolve));
      await changed(range, put, (found) => !hasError(found));
    },
    async completion(position) {
      const before = performance.now();
      await connection.sendRequest("textDocument/completion", { textDocument: { uri }, position });
      return performance.now() - before;
    },
    untilWarnings: () => ran,
    async stop() {
      await connection.sendRequest("shutdown");
      await connection.sendNotification("exit");
      await ended;
    },
  };
}

function positionOf(text, offset) {
  const lines = text.slice(0, offset).split("\n");
  return { line: lines.length - 1, character: lines.at(-1).length };
}

function residentPeak(pid) {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}
