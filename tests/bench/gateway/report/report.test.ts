// How recorded rounds become bars and tables: ratios are of one round, a bar is met at its bound and missed beyond it, and
// a gap is never a figure.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { existsSync } from "node:fs";
import { BARS, missesWithoutCause, reachedBar } from "./bars.ts";
import { gatewayChart } from "./chart.ts";
import { barTable, gatewayPage } from "./page.ts";
import { median, ratioOf, readGatewayResults, type GatewayFigure, type GatewayResults, type GatewayRow, type Measured } from "./results.ts";

const test = suite("gateway report");

const figure = (value: number, more: Partial<GatewayFigure> = {}): GatewayFigure => ({
  done: 100,
  failed: 0,
  wrong: 0,
  value,
  p50: value,
  p99: value,
  p999: value,
  ...more,
});
const rounds = (...values: readonly number[]): Measured => ({ figures: values.map((n) => figure(n)) });

function row(subjects: Readonly<Record<string, Measured>>, more: Partial<GatewayRow> = {}): GatewayRow {
  return {
    made: "2026-01-02",
    seconds: 60,
    kind: "cpu",
    title: "a row",
    unit: "µs",
    log: true,
    prefixes: null,
    rate: null,
    references: [1, 1],
    repeated: 0,
    moved: 0,
    subjects,
    ...more,
  };
}

function results(rows: Readonly<Record<string, GatewayRow>>): GatewayResults {
  const ids = ["haproxy", "nginx", "ingressd-node-20", "ingressd-kernel-20", "ingressd-kernel-26"];
  return {
    made: "2026-01-02",
    seconds: 60,
    rounds: 3,
    machine: { cpu: "a processor", cores: 2, memoryGiB: 8, kernel: "6.1" },
    missing: ["Envoy: no wheel"],
    rows,
    subjects: ids.map((id) => ({ id, label: `the ${id}`, version: null, node: null, ours: id.startsWith("ingressd") })),
  };
}

const lineOf = (text: string, start: string): string => text.split("\n").find((line) => line.startsWith(`| ${start} `)) ?? "";

test("a median is the middle, the mean of two middles, or nothing", () => {
  assert.is(median([3, 1, 2]), 2);
  assert.is(median([4, 1, 2, 3]), 2.5);
  assert.is(median([]), null);
});

test("a ratio is of the same round, so a slow round of both changes nothing", () => {
  const measured = row({ haproxy: rounds(10, 100, 20), "ingressd-kernel-20": rounds(11, 110, 22) });
  assert.ok(Math.abs((ratioOf(measured, "ingressd-kernel-20", "haproxy", ({ value }) => value) ?? 0) - 1.1) < 1e-9);
  assert.is(
    ratioOf(row({ haproxy: rounds(), "ingressd-kernel-20": rounds(11) }), "ingressd-kernel-20", "haproxy", ({ value }) => value),
    null,
  );
  assert.is(
    ratioOf(row({ haproxy: rounds(0), "ingressd-kernel-20": rounds(11) }), "ingressd-kernel-20", "haproxy", ({ value }) => value),
    null,
  );
});

test("every bar is met at its bound and missed beyond it, on each Node", () => {
  for (const bar of BARS) {
    for (const [major, most] of Object.entries(bar.most)) {
      const at = (n: number): GatewayResults => results({ [bar.row]: row({ haproxy: rounds(100, 100), [`ingressd-kernel-${major}`]: rounds(n, n) }) });
      const bound = bar.beyond === true ? 100 + most : 100 * most;
      assert.is(reachedBar(at(bound), bar, major)?.met, true, `${bar.row} ${major}`);
      assert.is(reachedBar(at(bound + 0.01), bar, major)?.met, false, `${bar.row} ${major} beyond`);
      assert.is(reachedBar(results({}), bar, major), null);
    }
  }
});

test("one Node that misses is enough, and only a known cause is printed", () => {
  const made = barTable(results({ connection: row({ haproxy: rounds(100), "ingressd-kernel-20": rounds(100), "ingressd-kernel-26": rounds(200) }) }));
  assert.match(lineOf(made, "new connection"), "| 1.00 x | 2.00 x | **missed** |");
  assert.match(made, "- *new connection*: missed: ");
  assert.not.match(made, "- *TLS*: missed");
  assert.match(lineOf(made, "TLS"), "| not measured | not measured | not measured |");
});

