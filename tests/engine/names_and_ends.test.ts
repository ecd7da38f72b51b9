// Names, ends and dryrun in the engine: random small policies, each question answered by the
// module and by a reading of the equations that knows nothing of tables.
import * as assert from "uvu/assert";
import { suite } from "uvu";
import type { AddressSet, AddressWords, CheckedExpose, CheckedPolicy, CheckedRule, HostNode, HostSet } from "../../compiler/check/policy.ts";
import { engineBytes } from "../../compiler/emit/engine.ts";
import { isOverflow, writeImage } from "../../compiler/emit/image.ts";
import { semanticJson } from "../../compiler/emit/json.ts";
import { sourceMap } from "../../compiler/emit/map.ts";
import { spliceModule } from "../../compiler/emit/module.ts";
import { selfTests } from "../../compiler/emit/vectors.ts";
import { lower } from "../../compiler/lower/lower.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import type { Answer, Shadow } from "../../runtime/host/decision.ts";
import { isRefusal, loadPolicy } from "../../runtime/host/load.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";

const test = suite("names, ends and dryrun");
const span = { file: { path: "p.ingress", text: "" }, start: 0, end: 0 };
const annotations = { owner: null, ticket: null, why: null };
const LABELS = ["a", "b", "c"];

/** A small seeded generator (mulberry32). */
function random(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

/** 10.0.0.first to 10.0.0.last */
function range(first: number, last: number): AddressSet {
  return { bounds: Uint32Array.from([0, 0, 0xffff, 0x0a000000 + first, 0, 0, 0xffff, 0x0a000000 + last]) };
}

/** A set of names out of patterns, as a trie in which nothing is left out. */
function hosts(words: readonly string[]): HostSet {
  const build = (suffix: readonly string[], depth: number): HostNode => {
    const name = suffix.join(".");
    const has = (n: string): boolean => words.some((word) => matches(word, n));
    const children = depth === 0 ? [] : LABELS.map((label) => [label, build([label, ...suffix], depth - 1)] as const);
    const under = (front: string): boolean => has(name === "" ? front : `${front}.${name}`);
    return { self: name !== "" && has(name), one: under("other"), deep: under("x.other"), children: new Map(children) };
  };
  return { root: build([], 3), words: [...words].sort() };
}

function matches(word: string, name: string): boolean {
  if (!word.startsWith("*")) return word === name;
  const suffix = word.replace(/^\*+/, "");
  if (!name.endsWith(suffix)) return false;
  const front = name.slice(0, name.length - suffix.length);
  return word.startsWith("**") ? front !== "" : front !== "" && !front.includes(".");
}

interface Plain {
  readonly first: number;
  readonly last: number;
  readonly words: readonly string[] | null;
}

type Made = CheckedRule & { readonly plain: Plain };

function someRule(pick: (n: number) => number, kind: "allow" | "deny", tls: boolean): Made {
  const first = pick(16);
  const last = first + pick(16 - first);
  const label = (): string => LABELS[pick(3)] ?? "a";
  const word = (): string => {
    const tail = pick(2) === 0 ? label() : `${label()}.${label()}`;
    return ["", "*.", "**."][pick(3)] + tail;
  };
  const words = tls && pick(3) > 0 ? [...new Set(Array.from({ length: 1 + pick(2) }, word))] : null;
  return {
    from: range(first, last), sni: words === null ? null : hosts(words), client: null,
    until: kind === "allow" && pick(3) === 0 ? 100 * (1 + pick(4)) : null,
    dryrun: pick(4) === 0, name: null, annotations, span, plain: { first, last, words },
  };
}

interface Policy {
  readonly checked: CheckedPolicy;
  readonly tops: readonly Made[];
  readonly exposes: readonly { readonly tls: boolean; readonly allows: readonly Made[]; readonly denies: readonly Made[] }[];
}

function somePolicy(seed: number): Policy {
  const pick = random(seed);
  const some = (most: number, make: () => Made): Made[] => Array.from({ length: pick(most + 1) }, make);
  const tops = some(2, () => someRule(pick, "deny", pick(2) === 0));
  const exposes = [false, true].map((tls) => ({
    tls, allows: some(4, () => someRule(pick, "allow", tls)), denies: some(2, () => someRule(pick, "deny", tls)),
  }));
  const none = { ports: null, rules: null, prefixes: null, connections: null, moduleKiB: null, steps: null };
  const checked: CheckedPolicy = {
    edition: 1, tests: [], nets: [], waiting: [], hostOnly: [], budget: none,
    denies: tops.map((rule) => ({ ...rule, on: null })),
    exposes: exposes.map(({ tls, allows, denies }, i): CheckedExpose => ({
      name: `e${i}`, service: `e${i}`, proto: "tcp", ports: [{ first: 80 + i, last: 80 + i }], bind: null,
      mode: tls ? "passthrough" : "tcp", cert: null, ca: null, backend: null,
      cap: { connections: 1000, perSource: null, perIdentity: null, span: null }, limits: [], allows, denies, annotations, span,
    })),
  };
  return { checked, tops, exposes };
}

function open({ checked }: Policy): PolicyEngine {
  const tables = lower(checked);
  const image = tables === null ? null : writeImage(tables, "host");
  if (tables === null || image === null || isOverflow(image)) throw new Error("the policy is too large");
  const loaded = loadPolicy(spliceModule(engineBytes(), image, {
    semantic: semanticJson(checked, tables.rules).text, map: sourceMap(tables, "host"), vectors: JSON.stringify(selfTests(checked, tables.rules)),
  }));
  if (isRefusal(loaded)) throw new Error(loaded.message);
  return openEngine(loaded, new Uint8Array(16));
}

/** What the equations say: the reason of a refusal, "allow", or "open" where the name never came. */
function expected({ tops, exposes }: Policy, listener: number, host: number, name: string | null | undefined, wall: number | null, dryrun: boolean): string {
  const expose = exposes[listener];
  if (expose === undefined) return "policy";
  const counts = (rule: Made): boolean => dryrun || !rule.dryrun;
  const live = ({ until }: Made): boolean => until === null || (wall !== null && wall < until);
  const here = ({ plain }: Made): boolean => plain.first <= host && host <= plain.last;
  /** true, false, or null while the name is to come. */
  const truth = (rule: Made): boolean | null => {
    if (!here(rule) || !live(rule)) return false;
    const { words } = rule.plain;
    if (words === null) return true;
    if (!expose.tls) return false;
    return name === undefined ? null : name !== null && words.some((word) => matches(word, name));
  };
  const allows = expose.allows.filter(counts);
  const denies = [...tops, ...expose.denies].filter(counts);
  if (!allows.some(live)) return "policy";
  const early = (rule: Made): boolean => here(rule) && rule.plain.words === null;
  if (denies.some(early)) return "cidr";
  if (!allows.some((rule) => here(rule) && live(rule) && (expose.tls || rule.plain.words === null))) return "cidr";
  if (expose.tls && name === undefined) return "open";
  if (denies.some((rule) => truth(rule) === true)) return "sni";
  return allows.some((rule) => truth(rule) === true) ? "allow" : "sni";
}

function word(answer: Answer): string {
  if (answer.allowed) return "allow";
  return answer.later ? "open" : answer.reason;
}

function shadowWord(shadow: Shadow): string {
  if (shadow.verdict === "deny") return shadow.reason;
  return shadow.verdict === "allow" ? "allow" : "open";
}

const NAMES = [undefined, null, "a", "b", "a.b", "c.a.b", "x.a.b", "x.y.c", "x.a", "a.a.a.a"];

test("300 random policies answer as the equations say", () => {
  const seen = new Map<string, number>();
  for (let seed = 1; seed <= 300; seed++) {
    const policy = somePolicy(seed);
    const engine = open(policy);
    // Rising: the engine's clock never falls.
    for (const wall of [null, 99, 100, 199, 200, 300, 399, 400]) {
      engine.setClock({ monoMs: 0, wallSeconds: wall });
      for (const listener of [0, 1]) {
        const dry = [...policy.tops, ...(policy.exposes[listener]?.allows ?? []), ...(policy.exposes[listener]?.denies ?? [])].some((rule) => rule.dryrun);
        for (let host = 0; host < 17; host += 3) {
          const source: AddressWords = [0, 0, 0xffff, 0x0a000000 + host];
          for (const name of NAMES) {
            const asked = name === undefined ? engine.accept(listener, source) : engine.hello(listener, source, name);
            const want = expected(policy, listener, host, name, wall, false);
            const where = `seed ${seed} wall ${wall} listener ${listener} host ${host} name ${name}`;
            assert.is(word(asked), want, where);
            seen.set(want, (seen.get(want) ?? 0) + 1);
            const shadow = engine.shadow(listener, source, name);
            assert.is(shadow === null, !dry, where);
            if (shadow !== null) assert.is(shadowWord(shadow), expected(policy, listener, host, name, wall, true), `shadow ${where}`);
          }
        }
      }
    }
    assert.not.ok(engine.poisoned);
  }
  for (const verdict of ["allow", "open", "policy", "cidr", "sni"]) assert.ok((seen.get(verdict) ?? 0) > 1000, verdict);
});

const rule = (over: Partial<CheckedRule>): CheckedRule =>
  ({ from: range(0, 15), sni: null, client: null, until: null, dryrun: false, name: null, annotations, span, ...over });

function single(allow: CheckedRule): PolicyEngine {
  const policy = somePolicy(1);
  const [, web] = policy.checked.exposes;
  if (web === undefined) throw new Error("no expose");
  return open({ ...policy, checked: { ...policy.checked, denies: [], exposes: [{ ...web, allows: [allow], denies: [] }] } });
}

const SOURCE: AddressWords = [0, 0, 0xffff, 0x0a000001];

test("a name that is not in canonical form, or too long, is refused", () => {
  const engine = single(rule({}));
  const long = (n: number): string => `${"a.".repeat(Math.floor(n / 2))}${"a".repeat(n % 2)}`.replace(/\.$/, "b");
  const rows: readonly (readonly [string, string])[] = [
    ["a", "allowed"], ["a-1_b.c", "allowed"], ["a".repeat(63), "allowed"], ["a".repeat(64), "bad_name"],
    [long(255), "allowed"], [long(256), "bad_name"], ["", "bad_name"], ["A", "bad_name"], ["a.", "bad_name"],
    [".a", "bad_name"], ["a..b", "bad_name"], ["*.a", "bad_name"], ["a\0", "bad_name"], ["ä", "bad_name"], ["a b", "bad_name"],
  ];
  for (const [name, code] of rows) {
    const answer = engine.hello(0, SOURCE, name);
    assert.is(answer.code, code, JSON.stringify(name));
  }
});

test("an end in 2039, and a clock that is unknown or goes back", () => {
  const end = Date.UTC(2039, 0, 1) / 1000;
  const engine = single(rule({ until: end }));
  const at = (wallSeconds: number | null): string => {
    engine.setClock({ monoMs: 0, wallSeconds });
    return engine.hello(0, SOURCE, "a").code;
  };
  assert.equal([null, 2 ** 31, 2 ** 31 + 1, end - 1, null, end - 5, end, end - 1, null].map(at), [
    "expired", "allowed", "allowed", "allowed", "expired", "allowed", "expired", "expired", "expired",
  ]);
});

test.run();
