// The algebra of address sets against a model of big integers and plain membership.
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ANY, ANY4, ANY6, prefixes } from "../../compiler/check/sets/builtin_nets.ts";
import { EMPTY, contains, equal, intersect, intersects, isEmpty, size, subtract, union } from "../../compiler/check/sets/intervals.ts";
import type { AddressSet, AddressWords } from "../../compiler/policy/policy.ts";
import { SetBuilder } from "../../compiler/check/sets/set_builder.ts";

const sets = suite("intervals");

type Interval = readonly [first: bigint, last: bigint];
const TOP = (1n << 128n) - 1n;
const V4 = 0xffffn << 32n;
const V4_END = V4 + 0xffffffffn;

function words(n: bigint): AddressWords {
  const at = (shift: bigint): number => Number((n >> shift) & 0xffffffffn);
  return [at(96n), at(64n), at(32n), at(0n)];
}

function intervals(set: AddressSet): Interval[] {
  const at = (i: number): bigint => [0, 1, 2, 3].reduce((n, w) => (n << 32n) | BigInt(set.bounds[i + w] ?? 0), 0n);
  return Array.from({ length: size(set) }, (_, i) => [at(8 * i), at(8 * i + 4)] as const);
}

const familyOf = (n: bigint): string =>
  n >= V4 && n <= V4_END ? "v4"
  : n < V4 ? "below"
  : "above";

/** The model: sorted, joined, and cut at the edges of IPv4. */
function normal(list: readonly Interval[]): Interval[] {
  const cut = list.flatMap(([a, b]) =>
    (
      [
        [0n, V4 - 1n],
        [V4, V4_END],
        [V4_END + 1n, TOP],
      ] as const
    ).flatMap(([x, y]): Interval[] => {
      const first = a > x ? a : x;
      const last = b < y ? b : y;
      return first <= last ? [[first, last]] : [];
    }),
  );
  const out: [bigint, bigint][] = [];
  for (const [a, b] of cut.sort((x, y) =>
    x[0] < y[0] ? -1
    : x[0] > y[0] ? 1
    : 0,
  )) {
    const end = out.at(-1);
    if (end !== undefined && a <= end[1] + 1n && familyOf(a) === familyOf(end[1])) end[1] = b > end[1] ? b : end[1];
    else out.push([a, b]);
  }
  return out;
}

function minus(a: readonly Interval[], b: readonly Interval[]): Interval[] {
  return b.reduce<Interval[]>(
    (left, [x, y]) =>
      left.flatMap(([f, l]): Interval[] => {
        if (y < f || x > l) return [[f, l]];
        return [...(f < x ? [[f, x - 1n] as const] : []), ...(l > y ? [[y + 1n, l] as const] : [])];
      }),
    [...a],
  );
}

/** Small numbers close together and close to every edge, so that intervals meet often. */
const near = fc
  .oneof(...[0n, V4, V4_END + 1n, 1n << 32n, 1n << 64n, 1n << 96n, TOP - 40n].map((base) => fc.bigInt({ min: -20n, max: 40n }).map((d) => base + d)))
  .map((n) =>
    n < 0n ? 0n
    : n > TOP ? TOP
    : n,
  );
const interval: fc.Arbitrary<Interval> = fc.tuple(near, near).map(([a, b]) => (a < b ? ([a, b] as const) : ([b, a] as const)));
/** Inside of one family, as literals are. */
const literal = interval.filter(([a, b]) => familyOf(a) === familyOf(b));
const list = fc.array(literal, { maxLength: 12 });

function setOf(items: readonly Interval[]): AddressSet {
  const builder = new SetBuilder();
  for (const [a, b] of items) {
    if (familyOf(a) === "v4") builder.addV4(Number(a - V4), Number(b - V4));
    else builder.addV6(words(a), words(b));
  }
  return builder.done();
}

sets("a set is its sorted, joined intervals", () => {
  fc.assert(fc.property(list, (items) => assert.equal(intervals(setOf(items)), normal(items))));
});

