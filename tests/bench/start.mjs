#!/usr/bin/env node
// Measures a start: each program beside `node -e 0` of the same Node, alternating; the ratio of the minima of nine
// runs, with user plus system time beside it, and the memory of what keeps running. `npm run bench:start`.
//
//   --node PATH   another Node (may be given several times; default: the one that runs this)
//   --runs N      runs of each (default: 9)
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const at = (path) => join(ROOT, path);
const INGRESSC = at("compiler/cli/ingressc.mjs");
const INGRESSD = at("gateway/ingressd.mjs");
const GUARD = at("runtime/guard/ingress-guard.mjs");

const { values } = parseArgs({ options: { node: { type: "string", multiple: true }, runs: { type: "string", default: "9" } } });
const runs = Number(values.runs);
if (!Number.isSafeInteger(runs) || runs < 1) throw new Error(`--runs takes a whole number above 0, not \`${values.runs}\``);

const folder = mkdtempSync(join(tmpdir(), "ingressd-start-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const source = join(folder, "start.ingress");
const module = join(folder, "start.wasm");
const config = join(folder, "ingressd.toml");
// One port, which a service registers, so that nothing has to be free for the start.
writeFileSync(source, "edition 1\nexpose web on tcp 18999 { allow from any }\n");
writeFileSync(config, `[audit]\nfile = "${join(folder, "audit.log")}"\n[services.web]\nuid = ${process.getuid()}\n`, { mode: 0o600 });
const built = spawnSync(process.execPath, [INGRESSC, "build", source, "-o", module], { encoding: "utf8" });
if (built.status !== 0) throw new Error(built.stderr);

/** Ends by itself. Milliseconds of the clock and of the processor. */
function once(node, words) {
  const from = process.hrtime.bigint();
  const { status, stderr } = spawnSync(node, words, { encoding: "utf8" });
  const wallMs = Number(process.hrtime.bigint() - from) / 1e6;
  if (status !== 0) throw new Error(`${words.join(" ")}: ${stderr}`);
  const after = cpuOfChildren();
  return { wallMs, cpuMs: after - lastCpu(after) };
}

let cpu = 0;
/** User plus system time of the children that have ended, in milliseconds. */
function cpuOfChildren() {
  // Fields 16 and 17 (cutime, cstime) of /proc/self/stat, in ticks of 10 ms: too coarse for one start, fine for a sum.
  const fields = readFileSync("/proc/self/stat", "latin1")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[13]) + Number(fields[14])) * 10;
}
function lastCpu(now) {
  const last = cpu;
  cpu = now;
  return last;
}

/** Runs until it prints `marker`, then until `seen` has answered with what is kept of it. */
async function until(node, words, marker, seen) {
  const from = process.hrtime.bigint();
  const child = spawn(node, words, { stdio: ["ignore", "pipe", "ignore"] });
  const lines = createInterface({ input: child.stdout });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await new Promise((resolve, reject) => {
    lines.on("line", (line) => {
      if (line.startsWith(marker)) resolve(undefined);
    });
    child.once("exit", (code) => reject(new Error(`${words.join(" ")} ended with ${code}`)));
  });
  const wallMs = Number(process.hrtime.bigint() - from) / 1e6;
  const kept = await seen(child.pid);
  child.kill("SIGTERM");
  await ended;
  lines.close();
  const now = cpuOfChildren();
  return { wallMs, cpuMs: now - lastCpu(now), kept };
}

/** Resident memory of a process at rest, in MiB. */
function memory(pid) {
  const text = readFileSync(`/proc/${pid}/status`, "latin1");
  const mib = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1] ?? Number.NaN) / 1024;
  return { anonMiB: mib("RssAnon"), rssMiB: mib("VmRSS") };
}

const REST_MS = 1_500;
/** A gateway at rest: what its start left to be collected is collected, or not. */
const atRest = (pid) => new Promise((resolve) => setTimeout(() => resolve(memory(pid)), REST_MS));

const SITE = at("policies/site.ingress");
const SHORT = {
  "node -e 0": () => ["-e", "0"],
  "ingressc --version": () => [INGRESSC, "--version"],
  "ingressc --help": () => [INGRESSC, "--help"],
  "ingressd --version": () => [INGRESSD, "--version"],
  "ingressd --help": () => [INGRESSD, "--help"],
  "ingress-guard --version": () => [GUARD, "--version"],
  "ingress-guard --help": () => [GUARD, "--help"],
  "ingressc check policies/site.ingress": () => [INGRESSC, "check", SITE],
};

const backend = createServer().listen(0, "127.0.0.1");
await new Promise((resolve) => backend.once("listening", resolve));
backend.unref();

for (const node of values.node ?? [process.execPath]) {
  const version = spawnSync(node, ["--version"], { encoding: "utf8" }).stdout.trim();
  const seen = new Map();
  const keep = (name, figures) => seen.set(name, [...(seen.get(name) ?? []), figures]);
  // The first start of a clone builds; no round counts that.
  for (const words of Object.values(SHORT)) once(node, words());
  for (let run = 0; run < runs; run++) {
    for (const [name, words] of Object.entries(SHORT)) keep(name, once(node, words()));
    const control = join(folder, `c${run}`, "control.sock");
    keep(
      "ingressd to ready",
      await until(node, [INGRESSD, "--policy", module, "--config", config, "--control", control], "ingressd: ready", run === 0 ? atRest : () => null),
    );
  }
  const control = join(folder, "last", "control.sock");
  await until(node, [INGRESSD, "--policy", module, "--config", config, "--control", control], "ingressd: ready", async () => {
    keep(
      "ingressd expose",
      await until(
        node,
        [INGRESSD, "expose", "--service", "web", "--port", "18999", "--backend", `127.0.0.1:${backend.address().port}`, "--socket", control],
        "exposed web on",
        atRest,
      ),
    );
  }).catch((error) => console.error(`ingressd expose: ${error.message}`));
  const least = (name, figure) => Math.min(...seen.get(name).map((row) => row[figure]));
  const bare = { wallMs: least("node -e 0", "wallMs"), cpuMs: mean(seen.get("node -e 0")) };
  console.log(`\nNode ${version}, ${runs} runs; \`node -e 0\` takes ${bare.wallMs.toFixed(1)} ms`);
  for (const [name, rows] of seen) {
    const rest = rows.find(({ kept }) => kept)?.kept;
    console.log(
      `  ${name.padEnd(38)} ${(least(name, "wallMs") / bare.wallMs).toFixed(2).padStart(6)} x  ${least(name, "wallMs").toFixed(1).padStart(7)} ms   CPU ${mean(rows).toFixed(0).padStart(4)} ms${rest === undefined ? "" : `   at rest ${rest.anonMiB.toFixed(1)} MiB anonymous, ${rest.rssMiB.toFixed(1)} MiB resident`}`,
    );
  }
}

function mean(rows) {
  return rows.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / rows.length;
}
