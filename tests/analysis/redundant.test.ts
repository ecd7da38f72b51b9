// Rules without an effect, against brute force: small universes in which each request is decided by reading all rules, and random
// policies from which everything that was found is cut out of the text.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { differenceOf } from "../../compiler/analysis/difference.ts";
import { modelOf, readModel, type PolicyModel } from "../../compiler/analysis/model.ts";
import { withoutEffect, type RuleText } from "../../compiler/analysis/redundant.ts";
import { compile } from "../../compiler/compile.ts";
import { writtenRules } from "../../compiler/lint/rule_texts.ts";
import { orderRules } from "../../compiler/lower/order.ts";
import { atLength } from "../at_length.ts";
import { compileText, ENTRY, readerOf, run } from "../oracle/ask.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { anyPolicy } from "./random_policies.ts";

const test = suite("analysis: rules without an effect");

/** A rule of a small universe: the sources, names and words of certificates that it matches; null: all. */
interface SmallRule {
  readonly action: "allow" | "deny";
  readonly dryrun: boolean;
  /** Null: at top level. */
  readonly listener: number | null;
  /** Only at top level: a port, or all of them. */
  readonly on: number | null;
  readonly sources: readonly number[] | null;
  readonly sni: string | null;
  readonly client: string | null;
  readonly until: number | null;
}

interface SmallListener {
  readonly port: number;
  readonly mode: "tcp" | "tls" | "mtls";
  readonly names: readonly string[] | null;
}

/** Two share a port: a name leads to one of them, every other name and no name to the other. */
const LISTENERS: readonly SmallListener[] = [
  { port: 443, mode: "mtls", names: ["a"] },
  { port: 443, mode: "mtls", names: null },
  { port: 80, mode: "tcp", names: null },
  { port: 444, mode: "tls", names: null },
];
const SOURCES = [0, 1, 2];
/** The last one is no host name. */
const NAMES = [null, "a", "b", "192.0.2.1"] as const;
const CERTIFICATES = [[], ["dns:x"], ["dns:y"], ["dns:x", "dns:y"]] as const;
/** Before and behind every `until`, and where no clock is known. */
const TIMES = [null, 500, 1_500] as const;

function smallRule(c: Chance): SmallRule {
  const top = c.oneIn(4);
  const listener = top ? null : c.below(LISTENERS.length);
  const action = top || c.oneIn(2) ? "deny" : "allow";
  const mode = LISTENERS[listener ?? -1]?.mode ?? "tcp";
  return {
    action,
    dryrun: c.oneIn(5),
    listener,
    on: top && c.oneIn(2) ? c.pick([443, 80, 444, 9]) : null,
    sources: c.oneIn(3) ? null : SOURCES.filter(() => c.oneIn(2)),
    sni: (top || mode !== "tcp") && c.oneIn(3) ? c.pick(["a", "b"]) : null,
    client: (top || mode === "mtls") && c.oneIn(3) ? c.pick(["dns:x", "dns:y"]) : null,
    until: action === "allow" && c.oneIn(4) ? 1_000 : null,
  };
}

/** The semantic JSON of these rules. */
function modelFrom(rules: readonly SmallRule[]): PolicyModel {
  const nets: Record<string, readonly string[]> = { all: ["0.0.0.0/0", "::/0"], none: [] };
  const netOf = (sources: readonly number[] | null): string => {
    if (sources === null) return "all";
    const key = `n${sources.join("_")}`;
    nets[key] = sources.map((n) => `10.0.0.${n}/32`);
    return key;
  };
  const json = ({ sources, sni, client, until, dryrun, on, listener }: SmallRule): object => ({
    from: netOf(sources),
    sni,
    ...(client !== null && { client }),
    until,
    dryrun,
    ...(listener === null && { on: on === null ? null : { proto: "tcp", ports: [String(on)] } }),
  });
  const own = (listener: number | null, action: string): object[] => rules.filter((r) => r.listener === listener && r.action === action).map(json);
  const expose = LISTENERS.map(({ port, mode, names }, i) => ({
    name: `l${i}`,
    proto: "tcp",
    ports: [String(port)],
    bind: null,
    mode,
    ...(names !== null && { for: names }),
    allow: own(i, "allow"),
    deny: own(i, "deny"),
  }));
  const text = JSON.stringify({
    edition: 1,
    deny: own(null, "deny"),
    expose,
    hosts: { a: ["a"], b: ["b"] },
    ids: { "dns:x": ["dns:x"], "dns:y": ["dns:y"] },
    nets,
  });
  const read = readModel(text);
  if (!read.ok) throw new Error(read.error);
  return read.value;
}

