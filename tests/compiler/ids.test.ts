// Sets of identities: patterns that lie across each other, exceptions of exceptions and unions against a
// matcher that tests each pattern by itself; their canonical form, which sets are empty, and the bounds.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as bound from "../../compiler/source/bounds.ts";
import { allIdWork, IdIndex } from "../../compiler/check/sets/id_index.ts";
import { coversId, idWord, narrowness, readId, sharedId, type ReadId } from "../../compiler/check/sets/id_patterns.ts";
import { combineIds, idOf, idSet, type Ids } from "../../compiler/check/sets/id_sets.ts";
import { isProblem } from "../../compiler/diagnostics/report.ts";
import { hasIdentity } from "../../compiler/cli/matching.ts";
import { idTerm } from "../oracle/id_terms.ts";
import { idPatternsOf, idsHave, isEmptyIds, kindsOf, type IdPattern, type IdTerm, type ModelIds } from "../oracle/identities.ts";
import { layered } from "../oracle/layers.ts";
import { chance } from "../oracle/random.ts";
import { codes, front } from "./front.ts";

const ids = suite("ids");

function read({ type, text }: IdPattern): ReadId {
  const pattern = readId(type, text);
  if (isProblem(pattern)) throw new Error(pattern.message);
  return pattern;
}

const uri = (path: string): IdPattern => ({ type: "uri", text: `spiffe://x/${path}` });

/** Two patterns, and the one that they have in common. */
const SHARED: readonly (readonly [a: string, b: string, both: string | null])[] = [
  ["a", "a", "a"],
  ["a", "b", null],
  ["a/b", "a", null],
  ["*", "a", "a"],
  ["a*", "a", null],
  ["a*", "ab", "ab"],
  ["a*", "b", null],
  ["a*", "ab*", "ab*"],
  ["a*", "a*", "a*"],
  ["a*", "b*", null],
  ["*", "a*", "a*"],
  ["a/*", "*/b", "a/b"],
  ["a*/b", "ab/*", "ab/b"],
  ["a*/b", "a/*", null],
  ["*/b", "a/c", null],
  ["*/b", "*/c", null],
  ["*/a", "a/b*", null],
  ["**", "a", "a"],
  ["**", "a/b*", "a/b*"],
  ["a/**", "a", null],
  ["a/**", "a/b", "a/b"],
  ["a/**", "*/b", "a/b"],
  ["a/**", "*/b/c", "a/b/c"],
  ["a/**", "*", null],
  ["a/**", "a/*/c", "a/*/c"],
  ["a/**", "b/**", null],
  ["**", "a/**", "a/**"],
  ["a/**", "a/b/**", "a/b/**"],
  ["a/**", "a/**", "a/**"],
  ["a/b/**", "*/c/d", null],
];

for (const [a, b, both] of SHARED) {
  ids(`${a} and ${b} have ${both ?? "nothing"} in common`, () => {
    const [x, y] = [read(uri(a)), read(uri(b))];
    for (const shared of [sharedId(x, y), sharedId(y, x)]) {
      assert.is(shared === null ? null : idWord(shared), both === null ? null : `uri:spiffe://x/${both}`);
    }
    const containsAll = both === b;
    assert.is(coversId(x, y), containsAll);
    if (containsAll && a !== b) assert.ok(narrowness(x) < narrowness(y));
    // The index finds what the two say of each other.
    const index = new IdIndex([{ pattern: y, word: idWord(y), included: true }], allIdWork());
    assert.is(index.meeting(x).length, both === null ? 0 : 1);
    assert.is(index.covering(x).length, both === a ? 1 : 0);
    const other = new IdIndex([{ pattern: x, word: idWord(x), included: true }], allIdWork());
    assert.is(other.meeting(y).length, both === null ? 0 : 1);
    assert.is(other.covering(y).length, containsAll ? 1 : 0);
  });
}

ids("nothing is common to two types or two authorities", () => {
  const all: readonly IdPattern[] = [
    { type: "dns", text: "a.example" },
    { type: "uri", text: "urn:a.example" },
    { type: "uri", text: "spiffe://a.example/**" },
    { type: "uri", text: "spiffe://b.example/**" },
    { type: "ip", text: "192.0.2.1" },
  ];
  for (const a of all) for (const b of all) assert.is(sharedId(read(a), read(b)) !== null, a === b);
});

const of = (...paths: readonly string[]): Ids => combine(paths.map((path) => idOf(read(uri(path)))));

function combine(members: readonly Ids[], except: readonly Ids[] = []): Ids {
  const value = combineIds(members, except, allIdWork());
  if (value === null) throw new Error("too much work");
  return value;
}

const without = (a: Ids, ...b: readonly Ids[]): Ids => combine([a], b);
const words = (set: Ids): string =>
  idSet(set)
    .words.map((word) => word.replace("uri:spiffe://x/", ""))
    .join(" ");

