// Loads a world into a subject and sends it requests; measures wrong answers, hot and random time, and memory.
import { clocked, cpuMs, reference, sink, time } from "../clock.mjs";
import { TEXTS, readWorld, textOf, traffic } from "../worlds.mjs";

const SUBJECTS = {
  call: ours,
  host: ours,
  text: ours,
  batch: ours,
  admit: ours,
  blocklist: async () => (await import("../subjects/blocklist.mjs")).blocklist,
  ipaddr: async () => (await import("../subjects/ipaddr.mjs")).ipaddrJs,
  casbin: async () => (await import("../subjects/casbin.mjs")).casbin,
  cedar: async () => (await import("../subjects/cedar.mjs")).cedar,
  opa: async () => (await import("../subjects/opa.mjs")).opa,
};

async function ours(name) {
  return (await import("../subjects/ingressd.mjs")).SUBJECTS[name];
}

/** A peer's one question over texts. */
function ofTexts({ decide }, part) {
  const { words, width, names } = part;
  const texts = Array.from({ length: Math.min(TEXTS, words.length / width) }, (_, i) => textOf(words.subarray(i * width, (i + 1) * width)));
  const mask = texts.length - 1;
  return (from, count) => {
    let sum = 0;
    for (let i = from; i < from + count; i++) sum += decide(texts[i & mask], names === null ? null : names[i & mask]) ? 1 : 0;
    sink.sum += sum;
  };
}

function loopOf(subject, part) {
  if (subject.timed !== undefined) return subject.timed(part);
  return clocked(subject.loop === undefined ? ofTexts(subject, part) : subject.loop(part));
}

function check(subject, { checked }, mostMs) {
  const allows = subject.allows ?? (({ source, name }) => subject.decide(source, name));
  const from = cpuMs();
  const answers = { "asked": 0, wrong: 0, allowed: 0, first: null };
  for (const question of checked) {
    if (cpuMs() - from > mostMs) break;
    answers.asked++;
    if (question.allowed) answers.allowed++;
    if (allows(question) === question.allowed) continue;
    answers.wrong++;
    answers.first ??= `${question.name ?? question.source} should be ${question.allowed ? "allowed" : "denied"}`;
  }
  return answers;
}

const MiB = 2 ** 20;

function memory() {
  globalThis.gc();
  globalThis.gc();
  const { rss, heapUsed } = process.memoryUsage();
  return { rss: rss / MiB, heap: heapUsed / MiB };
}

export async function run({ subject: name, folder, world: described, opaModules, times }, report) {
  const make = await SUBJECTS[name](name);
  const world = readWorld(folder, described);
  const before = memory();
  const started = cpuMs();
  const subject = await make(folder, world, { opaModules });
  const loadMs = cpuMs() - started;
  const after = memory();
  report({ loadedMs: loadMs });
  const answers = check(subject, world, times.checkMs);
  report({ answers });
  const figures = {};
  for (const shape of ["hot", "random"]) {
    figures[shape] = time(loopOf(subject, traffic(world, shape)), times);
    report({ [shape]: figures[shape] });
  }
  return { loadMs, rssMiB: after.rss - before.rss, heapMiB: after.heap - before.heap, answers, ...figures, reference: reference() };
}
