// Classes of names, moments and identities: each has a witness that is in it alone, and together they say what the sets say, name
// by name.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hostSet } from "../../compiler/check/sets/host_trie.ts";
import { IdentityClasses } from "../../compiler/analysis/identities.ts";
import { hostsOfWords, NameClasses, NAMELESS } from "../../compiler/analysis/names.ts";
import { TimeClasses } from "../../compiler/analysis/times.ts";
import { isAmong } from "../../runtime/net/name_patterns.ts";
import { chance, type Chance } from "../oracle/random.ts";

const test = suite("analysis: classes");

const LABELS = ["a", "b", "c", "x-1"];

function pattern(c: Chance): string {
  const tail = Array.from({ length: 1 + c.below(3) }, () => c.pick(LABELS)).join(".");
  return `${c.oneIn(3) ? "!" : ""}${c.pick(["", "*.", "**."])}${tail}`;
}

/** In canonical form, so that it is what a module says. */
function words(c: Chance): readonly string[] {
  const made = new Map(Array.from({ length: 1 + c.below(6) }, () => pattern(c)).map((word) => [word.replace("!", ""), word]));
  return hostSet(hostsOfWords([...made.values()])).words;
}

test("names: every class has a name, which is in it, and the sets say of it what their words say", () => {
  let classes = 0;
  for (let seed = 0; seed < 300; seed++) {
    const c = chance(seed);
    const sets = Array.from({ length: 1 + c.below(4) }, () => words(c));
    const names = new NameClasses(sets.map(hostsOfWords));
    const ranges = sets.map((set) => names.rangesOf(hostsOfWords(set)));
    for (let number = NAMELESS + 1; number < names.count; number++) {
      const name = names.witness(number) ?? "";
      assert.is(names.classOf(name), number, `seed ${seed}: ${name}`);
      sets.forEach((set, i) => {
        const has = ranges[i]?.some(({ first, last }) => first <= number && number <= last) ?? false;
        assert.is(has, isAmong(set, name), `seed ${seed}: ${name} in ${set.join(" ")}`);
      });
      classes++;
    }
    // The words of some classes are those of the set again.
    sets.forEach((set, i) => assert.equal(names.wordsOf(ranges[i] ?? []).words, set, `seed ${seed}`));
    assert.is(names.witness(NAMELESS), null);
    assert.is(names.classOf(null), NAMELESS);
  }
  assert.ok(classes > 3_000);
});

test("names: one pattern is one range, and n labels of the trie have at most 3n + 3 classes", () => {
  for (let seed = 0; seed < 100; seed++) {
    const c = chance(5_000 + seed);
    const patterns = [...new Set(Array.from({ length: 1 + c.below(8) }, () => pattern(c).replace("!", "")))];
    const names = new NameClasses(patterns.map((text) => hostsOfWords([text])));
    for (const text of patterns) assert.equal(names.rangesOfPattern(text), names.rangesOf(hostsOfWords([text])), text);
    assert.equal(names.rangesOfPattern("in.no.set"), []);
  }
  const many = Array.from({ length: 500 }, (_, i) => `host-${i}.example`);
  // The names have one label each, and one that they share.
  const labels = many.length + 1;
  assert.is(new NameClasses([hostsOfWords(many)]).count, 3 * labels + 3);
});

test("names: no class is of names that are too long to be sent", () => {
  const label = (n: number): string => "l".repeat(n);
  const longest = [label(63), label(63), label(63), label(60)].join(".");
  assert.is(longest.length, 252);
  for (const [name, below] of [
    [longest, 1],
    [`${longest}m`, 1],
    [`${longest}mm`, 0],
    [longest.slice(3), 2],
    [longest.slice(4), 2],
  ] as const) {
    const names = new NameClasses([hostsOfWords([name])]);
    const witnesses = Array.from({ length: names.count }, (_, i) => names.witness(i) ?? "");
    assert.is(witnesses.filter((text) => text.endsWith(`.${name}`)).length, below, `${name.length} bytes`);
    assert.ok(witnesses.every((text) => text.length <= 255));
  }
});

test("times: an allow applies in the classes from its `after` to before its `until`", () => {
  const times = new TimeClasses([
    { after: 100, until: null },
    { after: null, until: 200 },
    { after: 1, until: 2 },
  ]);
  assert.is(times.count, 5);
  for (const rule of [
    { after: 100, until: null },
    { after: null, until: 200 },
    { after: 100, until: 200 },
    { after: 1, until: 2 },
    { after: 1, until: 100 },
  ]) {
    for (const now of [null, 1, 2, 99, 100, 101, 199, 200, 201, 2 ** 33]) {
      const number = times.classOf(now);
      const has = times.rangesOf(rule)?.some(({ first, last }) => first <= number && number <= last) ?? true;
      assert.is(has, now !== null && (rule.after ?? 0) <= now && now < (rule.until ?? Infinity), `${JSON.stringify(rule)} at ${now}`);
    }
  }
  assert.is(times.rangesOf({ after: null, until: null }), null);
  assert.equal(times.rangesOf({ after: null, until: 1 }), []);
  assert.equal(
    [0, 1, 4].map((i) => [times.startOf(i), times.endOf(i)]),
    [
      [null, null],
      [1, 2],
      [200, null],
    ],
  );
});

