// Diagrams: the four operations against truth tables, one number for each function, ranges of numbers and addresses there and
// back, and the budget at N and N + 1.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ALWAYS, Diagrams, NEVER, OutOfNodes, type Diagram } from "../../compiler/analysis/diagrams.ts";
import { bitsFor, joinedRanges, numbersDiagram } from "../../compiler/analysis/number_ranges.ts";
import { sourceDiagram, sourcesOf } from "../../compiler/analysis/sources.ts";
import { subtract, union } from "../../compiler/check/sets/intervals.ts";
import { ANY, ANY4, ANY6, prefixes } from "../../compiler/check/sets/builtin_nets.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { prefixText } from "../oracle/space.ts";
import { randomPrefix } from "../oracle/generate.ts";

const test = suite("analysis: diagrams");
const LEVELS = 5;
const CELLS = 2 ** LEVELS;

/** The truth table of a diagram over the levels 0 to 4, a bit for each assignment. */
function tableOf(diagrams: Diagrams, d: Diagram): number {
  let table = 0;
  for (let cell = 0; cell < CELLS; cell++) if (diagrams.has(d, (level) => ((cell >>> level) & 1) === 1)) table |= 1 << cell;
  return table >>> 0;
}

function randomDiagram(c: Chance, diagrams: Diagrams, level = 0): Diagram {
  if (level === LEVELS || c.oneIn(6)) return c.pick([NEVER, ALWAYS]);
  return diagrams.node(level, randomDiagram(c, diagrams, level + 1), randomDiagram(c, diagrams, level + 1));
}

test("the operations are those of truth tables, and equal functions are one number", () => {
  const diagrams = new Diagrams();
  const byTable = new Map<number, Diagram>();
  for (let seed = 0; seed < 400; seed++) {
    const c = chance(seed);
    const [a, b] = [randomDiagram(c, diagrams), randomDiagram(c, diagrams)];
    const [x, y] = [tableOf(diagrams, a), tableOf(diagrams, b)];
    const made = [diagrams.and(a, b), diagrams.or(a, b), diagrams.minus(a, b), diagrams.xor(a, b)];
    const due = [x & y, x | y, x & ~y, x ^ y].map((table) => table >>> 0);
    assert.equal(
      made.map((d) => tableOf(diagrams, d)),
      due,
      `seed ${seed}`,
    );
    for (const d of [a, b, ...made]) {
      const table = tableOf(diagrams, d);
      assert.is(byTable.get(table) ?? d, d, `two numbers for the table ${table}`);
      byTable.set(table, d);
    }
  }
  assert.ok(byTable.size > 500);
});

test("a diagram with more levels than the stack has frames", () => {
  const diagrams = new Diagrams();
  let [odd, all] = [NEVER, NEVER];
  for (let level = 50_000; level >= 0; level--) {
    if (level % 2 === 1) odd = diagrams.node(level, odd, ALWAYS);
    all = diagrams.node(level, all, ALWAYS);
  }
  assert.is(diagrams.or(all, odd), all);
  assert.is(diagrams.minus(odd, all), NEVER);
  const even = diagrams.minus(all, odd);
  assert.ok(diagrams.has(even, (level) => level === 4));
  assert.not.ok(diagrams.has(even, (level) => level === 4 || level === 5));
});

test("a budget admits N nodes and refuses N + 1, and a known node costs nothing", () => {
  const diagrams = new Diagrams(3);
  const chain = [0, 1, 2].reduceRight((rest: Diagram, level) => diagrams.node(level, rest, ALWAYS), NEVER);
  assert.is(diagrams.nodes, 3);
  assert.is(
    [0, 1, 2].reduceRight((rest: Diagram, level) => diagrams.node(level, rest, ALWAYS), NEVER),
    chain,
  );
  assert.throws(
    () => diagrams.node(3, NEVER, ALWAYS),
    (error: unknown) => error instanceof OutOfNodes,
  );
  assert.is(diagrams.nodes, 3);
});

test("work that makes no node is bounded too", () => {
  const diagrams = new Diagrams(10);
  diagrams.spend(1_000_640);
  assert.throws(
    () => diagrams.spend(1),
    (error: unknown) => error instanceof OutOfNodes,
  );
});

test("ranges of numbers: each number alone, whatever the count, and the codes behind the last one are the last", () => {
  for (const count of [1, 2, 3, 5, 8, 9, 31]) {
    const bits = bitsFor(count);
    for (let seed = 0; seed < 40; seed++) {
      const c = chance(seed);
      const own = new Set(Array.from({ length: c.below(count + 1) }, () => c.below(count)));
      const diagrams = new Diagrams();
      const d = numbersDiagram(diagrams, 7, count, joinedRanges([...own].map((first) => ({ first, last: first }))));
      for (let code = 0; code < 2 ** bits; code++) {
        const has = diagrams.has(d, (level) => ((code >>> (bits - 1 - (level - 7))) & 1) === 1);
        assert.is(has, own.has(Math.min(code, count - 1)), `${code} of ${count} in ${[...own].join()}`);
      }
    }
  }
});

test("sets of addresses are the same after a diagram, and their algebra is that of ranges", () => {
  const diagrams = new Diagrams();
  for (let seed = 0; seed < 300; seed++) {
    const c = chance(90_000 + seed);
    const set = () => {
      const some = prefixes(Array.from({ length: c.below(12) }, () => prefixText(randomPrefix(c))));
      return c.oneIn(3) ? subtract(c.pick([ANY, ANY4, ANY6]), some) : some;
    };
    const [a, b] = [set(), set()];
    const [x, y] = [sourceDiagram(diagrams, 3, a), sourceDiagram(diagrams, 3, b)];
    assert.equal(sourcesOf(diagrams, 3, x), a, `seed ${seed}`);
    assert.equal(sourcesOf(diagrams, 3, diagrams.minus(x, y)), subtract(a, b), `seed ${seed}`);
    assert.is(diagrams.or(x, y), sourceDiagram(diagrams, 3, union([a, b])), `seed ${seed}`);
  }
});

test("a list of prefixes costs as many nodes as its trie has, and no operation", () => {
  // 10.X.Y.0/24 for every X and each Y that ends in five zeros: a family, eight bits of 10 and five of Y decide.
  const diagrams = new Diagrams();
  const texts = Array.from({ length: 2048 }, (_, i) => `10.${i >>> 3}.${(i & 7) * 32}.0/24`);
  const d = sourceDiagram(diagrams, 0, prefixes(texts));
  assert.ok(d > ALWAYS);
  assert.is(diagrams.nodes, 1 + 8 + 5);
});

test.run();
