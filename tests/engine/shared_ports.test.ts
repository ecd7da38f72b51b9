// Exposes that share a port: random policies against the oracle. Compares which listener or group is at each port, phase 1 at groups, where
// each name leads, phase 2 there, the shadow of phase 1, and charges that wait for the name.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DEFAULT_CAP_CONNECTIONS } from "../../compiler/source/bounds.ts";
import type { Answer as HostAnswer } from "../../runtime/host/decision.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import { difference, run, shadowDifference, type Running } from "../oracle/ask.ts";
import { decide, exposesAt, type Answer } from "../oracle/evaluate.ts";
import { Meter } from "../oracle/meter.ts";
import { prefixesOf, type ModelExpose, type ModelPolicy } from "../oracle/model.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { decideAt, groupAt, shadowAt } from "../oracle/groups.ts";
import { addressText, edges, readPrefix, words } from "../oracle/space.ts";
import { namesFor, sharedPolicy } from "../oracle/whole.ts";

const test = suite("shared ports");
const POLICIES = 110;
const QUESTIONS = 120;

const seen = new Map<string, number>();
const count = (what: string): void => {
  seen.set(what, (seen.get(what) ?? 0) + 1);
};

function sources(policy: ModelPolicy, c: Chance): readonly bigint[] {
  const sets = [...policy.denies, ...policy.exposes.flatMap((e) => e.rules)].flatMap((r) => (r.from === null ? [] : [r.from]));
  const all = new Set(sets.flatMap((set) => prefixesOf(set).flatMap(edges)));
  return [...c.shuffle([...all]).slice(0, 30), readPrefix("203.0.113.9").base, readPrefix("2001:db8::1").base];
}

/** Where connections arrive: ports of the policy with addresses inside and outside of its binds. */
function endpoints(policy: ModelPolicy): readonly { readonly port: number; readonly local: bigint }[] {
  const ports = new Set(policy.exposes.flatMap((e) => e.ports.flatMap(({ first, last }) => [first - 1, first, last, last + 1])));
  const locals = ["10.1.2.3", "192.168.1.1", "203.0.113.1", "0.0.0.0", "::", "2001:db8::5"].map((text) => readPrefix(text).base);
  return [...ports].flatMap((port) => locals.map((local) => ({ port, local })));
}

class Comparison {
  readonly #policy: ModelPolicy;
  readonly #running: Running;
  readonly #meters: ReadonlyMap<ModelExpose, Meter>;
  readonly #open: { readonly expose: ModelExpose; readonly source: bigint }[] = [];
  wall: number | null = null;

  constructor(policy: ModelPolicy, running: Running) {
    this.#policy = policy;
    this.#running = running;
    this.#meters = new Map(policy.exposes.map((e) => [e, new Meter(e, DEFAULT_CAP_CONNECTIONS)]));
  }

