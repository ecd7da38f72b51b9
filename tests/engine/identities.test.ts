// Identities: random policies `as mtls` against the oracle, ten thousand identities, and the bounds of an identity.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openEngine } from "../../runtime/host/ask.ts";
import { identityOf } from "../../runtime/host/identity.ts";
import { readerOf, compileText, difference, ENTRY, load, run, SEED, shadowDifference } from "../oracle/ask.ts";
import { decide, shadow, type Facts } from "../oracle/evaluate.ts";
import { HEADS, idTerm, PARTS } from "../oracle/id_terms.ts";
import { isEmptyIds, type IdTerm, type ModelIds, type NamedIds } from "../oracle/identities.ts";
import { layered } from "../oracle/layers.ts";
import type { ModelDeny, ModelPolicy, ModelRule } from "../oracle/model.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { readPrefix, words as addressWords } from "../oracle/space.ts";
import { address, engineOf } from "../host/compiled.ts";
import { compile } from "../../compiler/compile.ts";

const test = suite("identities");
const POLICIES = 250;
const QUESTIONS = 60;

const NAMES = ["web.example", "api.example", "a.b.example"] as const;

/** At most two parts, so that patterns often overlap. */
const termOf = (c: Chance): IdTerm => idTerm(c, 2);

function ids(c: Chance, named: readonly NamedIds[]): ModelIds {
  const term = (): IdTerm => (named.length > 0 && c.below(3) > 0 ? { type: "ids", ids: c.pick(named) } : termOf(c));
  const made = { members: Array.from({ length: 1 + c.below(3) }, term), except: Array.from({ length: c.below(3) }, term) };
  return isEmptyIds(made) ? { ...made, except: [] } : made;
}

/** Each rule has sources of a different size, all including 10.0.0.1, so the rule that is named never depends on words. */
function policyOf(c: Chance): ModelPolicy {
  let length = 8;
  const named: readonly NamedIds[] =
    c.oneIn(4) ? [] : layered<IdTerm>(c, { name: "ids", plain: () => termOf(c), use: (set) => ({ type: "ids", ids: set }), isEmpty: isEmptyIds });
  const from = () => ({ members: [{ kind: "prefix" as const, prefix: readPrefix(`10.0.0.0/${length++}`) }], except: [] });
  const rule = (): ModelRule => ({
    action: c.oneIn(3) ? "deny" : "allow",
    name: null,
    from: from(),
    sni: c.oneIn(2) ? { members: [{ kind: "pattern", text: c.pick(["web.example", "*.example", "**.example"]) }], except: [] } : null,
    client: c.oneIn(3) ? null : ids(c, named),
    dryrun: c.oneIn(5),
  });
  const deny = (): ModelDeny => ({ ...rule(), action: "deny", on: null });
  return {
    nets: [],
    ids: named,
    denies: Array.from({ length: c.below(2) }, deny),
    exposes: [
      { name: "m", ports: [{ first: 443, last: 443 }], bind: null, mode: "mtls", cap: null, limits: [], rules: Array.from({ length: 1 + c.below(8) }, rule) },
      {
        name: "t",
        ports: [{ first: 444, last: 444 }],
        bind: null,
        mode: "tls",
        cap: null,
        limits: [],
        rules: Array.from({ length: 1 + c.below(2) }, rule).map((r) => ({ ...r, client: null })),
      },
    ],
  };
}

function wordsFor(c: Chance): readonly string[] {
  const word = (): string => {
    const kind = c.below(8);
    if (kind === 0) return c.pick(["dns:x.example", "dns:y.example", "dns:z.example"]);
    if (kind === 1) return c.pick(["ip:192.0.2.1", "ip:2001:db8::1", "email:a@x.example"]);
    const path = Array.from({ length: 1 + c.below(4) }, () => `${c.pick(PARTS)}${c.oneIn(6) ? "c" : ""}`).join("/");
    return `uri:${c.pick(HEADS)}/${path}${
      c.oneIn(8) ? "?q/a"
      : c.oneIn(8) ? "/"
      : ""
    }`;
  };
  return [...new Set(Array.from({ length: c.below(4) }, word))];
}

