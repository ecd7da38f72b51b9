// Nets and sets of host names in three layers, each with exceptions from the layer below, against the oracle.
// identities.test.ts has the same for identities.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { difference, run } from "../oracle/ask.ts";
import { decide, type Facts } from "../oracle/evaluate.ts";
import { randomPrefix } from "../oracle/generate.ts";
import { layered, LAYERS } from "../oracle/layers.ts";
import { isEmpty, prefixesOf, setHas, type ModelExpose, type ModelNet, type ModelPolicy, type ModelRule, type Term } from "../oracle/model.ts";
import { hostsHave, isEmptyHosts, patternsOf, tailOf, type HostTerm, type NamedHosts } from "../oracle/names.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { addressText, edges, prefixOf, readPrefix, words, type Prefix } from "../oracle/space.ts";

const test = suite("layers");
const POLICIES = 60;

const expose = (rules: readonly ModelRule[], more: Partial<ModelExpose> = {}): ModelExpose => ({
  name: "e",
  ports: [{ first: 443, last: 443 }],
  bind: null,
  cap: null,
  limits: [],
  rules,
  ...more,
});

/** A few prefixes around one, so that sets of them overlap. */
function prefix(c: Chance): Prefix {
  if (c.oneIn(8)) return randomPrefix(c);
  const [base, length] =
    c.oneIn(3) ?
      [readPrefix("2001:db8::").base | (BigInt(c.below(8)) << 93n), 32 + c.below(4)]
    : [readPrefix("10.0.0.0").base + BigInt(c.below(8) * 2 ** 21), 8 + c.below(4)];
  return prefixOf(base, length);
}

test("nets of three layers contain the addresses that the equations give them", () => {
  const seen = new Map<boolean, number>();
  for (let seed = 0; seed < POLICIES; seed++) {
    const c = chance(1_100_000 + seed);
    const nets: readonly ModelNet[] = layered<Term>(c, {
      name: "net",
      plain: () => ({ kind: "prefix", prefix: prefix(c) }),
      use: (net) => ({ kind: "net", net }),
      isEmpty,
    });
    const rule = (net: ModelNet, i: number): ModelRule => ({
      action: i % 3 === 2 ? "deny" : "allow",
      name: null,
      from: { members: [{ kind: "net", net }], except: [] },
    });
    const policy: ModelPolicy = {
      nets,
      denies: [],
      exposes: [expose(c.shuffle(nets).map(rule)), ...nets.map((net, i) => expose([rule(net, 0)], { name: `n${i}`, ports: [{ first: i + 1, last: i + 1 }] }))],
    };
    const running = run(policy);
    const all = [...new Set(nets.flatMap(({ set }) => prefixesOf(set).flatMap(edges)))];
    for (const e of policy.exposes) {
      for (const source of c.shuffle(all).slice(0, 60)) {
        const expected = decide(policy, e, { source, wall: null, name: undefined });
        const wrong = difference(running, expected, running.engine.accept(running.ids.get(e.name) ?? -1, words(source)));
        if (wrong !== null) throw new Error(`seed ${seed}: ${e.name} from ${addressText(source)}: ${wrong}\n${running.printed.text}`);
        seen.set(expected.allowed, (seen.get(expected.allowed) ?? 0) + 1);
      }
    }
    assert.ok(all.some((source) => nets.some(({ set }) => setHas(set, source))));
  }
  assert.ok((seen.get(true) ?? 0) > 3_000 && (seen.get(false) ?? 0) > 5_000, [...seen].join(" "));
});

function pattern(c: Chance): string {
  if (c.oneIn(20)) return c.pick(["*", "**"]);
  return `${c.pick(["", "*.", "**.", "**."])}${Array.from({ length: 1 + c.below(3) }, () => c.pick(["a", "b", "c"])).join(".")}`;
}

/** Names at, below and beside each pattern. */
function namesOf(hosts: readonly NamedHosts[]): readonly string[] {
  const tails = [...new Set(hosts.flatMap(({ set }) => patternsOf(set).map(tailOf)))];
  return [
    ...new Set(tails.flatMap((tail) => ["", "a.", "b.", "q.", "a.b.", "q.a.", "q.r.", "q.r.s."].map((front) => `${front}${tail}`.replace(/\.$/, "")))),
  ].filter((name) => name !== "");
}

test("sets of host names of three layers contain the names that the equations give them", () => {
  const seen = new Map<string, number>();
  for (let seed = 0; seed < POLICIES; seed++) {
    const c = chance(1_200_000 + seed);
    const hosts: readonly NamedHosts[] = layered<HostTerm>(c, {
      name: "hosts",
      plain: () => ({ kind: "pattern", text: pattern(c) }),
      use: (set) => ({ kind: "hosts", hosts: set }),
      isEmpty: isEmptyHosts,
    });
    const any: Term = { kind: "builtin", name: "any" };
    const rule = (set: NamedHosts, i: number): ModelRule => ({
      action: i % 3 === 2 ? "deny" : "allow",
      name: null,
      from: { members: [any], except: [] },
      sni: { members: [{ kind: "hosts", hosts: set }], except: [] },
    });
    const one = (set: NamedHosts, i: number): ModelExpose =>
      expose([rule(set, 0)], { name: `h${i}`, ports: [{ first: i + 1, last: i + 1 }], mode: "passthrough" });
    const policy: ModelPolicy = { nets: [], hosts, denies: [], exposes: [expose(c.shuffle(hosts).map(rule), { mode: "passthrough" }), ...hosts.map(one)] };
    const running = run(policy);
    const all = namesOf(hosts);
    for (const e of policy.exposes) {
      for (const name of c.shuffle(all).slice(0, 60)) {
        const facts: Facts = { source: readPrefix("10.0.0.1").base, wall: null, name };
        const expected = decide(policy, e, facts);
        const wrong = difference(running, expected, running.engine.hello(running.ids.get(e.name) ?? -1, words(facts.source), name));
        if (wrong !== null) throw new Error(`seed ${seed}: ${e.name} for ${name}: ${wrong}\n${running.printed.text}`);
        seen.set(expected.code, (seen.get(expected.code) ?? 0) + 1);
      }
    }
    assert.ok(all.some((name) => hosts.some(({ set }) => hostsHave(set, name))));
  }
  for (const code of ["allowed", "deny_name", "no_name"]) assert.ok((seen.get(code) ?? 0) > 1_000, `${code}: ${seen.get(code) ?? 0}`);
  assert.is(LAYERS, 3);
});

test.run();
