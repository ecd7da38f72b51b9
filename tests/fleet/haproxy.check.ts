// `ingressc build --target haproxy` in HAProxy: real clients in a network namespace, at every edge and at random.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { haproxy } from "../../compiler/emitters/haproxy.ts";
import { chance } from "../oracle/random.ts";
import { skip } from "../skip.ts";
import { stallsAfter, suite } from "../suite.ts";
import { accept, drifted, filesFor, RANDOM, RANDOM_POLICIES, SHIPPED, type Engine } from "./acceptance.ts";
import { printed, shipped, written, type Compiled } from "./policies.ts";
import { namedPolicy } from "./random_policies.ts";

const test = suite("fleet: haproxy");
const API = fileURLToPath(new URL("runtime_api.py", import.meta.url));
const PROGRAM = ["haproxy", "-f", "haproxy.cfg", "-db"];
const ENGINE: Engine = { target: haproxy, setup: [], program: () => PROGRAM, ready: "runtime.sock", silent: false };
const POLICIES = ["fleet", "queue", "public_api", "behind_nginx", "mail", "monitored"];

const tried = spawnSync("unshare", ["--net", "sh", "-ec", "haproxy -v; python3 -c 1"], {
  encoding: "utf8",
  env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` },
});
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

  const policy = (office: string): Compiled =>
    written(
      "swapped",
      `edition 1\nnet office = ${office}\nexpose web on tcp 8443 as passthrough {\n  backend 127.0.0.1:18443\n  allow from any sni "www.example.com"\n  allow from office sni "**.a.example.com"\n}\n`,
    );

  test("the maps of another policy are put in the place of those that run, and what runs is read back", () => {
    stallsAfter(120_000);
    const [before, after] = [policy("198.51.100.0/24, 2001:db8:9::/48"), policy("203.0.113.0/25, 2001:db8::/32")];
    const [first, next] = [filesFor(before, ENGINE), filesFor(after, ENGINE)];
    const engine: Engine = {
      ...ENGINE,
      files: new Map([...first, ["next.txt", next.get("swap.txt") ?? ""]]),
      before: [["python3", API, "swap", "next.txt"]],
      after: [["python3", API, "show", "shown"]],
    };
    const { visits, admitted, folder } = accept(after, engine, { random: 500, drawn: 100 }, chance(23));
    assert.ok(visits > 400 && admitted > 50);
    const shown = readFileSync(join(folder, "shown"), "utf8");
    assert.equal(drifted(after, haproxy, shown), { opened: 0, closed: 0, strange: 0 });
    assert.equal(drifted(before, haproxy, shown), { opened: 1, closed: 1, strange: 0 });
    const other = shown.replace("www.example.com", "web.example.com");
    assert.not.equal(other, shown);
    assert.ok(drifted(after, haproxy, other).opened > 0 && drifted(after, haproxy, other).closed > 0);
  });
}
test.run();
