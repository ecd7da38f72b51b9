// Compares what the decision of a connection costs on a port with 10,000 names and on one with 10: CPU time of all its queries, for names
// in random order of which half lead to an expose and half to none, in alternating rounds. The requirement is a ratio of 1.05 at most.
//
//   node tests/bench/names.mjs [--rounds N]      ends with 1 where it is more
import { parseArgs } from "node:util";
await import("../../runtime/host/register.mjs");
const { compile } = await import("../../compiler/compile.ts");
const { loadPolicy } = await import("../../runtime/host/load.ts");
const { openEngine } = await import("../../runtime/host/ask.ts");
const { parseAddress } = await import("../../runtime/net/address.ts");

const { values } = parseArgs({ options: { rounds: { type: "string", default: "21" } } });
const ROUNDS = Number(values.rounds);
/** 10,000 names cost at most so many times what 10 do. */
const MOST = 1.05;
const QUERIES = 4_096;
const PASSES = 20;
const SOURCE = parseAddress("203.0.113.9");

/** Hexadecimal digits that look random, and the same in each run. */
const label = (n) => (Math.imul(n + 1, 2_654_435_761) >>> 0).toString(16).padStart(8, "0");

function subject(count) {
  const names = Array.from({ length: count }, (_, i) => `${label(i)}.example.com`);
  const text = [0, 1, 2]
    .map((expose) => {
      const own = names.filter((_, i) => i % 3 === expose).map((name) => `"${name}"`);
      return `expose e${expose} on tcp 443 for ${own.join(", ")} as passthrough { backend 127.0.0.1:${8440 + expose} allow from any }`;
    })
    .join("\n");
  const { module, diagnostics } = compile({ path: "p.ingress", text: `edition 1\n${text}\n` }, { read: () => ({ ok: false, error: "missing" }) }, "host");
  if (module === null) throw new Error(diagnostics[0]?.message);
  const loaded = loadPolicy(module);
  if (!loaded.ok) throw new Error(loaded.error.message);
  const engine = openEngine(loaded.value, new Uint8Array(16));
  // Each a string of its own, as the gateway's are, so that only the tables differ.
  const queried = Array.from({ length: QUERIES }, (_, i) => {
    const name = i % 2 === 0 ? names[Math.imul(i, 7_919) % count] : `${label(1_000_000 + i)}.example.com`;
    return Buffer.from(name).toString("latin1");
  });
  const [group] = engine.info.groups;
  let hits = 0;
  const pass = () => {
    for (const name of queried) {
      engine.admit([{ listener: group.id, source: SOURCE }]);
      const { listener } = engine.lead(group.id, SOURCE, name);
      if (listener === null) {
        engine.spend(group.id, SOURCE);
        continue;
      }
      hits++;
      engine.named(listener, SOURCE, name);
      engine.charge({ listener, source: SOURCE }, -1);
      engine.release(listener, SOURCE);
    }
  };
  return { pass, hits: () => hits };
}

const few = subject(10);
const many = subject(10_000);
const cpu = (one) => {
  const from = process.cpuUsage();
  for (let i = 0; i < PASSES; i++) one.pass();
  const { user, system } = process.cpuUsage(from);
  return (user + system) / (PASSES * QUERIES);
};
for (let i = 0; i < 3; i++) {
  cpu(few);
  cpu(many);
}
const ratios = [];
const each = [];
for (let i = 0; i < ROUNDS; i++) {
  const [first, second] = i % 2 === 0 ? [few, many] : [many, few];
  const [a, b] = [cpu(first), cpu(second)];
  const [ofFew, ofMany] = i % 2 === 0 ? [a, b] : [b, a];
  ratios.push(ofMany / ofFew);
  each.push([ofFew, ofMany]);
}
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
if (few.hits() !== many.hits()) throw new Error(`${few.hits()} hits of 10 names, ${many.hits()} of 10,000`);
const us = (at) => `${(1000 * median(each.map((pair) => pair[at]))).toFixed(0)} ns`;
const ratio = median(ratios);
console.log(`10 names: ${us(0)} of CPU a decision, 10,000 names: ${us(1)}; median ratio of ${ROUNDS} rounds: ${ratio.toFixed(3)} of at most ${MOST}`);
if (!(ratio <= MOST)) process.exitCode = 1;