const WORDS: readonly (readonly [set: () => Ids, words: string])[] = [
  [() => of("b", "a", "a"), "a b"],
  [() => of("ops/*", "ops/1", "ops/12*"), "ops/*"],
  [() => of("**", "a/*"), "**"],
  [() => without(of("ops/*"), of("ops/1*")), "!ops/1* ops/*"],
  [() => without(of("ops/*"), of("*/1")), "!ops/1 ops/*"],
  [() => without(of("ops/*"), without(of("ops/*"), of("*/1"))), "ops/1"],
  [() => without(of("ops/*"), without(of("ops/*"), of("ops/1*")), of("ops/12")), "!ops/12 ops/1*"],
  [() => combine([without(of("team/**"), of("team/*/1")), without(of("team/**"), of("team/a/*"))]), "!team/a/1 team/**"],
  [() => combine([without(of("a*"), of("ab*")), of("ab*")]), "a*"],
  [() => combine([without(of("a*"), of("ab*")), of("abc*")]), "!ab* a* abc*"],
  [() => combine([without(of("ops/*"), of("ops/1")), without(of("ops/*"), of("ops/2"))]), "ops/*"],
  [() => without(of("a/*"), of("**")), ""],
  [() => without(of("a/*"), of("*/a", "*/b")), "!a/a !a/b a/*"],
  [() => without(of("*/1"), of("a/*")), "!a/1 */1"],
  [() => combine([of("*/1", "a/*")], [of("a/1")]), "!a/1 */1 a/*"],
  [() => combine([of("*/b"), without(of("a/**"), of("a/*"))]), "!a/* */b a/** a/b"],
  [() => combine([without(of("a/**"), of("a/*")), of("*/b")]), "!a/* */b a/** a/b"],
  [() => combine([of("*/b"), without(of("**"), of("a/*"))]), "!a/* ** a/b"],
  [() => combine([without(of("**"), of("a/*")), without(of("*/b"), of("z/b"))]), "!a/* ** a/b"],
  [() => combine([without(of("*/b"), of("z/b")), without(of("**"), of("a/*"))]), "!a/* ** a/b"],
  [() => without(without(of("**"), of("a/*")), without(of("**"), of("*/b"))), "!a/b */b"],
  [() => without(of("*/b"), without(of("**"), of("a/*"))), "a/b"],
  [() => without(without(of("**"), of("a/*")), of("*/b")), "!*/b !a/* **"],
  [() => without(of("a/bb/**", "a/*/c"), of("a/b*/c")), "!a/b*/c !a/bb/c a/*/c a/bb/**"],
  // The union contains what is in both patterns, though each of the two sets excludes it.
  [() => combine([without(of("*/1"), of("a/*")), of("a/*")]), "*/1 a/*"],
];

for (const [set, expected] of WORDS) {
  ids(`words: ${expected === "" ? "none" : expected}`, () => assert.is(words(set()), expected));
}

/** A set as the algebra makes it, name by name. */
function valueOf(set: ModelIds, known: Map<ModelIds, Ids>): Ids {
  const found = known.get(set);
  if (found !== undefined) return found;
  const term = (t: IdTerm): Ids => (t.type === "ids" ? valueOf(t.ids.set, known) : idOf(read(t)));
  const value = combine(set.members.map(term), set.except.map(term));
  known.set(set, value);
  return value;
}

ids("three layers of unions and exceptions contain what the patterns one by one say, in one canonical form", () => {
  let across = 0;
  let empty = 0;
  for (let seed = 0; seed < 100; seed++) {
    const c = chance(900_000 + seed);
    const named = layered<IdTerm>(c, {
      name: "ids",
      plain: () => idTerm(c, 2, ["spiffe://x.example"]),
      use: (set) => ({ type: "ids", ids: set }),
      isEmpty: () => false,
    });
    const known = new Map<ModelIds, Ids>();
    const all = [...kindsOf(named.flatMap(({ set }) => idPatternsOf(set)))];
    const byMembers = new Map<string, string>();
    for (const { name, set } of named) {
      const value = valueOf(set, known);
      const said = idSet(value);
      const members = all.map((word) => (idsHave(set, [word]) ? "1" : "0")).join("");
      all.forEach((word, i) => assert.is(hasIdentity(said.words, word), members[i] === "1", `seed ${seed}: ${word} in ${name}: ${said.words.join(" ")}`));
      // Nothing is left exactly where no identity is in it, and equal sets have equal words.
      assert.is(value.length === 0, !members.includes("1"), `seed ${seed}: ${name}: ${said.words.join(" ")}`);
      assert.is(isEmptyIds(set), value.length === 0, `seed ${seed}: ${name}`);
      assert.is(byMembers.get(members) ?? said.words.join(" "), said.words.join(" "), `seed ${seed}: ${name}`);
      byMembers.set(members, said.words.join(" "));
      if (value.length === 0) empty++;
      if (said.words.some((word) => word.startsWith("!") && !word.includes("*")) && said.words.some((word) => word.includes("/*/") || /\*\/[a-z]/.test(word)))
        across++;
    }
  }
  assert.ok(across > 25 && empty > 50, `${across} with patterns that lie across each other, ${empty} empty`);
});

