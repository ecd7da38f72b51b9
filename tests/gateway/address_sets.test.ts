// Sets of a policy that are looked up by address: large ones are read in turns of the event loop, before their policy is in force.
import * as assert from "uvu/assert";
import { hasAddress, prepareSets, PREFIXES_PER_TURN, setsOf } from "../../gateway/admit/address_sets.ts";
import { fromV4, parseAddress, type Address } from "../../runtime/net/address.ts";
import { chance } from "../oracle/random.ts";
import { freshEngine } from "../../compiler/cli/policy_tests.ts";
import { loaded } from "../host/compiled.ts";
import { suite } from "../suite.ts";
import { moduleOf } from "./gateway_under_test.ts";

const test = suite("address sets");

/** Every second /32 from 10.0.0.0 on. */
function set(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `10.${(i >>> 15) & 255}.${(i >>> 7) & 255}.${(i & 127) * 2}/32`);
}

/** Turns of the event loop until `work` has ended. */
async function turnsOf(work: () => Promise<void>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    if (isOver) return;
    turns++;
    setImmediate(count);
  };
  setImmediate(count);
  await work();
  isOver = true;
  return turns;
}

test("so many prefixes are read in a turn, of all sets together, and then everything else has one", async () => {
  for (const [sizes, due] of [
    [[], 0],
    [[PREFIXES_PER_TURN], 0],
    [[PREFIXES_PER_TURN + 1], 1],
    [[2 * PREFIXES_PER_TURN], 1],
    [[2 * PREFIXES_PER_TURN + 1], 2],
    [[PREFIXES_PER_TURN, 1], 1],
    [[PREFIXES_PER_TURN - 1, 1], 0],
    [[6 * PREFIXES_PER_TURN], 5],
  ] as const) {
    const sets = sizes.map(set);
    assert.is(await turnsOf(() => prepareSets(sets)), due, String(sizes));
    assert.is(await turnsOf(() => prepareSets(sets)), 0, "once");
  }
});

test("a set that was prepared has the addresses of one that was not, also when one is looked up before it is ready", async () => {
  const large = set(3 * PREFIXES_PER_TURN);
  const underWay = prepareSets([large]);
  const random = chance(5);
  const sources: readonly Address[] = Array.from({ length: 500 }, () => fromV4(((10 << 24) | random.below(3 * PREFIXES_PER_TURN * 3)) >>> 0));
  const has = (prefixes: readonly string[]): readonly boolean[] => sources.map((address) => hasAddress(prefixes, address));
  const due = has([...large]);
  assert.ok(due.includes(true) && due.includes(false));
  assert.equal(has(large), due, "before");
  await underWay;
  assert.equal(has(large), due, "after");
});

test("the sets of a policy are those of its caps and its load balancers", () => {
  const engine = freshEngine(
    loaded(
      moduleOf(`edition 1
expose a on tcp 1 via 192.0.2.0/24 { backend 127.0.0.1:9 cap 9 connections, 2 per source from 10.0.0.0/8, 3 per source allow from any }
expose b on udp 2 { backend 127.0.0.1:9 amplify 1 cap 2 per source from 2001:db8::/32 allow from any }`),
    ),
    null,
  );
  assert.equal([...setsOf(engine.info.listeners)].map(String).sort(), ["10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"]);
  const address = parseAddress("10.1.2.3");
  assert.ok(address !== null && [...setsOf(engine.info.listeners)].some((one) => hasAddress(one, address)));
});

test.run();
