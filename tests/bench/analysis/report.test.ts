// The bars of `npm run bench:analysis`, each at its edge, and the tables that come of its results.
import * as assert from "uvu/assert";
import { suite } from "../../suite.ts";
import { analysisPage, isMet, MOST_MEMORY, ratioOf, type AnalysisRow } from "./report.ts";

const test = suite("bench of judging policies: report");
const ROW: AnalysisRow = {
  task: "diff",
  of: "a policy",
  most: { ratio: 0.5, ms: null },
  rounds: [
    { own: 50, base: 100 },
    { own: 90, base: 100 },
    { own: 10, base: 100 },
  ],
  memory: MOST_MEMORY,
  nodes: 1234,
  says: "2 lines",
  isWhole: true,
};
const CASES: readonly (readonly [what: string, row: Partial<AnalysisRow>, met: boolean])[] = [
  ["the median is at the bar", {}, true],
  ["the median is above it", { rounds: [...ROW.rounds.slice(1), { own: 50.001, base: 100 }] }, false],
  ["a byte more memory", { memory: MOST_MEMORY + 1 }, false],
  ["something was not judged", { isWhole: false }, false],
  ["above the ratio, and short enough", { most: { ratio: 0.4, ms: 50 } }, true],
  ["above the ratio, and a little too long", { most: { ratio: 0.4, ms: 49.9 } }, false],
  ["above the ratio, and no time is short enough", { most: { ratio: 0.4, ms: null } }, false],
  ["short enough, and with too much memory", { most: { ratio: 0.4, ms: 50 }, memory: MOST_MEMORY + 1 }, false],
];

for (const [what, row, met] of CASES) test(`${what}: ${met ? "within the bar" : "missed"}`, () => assert.is(isMet({ ...ROW, ...row }), met));

test("the ratio is the median of the rounds' ratios", () => {
  assert.is(ratioOf(ROW), 0.5);
});

test("a row for each policy, a column for each task, and what is missed in bold", () => {
  const machine = { cpu: "a processor", cores: 2, memoryGiB: 8, kernel: "6.1.0" };
  const rows: readonly AnalysisRow[] = [
    { ...ROW, task: "lint", nodes: 7, most: { ratio: 0.4, ms: null } },
    { ...ROW, task: "prove", nodes: 8 },
    ROW,
    { ...ROW, task: "diff", of: "another policy", memory: 2 * MOST_MEMORY },
    { ...ROW, task: "learn", of: "10 lines", nodes: null, memory: 1024 ** 2 },
  ];
  const text = analysisPage({ made: "2026-01-02", seconds: 61, node: "20.1.0", machine, rows });
  assert.is(
    text,
    `Measured on 2026-01-02 in 2 minutes: a processor, 2 cores, 8 GiB, Linux 6.1.0; Node 20.1.0. 2 of 5 figures miss their bars, and are in bold. In parentheses is the CPU time of the task itself.

| policy | warnings of \`check\` | \`prove\` | \`diff\` | nodes | memory |
| --- | --- | --- | --- | --- | --- |
| a policy | **0.50 x** (0.05 s) | 0.50 x (0.05 s) | 0.50 x (0.05 s) | 7, 8, 1,234 | 1024 MiB |
| another policy |  |  | **0.50 x** (0.05 s) | 1,234 | **2048 MiB** |

| audit file | \`replay\` | \`learn\` | memory |
| --- | --- | --- | --- |
| 10 lines |  | 0.50 x (0.05 s) | 1 MiB |`,
  );
  assert.match(analysisPage({ made: "2026-01-02", seconds: 60, node: "20.1.0", machine, rows: rows.slice(1, 3) }), /in a minute: .*All 2 figures are within/);
});

test.run();
