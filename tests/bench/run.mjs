// npm run bench: all figures of docs/performance.md, measured one after the other, each in a process
// of its own, on each Node of the matrix. `--quick` runs a small part on the Node here, writes nothing
// and ends with exit code 1 where an answer of ours is wrong or a part doesn't run.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { installPeers, nodesOf, peerVersions } from "./peers.mjs";
import { OURS, QUICK, WHOLE } from "./plan.mjs";
import { OPA_VERSION, opaModules } from "./tasks/opa.mjs";

const {
  values: { quick },
} = parseArgs({ options: { quick: { type: "boolean", default: false } } });
const plan = quick ? QUICK : WHOLE;
const child = fileURLToPath(new URL("child.mjs", import.meta.url));
const OURS_MS = 240_000;
const folder = mkdtempSync(join(tmpdir(), "ingressd-bench-"));
const started = performance.now();
const troubles = [];
const skipped = [];
const say = (text) => console.log(`${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s  ${text}`);

process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

/** Milliseconds of CPU that a child has had; null where the kernel doesn't say. */
function cpuOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // Ticks, of which every Linux has a hundred a second.
    return 10 * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return null;
  }
}

/**
 * One child; its result, or how it came to none: `{ stopped }` seconds after which it was ended, or
 * `{ failed }`. `mostMs` is CPU time, so that a busy machine stops nobody; of real time there is tenfold.
 */
function measure(node, job, mostMs) {
  return new Promise((resolve) => {
    const running = spawn(node, ["--expose-gc", "--max-old-space-size=6144", child, JSON.stringify(job)], { stdio: ["ignore", "pipe", "pipe"] });
    const ended = () => running.kill("SIGKILL");
    process.once("exit", ended);
    let out = "";
    let errors = "";
    let late = false;
    const from = performance.now();
    const timer = setInterval(() => {
      const real = performance.now() - from;
      if ((cpuOf(running.pid) ?? real) < mostMs && real < 10 * mostMs) return;
      late = true;
      ended();
    }, 100);
    running.stdout.setEncoding("utf8").on("data", (text) => {
      out += text;
    });
    running.stderr.setEncoding("utf8").on("data", (text) => {
      errors = (errors + text).slice(-2_000);
    });
    running.on("close", (code, signal) => {
      clearInterval(timer);
      process.off("exit", ended);
      const lines = out
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line));
      const { result } = lines.at(-1) ?? {};
      if (result !== undefined) return resolve(result);
      if (late) return resolve({ stopped: mostMs / 1000 });
      resolve({
        failed:
          errors
            .split("\n")
            .find((line) => /^\w*Error\b/.test(line))
            ?.trim()
            .slice(0, 200) ?? `ended with ${signal ?? code}`,
      });
    });
  });
}

const at = (world) => join(folder, world.name);
const ns = (figure) => (figure === undefined ? "" : `${figure.median.toPrecision(3)} ns`);

async function needed(node, job, what) {
  const result = await measure(node, job, OURS_MS);
  const none = result.failed ?? (result.stopped === undefined ? undefined : `took more than ${result.stopped} s`);
  if (none === undefined) return result;
  troubles.push(`${what}: ${none}`);
  say(`${what}: ${none}`);
  return null;
}

async function onNode({ path, version }, opa) {
  const figures = { compile: {}, decide: {}, swap: [], sizes: null };
  /** Peers that the last size of a family was too much for. */
  const tooSlow = new Map();
  for (const { world, subjects, warm } of plan.rows) {
    const compiled = await needed(path, { task: "compile", folder: at(world), warm }, `compile ${world.name}`);
    if (compiled === null) continue;
    figures.compile[world.name] = compiled;
    say(`Node ${version}  compile ${world.name}: ${compiled.coldMs.toFixed(0)} ms`);
    const decided = (figures.decide[world.name] = {});
    for (const subject of subjects) {
      const ours = OURS.includes(subject);
      const kind = `${subject} ${world.kind} ${world.family}`;
      if (subject === "opa" && opa.modules === undefined) continue;
      if (tooSlow.has(kind)) {
        decided[subject] = { notTried: tooSlow.get(kind) };
        continue;
      }
      const job = { task: "decide", subject, folder: at(world), world, opaModules: opa.modules, times: ours ? plan.ours : plan.peers };
      const result = ours ? await needed(path, job, `${subject} ${world.name}`) : await measure(path, job, plan.peerMs);
      if (result === null) continue;
      decided[subject] = result;
      if (result.failed !== undefined && quick) troubles.push(`${subject} ${world.name}: ${result.failed}`);
      if (ours && result.answers.wrong > 0) troubles.push(`${subject} ${world.name}: ${result.answers.wrong} wrong answers; ${result.answers.first}`);
      if (result.random === undefined)
        tooSlow.set(kind, `at ${world.size.toLocaleString("en-US")} it ${result.failed === undefined ? `took more than ${result.stopped} s` : "failed"}`);
      else if (result.random.median > plan.slowNs)
        tooSlow.set(kind, `at ${world.size.toLocaleString("en-US")} a decision takes ${(result.random.median / 1e6).toFixed(0)} ms`);
      say(
        `Node ${version}  ${world.name} ${subject}: ${result.failed ?? (result.stopped === undefined ? `hot ${ns(result.hot)}, random ${ns(result.random)}, ${result.answers.wrong} of ${result.answers.asked} wrong` : `stopped after ${result.stopped} s`)}`,
      );
    }
  }
  for (const swap of plan.swaps) {
    const result = await needed(path, { task: "swap", ...swap }, `swap ${swap.megabytes} MB`);
    if (result === null) continue;
    figures.swap.push({ megabytes: swap.megabytes, ...result });
    if (result.visits.failed > 0) troubles.push(`swap ${swap.megabytes} MB: ${result.visits.failed} visits failed`);
    if (result.lost > 0) troubles.push(`swap ${swap.megabytes} MB: ${result.lost} of ${result.held} open connections were lost`);
    say(
      `Node ${version}  swap ${swap.megabytes} MB: stop of ${result.stopCpuMs.median.toFixed(2)} ms of CPU, ${result.stopMs.median.toFixed(2)} ms by the clock`,
    );
  }
  figures.sizes = await needed(path, { task: "sizes" }, "sizes");
  return figures;
}

