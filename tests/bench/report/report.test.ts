// How recorded results become text and a chart: figures by hand, rows that are met or fall short,
// peers that were stopped, and labels that don't overlap.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { chart } from "./chart.ts";
import { page, requiredTable } from "./page.ts";
import { REQUIREMENTS, isMet } from "./required.ts";
import type { Decided, OnNode, Outcome, Results, World } from "./results.ts";
import { bytes, duration, spread } from "./text.ts";

const test = suite("report");

const durations: readonly (readonly [ns: number, text: string])[] = [
  [0, "0 ns"],
  [1.234, "1.23 ns"],
  [12.34, "12.3 ns"],
  [999, "999 ns"],
  [1_000, "1.00 µs"],
  [123_456, "123 µs"],
  [4_500_000, "4.50 ms"],
  [2_500_000_000, "2.50 s"],
  [5_000_000_000_000, "5,000 s"],
  [-40, "-40.0 ns"],
];
for (const [ns, text] of durations)
  test(`${ns} ns is ${text}`, () => {
    assert.is(duration(ns), text);
  });

test("least and median have one unit", () => {
  assert.is(spread({ least: 950, median: 1_100, runs: 5 }), "0.95–1.10 µs");
  assert.is(spread({ least: 5.001, median: 5.002, runs: 5 }), "5.00 ns");
  assert.is(bytes(10_239), "10,239 bytes");
  assert.is(bytes(16 * 2 ** 20), "16.0 MiB");
});

const decided = (random: number, wrong = 0): Decided => ({
  loadMs: 2,
  rssMiB: 1,
  answers: { "asked": 1_000, wrong, allowed: 400 },
  hot: { least: 4, median: 4, runs: 5 },
  random: { least: random, median: random, runs: 5 },
  reference: { least: 4, median: 4, runs: 5 },
});
const list = (size: number): World => ({ name: `v4-${size}`, kind: "list", family: 4, size, rules: 2 });
const rules: World = { name: "rules-1000-100000", kind: "rules", family: 4, size: 100_000, rules: 1_000 };

function results(decide: Readonly<Record<string, Readonly<Record<string, Outcome>>>>, more: Partial<OnNode> = {}): Results {
  return {
    made: "2026-01-02",
    machine: { cpu: "a processor", cores: 2, memoryGiB: 8, kernel: "6.1" },
    versions: { casbin: "5" },
    worlds: [list(10), list(1_000), rules],
    nodes: { "20.0.0": { compile: {}, decide, swap: [], sizes: null, ...more } },
    proxies: {},
    floods: [],
    skipped: ["OPA: go is not installed"],
    seconds: 90,
  };
}

const rowOf = (made: Results, work: string): string =>
  requiredTable(made)
    .split("\n")
    .find((line) => line.startsWith(`| ${work}`)) ?? "";
const ACCEPT = "accept from TypeScript, 1,000 rules x 100,000 prefixes";

test("a row is met at its bound, and falls short beyond it with a cause", () => {
  assert.match(rowOf(results({ [rules.name]: { call: decided(60) } }), ACCEPT), "| 60.0 ns (15.0 × reference) | reached |");
  const beyond = results({ [rules.name]: { call: decided(60.1) } });
  assert.match(rowOf(beyond, ACCEPT), "| **falls short** |");
  assert.match(requiredTable(beyond), `- *${ACCEPT}, random*: `);
  assert.match(rowOf(results({}), ACCEPT), "| not measured | not measured |");
});

test("one Node that falls short is enough", () => {
  const good = results({ [rules.name]: { call: decided(20) } });
  const both: Results = {
    ...good,
    nodes: { ...good.nodes, "26.0.0": { compile: {}, decide: { [rules.name]: { call: decided(200) } }, swap: [], sizes: null } },
  };
  assert.match(rowOf(both, ACCEPT), /20\.0 ns.*200 ns.*falls short/);
});