const nothing = (): void => undefined;

test("identities: an atom's name is in just the sets of the atom", () => {
  const sets = [
    ["uri:spiffe://x/a/*"],
    ["uri:spiffe://x/*/b", "!uri:spiffe://x/a/b"],
    ["uri:spiffe://x/**", "!uri:spiffe://x/a/**"],
    ["dns:one.example", "dns:two.example"],
    ["dns:two.example", `sha256:${"a".repeat(64)}`],
    ["uri:spiffe://x/t*"],
  ];
  const ids = new IdentityClasses(sets, nothing);
  assert.ok(ids.atoms.length >= 7, String(ids.atoms.length));
  ids.atoms.forEach(({ word, isFingerprint }, atom) => {
    assert.equal([...ids.atomsIn([word])], [atom], word);
    assert.is(isFingerprint, word.startsWith("sha256:"));
  });
  const setsOf = (word: string): readonly number[] => {
    const [atom = -1] = ids.atomsIn([word]);
    return sets.flatMap((_, i) => (ids.atomsOf(i).includes(atom) ? [i] : []));
  };
  assert.equal(setsOf("uri:spiffe://x/a/b"), [0]);
  assert.equal(setsOf("uri:spiffe://x/a/c"), [0]);
  assert.equal(setsOf("uri:spiffe://x/c/b"), [1, 2]);
  assert.equal(setsOf("uri:spiffe://x/t1"), [2, 5]);
  assert.equal(setsOf("uri:spiffe://x/t"), [2]);
  assert.equal(setsOf("uri:spiffe://x/a/b/c"), []);
  assert.equal(setsOf("dns:two.example"), [3, 4]);
  assert.equal([...ids.atomsIn(["dns:three.example", "uri:spiffe://y/a"])], []);
});

test("identities: the witness of a pattern is a name that no narrower one has, up to the last character", () => {
  const plain = [...Array.from({ length: 94 }, (_, i) => String.fromCharCode(0x21 + i))].filter((text) => !/[/?#%:"<>\\^`{|}*]/.test(text));
  const escapes = Array.from({ length: 224 }, (_, i) => `%${(0x20 + i).toString(16).toUpperCase()}`);
  const narrower = [...plain, ...escapes].flatMap((text) => [`!uri:spiffe://x/${text}`, `!uri:spiffe://x/${text}*`]);
  // A `*` itself is left, which no pattern can name.
  assert.equal(
    new IdentityClasses([["uri:spiffe://x/*", ...narrower]], nothing).atoms.map(({ word }) => word),
    ["uri:spiffe://x/*"],
  );
  // One character less, and there is one.
  const less = narrower.filter((word) => !word.startsWith("!uri:spiffe://x/q"));
  assert.equal(
    new IdentityClasses([["uri:spiffe://x/*", ...less]], nothing).atoms.map(({ word }) => word),
    ["uri:spiffe://x/q"],
  );
});

test("identities: names that two patterns have in common are an atom, also where neither policy wrote it", () => {
  const sets = [["uri:spiffe://x/a/*"], ["uri:spiffe://x/*/b"], ["uri:spiffe://x/**"]];
  const ids = new IdentityClasses(sets, nothing);
  const setsOf = (word: string): readonly number[] =>
    sets.flatMap((_, i) => ([...ids.atomsIn([word])].some((atom) => ids.atomsOf(i).includes(atom)) ? [i] : []));
  assert.equal(
    ["a/b", "a/c", "c/b", "c/d", "a", "a/b/c"].map((path) => setsOf(`uri:spiffe://x/${path}`)),
    [[0, 1, 2], [0, 2], [1, 2], [2], [2], [2]],
  );
  assert.is(ids.atoms.length, 4);
});

test("identities: the work is counted", () => {
  const sets = [Array.from({ length: 40 }, (_, i) => `uri:spiffe://x/${"a".repeat(i)}*`)];
  let spent = 0;
  const ids = new IdentityClasses(sets, (steps) => {
    spent += steps;
  });
  assert.ok(ids.atoms.length > 0);
  assert.ok(spent > 700, String(spent));
});

test.run();
