// A row: every subject started, warmed up, and measured in alternating rounds. A round in which the direct reference
// moved by 30 % between its begin and its end is measured again, at most twice.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { accepts, start } from "./processes.mjs";
import { figureOf, referenceOf } from "./measure.mjs";
import { roundsOf, warmSeconds } from "./plan.mjs";
import { freePorts, makeClients } from "./world.mjs";

const START_MS = 120_000;
const MOVED = 0.3;
const REPEATS = 2;
const PORTS = ["plain", "bulk", "tls", "mtls", "passthrough", "udp"];

async function startSubject(subject, row, clients, setup) {
  const folder = join(setup.folder, `${subject.id}-${row.name}`);
  mkdirSync(folder, { recursive: true });
  const ports = await freePorts(PORTS);
  const world = { folder, ports, backends: setup.backends, log: row.log, clients, certs: setup.certs, most: setup.most };
  const command = subject.command(world);
  if (subject.cannot[row.name] !== undefined) return { unserved: subject.cannot[row.name] };
  const child = start(0, command);
  try {
    await accepts(ports.plain, child, START_MS);
  } catch (error) {
    await child.stop();
    throw error;
  }
  const note = subject.fellBack?.(child.errors()) ?? null;
  if (note !== null) {
    await child.stop();
    throw new Error(`it serves with another forwarder: ${note.trim().slice(0, 200)}`);
  }
  const running = {
    pid: child.pid,
    port: ports[row.port],
    stop: async () => {
      await child.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return running;
}

/** `{ running }` by subject; those that can't serve the row have `unserved`, those that failed `stopped`. */
async function startAll(row, subjects, clients, setup) {
  const found = {};
  for (const subject of subjects) {
    const why = subject.cannot[row.name] ?? (row.log ? undefined : subject.cannot.unlogged);
    if (why !== undefined) {
      found[subject.id] = { unserved: why };
      continue;
    }
    try {
      const running = await startSubject(subject, row, clients, setup);
      found[subject.id] = running.unserved === undefined ? { running, figures: [] } : running;
    } catch (error) {
      found[subject.id] = { stopped: error.message };
    }
  }
  return found;
}

async function oneRound(row, order, found, setup, again = null) {
  const figures = {};
  for (const { id } of order) {
    const subject = found[id];
    if (subject.figures === undefined || subject.stopped !== undefined) continue;
    try {
      if (again !== null) subject.running = await again(id, subject.running);
      figures[id] = await figureOf(row, setup, subject.running);
    } catch (error) {
      subject.stopped = error.message;
    }
  }
  return figures;
}

function shown(row, found, figures) {
  const cell = (id) =>
    row.kind === "latency" ? `${figures[id].p50.toFixed(2)}/${figures[id].p99.toFixed(2)}/${figures[id].p999.toFixed(2)}` : figures[id].value.toPrecision(3);
  return Object.keys(figures)
    .map((id) => `${id} ${cell(id)}`)
    .join("  ");
}

/** The row's own load, but as fast as it goes. */
function warmOf({ load: { rate, honest, ...load } }) {
  return load;
}

/** Exchanges before the first round: those of a process's first seconds compile its code. */
async function warmUp(row, subjects, found, setup) {
  const warm = { ...row, kind: "cpu", unit: "µs", load: warmOf(row) };
  for (const subject of subjects) await oneRound(warm, [subject], found, { ...setup, seconds: { ...setup.seconds, cpu: warmSeconds(subject, setup.seconds) } });
}

/** A process keeps the memory that its first connections took, so every figure of memory is a fresh process's. */
function restarting(row, subjects, clients, setup) {
  return async (id, running) => {
    await running.stop();
    return startSubject(
      subjects.find((subject) => subject.id === id),
      row,
      clients,
      setup,
    );
  };
}

export async function measureRow(row, subjects, shared) {
  const clients = makeClients(join(shared.folder, `clients-${row.name}`), row.prefixes);
  const setup = { ...shared, sources: clients.sources };
  const found = await startAll(row, subjects, clients, setup);
  const references = [];
  const roundsFor = (subject) => roundsOf(row, subject, setup);
  const [wanted, title] = [Math.max(...subjects.map(roundsFor)), `${row.name}${row.log ? "" : ", no log"}`];
  let [repeated, moved] = [0, 0];
  try {
    if (row.kind !== "memory") await warmUp(row, subjects, found, setup);
    for (let round = 0; round < wanted; round++) {
      const due = subjects.filter((subject) => round < roundsFor(subject));
      const order = round % 2 === 0 ? due : due.reverse();
      for (let attempt = 0; ; attempt++) {
        const before = await referenceOf(row, setup);
        const figures = await oneRound(row, order, found, setup, row.kind === "memory" ? restarting(row, subjects, clients, setup) : null);
        const after = await referenceOf(row, setup);
        // Memory does not depend on how busy the machine is.
        const still = row.kind === "memory" || Math.max(before, after) / Math.min(before, after) < 1 + MOVED;
        if (!still && attempt < REPEATS && !setup.quick) {
          repeated += 1;
          continue;
        }
        if (!still) moved += 1;
        references.push(before, after);
        for (const [id, figure] of Object.entries(figures)) found[id].figures.push(figure);
        setup.say(`${title} round ${round + 1}: direct ${before.toPrecision(3)}, ${after.toPrecision(3)}  ${shown(row, found, figures)}`);
        break;
      }
    }
  } finally {
    for (const { running } of Object.values(found)) await running?.stop();
  }
  for (const [id, { unserved, stopped }] of Object.entries(found)) {
    if (unserved !== undefined || stopped !== undefined) setup.say(`${title} ${id}: ${unserved ?? stopped}`);
  }
  const { kind, title: text, unit, log, prefixes, load } = row;
  return {
    kind,
    title: text,
    unit,
    log,
    prefixes: prefixes ?? null,
    rate: load.rate ?? null,
    references,
    repeated,
    moved,
    subjects: Object.fromEntries(
      Object.entries(found).map(([id, { unserved, stopped, figures }]) => [
        id,
        { ...(unserved !== undefined && { unserved }), ...(stopped !== undefined && { stopped }), ...(figures !== undefined && { figures }) },
      ]),
    ),
  };
}
