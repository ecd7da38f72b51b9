// `ingressc build --target nft` in the kernel: real clients in a network namespace, at every edge and at random.
import { spawnSync } from "node:child_process";
import * as assert from "uvu/assert";
import { nft } from "../../compiler/emitters/nft/nft.ts";
import { chance } from "../oracle/random.ts";
import { skip } from "../skip.ts";
import { stallsAfter, suite } from "../suite.ts";
import { accept, RANDOM, RANDOM_POLICIES, SHIPPED, type Engine } from "./acceptance.ts";
import { printed, shipped } from "./policies.ts";
import { plainPolicy } from "./random_policies.ts";

const test = suite("fleet: nft");
const ENGINE: Engine = { target: nft, setup: [["nft", "-f", "output"]], program: null, silent: true, after: [] };
const POLICIES = ["fleet", "demo", "mail", "monitored", "shut"];

const tried = spawnSync("unshare", ["--net", "sh", "-ec", "nft list ruleset; python3 -c 1"], { encoding: "utf8" });
if (tried.status !== 0) skip("nft in a network namespace", tried.error?.message ?? tried.stderr.trim());
else {
  for (const name of POLICIES)
    test(`${name}: the kernel admits whom the module admits`, () => {
      stallsAfter(120_000);
      const { visits, admitted, impossible } = accept(shipped(name), ENGINE, SHIPPED, chance(21));
      console.log(`  ${name}: ${visits} clients, ${admitted} admitted, ${impossible} that the kernel does not have`);
      assert.ok(name === "shut" ? visits === 0 : visits > 1_500 && admitted > 50);
    });

  test(`${RANDOM_POLICIES} random policies`, () => {
    stallsAfter(120_000);
    const sum = { visits: 0, admitted: 0, impossible: 0 };
    for (let seed = 0; seed < RANDOM_POLICIES; seed++) {
      const c = chance(7_000 + seed);
      const one = accept(printed(plainPolicy(c), `random${seed}`), ENGINE, RANDOM, c);
      sum.visits += one.visits;
      sum.admitted += one.admitted;
      sum.impossible += one.impossible;
    }
    console.log(`  random policies: ${sum.visits} clients, ${sum.admitted} admitted, ${sum.impossible} that the kernel does not have`);
    assert.ok(sum.visits > 100 * RANDOM_POLICIES && sum.admitted > 500 && sum.visits - sum.admitted > 500);
  });
}
test.run();