test("every requirement is met at its bound and not beyond", () => {
  for (const requirement of REQUIREMENTS) {
    const { most, least } = requirement;
    assert.is((most === undefined) !== (least === undefined), true, requirement.work);
    const bound = most ?? least ?? 0;
    assert.ok(isMet(requirement, { value: bound, text: "" }));
    assert.not.ok(isMet(requirement, { value: most === undefined ? bound - 0.1 : bound + 0.1, text: "" }), requirement.work);
  }
});

test("one wrong answer of ours falls short; a peer's is only counted", () => {
  const work = "wrong answers of ingressd";
  assert.match(rowOf(results({ "v4-10": { call: decided(4), casbin: decided(9e5, 3) } }), work), "| 0 of 1,000 | reached |");
  assert.match(rowOf(results({ "v4-10": { call: decided(4), batch: decided(4, 1) } }), work), "| 1 of 2,000 | **falls short** |");
});

test("a peer that was stopped, failed or not tried says so in its row", () => {
  const made = page(
    results({
      "v4-10": { call: decided(4), blocklist: decided(900), casbin: decided(9e5, 3), cedar: { failed: "Error: out of memory" } },
      "v4-1000": {
        call: decided(5),
        blocklist: { stopped: 20 },
        casbin: { notTried: "at 10 a decision takes 200 ms" },
        cedar: { failed: "Error: out of memory" },
      },
    }),
  );
  assert.match(made, "| `net.BlockList` | hot | 4.00 ns ×1.00 | > 20 s, stopped | 0 of 1,000 |");
  assert.match(made, "|  | random | 900 ns ×225 | > 20 s, stopped |  |");
  assert.match(made, "| casbin | hot | 4.00 ns ×1.00 | not tried | 3 of 1,000 |");
  assert.match(made, "- casbin, 1,000 prefixes, IPv4, Node 20.0.0: not tried: at 10 a decision takes 200 ms");
  assert.match(made, "- Cedar, 10 prefixes, IPv4, Node 20.0.0: failed: Error: out of memory");
  assert.match(made, "- Left out: OPA: go is not installed");
});

test("modules that differ between Nodes are shouted about", () => {
  const compiled = (sha256: string): OnNode["compile"] => ({
    "v4-10": {
      coldMs: 5,
      coldCpuMs: 6,
      warmMs: null,
      peakMiB: 100,
      beforeMiB: 90,
      moduleBytes: 20_000,
      coreBytes: 10_000,
      maxSteps: 4,
      stretches: 3,
      classes: 2,
      sha256,
    },
  });
  const one = results({}, { compile: compiled("a") });
  const with26 = (sha256: string): string =>
    page({ ...one, nodes: { ...one.nodes, "26.0.0": { compile: compiled(sha256), decide: {}, swap: [], sizes: null } } });
  assert.match(with26("b"), "differs between Nodes");
  assert.not.match(with26("a"), "differs between Nodes");
});

test("a slower subject is higher in the chart, and no label overlaps another", () => {
  const same = { call: decided(5), text: decided(5), blocklist: decided(5), ipaddr: decided(6), casbin: decided(1e9), cedar: decided(1e9), opa: decided(1e9) };
  const svg = chart(results({ "v4-10": same, "v4-1000": { ...same, blocklist: { stopped: 20 } } }));
  const ys = [...svg.matchAll(/<text class="text" x="[\d.]+" y="([\d.]+)"><tspan/g)].map(([, y]) => Number(y)).sort((a, b) => a - b);
  assert.is(ys.length, 7);
  ys.forEach((y, i) => {
    if (i > 0) assert.ok(y - (ys[i - 1] ?? 0) >= 16.9, ys.join());
  });
  assert.ok((ys[0] ?? 0) > 40 && (ys.at(-1) ?? 0) < 500);
  const lines = [...svg.matchAll(/<polyline [^>]*points="[\d.]+,([\d.]+)[ "]/g)].map(([, y]) => Number(y));
  // SUBJECTS' order: call, text, blocklist, ipaddr, casbin, …
  assert.ok((lines[0] ?? 0) === (lines[1] ?? 1) && (lines[3] ?? 0) < (lines[0] ?? 0) && (lines[4] ?? 0) < (lines[3] ?? 0), lines.join());
  assert.is(svg.match(/class="ground"\/>/g)?.length, 1);
});

test.run();