test("random policies answer as the equations say", () => {
  const seen = new Map<string, number>();
  for (let seed = 0; seed < POLICIES; seed++) {
    const c = chance(700_000 + seed);
    const policy = policyOf(c);
    // No set is empty, because an empty set may be refused.
    const running = run(policy);
    for (let i = 0; i < QUESTIONS; i++) {
      const expose = policy.exposes[c.oneIn(8) ? 1 : 0];
      if (expose === undefined) throw new Error("no expose");
      const id = running.ids.get(expose.name) ?? -1;
      const own = wordsFor(c);
      const facts: Facts = {
        source: readPrefix(c.oneIn(6) ? "10.200.0.1" : "10.0.0.1").base,
        wall: null,
        name: c.oneIn(5) ? null : c.pick(NAMES),
        ...(expose.mode === "mtls" && !c.oneIn(6) && { client: own }),
      };
      const at = addressWords(facts.source);
      const name = facts.name ?? null;
      const identity = facts.client === undefined ? undefined : identityOf(facts.client);
      const expected = decide(policy, expose, facts);
      const answer = identity === undefined ? running.engine.named(id, at, name) : running.engine.identity(id, at, name, identity);
      const wrong =
        difference(running, expected, answer) ?? shadowDifference(running, shadow(policy, expose, facts), running.engine.shadow(id, at, name, identity));
      if (wrong !== null) throw new Error(`seed ${seed}: ${expose.name} for ${String(name)} as ${own.join(" ")}: ${wrong}\n${running.printed.text}`);
      seen.set(expected.code, (seen.get(expected.code) ?? 0) + 1);
    }
    assert.not.ok(running.engine.poisoned);
  }
  for (const code of ["allowed", "open_identity", "deny_identity", "no_identity", "deny_name", "no_name", "no_match"]) {
    assert.ok((seen.get(code) ?? 0) >= 100, `${code}: only ${seen.get(code) ?? 0}`);
  }
});

test("ten thousand identities, each with a rule of its own", () => {
  const rules = Array.from(
    { length: 9_999 },
    (_, i) => `allow named r${i} from any client uri "spiffe://corp.example/team-${i % 97}/svc-${i}${i % 10 === 0 ? "-*" : ""}"`,
  );
  const text = `edition 1 expose m on tcp 443 as mtls { backend 127.0.0.1:80 cert "web" ca "corp" ${rules.join("\n")} deny client uri "spiffe://corp.example/team-5/**" }`;
  const { module, stats, diagnostics } = compile({ path: ENTRY, text }, readerOf(new Map()));
  if (module === null || stats === null) throw new Error(diagnostics[0]?.message);
  const engine = openEngine(load(module), SEED);
  const as = (word: string): string => {
    const decision = engine.identity(0, address("10.0.0.1"), null, identityOf([word]));
    return decision.allowed ? (engine.info.rules[decision.rule]?.names.join() ?? "") : decision.code;
  };
  for (let i = 0; i < 9_999; i++) {
    const word = `uri:spiffe://corp.example/team-${i % 97}/svc-${i}`;
    const due = i % 97 === 5 ? "deny_identity" : `r${i}`;
    // A pattern wants one character more.
    assert.is(as(i % 10 === 0 ? `${word}-x` : word), due, word);
    if (i % 97 !== 5) assert.is(as(word.replace("corp", "corq")), "no_identity");
  }
  assert.ok(stats.maxSteps < 200_000, `${stats.maxSteps} steps`);
});

test("each of many parts is found, and no other part is", () => {
  const c = chance(5);
  const part = (): string => Array.from({ length: 4 }, () => "abcdefghijklmnopqrstuvwxyz0123456789"[c.below(36)] ?? "a").join("");
  const known = new Set(Array.from({ length: 5_000 }, part));
  const engine = engineOf(`edition 1 ids many = ${[...known].map((p) => `uri "spiffe://x/${p}"`).join(", ")}
expose m on tcp 443 as mtls { backend 127.0.0.1:80 cert "web" ca "corp" allow from any client many }`);
  const as = (p: string): string => engine.identity(0, address("10.0.0.1"), null, identityOf([`uri:spiffe://x/${p}`])).code;
  for (const p of known) assert.is(as(p), "allowed", p);
  for (let i = 0; i < 20_000; i++) {
    const p = part();
    assert.is(as(p), known.has(p) ? "allowed" : "no_identity", p);
  }
});

