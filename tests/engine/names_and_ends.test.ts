// Names, ends and dryrun: random policies with everything that is enforced, against the oracle. Compares every verdict,
// reason, code and rule of phases 1 and 2, and those of the shadow, at the edges of all sets and times.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { engineOf, address } from "../host/compiled.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import { compileText, difference, load, run, SEED, shadowDifference } from "../oracle/ask.ts";
import { decide, shadow, type Facts } from "../oracle/evaluate.ts";
import { prefixesOf, type ModelExpose, type ModelPolicy } from "../oracle/model.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { addressText, edges, readPrefix, words } from "../oracle/space.ts";
import { namesFor, wholePolicy } from "../oracle/whole.ts";

const test = suite("names, ends and dryrun");
const POLICIES = 100;
/** Requests per policy and time. */
const QUESTIONS = 25;

function sources(policy: ModelPolicy, c: Chance): readonly bigint[] {
  const sets = [...policy.denies, ...policy.exposes.flatMap((e) => e.rules)].flatMap((r) => (r.from === null ? [] : [r.from]));
  const all = new Set(sets.flatMap((set) => prefixesOf(set).flatMap(edges)));
  return [...c.shuffle([...all]).slice(0, 40), readPrefix("203.0.113.9").base, readPrefix("2001:db8::1").base];
}

/** The successive values of the clock: unknown, before, at and after each beginning and end, and back. */
function clocks(policy: ModelPolicy): readonly (number | null)[] {
  const ends = new Set([...policy.denies, ...policy.exposes.flatMap((e) => e.rules)].flatMap((r) => [r.after ?? [], r.until ?? []].flat()));
  return [null, ...[...ends].sort((a, b) => a - b).flatMap((end) => [end - 1, end, end - 1, null, end + 1])].filter((wall) => wall !== 0);
}

/** The engine's view of the clock, which never goes backwards. */
function known(before: number, wall: number | null): { readonly latest: number; readonly wall: number | null } {
  const latest = Math.max(before, wall ?? 0);
  return { latest, wall: wall === null ? null : latest };
}

test("random policies answer as the equations say", () => {
  const seen = new Map<string, number>();
  const count = (what: string): void => {
    seen.set(what, (seen.get(what) ?? 0) + 1);
  };
  for (let seed = 0; seed < POLICIES; seed++) {
    const c = chance(400_000 + seed);
    const policy = wholePolicy(c, { nets: 3, exposes: 1 + c.below(3), rules: 1 + c.below(8), denies: 3 });
    const running = run(policy);
    const [all, names, times] = [sources(policy, c), namesFor(c, policy), clocks(policy)];
    let latest = 0;
    for (const time of times) {
      const clock = known(latest, time);
      ({ latest } = clock);
      running.engine.setClock({ monoMs: 0, wallSeconds: time });
      for (let i = 0; i < QUESTIONS; i++) {
        const expose: ModelExpose = c.pick(policy.exposes);
        const id = running.ids.get(expose.name) ?? -1;
        const facts: Facts = { source: c.pick(all), wall: clock.wall, name: c.oneIn(4) ? undefined : c.pick(names) };
        const at = words(facts.source);
        const expected = decide(policy, expose, facts);
        const answer = facts.name === undefined ? running.engine.accept(id, at) : running.engine.hello(id, at, facts.name);
        const tried = shadow(policy, expose, facts);
        const wrong = difference(running, expected, answer) ?? shadowDifference(running, tried, running.engine.shadow(id, at, facts.name));
        if (wrong !== null) {
          throw new Error(
            `seed ${seed}: ${expose.name} from ${addressText(facts.source)} for ${JSON.stringify(facts.name)} at ${clock.wall} (${time}): ${wrong}\n${running.printed.text}`,
          );
        }
        count(expected.code);
        if (tried !== null) count(tried.code === expected.code ? "shadow alike" : "shadow other");
      }
    }
    assert.not.ok(running.engine.poisoned);
  }
  for (const code of ["allowed", "open", "no_allow", "expired", "deny_rule", "no_match", "deny_name", "no_name", "bad_name", "shadow alike", "shadow other"]) {
    assert.ok((seen.get(code) ?? 0) >= 100, `${code}: only ${seen.get(code) ?? 0}`);
  }
});

test("each of many names is found, and no other name is", () => {
  const names = Array.from({ length: 6_000 }, (_, i) => `n${i % 977}.${(i * 7).toString(36)}.example`);
  const list = new Map([["names.txt", names.join("\n")]]);
  const engine = openEngine(
    load(
      compileText(
        'edition 1 hosts many = file "names.txt" max 9000 expose web on tcp 443 as passthrough { backend 127.0.0.1:80 allow from any sni many }',
        list,
      ),
    ),
    SEED,
  );
  const known = new Set(names);
  for (const name of names) {
    assert.is(engine.hello(0, address("10.0.0.1"), name).code, "allowed", name);
    for (const other of [`x.${name}`, name.slice(name.indexOf(".") + 1), `${name.slice(0, 3)}x${name.slice(3)}`, name.replace("n", "m")]) {
      if (!known.has(other)) assert.is(engine.hello(0, address("10.0.0.1"), other).code, "no_name", other);
    }
  }
});

test("a name that is not in canonical form, or too long, is refused", () => {
  const engine = engineOf("edition 1 expose web on tcp 443 as passthrough { backend 127.0.0.1:80 allow from any }");
  const long = (n: number): string => `${"a.".repeat(Math.floor(n / 2))}${"a".repeat(n % 2)}`.replace(/\.$/, "b");
  const rows: readonly (readonly [string, string])[] = [
    ["a", "allowed"],
    ["a-1_b.c", "allowed"],
    ["a".repeat(63), "allowed"],
    ["a".repeat(64), "bad_name"],
    [long(255), "allowed"],
    [long(256), "bad_name"],
    ["", "bad_name"],
    ["A", "bad_name"],
    ["a.", "bad_name"],
    [".a", "bad_name"],
    ["a..b", "bad_name"],
    ["*.a", "bad_name"],
    ["a\0", "bad_name"],
    ["ä", "bad_name"],
    ["a b", "bad_name"],
    // Bytes just outside the ranges that are valid in a label.
    ["a/", "bad_name"],
    ["a:", "bad_name"],
    ["`", "bad_name"],
    ["{", "bad_name"],
    ["0-9_az", "allowed"],
  ];
  for (const [name, code] of rows) assert.is(engine.hello(0, address("10.0.0.1"), name).code, code, JSON.stringify(name));
});

test("an end in 2039, and a clock that is unknown or goes back", () => {
  const end = Date.UTC(2039, 0, 1) / 1000;
  const engine = engineOf("edition 1 expose web on tcp 443 as passthrough { backend 127.0.0.1:80 allow from any until 2039-01-01T00:00Z }");
  const at = (wallSeconds: number | null): string => {
    engine.setClock({ monoMs: 0, wallSeconds });
    return engine.hello(0, address("10.0.0.1"), "a").code;
  };
  assert.equal([null, 2 ** 31, 2 ** 31 + 1, end - 1, null, end - 5, end, end - 1, null].map(at), [
    "expired",
    "allowed",
    "allowed",
    "allowed",
    "expired",
    "allowed",
    "expired",
    "expired",
    "expired",
  ]);
});

test.run();
