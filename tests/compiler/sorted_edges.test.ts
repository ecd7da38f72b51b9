// The edges of sets in order, against a plain sort: on both sides of the count from which wider digits are used.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sortedEdges } from "../../compiler/lower/intervals.ts";
import { prefixes } from "../../compiler/check/sets/builtin_nets.ts";
import type { AddressSet } from "../../compiler/policy/policy.ts";

const edges = suite("sorted edges");

/** From so many edges on the digits have 16 bits. */
const MANY = 4096;

/** Numbers below 2^32 by the generator of Numerical Recipes, the same on each run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
}

const v4 = (n: number): string => `${n >>> 24}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`;
const v6 = (next: () => number): string =>
  Array.from({ length: 4 }, next)
    .flatMap((n) => [(n >>> 16).toString(16), (n & 0xffff).toString(16)])
    .join(":");

/** One address in each set, so two edges for each, in no order; every third one is an address that an earlier set has. */
function setsOf(count: number, words: 1 | 4): AddressSet[] {
  const next = numbers(count);
  const texts: string[] = [];
  for (let i = 0; i < count; i++)
    texts.push(
      i % 3 === 2 ? (texts[next() % i] ?? "")
      : words === 1 ? `${v4(next() % 0xfffffffe)}/32`
      : `2001:db8:${v6(next).split(":").slice(2).join(":")}/128`,
    );
  return texts.map((text) => prefixes([text]));
}

function plain(sets: readonly AddressSet[], words: 1 | 4): string[] {
  return sets
    .flatMap(({ bounds: b }, owner) => {
      const at = (i: number): bigint => [0, 1, 2, 3].reduce((n, w) => (n << 32n) | BigInt(b[i + w] ?? 0), 0n) & ((1n << BigInt(32 * words)) - 1n);
      return [
        { key: at(0), owner },
        { key: at(4) + 1n, owner },
      ];
    })
    .sort((x, y) =>
      x.key < y.key ? -1
      : x.key > y.key ? 1
      : x.owner - y.owner,
    )
    .map(({ key, owner }) => `${key} ${owner}`);
}

for (const words of [1, 4] as const) {
  for (const count of [1, 2, 300, MANY / 2 - 1, MANY / 2, MANY / 2 + 1]) {
    edges(`${2 * count} edges of ${words === 1 ? "IPv4" : "IPv6"} are in order, with those of one address by their set`, () => {
      const sets = setsOf(count, words);
      const { keys, owners, count: found } = sortedEdges(sets, words);
      const key = (i: number): bigint => Array.from({ length: words }, (_, w) => BigInt(keys[i * words + w] ?? 0)).reduce((n, word) => (n << 32n) | word, 0n);
      assert.equal(
        Array.from({ length: found }, (_, i) => `${key(i)} ${owners[i]}`),
        plain(sets, words),
      );
    });
  }
}

edges.run();