ids("a set is refused as empty where it is, and nowhere else", () => {
  const text = (set: string): string => `edition 1
ids others = uri "spiffe://x/ops/*" except uri "spiffe://x/*/1"
ids tested = ${set}
expose e on tcp 1 as mtls { cert "c" ca "c" allow from any client tested }
`;
  const rows: readonly (readonly [set: string, codes: readonly string[]])[] = [
    ['uri "spiffe://x/ops/*" except others', []],
    ['uri "spiffe://x/ops/*" except others, uri "spiffe://x/ops/1"', ["ING207"]],
    ['uri "spiffe://x/ops/*" except others, uri "spiffe://x/*/1"', ["ING207"]],
    ['uri "spiffe://x/ops/*" except others, uri "spiffe://x/*/2"', []],
    ['others except uri "spiffe://x/ops/**"', ["ING207"]],
    ['others except uri "spiffe://x/*/2"', []],
    ['uri "spiffe://x/ops/1" except others', []],
    ['uri "spiffe://x/ops/2" except others', ["ING207"]],
  ];
  for (const [set, due] of rows) assert.equal(codes(text(set)), due, set);
});

const many = (n: number, pattern: (i: number) => string): string => Array.from({ length: n }, (_, i) => `uri "spiffe://x/${pattern(i)}"`).join(", ");

ids("10,000 identities and one more", () => {
  const list = (n: number): string => `edition 1\nids all = ${many(n, (i) => `svc-${i}/${i % 2 === 0 ? "*" : "x"}`)}\n`;
  assert.equal(codes(list(bound.MAX_IDS)), []);
  assert.equal(codes(list(bound.MAX_IDS + 1)), ["ING610"]);
});

ids("the members of a named set are counted only once", () => {
  const { policy } = front(`edition 1\nids all = ${many(6_000, (i) => `svc-${i}`)}\n`);
  for (let i = 0; i < 3; i++) assert.is(policy?.sets[0]?.members().length, 6_000);
});

ids("the work of the algebra is bounded, at N and at one less", () => {
  const across = (): readonly Ids[] => [of(...Array.from({ length: 30 }, (_, i) => `*/${i}`)), of(...Array.from({ length: 30 }, (_, i) => `${i}/*`))];
  const used = (left: number): { readonly value: Ids | null; readonly used: number } => {
    const work = { left };
    const [a = [], b = []] = across();
    return { value: combineIds([a], [b], work), used: left - work.left };
  };
  const { value, used: most } = used(1_000_000);
  assert.is(value?.length, 30 + 900);
  assert.is(used(most).value?.length, 930);
  assert.is(used(most - 1).value, null);
});

ids("sets that overlap too often end in one diagnostic, soon", () => {
  const text = (n: number): string =>
    `edition 1\nids a = ${many(n, (i) => `*/${i}`)}\nids b = ${many(n, (i) => `${i}/*`)}\nids c = a except b\nids d = b except c\n`;
  const before = process.cpuUsage();
  assert.equal(codes(text(200)), []);
  assert.equal(codes(text(5_000)), ["ING610"]);
  // Each set takes something out of the one before, and is large.
  const chain = `edition 1\nids s0 = ${many(5_000, (i) => `svc-${i}/*`)}\n${Array.from({ length: 4_990 }, (_, i) => `ids s${i + 1} = s${i} except uri "spiffe://x/*/t${i}"\n`).join("")}`;
  assert.equal(codes(chain), ["ING610"]);
  const { user } = process.cpuUsage(before);
  assert.ok(user < 30_000_000, `${user} µs`);
});

ids("beginnings that begin each other, and many exceptions of one set, end soon", () => {
  const nested = `edition 1\nids a = ${many(1_500, (i) => `${"a".repeat(i)}*`)} except ${many(1_500, (i) => `b${"a".repeat(i)}*`)}\n`;
  const rules = `edition 1\nids a = ${many(5_000, (i) => `svc-${i}/*`)}\nexpose e on tcp 1 as mtls { cert "c" ca "c"\n${Array.from({ length: 300 }, (_, i) => `allow from any client a except uri "spiffe://x/svc-${i}/x"\n`).join("")} }\n`;
  const before = process.cpuUsage();
  assert.equal(codes(nested), []);
  assert.equal(codes(rules), []);
  const { user } = process.cpuUsage(before);
  assert.ok(user < 20_000_000, `${user} µs`);
});

ids.run();
