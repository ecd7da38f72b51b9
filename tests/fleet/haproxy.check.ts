// `ingressc build --target haproxy` in HAProxy: real clients in a network namespace, at every edge and at random.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { haproxy } from "../../compiler/emitters/haproxy/haproxy.ts";
import { chance } from "../oracle/random.ts";
import { skip } from "../skip.ts";
import { stallsAfter, suite } from "../suite.ts";
import { accept, RANDOM, RANDOM_POLICIES, SHIPPED, type Engine } from "./acceptance.ts";
import { printed, shipped } from "./policies.ts";
import { namedPolicy } from "./random_policies.ts";

const test = suite("fleet: haproxy");
const API = fileURLToPath(new URL("runtime_api.py", import.meta.url));
const PROGRAM = ["haproxy", "-f", "haproxy.cfg", "-db"];
const ENGINE: Engine = { target: haproxy, setup: [], program: () => PROGRAM, silent: false };
const POLICIES = ["fleet", "public_api", "behind_nginx", "mail", "monitored"];

const tried = spawnSync("unshare", ["--net", "sh", "-ec", "haproxy -v; python3 -c 1"], { encoding: "utf8", env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` } });
if (tried.status !== 0) skip("haproxy in a network namespace", tried.error?.message ?? tried.stderr.trim());
else {
  for (const name of POLICIES)
    test(`${name}: HAProxy admits whom the module admits`, () => {
      stallsAfter(120_000);
      const { visits, admitted, impossible } = accept(shipped(name), ENGINE, SHIPPED, chance(22));
      console.log(`  ${name}: ${visits} clients, ${admitted} admitted, ${impossible} that the kernel does not have`);
      assert.ok(visits > 1_500 && admitted > 50);
    });

  test(`${RANDOM_POLICIES} random policies`, () => {
    stallsAfter(120_000);
    const sum = { visits: 0, admitted: 0, impossible: 0 };
    for (let seed = 0; seed < RANDOM_POLICIES; seed++) {
      const c = chance(8_000 + seed);
      const one = accept(printed(namedPolicy(c), `random${seed}`), ENGINE, RANDOM, c);
      sum.visits += one.visits;
      sum.admitted += one.admitted;
      sum.impossible += one.impossible;
    }
    console.log(`  random policies: ${sum.visits} clients, ${sum.admitted} admitted, ${sum.impossible} that the kernel does not have`);
    assert.ok(sum.visits > 100 * RANDOM_POLICIES && sum.admitted > 500 && sum.visits - sum.admitted > 500);
  });
}
test.run();
export { API };