test("what was missed and has no cause is named, and what was recorded has a cause for each miss", () => {
  const of = (value: number): GatewayResults => results({ tls: row({ haproxy: rounds(100), "ingressd-kernel-20": rounds(value) }) });
  const due = BARS.filter(({ row: name, cause }) => name === "tls" && cause === undefined).map(({ work }) => work);
  assert.equal(missesWithoutCause(of(200)), due);
  assert.equal(missesWithoutCause(of(100)), []);
  const recorded = new URL("../results.json", import.meta.url);
  if (existsSync(recorded)) assert.equal(missesWithoutCause(readGatewayResults(recorded)), [], "report/bars.ts needs a `cause` for these");
});

test("the forwarder `kernel` is compared, and Node's only where the other was not measured", () => {
  const [connection] = BARS;
  assert.ok(connection);
  const both = results({ connection: row({ haproxy: rounds(100), "ingressd-kernel-20": rounds(100), "ingressd-node-20": rounds(300) }) });
  assert.equal(reachedBar(both, connection, "20"), { met: true, text: "1.00 x" });
  const failed = results({ connection: row({ haproxy: rounds(100), "ingressd-kernel-20": { stopped: "it ended" }, "ingressd-node-20": rounds(300) }) });
  assert.equal(reachedBar(failed, connection, "20"), { met: false, text: "3.00 x (forwarder `node`)" });
});

test("a subject that stopped, or doesn't serve a row, has no figure there", () => {
  const text = gatewayPage(
    results({
      connection: row({
        haproxy: rounds(100, 90, 110),
        nginx: { stopped: "it ended at once", figures: [figure(7)] },
        "ingressd-kernel-20": rounds(120, 99, 132),
      }),
      udp: row({ haproxy: { unserved: "no datagrams" }, nginx: rounds(9) }),
    }),
  );
  assert.match(lineOf(text, "the haproxy"), "| the haproxy | 100 (90.0–110) | not served |");
  assert.match(lineOf(text, "the nginx"), "| the nginx | failed | 9.00 |");
  assert.match(lineOf(text, "the ingressd-kernel-20"), "| the ingressd-kernel-20 | 120 (99.0–132) ×1.20 |  |");
  assert.match(text, "- the haproxy, udp: not served: no datagrams");
  assert.match(text, "- the nginx, connection: failed: it ended at once");
  assert.match(text, "- Missing: Envoy: no wheel");
});

test("wrong bytes, failures and a moved reference are on the page", () => {
  const text = gatewayPage(
    results({
      connection: row(
        { haproxy: { figures: [figure(100, { wrong: 3 })] }, "ingressd-kernel-20": { figures: [figure(100, { failed: 2 })] } },
        { moved: 1, repeated: 2, made: "2026-01-01" },
      ),
    }),
  );
  assert.match(text, "3 wrong bytes in 200 exchanges; 2 rounds were measured again");
  assert.match(text, "- the haproxy, connection: **3 wrong bytes**");
  assert.match(text, "- the ingressd-kernel-20, connection: 2 of 102 did not come back whole");
  assert.match(text, "- connection: the direct reference still moved by 30 % in 1 of the rounds that count");
  assert.match(text, "- connection: measured on 2026-01-01");
});

test("the chart has a bar for each ratio, and says where one is cut", () => {
  const svg = gatewayChart(
    results({
      connection: row({ haproxy: rounds(100), nginx: rounds(80), "ingressd-kernel-26": rounds(450) }),
      tls: row({ haproxy: rounds(100), nginx: { stopped: "no" } }),
    }),
  );
  assert.is(svg.match(/<rect x=/g)?.length, 2);
  assert.match(svg, ">0.80<");
  assert.match(svg, ">4.50 (cut)<");
  assert.not.match(svg, ">TLS<");
  assert.not.match(svg, "NaN");
});

test.run();
