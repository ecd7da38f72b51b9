// `ingressc build --target nft` in the kernel: real clients in a network namespace, at every edge and at random.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { nft } from "../../compiler/emitters/nft.ts";
import { chance } from "../oracle/random.ts";
import { skip } from "../skip.ts";
import { stallsAfter, suite } from "../suite.ts";
import type { Settings } from "../../compiler/emitters/written.ts";
import { accept, drifted, filesFor, RANDOM, RANDOM_POLICIES, SETTINGS, SHIPPED, type Engine } from "./acceptance.ts";
import { printed, shipped } from "./policies.ts";
import { plainPolicy } from "./random_policies.ts";

const test = suite("fleet: nft");
const ENGINE: Engine = {
  target: nft,
  setup: [["nft", "-f", "output"]],
  program: null,
  silent: true,
  after: [["sh", "-c", "nft -j list table inet ingressd >running.json"]],
};
const POLICIES = ["fleet", "queue", "demo", "mail", "monitored", "shut"];

const tried = spawnSync("unshare", ["--net", "sh", "-ec", "nft list ruleset; python3 -c 1"], { encoding: "utf8" });
if (tried.status !== 0) skip("nft in a network namespace", tried.error?.message ?? tried.stderr.trim());
else {
  for (const name of POLICIES)
    test(`${name}: the kernel admits whom the module admits`, () => {
      stallsAfter(120_000);
      const { visits, admitted, impossible, folder } = accept(shipped(name), ENGINE, SHIPPED, chance(21));
      console.log(`  ${name}: ${visits} clients, ${admitted} admitted, ${impossible} that the kernel does not have`);
      assert.equal(drifted(shipped(name), nft, readFileSync(join(folder, "running.json"), "utf8")), { opened: 0, closed: 0, strange: 0 });
      assert.ok(name === "shut" ? visits === 0 : visits > 1_500 && admitted > 50);
    });

  const changes: readonly (readonly [string, string, object])[] = [
    ["one source more", "nft add element inet ingressd sources0 '{ 9.9.9.9 }'", { opened: 1, closed: 0, strange: 0 }],
    ["one source less", "nft insert rule inet ingressd place0 ip saddr 198.51.100.7 drop", { opened: 0, closed: 1, strange: 0 }],
    ["a port that is closed", "nft add rule inet ingressd input tcp dport 1234 drop", { opened: 0, closed: 1, strange: 0 }],
    ["the table without its drop", "nft flush chain inet ingressd place1", { opened: 1, closed: 0, strange: 0 }],
    ["a rule about something else", "nft add rule inet ingressd input tcp sport 5 accept", { opened: 0, closed: 0, strange: 1 }],
    ["loopback before the policy", "nft insert rule inet ingressd input iif lo accept", { opened: 0, closed: 0, strange: 1 }],
    ["a rule for every port", "nft add rule inet ingressd input ip saddr 9.9.9.9 accept", { opened: 0, closed: 0, strange: 1 }],
    ["a drop of everything behind the ports", "nft add rule inet ingressd input drop", { opened: 0, closed: 0, strange: 1 }],
    ["a table that is dormant", "nft add table inet ingressd '{ flags dormant; }'", { opened: 0, closed: 0, strange: 1 }],
    ["a chain that drops", "nft add chain inet ingressd input '{ policy drop; }'", { opened: 0, closed: 0, strange: 1 }],
    ["a chain at another hook", "nft add chain inet ingressd out '{ type filter hook output priority 0; policy drop; }'", { opened: 0, closed: 0, strange: 1 }],
  ];
  for (const [what, command, due] of changes)
    test(`drift: ${what}`, () => {
      const fleet = shipped("fleet");
      const { folder } = accept(fleet, { ...ENGINE, after: [["sh", "-c", command], ...(ENGINE.after ?? [])] }, { random: 0, drawn: 1 }, chance(1));
      assert.equal(drifted(fleet, nft, readFileSync(join(folder, "running.json"), "utf8")), due);
    });

  test("the whole host: loopback is open behind the exposed ports alone, and the chain drops", () => {
    stallsAfter(120_000);
    const fleet = shipped("fleet");
    const engine: Engine = { ...ENGINE, settings: { ...SETTINGS, wholeHost: true } };
    const { visits, folder } = accept(fleet, engine, { random: 300, drawn: 50 }, chance(3));
    assert.ok(visits > 300);
    const text = filesFor(fleet, engine).get("") ?? "";
    assert.ok(text.includes("policy drop;") && text.indexOf("iif lo accept") > text.indexOf("goto place2"));
    const running = readFileSync(join(folder, "running.json"), "utf8");
    assert.equal(running.includes('"policy": "drop"'), true);
    const differs = (shown: string, settings?: Settings): object => drifted(fleet, nft, shown, settings);
    assert.equal(differs(running, engine.settings), { opened: 0, closed: 0, strange: 0 });
    assert.equal(differs(running), { opened: 0, closed: 0, strange: 1 });
    const open = running.replace('"policy": "drop"', '"policy": "accept"');
    assert.equal(differs(open, engine.settings), { opened: 0, closed: 0, strange: 1 });
    assert.equal(differs(open), { opened: 0, closed: 0, strange: 0 });
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
