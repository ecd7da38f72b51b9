// The walk over many sets of addresses, against membership: at the ends of the space and at the edges of IPv4 too.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Region, walk } from "../../compiler/analysis/sweep.ts";
import { contains, equal, joined, union } from "../../compiler/check/sets/intervals.ts";
import type { AddressSet, AddressWords } from "../../compiler/policy/policy.ts";
import { chance, type Chance } from "../oracle/random.ts";

const test = suite("analysis: walk over sets");

const TOP = (1n << 128n) - 1n;
const V4 = 0xffffn << 32n;
const AFTER_V4 = V4 + (1n << 32n);
/** Edges, and places where a word overflows. */
const PLACES = [0n, 0xffffffffn, (1n << 64n) - 3n, V4 - 4n, V4, V4 + 0x7fffffffn, AFTER_V4 - 4n, AFTER_V4, TOP - 8n];

function words(n: bigint): AddressWords {
  const at = (shift: bigint): number => Number((n >> shift) & 0xffffffffn);
  return [at(96n), at(64n), at(32n), at(0n)];
}

function numberOf(at: Uint32Array): bigint {
  return at.reduce((n, word) => (n << 32n) | BigInt(word), 0n);
}

/** Some intervals of a few addresses, never over an edge of IPv4. */
function anySet(c: Chance): AddressSet {
  const own: (readonly [bigint, bigint])[] = [];
  for (const place of PLACES) {
    if (c.oneIn(2)) continue;
    const [x, y] = [BigInt(c.below(9)), BigInt(c.below(9))];
    let [first, last] = x < y ? [place + x, place + y] : [place + y, place + x];
    for (const edge of [V4, AFTER_V4]) if (first < edge && last >= edge) [first, last] = c.oneIn(2) ? [first, edge - 1n] : [edge, last];
    if (first > TOP) continue;
    own.push([first, last > TOP ? TOP : last]);
  }
  return { bounds: joined(Uint32Array.from(own.sort(([x], [y]) => (x < y ? -1 : 1)).flatMap(([x, y]) => [...words(x), ...words(y)]))) };
}

test("each stretch is in exactly the sets that were entered, stretches are disjoint and rising, and together they are the union", () => {
  let stretches = 0;
  for (let seed = 0; seed < 2_000; seed++) {
    const c = chance(4_000_000 + seed);
    const sets = Array.from({ length: c.below(6) }, () => anySet(c));
    const active = new Set<number>();
    const region = new Region();
    let before = -1n;
    walk(sets, {
      begin(i) {
        assert.not.ok(active.has(i));
        active.add(i);
      },
      end(i) {
        assert.ok(active.delete(i));
      },
      stretch(at, last4) {
        const [first, last] = [numberOf(at), numberOf(last4)];
        assert.ok(first > before && first <= last, `seed ${seed}`);
        before = last;
        stretches++;
        for (const n of [first, last, (first + last) / 2n]) {
          const having = sets.flatMap((set, i) => (contains(set, words(n)) ? [i] : []));
          assert.equal(having, [...active].sort(), `seed ${seed}: ${n}`);
        }
        region.add(at, last4);
      },
    });
    assert.is(active.size, 0);
    assert.ok(equal(region.set(), union(sets)), `seed ${seed}`);
  }
  assert.ok(stretches > 20_000, String(stretches));
});

test("nothing is walked where no set has an address", () => {
  const never = (): void => assert.unreachable();
  walk([], { begin: never, end: never, stretch: never });
  walk([{ bounds: new Uint32Array(0) }], { begin: never, end: never, stretch: never });
});

test("a region grows beyond its first room, and joins what touches", () => {
  const region = new Region();
  for (let i = 0; i < 1_000; i++) region.add(Uint32Array.of(0, 0, 0xffff, 2 * i), Uint32Array.of(0, 0, 0xffff, 2 * i));
  assert.is(region.set().bounds.length, 8_000);
  const whole = new Region();
  for (let i = 0; i < 1_000; i++) whole.add(Uint32Array.of(0, 0, 0xffff, i), Uint32Array.of(0, 0, 0xffff, i));
  assert.equal([...whole.set().bounds], [0, 0, 0xffff, 0, 0, 0, 0xffff, 999]);
});

test.run();