/** Where an enforced rule looks at names, a client whose name is no host name is refused; else it counts as one without a name. */
function looks(r: SmallRule, { port }: SmallListener, i: number): boolean {
  return r.sni !== null && !r.dryrun && (r.listener === i || (r.listener === null && (r.on === null || r.on === port)));
}

/** Every verdict and every shadow of the universe, in one text. */
function verdicts(rules: readonly SmallRule[]): string {
  const out: string[] = [];
  for (const [i, listener] of LISTENERS.entries()) {
    for (const name of NAMES) {
      const leads = listener.port !== 443 || (name === "a") === (i === 0);
      if (!leads) continue;
      for (const source of [...SOURCES, 9])
        for (const words of listener.mode === "mtls" ? CERTIFICATES : [[]])
          for (const wall of TIMES) {
            const matches = (r: SmallRule): boolean =>
              (r.listener === i || (r.listener === null && (r.on === null || r.on === listener.port))) &&
              (r.sources === null || r.sources.includes(source)) &&
              (r.sni === null || (listener.mode !== "tcp" && r.sni === name)) &&
              (r.client === null || words.some((word) => word === r.client)) &&
              (r.until === null || (wall !== null && wall < r.until));
            const isRefused = name === "192.0.2.1" && listener.mode !== "tcp" && (listener.port === 443 || rules.some((r) => looks(r, listener, i)));
            const decided = (all: readonly SmallRule[]): boolean =>
              !isRefused && all.some((r) => r.action === "allow" && matches(r)) && !all.some((r) => r.action === "deny" && matches(r));
            out.push(decided(rules.filter((r) => !r.dryrun)) ? "1" : "0", decided(rules) ? "1" : "0");
          }
    }
  }
  return out.join("");
}

/** Each rule as a text, and some pairs as one; each `dryrun` behind all others. */
function textsOf(c: Chance, rules: readonly SmallRule[]): readonly { readonly text: RuleText; readonly rules: readonly SmallRule[] }[] {
  const groups: SmallRule[][] = [];
  for (const rule of rules) {
    const mate = c.oneIn(4) ? groups.find(([r]) => r !== undefined && r.action === rule.action && r.dryrun === rule.dryrun) : undefined;
    if (mate === undefined) groups.push([rule]);
    else mate.push(rule);
  }
  const at = (rule: SmallRule): { readonly listener: number | null; readonly index: number } => ({
    listener: rule.listener,
    index: rules.filter((r) => r.listener === rule.listener && r.action === rule.action).indexOf(rule),
  });
  return groups
    .sort(([x], [y]) => Number(x?.dryrun ?? false) - Number(y?.dryrun ?? false))
    .map((own) => ({ text: { action: own[0]?.action ?? "deny", dryrun: own[0]?.dryrun ?? false, rules: own.map(at) }, rules: own }));
}

const plain = (c: Chance): SmallRule => ({ ...smallRule(c), sni: null, client: null, until: null });
/** Plain ones but for one in ten, so that most policies have listeners of both kinds. */
const mostlyPlain = (c: Chance): SmallRule => (c.oneIn(10) ? smallRule(c) : plain(c));

for (const [kind, ruleOf] of [
  ["of every kind", smallRule],
  ["about sources alone", plain],
  ["mostly about sources alone", mostlyPlain],
] as const)
  test(`small universes, rules ${kind}: what is found has no effect, alone and together, and what is not found has one`, () => judged(ruleOf));

function judged(ruleOf: (c: Chance) => SmallRule): void {
  const seen = { found: 0, kept: 0, dryrun: 0, why: new Set<string>() };
  for (let seed = 0; seed < atLength(20_000, 400); seed++) {
    const c = chance(3_000_000 + seed);
    const rules = Array.from({ length: 2 + c.below(9) }, () => ruleOf(c));
    const texts = textsOf(c, rules);
    const { found, unjudged } = withoutEffect(
      modelFrom(rules),
      texts.map(({ text }) => text),
    );
    assert.is(unjudged, 0);
    const before = verdicts(rules);
    const without = (out: readonly SmallRule[]): string => verdicts(rules.filter((r) => !out.includes(r)));
    const isFound = (i: number): boolean => found.has(i);
    const all = texts.flatMap(({ rules: own }, i) => (isFound(i) ? own : []));
    assert.is(without(all), before, `seed ${seed}: removing all of them changes a verdict: ${JSON.stringify(rules)}`);
    texts.forEach(({ text, rules: own }, i) => {
      const why = found.get(i);
      if (why !== undefined) {
        assert.is(without(own), before, `seed ${seed}: text ${i} has an effect (${why.why}): ${JSON.stringify(rules)}`);
        seen.found++;
        seen.why.add(why.why);
        if (text.dryrun) seen.dryrun++;
        return;
      }
      // Those of its action that are found are no reason to keep it.
      const others = texts.flatMap((other, j) => (isFound(j) && other.text.action === text.action ? other.rules : []));
      // Nor is one that looks at names, of either action, if this one is the last that does.
      const isLast = own.some((r) => r.sni !== null && !r.dryrun) && without([...all, ...own]) !== before;
      assert.ok(isLast || without([...others, ...own]) !== before, `seed ${seed}: text ${i} has no effect: ${JSON.stringify(rules)}`);
      seen.kept++;
    });
  }
  assert.ok(seen.found > 300 && seen.kept > 300 && seen.dryrun > 30, JSON.stringify({ ...seen, why: [] }));
  assert.equal([...seen.why].sort(), ["covered", "denied", "nothing_allowed", "unreachable"]);
}