async function proxies() {
  const figures = {};
  for (const world of plan.proxies) {
    figures[world.name] = {};
    for (const proxy of ["haproxy", "nginx"]) {
      const { rounds } = plan.requests;
      const result = await measure(
        process.execPath,
        { task: "proxies", proxy, folder: at(world), world, requests: plan.requests[proxy], rounds },
        3 * plan.peerMs,
      );
      if (result.missing !== undefined) {
        skipped.push(`${proxy}: ${result.missing}`);
        continue;
      }
      figures[world.name][proxy] = result;
      if (result.failed !== undefined && quick) troubles.push(`${proxy} ${world.name}: ${result.failed}`);
      say(
        `${proxy} ${world.name}: ${result.failed ?? (result.stopped === undefined ? `hot ${ns(result.hot)}, random ${ns(result.random)}, ${result.answers.wrong} wrong` : "stopped")}`,
      );
    }
  }
  return figures;
}

try {
  installPeers(quick);
} catch (error) {
  console.error(error.message);
  process.exit(4);
}
const nodes = nodesOf(quick).filter((node) => {
  if (node.missing !== undefined) skipped.push(`${node.missing}: npm has no binary of it for this machine`);
  return node.missing === undefined;
});
if (nodes.length === 0) nodes.push({ path: process.execPath, version: process.versions.node });
const opa = opaModules({ build: !quick });
if (opa.missing !== undefined) skipped.push(`OPA: ${opa.missing}`);

const worlds = new Map([...plan.rows.map(({ world }) => world), ...plan.proxies].map((world) => [world.name, world]));
for (const world of worlds.values()) {
  say(`making ${world.name}`);
  await needed(nodes.at(-1).path, { task: "world", folder: at(world), world }, `world ${world.name}`);
}
const results = {
  made: new Date().toISOString().slice(0, 10),
  machine: { cpu: cpus()[0]?.model.trim() ?? "unknown", cores: cpus().length, memoryGiB: Math.round(totalmem() / 2 ** 30), kernel: release().split("-")[0] },
  versions: { ...peerVersions(), ...(opa.modules === undefined ? {} : { OPA: OPA_VERSION.slice(1) }) },
  worlds: [...worlds.values()],
  nodes: {},
  proxies: {},
  floods: [],
  skipped,
  seconds: 0,
};
for (const node of nodes) results.nodes[node.version] = await onNode(node, opa);
results.proxies = await proxies();
results.floods = (await needed(nodes.at(-1).path, { task: "floods" }, "floods")) ?? [];
results.seconds = Math.round((performance.now() - started) / 1000);
const name = quick ? join(folder, "results.json") : fileURLToPath(new URL("results.json", import.meta.url));
writeFileSync(
  name,
  `${JSON.stringify(results, (_, value) => (typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value), 1)}\n`,
);

// Also in the small bench, so that what writes the page is tried on what was measured.
await import("../../runtime/host/register.mjs");
const { readResults } = await import("./report/results.ts");
const { page, requiredTable } = await import("./report/page.ts");
const { chart } = await import("./report/chart.ts");
const read = readResults(name);
page(read);
chart(read);
console.log(`\n${requiredTable(read)}\n`);
for (const line of new Set(skipped)) console.log(`SKIP ${line}`);
for (const line of troubles) console.log(`FAIL ${line}`);
if (!quick)
  spawnSync(process.execPath, ["--import", import.meta.resolve("tsx"), fileURLToPath(new URL("../../scripts/docs.ts", import.meta.url))], { stdio: "inherit" });
say(`done: ${troubles.length} troubles`);
process.exit(troubles.length === 0 ? 0 : 1);
