// The plan of a run: which subjects a row has, in how many rounds, for how many seconds, and how long all of it takes.
// HAProxy and ingressd's forwarder `kernel` are compared with the bars, so they have the most rounds; the others are
// there to be seen beside them.

const MOST_ROUNDS = 5;
const FEWER_ROUNDS = 3;

/** Of one measurement. `warm` is before the first round: V8 compiles in it, programs in C only fill their pools. */
export const SECONDS = { warm: 2.5, warmNative: 0.5, cpu: 1, latency: 6, reference: 0.6, settle: 1 };
export const QUICK_SECONDS = { warm: 0.3, warmNative: 0.1, cpu: 0.3, latency: 0.6, reference: 0.2, settle: 0.2 };

export const isCompared = (subject) => subject.id === "haproxy" || subject.id.startsWith("ingressd-kernel");
const isOfV8 = (subject) => subject.id.startsWith("ingressd") || subject.id.startsWith("net");

/** The rows in the order in which they are measured, with a log and without; `quick` has no row without one. */
export function variantsOf(rows, { quick }) {
  return rows.flatMap((row) =>
    (row.unlogged === true && !quick ? [true, false] : [true]).map((log) => ({ ...row, log, key: log ? row.name : `${row.name}_unlogged` })),
  );
}

/** In a short run every subject starts in these rows, and in the others those of HAProxy and ingressd do. */
const QUICK_ROWS = ["connection", "mtls", "udp"];

/** The subjects of a row: all, or the compared ones and those that `also` names. */
export function subjectsOf(row, subjects, { quick }) {
  if (quick && !QUICK_ROWS.includes(row.name)) return subjects.filter((subject) => isCompared(subject) || subject.ours === true);
  return row.also === undefined ? subjects : subjects.filter((subject) => isCompared(subject) || row.also.includes(subject.id));
}

/** In how many rounds the row measures the subject, from the first on. */
export function roundsOf(row, subject, { quick, rounds = MOST_ROUNDS }) {
  if (quick) return 1;
  if (isCompared(subject)) return row.fewer === true || !row.log ? Math.min(FEWER_ROUNDS, rounds) : rounds;
  return row.kind === "cpu" && row.log && row.fewer !== true ? Math.min(2, rounds) : 1;
}

export const warmSeconds = (subject, seconds) => (isOfV8(subject) ? seconds.warm : seconds.warmNative);

/** Seconds in which 1,000 connections are opened, tried and closed again by the load, and a gigabyte goes through. */
const OPENED = { plain: 0.4, tls: 1.3 };
const GIGABYTE = 0.45;
const START = { own: 1.1, other: 0.2 };

function figureSeconds(row, seconds) {
  const others = ((row.others ?? 0) / 1_000) * (row.load.tls === 1 ? OPENED.tls : OPENED.plain);
  switch (row.kind) {
    case "latency":
      return seconds.latency + 0.3;
    case "memory":
      return others + 2 * seconds.settle + 1;
    case "crowd":
      return others + 2 * seconds.cpu + 0.3;
    default:
      return (row.load.mode === "bulk" ? (row.load.bytes / 1e9) * GIGABYTE : seconds.cpu) + 0.1;
  }
}

/** Seconds that a row takes where no round has to be measured again. */
export function rowSeconds(row, all, options, seconds) {
  const subjects = subjectsOf(row, all, options).filter(
    (subject) => subject.cannot[row.name] === undefined && (row.log || subject.cannot.unlogged === undefined),
  );
  const starts = subjects.map((subject) => (subject.ours === true ? START.own + (row.prefixes ?? 0) * 5e-6 : START.other + (row.prefixes ?? 0) * 1.5e-6));
  const warm = row.kind === "memory" ? [] : subjects.map((subject) => warmSeconds(subject, seconds) + 0.1);
  const figures = subjects.map((subject) => roundsOf(row, subject, options) * (figureSeconds(row, seconds) + (row.kind === "memory" ? START.own : 0)));
  const rounds = Math.max(0, ...subjects.map((subject) => roundsOf(row, subject, options)));
  const reference = row.load.mode === "bulk" ? (row.load.bytes / 1e9) * GIGABYTE : seconds.reference;
  return [...starts, ...warm, ...figures].reduce((sum, n) => sum + n, 0) + rounds * 2 * (reference + 0.1);
}