test("all that is found can be cut out of the text of a policy, which stays equivalent", () => {
  let cut = 0;
  for (let seed = 0; seed < atLength(400, 40); seed++) {
    const { printed, module } = run(anyPolicy(chance(3_100_000 + seed)));
    const { policy } = compile({ path: ENTRY, text: printed.text }, readerOf(printed.files));
    const model = modelOf(module);
    if (policy === null || !model.ok) throw new Error(`seed ${seed}: no policy`);
    const texts = writtenRules(policy.exposes, orderRules(policy));
    const { found } = withoutEffect(model.value, texts);
    const places = [...found.keys()]
      .flatMap((i) => texts[i]?.span ?? [])
      .filter(({ file }) => file.path === ENTRY)
      .sort((x, y) => y.start - x.start);
    const text = places.reduce((rest, { start, end }) => `${rest.slice(0, start)}${rest.slice(end)}`, printed.text);
    const after = modelOf(compileText(text, printed.files));
    if (!after.ok) throw new Error(after.error);
    const { listeners } = differenceOf(model.value, after.value);
    assert.equal(
      listeners.map(({ before }) => before),
      [],
      `seed ${seed}:\n${printed.text}\nbecame\n${text}`,
    );
    cut += places.length;
  }
  assert.ok(cut > 40, `only ${cut} rules`);
});

/** The allows of one listener, each from one prefix. */
function allowsFrom(prefixes: readonly string[], until: number | null = null): { readonly model: PolicyModel; readonly texts: readonly RuleText[] } {
  const nets = Object.fromEntries(prefixes.map((prefix, i) => [`n${i}`, [prefix]]));
  const rules = prefixes.map((_, i) => ({ from: `n${i}`, sni: null, until, dryrun: false }));
  const expose = [{ name: "l", proto: "tcp", ports: ["80"], bind: null, mode: "tcp", allow: rules, deny: [] }];
  const read = readModel(JSON.stringify({ edition: 1, deny: [], expose, hosts: {}, nets }));
  if (!read.ok) throw new Error(read.error);
  return { model: read.value, texts: rules.map((_, index) => ({ action: "allow", dryrun: false, rules: [{ listener: 0, index }] })) };
}

test("the rule that suffices is named if it is one of the first 256", () => {
  for (const [others, by] of [
    [255, 255],
    [256, null],
  ] as const) {
    const { model, texts } = allowsFrom([...Array.from({ length: others }, (_, i) => `192.0.${i}.1/32`), "10.0.0.0/8", "10.1.0.0/16"]);
    assert.equal([...withoutEffect(model, texts).found], [[others + 1, { why: "covered", by }]]);
  }
});

test("of rules that make each other redundant the last is found", () => {
  const found = (...prefixes: readonly string[]): readonly number[] => {
    const { model, texts } = allowsFrom(prefixes);
    return [...withoutEffect(model, texts).found.keys()];
  };
  assert.equal(found("10.0.0.0/8", "10.0.0.0/8"), [1]);
  assert.equal(found("10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/8"), [2, 1]);
  assert.equal(found("10.0.0.0/9", "10.128.0.0/9", "10.0.0.0/8"), [2]);
  assert.equal(found("10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9"), [2, 1]);
  assert.equal(found("10.0.0.0/9", "10.0.0.0/8", "10.128.0.0/9"), [2, 0]);
  assert.equal(found("10.0.0.0/9", "10.64.0.0/10", "10.128.0.0/9"), [1]);
  assert.equal(found("10.0.0.0/9", "192.0.2.0/24", "10.128.0.0/9"), []);
});

