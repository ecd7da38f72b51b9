// The plan of a whole run: every row that the page has, enough rounds where a bar is, and no more time than half an hour.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { QUICK_SECONDS, rowSeconds, roundsOf, SECONDS, subjectsOf, variantsOf, type PlannedSubject } from "./plan.mjs";
import { PREFIXES, rowsOf } from "./rows.mjs";
import { BARS } from "./report/bars.ts";

const test = suite("gateway bench, plan");

const ROWS = ["connection", "request", "refusal", "bulk1", "bulk8", "tls", "mtls", "passthrough", "udp", "idle", "idle_tls", "crowd", "latency", "newcomers"];
const UNLOGGED = ["connection", "request", "refusal", "tls", "mtls", "passthrough"];
const own = (id: string): PlannedSubject => ({ id, ours: true, cannot: {} });
const net = (id: string): PlannedSubject => ({ id, cannot: { unlogged: "no log", udp: "no", passthrough: "no" } });
const SUBJECTS: readonly PlannedSubject[] = [
  { id: "haproxy", cannot: { udp: "no" } },
  { id: "nginx", cannot: {} },
  { id: "envoy", cannot: {} },
  ...["20", "26"].flatMap((major) => [net(`net-${major}`), own(`ingressd-node-${major}`), own(`ingressd-kernel-${major}`)]),
];
const WHOLE = { quick: false };
const QUICK = { quick: true };
const whole = variantsOf(rowsOf({ quick: false, others: 10_000 }), WHOLE);
const quick = variantsOf(rowsOf({ quick: true, others: 100 }), QUICK);

test("a whole run has every row, with its log, and what moves no bulk without it, too", () => {
  assert.equal(whole.map(({ key }) => key).sort(), [...ROWS, ...UNLOGGED.map((name) => `${name}_unlogged`), ...PREFIXES.map((n) => `prefixes_${n}`)].sort());
  assert.equal([PREFIXES[0], PREFIXES.at(-1)], [10, 1_000_000]);
});

test("a short run has every row once, one list of prefixes, and nothing without a log", () => {
  assert.equal(
    quick.map(({ key }) => key),
    [...ROWS, "prefixes_1000"],
  );
  for (const row of quick) for (const subject of SUBJECTS) assert.is(roundsOf(row, subject, QUICK), 1);
});

test("every subject is in every row but those of prefixes; each row has HAProxy and the forwarder `kernel` on both Nodes", () => {
  for (const row of whole) {
    const ids = subjectsOf(row, SUBJECTS, WHOLE).map(({ id }) => id);
    if (row.prefixes === undefined) assert.is(ids.length, SUBJECTS.length, row.key);
    else assert.equal(ids, ["haproxy", "nginx", "ingressd-kernel-20", "ingressd-kernel-26"]);
  }
  for (const row of quick) for (const id of ["haproxy", "ingressd-kernel-20"]) assert.ok(subjectsOf(row, SUBJECTS, QUICK).some((one) => one.id === id));
});

test("what a bar compares has five rounds (three where memory is counted), and nobody has more than HAProxy", () => {
  for (const row of whole) {
    const rounds = (id: string): number => roundsOf(row, { id, cannot: {} }, WHOLE);
    if (row.log && BARS.some((bar) => bar.row === row.name)) {
      for (const id of ["haproxy", "ingressd-kernel-20", "ingressd-kernel-26"]) assert.is(rounds(id), row.kind === "memory" ? 3 : 5, `${row.key} ${id}`);
    }
    for (const { id } of SUBJECTS) assert.ok(rounds(id) >= 1 && rounds(id) <= rounds("haproxy"), `${row.key} ${id}`);
  }
});

test("`--rounds` bounds the rounds of all", () => {
  for (const row of whole) {
    for (const subject of SUBJECTS) {
      assert.is(roundsOf(row, subject, { quick: false, rounds: 1 }), 1);
      assert.ok(roundsOf(row, subject, { quick: false, rounds: 9 }) <= 9);
    }
  }
  const [connection] = whole;
  assert.ok(connection);
  assert.is(roundsOf(connection, own("ingressd-kernel-20"), { quick: false, rounds: 9 }), 9);
});

test("a whole run takes at most half an hour, a short one two minutes, and more rounds take longer", () => {
  const seconds = (rounds?: number): number =>
    whole.reduce((sum, row) => sum + rowSeconds(row, SUBJECTS, { ...WHOLE, ...(rounds !== undefined && { rounds }) }, SECONDS), 0);
  assert.ok(seconds() <= 30 * 60, `${seconds()} s`);
  assert.ok(seconds(1) < seconds(3) && seconds(3) < seconds(5) && seconds(5) < seconds(7));
  assert.ok(quick.reduce((sum, row) => sum + rowSeconds(row, SUBJECTS.slice(0, 6), QUICK, QUICK_SECONDS), 0) <= 120);
});

test.run();