  get #engine(): PolicyEngine {
    return this.#running.engine;
  }

  setClock(monoMs: number): void {
    this.#engine.setClock({ monoMs, wallSeconds: this.wall });
    for (const meter of this.#meters.values()) meter.setClock(monoMs);
  }

  #compare(due: Answer, answer: HostAnswer): void {
    const wrong = difference(this.#running, due, answer);
    if (wrong !== null) throw new Error(wrong);
    count(due.code);
  }

  /** The number at an endpoint: a group's exactly where names distinguish what is there. */
  placeAt(port: number, local: bigint): { readonly id: number; readonly members: readonly ModelExpose[]; readonly isGroup: boolean } | null {
    const members = exposesAt(this.#policy, port, local, "tcp");
    const isGroup = groupAt(this.#policy, port, local) !== null;
    const id = this.#engine.listenerAt("tcp", port, words(local));
    const group = this.#engine.info.groups.find((g) => g.id === id);
    const names = (group?.members ?? (id < 0 ? [] : [id])).map((n) => this.#engine.info.listeners[n]?.name).sort();
    assert.equal(names, members.map(({ name }) => name).sort());
    assert.is(group !== undefined, isGroup);
    return members.length === 0 ? null : { id, members, isGroup };
  }

  /** Phases 1 and 2 without charges, and the shadow of phase 1. */
  group(id: number, members: readonly ModelExpose[], source: bigint, name: string | null): void {
    const at = words(source);
    const first = decideAt(this.#policy, members, { source, wall: this.wall, name: undefined }).answer;
    const accepted = this.#engine.accept(id, at);
    this.#compare(first, accepted);
    const tried = shadowAt(this.#policy, members, source, this.wall);
    const wrong = shadowDifference(this.#running, tried, this.#engine.shadow(id, at, undefined));
    if (wrong !== null) throw new Error(wrong);
    if (tried !== null) count(tried.code === first.code ? "shadow alike" : "shadow other");
    const { answer, lead } = decideAt(this.#policy, members, { source, wall: this.wall, name });
    const found = this.#engine.lead(id, at, name);
    if (lead === null) {
      assert.is(found.listener, null, `leads to ${found.listener}`);
      if (found.listener === null) this.#compare(answer, found.denial);
      return;
    }
    assert.is(found.listener, this.#running.ids.get(lead.name), `${JSON.stringify(name)} leads to ${lead.name}`);
    if (found.listener !== null) this.#compare(answer, this.#engine.named(found.listener, at, name));
  }

  /** As the gateway does: charged when the name has led to an expose whose rules admit it. */
  connection(id: number, members: readonly ModelExpose[], source: bigint, name: string | null): void {
    const [at, engine] = [words(source), this.#engine];
    const first = decideAt(this.#policy, members, { source, wall: this.wall, name: undefined }).answer;
    const [admitted] = engine.admit([{ listener: id, source: at }]);
    if (admitted === undefined) throw new Error("no answer");
    this.#compare(first, admitted);
    if (!first.later) return;
    const { answer, lead } = decideAt(this.#policy, members, { source, wall: this.wall, name });
    const found = engine.lead(id, at, name);
    if (found.listener === null || lead === null) {
      assert.is(found.listener === null, lead === null);
      if (answer.code !== "no_expose") return;
      engine.spend(id, at);
      for (const member of members) this.#meters.get(member)?.spend(source);
      return;
    }
    if (!answer.allowed) return;
    const refused = this.#meters.get(lead)?.admit(source) ?? null;
    const named = engine.named(found.listener, at, name);
    const rule = named.allowed ? named.rule : -1;
    const charged = engine.charge({ listener: found.listener, source: at }, rule);
    assert.equal([charged.allowed, charged.code, charged.rule], [refused === null, refused ?? "allowed", rule]);
    count(charged.code);
    if (charged.allowed) this.#open.push({ expose: lead, source });
  }

  close(c: Chance): void {
    const [closing] = this.#open.splice(c.below(this.#open.length + 1), 1);
    if (closing === undefined) return;
    this.#engine.release(this.#running.ids.get(closing.expose.name) ?? -1, words(closing.source));
    this.#meters.get(closing.expose)?.release(closing.source);
  }

  /** Nothing is counted at a group, and at its members what they admitted. */
  counts(): void {
    for (const [expose, meter] of this.#meters) assert.is(this.#engine.connections(this.#running.ids.get(expose.name) ?? -1), meter.connections, expose.name);
    for (const { id } of this.#engine.info.groups) assert.is(this.#engine.connections(id), 0);
  }
}

test("random policies answer as the equations say", () => {
  for (let seed = 0; seed < POLICIES; seed++) {
    const c = chance(1_900_000 + seed);
    const policy = sharedPolicy(c, { nets: 2, exposes: 1 + c.below(4), rules: 1 + c.below(5), denies: 2 });
    const running = run(policy);
    const compared = new Comparison(policy, running);
    const [all, names] = [sources(policy, c), namesFor(c, policy)];
    const places = endpoints(policy).flatMap(({ port, local }) => compared.placeAt(port, local) ?? []);
    const groups = places.filter(({ isGroup }) => isGroup);
    let monoMs = 0;
    for (let i = 0; i < QUESTIONS && groups.length > 0; i++) {
      const { id, members } = c.pick(groups);
      const [source, name] = [c.pick(all), c.pick(names)];
      // The clock's ends have tests of their own; here it only advances.
      compared.wall = i < QUESTIONS / 2 ? null : 2 ** 31;
      compared.setClock((monoMs += c.pick([0, 0, 1, 20, 1000])));
      try {
        compared.group(id, members, source, name);
        compared.connection(id, members, source, name);
        if (c.oneIn(3)) compared.close(c);
        if (c.oneIn(10)) compared.counts();
      } catch (error) {
        throw new Error(
          `seed ${seed}: ${error instanceof Error ? error.message : ""}: from ${addressText(source)} for ${JSON.stringify(name)} at ${compared.wall}\n${running.printed.text}`,
          { cause: error },
        );
      }
    }
    assert.not.ok(running.engine.poisoned);
  }
  for (const code of [
    "allowed",
    "open",
    "no_allow",
    "deny_rule",
    "no_match",
    "deny_name",
    "no_name",
    "bad_name",
    "no_expose",
    "cap_listener",
    "limit_source",
    "shadow other",
  ]) {
    assert.ok((seen.get(code) ?? 0) >= 10, `${code}: only ${seen.get(code) ?? 0} of ${[...seen].join(" ")}`);
  }
});

test("a name leads the same way at a listener that has its port alone, by decide", () => {
  // INVARIANT of the oracle: where nothing is shared, a group of one without `for` is the expose itself.
  const c = chance(1);
  const policy = sharedPolicy(c, { nets: 1, exposes: 1, rules: 4, denies: 0 });
  const [expose] = policy.exposes;
  if (expose === undefined) throw new Error("no expose");
  const bare: ModelExpose = { ...expose, names: null };
  for (const source of sources(policy, c)) {
    for (const name of namesFor(c, policy)) {
      assert.equal(decideAt(policy, [bare], { source, wall: null, name }).answer, decide(policy, bare, { source, wall: null, name }));
    }
  }
});

test.run();
