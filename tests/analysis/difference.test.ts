// The difference of two policies, which is made of the sources of changed rules alone, beside the whole sets that both policies
// permit; and how little is made where little changed.
import * as assert from "uvu/assert";
import { cellsOf, type Cell } from "../../compiler/analysis/cells.ts";
import { differenceOf, type PlaceOf } from "../../compiler/analysis/difference.ts";
import { NEVER } from "../../compiler/analysis/diagrams.ts";
import { modelOf, readModel, SharedSets, type PolicyModel } from "../../compiler/analysis/model.ts";
import type { Rules } from "../../compiler/analysis/permitted.ts";
import type { Result } from "../../runtime/result/result.ts";
import { atLength } from "../at_length.ts";
import { compileText, run } from "../oracle/ask.ts";
import type { ModelPolicy } from "../oracle/model.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { suite } from "../suite.ts";
import { anyPolicy, changed, mixedPolicy } from "./random_policies.ts";

const test = suite("analysis: difference");
const PAIRS = atLength(2_000, 90);

function valueOf<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

/** One change, three changes, a deny at top level more or less, or another policy. */
function next(c: Chance, policy: ModelPolicy): ModelPolicy {
  const roll = c.below(4);
  if (roll === 0) return changed(c, policy);
  if (roll === 1) return [1, 2, 3].reduce((before) => changed(c, before), policy);
  if (roll === 3) return anyPolicy(c);
  if (policy.denies.length > 0 && c.oneIn(2)) return { ...policy, denies: policy.denies.slice(1) };
  // Its denies use no declared set.
  return { ...policy, denies: [...policy.denies, ...mixedPolicy(c).denies.filter(({ on }) => on === null)] };
}

const placeText = ({ proto, ports, local }: PlaceOf | Cell): string => JSON.stringify([proto, ports, local === null ? null : [...local.bounds]]);

test("it is exactly what one policy permits and the other does not, at each place, and with the dryrun rules too", () => {
  const seen = { moved: 0, unmoved: 0, shadows: 0 };
  for (let seed = 0; seed < PAIRS; seed++) {
    const c = chance(2_600_000 + seed);
    const old = anyPolicy(c);
    const now = next(c, old);
    // Of models that were read apart every set seems to be another one, and the answer is the same.
    const shared = seed % 4 === 3 ? null : new SharedSets();
    const models = [old, now].map((policy) => valueOf(modelOf(run(policy).module, shared ?? new SharedSets())));
    const [before, after] = models as [PolicyModel, PolicyModel];
    const found = differenceOf(before, after);
    const { diagrams } = found.space;
    const hasShadow = [old, now].some((p) => [...p.denies, ...p.exposes.flatMap((e) => e.rules)].some(({ dryrun }) => dryrun === true));
    for (const cell of cellsOf(models)) {
      const [x = [], y = []] = cell.members;
      const whole = (rules: Rules): readonly number[] => {
        const [was, is] = [found.before.cell(x, x, rules), found.after.cell(y, y, rules)];
        return [diagrams.minus(is, was), diagrams.minus(was, is)];
      };
      const here = found.listeners.filter(({ places }) => places.some((place) => placeText(place) === placeText(cell)));
      const said = [here.map(({ opened }) => opened), here.map(({ closed }) => closed)].map((all) => diagrams.any(all));
      assert.equal(said, whole("enforced"), `seed ${seed}`);
      seen[said.every((d) => d === NEVER) ? "unmoved" : "moved"]++;
      if (!hasShadow) continue;
      const shadow = [here.map(({ shadowOpened }) => shadowOpened), here.map(({ shadowClosed }) => shadowClosed)].map((all) => diagrams.any(all));
      assert.equal(shadow, whole("with dryrun"), `seed ${seed}, with dryrun rules`);
      if (shadow.join() !== said.join()) seen.shadows++;
    }
  }
  assert.ok(seen.moved > 40 && seen.unmoved > 40 && seen.shadows > 5, JSON.stringify(seen));
});

/** Eight listeners with 200 prefixes each, and a deny at top level with 200. */
function large(rule: string): string {
  const list = (n: number): string => Array.from({ length: 200 }, (_, i) => `10.${n}.${i}.0/24, 2001:db8:${n}:${2 * i}::/64`).join(", ");
  const exposes = Array.from({ length: 8 }, (_, n) => `expose e${n} on tcp ${1000 + n} { backend 127.0.0.1:1 allow from ${list(n)} ${n === 3 ? rule : ""} }`);
  return `edition 1\ndeny from ${list(8)}\n${exposes.join("\n")}\n`;
}

const NODES: readonly (readonly [what: string, rule: string, least: number, most: number])[] = [
  ["the same policy", "", 0, 0],
  ["one address more at one of eight listeners", "allow from 192.0.2.77", 1, 40],
  ["a deny of one address that is admitted", "deny from 10.3.7.9", 1, 200],
  ["a deny of one that is not", "deny from 192.0.2.77", 1, 40],
];

for (const [what, rule, least, most] of NODES) {
  test(`nodes: ${what}`, () => {
    const nodesOf = (): number => {
      const shared = new SharedSets();
      const [before, after] = [large(""), large(rule)].map((text) => valueOf(modelOf(compileText(text), shared))) as [PolicyModel, PolicyModel];
      return differenceOf(before, after).space.diagrams.nodes;
    };
    const nodes = nodesOf();
    assert.ok(least <= nodes && nodes <= most, String(nodes));
    assert.is(nodesOf(), nodes);
  });
}

const SETS = { nets: { n: ["10.0.0.0/8", "192.0.2.0/24"] }, hosts: { h: ["a.example", "b.example"] }, ids: { i: ["dns:a.example"] } };

function withSets(sets: object): string {
  const rule = { from: "n", sni: "h", client: "i", until: null, dryrun: false };
  const expose = [{ name: "l", proto: "tcp", ports: ["443"], bind: null, mode: "mtls", allow: [rule], deny: [] }];
  return JSON.stringify({ edition: 1, deny: [], expose, ...SETS, ...sets });
}

const KEYS: readonly (readonly [what: string, sets: object, key: string | null])[] = [
  ["the same members", {}, null],
  ["another prefix", { nets: { n: ["10.0.0.0/8", "192.0.3.0/24"] } }, "n"],
  ["a prefix more", { nets: { n: ["10.0.0.0/8", "192.0.2.0/24", "192.0.3.0/24"] } }, "n"],
  ["a prefix less", { nets: { n: ["10.0.0.0/8"] } }, "n"],
  ["another name", { hosts: { h: ["a.example", "c.example"] } }, "h"],
  ["a name more of a certificate", { ids: { i: ["dns:a.example", "dns:b.example"] } }, "i"],
];

for (const [what, sets, key] of KEYS) {
  test(`a set under the key of another one is refused, because the comparison is by keys: ${what}`, () => {
    const shared = new SharedSets();
    const before = valueOf(readModel(withSets({}), shared));
    const after = readModel(withSets(sets), shared);
    if (key === null) assert.equal(differenceOf(before, valueOf(after)).listeners, []);
    else assert.equal(after, { ok: false, error: `its set \`${key}\` has other members than the one with that key in the other policy` });
    // Alone it is a policy as any other.
    assert.ok(readModel(withSets(sets)).ok);
  });
}

test.run();