test("an identity is bounded: 64 names and one hash, 8 KiB", () => {
  const engine = engineOf(
    'edition 1 expose m on tcp 443 as mtls { backend 127.0.0.1:80 cert "web" ca "corp" allow from any client dns "n0.example", sha256 "' +
      "a".repeat(64) +
      '" }',
  );
  const as = (...all: readonly string[]): string => engine.identity(0, address("10.0.0.1"), null, identityOf(all)).code;
  const names = (n: number): readonly string[] => Array.from({ length: n }, (_, i) => `dns:n${i}.example`);
  const hash = `sha256:${"a".repeat(64)}`;
  // 8,192 bytes: the first name has 14.
  const long = (bytes: number): readonly string[] => ["dns:n0.example", `uri:x:${"y".repeat(bytes - 14 - 6)}`];
  const rows: readonly (readonly [readonly string[], string])[] = [
    [[], "no_identity"],
    [["dns:n1.example"], "no_identity"],
    [[hash], "allowed"],
    [names(64), "allowed"],
    [[...names(64), hash], "allowed"],
    [names(65), "bad_identity"],
    [[...names(65), hash], "bad_identity"],
    [long(8192), "allowed"],
    [[...long(8192), hash], "allowed"],
    [long(8193), "bad_identity"],
  ];
  for (const [all, code] of rows) assert.is(as(...all), code, `${all.length} words`);
  assert.is(engine.hello(0, address("10.0.0.1"), null).code, "no_certificate");
});

test("words that are not as they must be in scratch are refused", async () => {
  const { instantiate } = await import("../../runtime/host/instance.ts");
  const abi = await import("../../runtime/abi/layout.ts");
  const exports = instantiate(
    load(compileText('edition 1 expose m on tcp 443 as mtls { backend 127.0.0.1:80 cert "web" ca "corp" allow from any client dns "a" }')).module,
  );
  assert.is(exports.validate(), 0);
  const view = new DataView(exports.memory.buffer);
  const at = exports.scratch() + abi.SCRATCH_IDENTITY;
  const codeOf = (bytes: readonly number[], length = bytes.length): number => {
    bytes.forEach((byte, i) => {
      view.setUint8(at + i, byte);
    });
    exports.identity?.(0, 0, 0, 0xffff, 1, 0, length);
    return view.getInt32(abi.DETAIL_BASE + abi.DETAIL_CODE, true);
  };
  const a = [5, 0, 0x64, 0x6e, 0x73, 0x3a, 0x61];
  assert.equal(
    [codeOf(a), codeOf([]), codeOf(a, 6), codeOf(a, 1), codeOf([...a, 1]), codeOf([6, 0, ...a.slice(2)], 7), codeOf([0, 0, ...a])],
    [1, 23, 24, 24, 24, 24, 1],
  );
  assert.equal(
    [
      codeOf(a, -1),
      codeOf(a, abi.MAX_IDENTITY_WORD_BYTES + 2 * abi.MAX_IDENTITY_WORDS + 1),
      codeOf(Array.from({ length: 132 }, () => 0)),
      codeOf(Array.from({ length: 130 }, () => 0)),
    ],
    [24, 24, 24, 23],
  );
});

test("the order of members and rules does not change the module", () => {
  for (let seed = 0; seed < 40; seed++) {
    const c = chance(800_000 + seed);
    const policy = policyOf(c);
    const cut = (module: Uint8Array): string => JSON.stringify(load(module).info.treeSha256);
    const [one, other] = [run(policy), run(policy, c.shuffle)];
    assert.is(cut(one.module), cut(other.module), `seed ${seed}\n${one.printed.text}\n${other.printed.text}`);
  }
});

test.run();
