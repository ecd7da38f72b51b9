// Which backend a connection gets: the fewest open ones, then the least recent use; what has failed is left out for 5 s.
import * as assert from "uvu/assert";
import { BackendChoice, SKIPPED_MS } from "../../gateway/admit/backend_choice.ts";
import { canonicalBackend } from "../../gateway/forward/backend.ts";
import { Backends, type Backend } from "../../gateway/forward/backends.ts";
import { suite } from "../suite.ts";

const test = suite("choice of a backend");
const MOST = 3;

interface World {
  nowMs: number;
  readonly own: Set<string>;
  readonly full: string[];
  readonly backends: readonly Backend[];
  readonly choice: BackendChoice;
  /** The chosen one by its letter, and how many could be had; "" where none can. */
  choose(tried?: string): string;
  of(letter: string): Backend;
}

function world(count = 3): World {
  const pool = new Backends(() => null);
  const backends = Array.from({ length: count }, (_, i) => {
    const address = canonicalBackend(`127.0.0.1:${i + 1}`);
    if (typeof address === "string") throw new Error(address);
    return pool.named("web", address);
  });
  const keyOf = (letter: string): string => `127.0.0.1:${letter.charCodeAt(0) - 96}`;
  const w: World = {
    nowMs: 1_000_000,
    own: new Set(),
    full: [],
    backends,
    choice: new BackendChoice({ monoMs: () => w.nowMs, mostUnderWay: () => MOST, isOwn: ({ address }) => w.own.has(address.key) }),
    choose(tried = "") {
      const chosen = w.choice.choose(backends, tried === "" ? null : new Set([...tried].map(keyOf)), ({ address }) => w.full.push(address.key));
      return chosen === null ? "" : `${String.fromCharCode(96 + (chosen.backend.address.kind === "tcp" ? chosen.backend.address.port : 0))}${chosen.choices}`;
    },
    of(letter) {
      const found = backends.find(({ address }) => address.key === keyOf(letter));
      if (found === undefined) throw new Error(letter);
      return found;
    },
  };
  return w;
}

test("of equals the one that was used least recently; each in turn", () => {
  const w = world();
  assert.equal(
    Array.from({ length: 7 }, () => w.choose()),
    ["a3", "b3", "c3", "a3", "b3", "c3", "a3"],
  );
});

test("the fewest open ones come first, whenever it was used", () => {
  const w = world();
  [w.of("a").load.open, w.of("b").load.open, w.of("c").load.open] = [2, 1, 2];
  assert.equal([w.choose(), w.choose()], ["b3", "b3"]);
  w.of("b").load.open = 2;
  assert.equal([w.choose(), w.choose(), w.choose()], ["a3", "c3", "b3"]);
});

test("an address counts for every expose and service that has it, and for no other protocol", () => {
  const pool = new Backends(() => null);
  const address = canonicalBackend("127.0.0.1:1");
  if (typeof address === "string") throw new Error(address);
  const [web, shop, udp] = [pool.named("web", address), pool.named("shop", address), pool.namedUdp("web", address)];
  web.load.open++;
  assert.equal([shop.load.open, udp.load.open], [1, 0]);
  web.pause.untilMs = 7;
  assert.equal(
    [pool.named("web", address).pause.untilMs, shop.pause.untilMs, udp.pause.untilMs, pool.at(address, null).pause.untilMs],
    [7, 0, 0, 0],
    "who is not the owner's for one service may be another's",
  );
});

test("what has failed is left out for 5 s, and not a millisecond longer", () => {
  const w = world(2);
  w.choice.failed(w.of("a"));
  w.nowMs += SKIPPED_MS - 1;
  assert.equal([w.choose(), w.choose()], ["b2", "b2"]);
  w.nowMs += 1;
  assert.is(w.choose(), "a2");
  assert.is(SKIPPED_MS, 5_000);
});

test("where all have failed, the one whose pause ends first is tried, however many are open there", () => {
  const w = world();
  for (const letter of ["b", "c", "a"]) {
    w.choice.failed(w.of(letter));
    w.nowMs += 10;
  }
  w.of("b").load.open = 100;
  assert.equal([w.choose(), w.choose()], ["b3", "b3"]);
  w.choice.failed(w.of("b"));
  assert.is(w.choose(), "c3");
  w.nowMs += SKIPPED_MS - 10;
  assert.is(w.choose(), "a3", "the pauses of a and c are over, and nothing is open there");
});

test("what a connection has tried it does not try again; then there is none", () => {
  const w = world();
  assert.equal([w.choose("a"), w.choose("ab"), w.choose("abc")], ["b2", "c1", ""]);
  assert.is(world(1).choose("a"), "", "nor where there is only one");
  w.choice.failed(w.of("c"));
  assert.is(w.choose("ab"), "c1", "it has failed, and is the last one that is left");
});

test("a full one has failed: at N under way it takes no more, at N - 1 it does", () => {
  const w = world();
  w.of("a").load.underWay = MOST - 1;
  assert.equal([w.choose(), w.full], ["a3", []]);
  w.of("a").load.underWay = MOST;
  assert.equal([w.choose(), w.choose(), w.choose(), w.full.length], ["b3", "c3", "b3", 3]);
  w.of("a").load.underWay = 0;
  assert.is(w.choose(), "c3", "it is left out for a while");
  w.nowMs += SKIPPED_MS;
  assert.is(w.choose(), "a3");
  for (const one of w.backends) one.load.underWay = MOST;
  assert.is(w.choose(), "");
  const only = world(1);
  only.of("a").load.underWay = MOST;
  assert.is(only.choose(), "");
});

test("as many have room as all have together, and one that is too full has none to give", () => {
  const w = world();
  assert.is(w.choice.room(w.backends), 3 * MOST);
  [w.of("a").load.underWay, w.of("b").load.underWay] = [MOST + 5, 1];
  assert.is(w.choice.room(w.backends), MOST - 1 + MOST);
  assert.is(w.choice.room([]), 0);
});

test("what leads back to the gateway has no room to give where there are others", () => {
  const w = world();
  w.own.add("127.0.0.1:1");
  assert.is(w.choice.room(w.backends), 2 * MOST);
  [w.of("b").load.underWay, w.of("c").load.underWay] = [MOST - 1, MOST];
  assert.is(w.choice.room(w.backends), 1);
  w.of("b").load.underWay = MOST;
  assert.equal([w.choice.room(w.backends), w.choose()], [0, ""]);
  const only = world(1);
  only.own.add("127.0.0.1:1");
  assert.equal([only.choice.room(only.backends), only.choose()], [MOST, "a1"], "of an only one the caller knows");
});

test("what leads back to the gateway is never chosen, not even as the last one", () => {
  const w = world(2);
  w.own.add("127.0.0.1:1");
  assert.equal([w.choose(), w.choose(), w.choose("b")], ["b1", "b1", ""]);
});

test("addresses are forgotten when nothing has them and nothing is open there", () => {
  const pool = new Backends(() => null);
  const address = canonicalBackend("127.0.0.1:1");
  if (typeof address === "string") throw new Error(address);
  const first = pool.named("web", address);
  first.pause.untilMs = 9;
  pool.prune([first]);
  assert.is(pool.named("web", address).load, first.load);
  assert.is(pool.named("web", address).pause, first.pause);
  first.load.open = 1;
  pool.prune([]);
  assert.is(pool.named("web", address).load, first.load, "a stream of a backend that was removed is counted still");
  assert.is.not(pool.named("web", address).pause, first.pause);
  first.load.open = 0;
  pool.prune([]);
  assert.is.not(pool.named("web", address).load, first.load);
});

test.run();
