// docs/performance.md: its tables and its chart are what the recorded results give (generated.test.ts
// compares them), the required figures come first, and no requirement is left out.
import { existsSync, readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { regenerate } from "../../scripts/docs.ts";
import { chart } from "../bench/report/chart.ts";
import { REQUIREMENTS } from "../bench/report/required.ts";
import { readResults } from "../bench/report/results.ts";
import { skip } from "../skip.ts";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const text = read("docs/performance.md");
const [, generated = ""] = /<!-- generated: performance -->\n([^]*?)\n<!-- end -->/.exec(text) ?? [];
const recorded = new URL("../bench/results.json", import.meta.url);
const test = suite("docs/performance.md");

if (existsSync(recorded)) recordedRun(readResults(recorded));
else {
  skip("docs/performance.md figures", "no full run of the bench is recorded (npm run bench)");
  test("says so, and shows no figure", () => {
    assert.match(generated, /^No run is recorded here yet/);
    assert.not.match(generated, /\d (ns|ms)/);
  });
}

function recordedRun(results: ReturnType<typeof readResults>): void {
  test("begins with what is required and what is reached, a row for each", () => {
    const [head = "", , , , ...rows] = generated.split("\n").filter((line) => line !== "");
    assert.is(head, "## Required against reached");
    const table = generated.split("\n\n")[2] ?? "";
    assert.equal(
      table
        .split("\n")
        .slice(2)
        .map((row) => row.split(" | ")[0]),
      REQUIREMENTS.map(({ work }) => `| ${work}`),
    );
    assert.ok(rows.length > REQUIREMENTS.length);
  });

  test("a figure that is changed by hand is noticed", () => {
    const figure = /\d\.\d+ ms/.exec(generated)?.[0] ?? "";
    assert.ok(figure.length > 4);
    const edited = text.replace(generated, generated.replace(figure, "0.01 ms"));
    assert.is.not(edited, text);
    assert.is(regenerate(edited), text);
    assert.is.not(read("docs/performance.svg").replace(/points="[\d.]+/, 'points="1'), chart(results));
  });

  test("the recorded results are a whole run: both Nodes, every size, hot and random, peers and their answers", () => {
    assert.equal(
      Object.keys(results.nodes).map((version) => version.split(".")[0]),
      ["20", "26"],
    );
    for (const [version, { decide, swap, sizes }] of Object.entries(results.nodes)) {
      for (const family of ["v4", "v6"]) {
        for (const size of [10, 1_000, 100_000, 1_000_000]) {
          assert.equal(
            Object.keys(decide[`${family}-${size}`] ?? {}).slice(0, 9),
            ["call", "host", "text", "batch", "admit", "blocklist", "ipaddr", "casbin", "cedar"],
            `${family} ${size} on ${version}`,
          );
        }
      }
      assert.equal(
        swap.map(({ megabytes }) => megabytes),
        [1, 16],
      );
      assert.ok(sizes !== null);
    }
    for (const machine of ["/home/", "/root/", "/work/", "/tmp/"]) assert.not.ok(read("tests/bench/results.json").includes(machine), machine);
  });
}

test.run();