sets("of many entries as well, whatever their order", () => {
  fc.assert(
    fc.property(fc.array(literal, { minLength: 120, maxLength: 300 }), (items) => {
      assert.equal(intervals(setOf(items)), normal(items));
      assert.ok(equal(setOf(items), setOf([...items].reverse())));
    }),
    { numRuns: 10 },
  );
});

sets("union", () => {
  fc.assert(fc.property(fc.array(list, { maxLength: 5 }), (many) => assert.equal(intervals(union(many.map(setOf))), normal(many.flat()))));
});

sets("subtract", () => {
  fc.assert(fc.property(list, list, (a, b) => assert.equal(intervals(subtract(setOf(a), setOf(b))), normal(minus(normal(a), b)))));
});

sets("intersect", () => {
  const both = (a: readonly Interval[], b: readonly Interval[]): Interval[] => normal(minus(normal(a), minus(normal(a), b)));
  fc.assert(fc.property(list, list, (a, b) => assert.equal(intervals(intersect(setOf(a), setOf(b))), both(a, b))));
  // A few in many, where the search skips, and one that has many.
  const many = fc.array(literal, { minLength: 60, maxLength: 200 });
  fc.assert(fc.property(many, fc.array(literal, { maxLength: 3 }), (a, b) => assert.equal(intervals(intersect(setOf(a), setOf(b))), both(a, b))));
  const odd = setOf(Array.from({ length: 1_000 }, (_, i): Interval => [V4 + BigInt(2 * i), V4 + BigInt(2 * i)]));
  assert.ok(equal(intersect(odd, ANY), odd) && equal(intersect(ANY4, odd), odd) && isEmpty(intersect(odd, ANY6)) && isEmpty(intersect(EMPTY, odd)));
});

sets("intersects, contains, equal", () => {
  fc.assert(
    fc.property(list, list, near, (a, b, n) => {
      const [x, y] = [setOf(a), setOf(b)];
      assert.is(
        intersects(x, y),
        a.some(([f, l]) => b.some(([g, m]) => f <= m && g <= l)),
      );
      assert.is(
        contains(x, words(n)),
        a.some(([f, l]) => f <= n && n <= l),
      );
      assert.is(equal(x, y), JSON.stringify(normal(a).map(String)) === JSON.stringify(normal(b).map(String)));
    }),
  );
});

sets("the laws of sets are true of the whole space", () => {
  fc.assert(
    fc.property(list, (items) => {
      const a = setOf(items);
      const rest = subtract(ANY, a);
      assert.ok(equal(union([a, rest]), ANY), "a set and its rest are everything");
      assert.not(intersects(a, rest));
      assert.ok(equal(subtract(ANY, rest), a), "the rest of the rest is the set");
    }),
  );
});

sets("the edges of the space and of IPv4", () => {
  assert.equal(intervals(ANY), [
    [0n, V4 - 1n],
    [V4, V4_END],
    [V4_END + 1n, TOP],
  ]);
  assert.equal(intervals(ANY4), [[V4, V4_END]]);
  assert.equal(intervals(ANY6), [
    [0n, V4 - 1n],
    [V4_END + 1n, TOP],
  ]);
  assert.ok(isEmpty(subtract(ANY, union([ANY4, ANY6]))));
  assert.ok(isEmpty(union([])));
  assert.ok(isEmpty(subtract(EMPTY, ANY)));
  assert.ok(equal(subtract(ANY, EMPTY), ANY));
  // IPv6 prefixes around IPv4 exclude it, whatever their own edges are.
  for (const text of ["::/0", "::/64", "::/80", "::8000:0:0/81", "::fffe:0:0/95"]) {
    assert.not(intersects(prefixes([text]), ANY4), text);
    assert.not(isEmpty(prefixes([text])), text);
  }
});

sets("a million unsorted entries take one sort", () => {
  const builder = new SetBuilder();
  const n = 1_000_000;
  for (let i = 0; i < n; i++) {
    const at = ((i * 7919) % n) * 512;
    builder.addV4(at, at + 255);
  }
  const all = builder.done();
  assert.is(size(all), n);
  const even = subtract(all, ANY6);
  assert.is(size(union([even, all])), n);
  assert.is(size(subtract(ANY4, all)), n);
});

sets.run();