const LOOKS: readonly [name: string, text: string, found: readonly string[]][] = [
  ["the last rule that looks at names", 'expose w on tcp 1 as passthrough { allow from any allow from any sni "a" }', []],
  ["one of two", 'expose w on tcp 1 as passthrough { allow from any allow from any sni "a" allow from 10.0.0.1 sni "b" }', ['allow from any sni "a"']],
  ["a rule that looks, at top level", 'deny from 10.0.0.1 sni "a" expose w on tcp 1 as passthrough { allow from 10.0.0.2 }', []],
  [
    "the same of another port",
    'deny on tcp 2 from 10.0.0.1 sni "a" expose w on tcp 1 as passthrough { allow from 10.0.0.2 }',
    ['deny on tcp 2 from 10.0.0.1 sni "a"'],
  ],
  ["the same where no name is read", 'deny from 10.0.0.1 sni "a" expose w on tcp 1 { allow from 10.0.0.2 }', ['deny from 10.0.0.1 sni "a"']],
  [
    "nobody is admitted without a name",
    'expose w on tcp 1 as passthrough { allow from any sni "**" allow from any sni "a" deny from any }',
    ['allow from any sni "**"', 'allow from any sni "a"'],
  ],
  ["without a name only those of a dryrun are admitted", 'expose w on tcp 1 as passthrough { dryrun allow from any deny from 10.0.0.1 sni "a" }', []],
  ["a dryrun does not look", 'expose w on tcp 1 as passthrough { allow from any dryrun allow from any sni "a" }', ['dryrun allow from any sni "a"']],
  [
    "names that share the port are looked at anyway",
    'expose w on tcp 1 for "**" as passthrough { allow from any allow from any sni "a" }',
    ['allow from any sni "a"'],
  ],
];

for (const [name, text, found] of LOOKS) {
  test(`names that are none: ${name}`, () => {
    const { policy, module, diagnostics } = compile(
      { path: ENTRY, text: `edition 1 ${text.replaceAll("{", "{ backend 127.0.0.1:9 ")}\n` },
      readerOf(new Map()),
    );
    if (policy === null || module === null) throw new Error(diagnostics.map((d) => d.message).join("; "));
    const model = modelOf(module);
    if (!model.ok) throw new Error(model.error);
    const texts = writtenRules(policy.exposes, orderRules(policy));
    const spans = [...withoutEffect(model.value, texts).found.keys()].flatMap((i) => texts[i]?.span ?? []);
    assert.equal(spans.map(({ file, start, end }) => file.text.slice(start, end)).sort(), found);
  });
}

test("twice as many rules need about twice as many nodes, and none where all are about sources alone", () => {
  const nodesOf = (n: number, until: number | null): number => {
    const c = chance(3_300_000);
    const { model, texts } = allowsFrom(
      Array.from({ length: n }, () => `${c.below(224)}.${c.below(256)}.${c.below(256)}.0/24`),
      until,
    );
    const { unjudged, nodes } = withoutEffect(model, texts);
    assert.is(unjudged, 0);
    return nodes;
  };
  assert.equal([nodesOf(1_000, 2_000), nodesOf(2_000, 2_000)], [31_210, 62_425]);
  assert.is(nodesOf(2_000, null), 0);
});

test("rules about sources alone need nodes for what others cover, and not for the rest", () => {
  const c = chance(3_400_000);
  const lists = Array.from({ length: 400 }, () => `${c.below(224)}.${c.below(256)}.${c.below(256)}.0/24`);
  const { model, texts } = allowsFrom([...lists, "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24"]);
  const { found, nodes, unjudged } = withoutEffect(model, texts);
  assert.equal([found.size, unjudged, nodes], [5, 0, 147]);
});

test("past its budget some texts are not judged, and what is found before is the same on every machine", () => {
  const c = chance(3_200_001);
  const rules = Array.from({ length: 40 }, () => smallRule(c));
  const texts = textsOf(c, rules).map(({ text }) => text);
  const model = modelFrom(rules);
  const whole = withoutEffect(model, texts);
  assert.is(whole.unjudged, 0);
  assert.ok(whole.nodes > 10);
  assert.equal(withoutEffect(model, texts, whole.nodes), whole);
  const less = withoutEffect(model, texts, whole.nodes - 1);
  assert.ok(less.unjudged > 0 && less.unjudged <= texts.length, String(less.unjudged));
  for (const [i, why] of less.found) assert.is(whole.found.get(i)?.why, why.why);
  assert.equal(withoutEffect(model, texts, 1), { found: new Map(), unjudged: texts.length, nodes: 1 });
});

test.run();
