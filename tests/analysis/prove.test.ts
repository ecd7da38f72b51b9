// Claims about random policies. One that is proven must not be contradicted by any of many requests at the edges of all sets,
// decided by the module; one that is not true must have a witness that is such a request.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { modelOf, type PolicyModel } from "../../compiler/analysis/model.ts";
import { proveClaims, type Contradiction, type Proof } from "../../compiler/analysis/prove.ts";
import { compile } from "../../compiler/compile.ts";
import type { CheckedClaim } from "../../compiler/policy/policy.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import { leadAmong } from "../../runtime/net/name_patterns.ts";
import { atLength } from "../at_length.ts";
import { load, readerOf, run, SEED } from "../oracle/ask.ts";
import { idsHave, type ModelIds } from "../oracle/identities.ts";
import { listenersOf, type ModelPolicy } from "../oracle/model.ts";
import { hostsHave } from "../oracle/names.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { edges, inPrefix, prefixText, readPrefix, words, type Prefix } from "../oracle/space.ts";
import { anyPolicy, moduleAdmits, requestsFor, type Request } from "./random_policies.ts";

const test = suite("analysis: prove");
const SOME = atLength(400, 16);
const REQUESTS = atLength(2_000, 300);
const NODES = 4_000_000;

/** A claim in words of the test's own. A condition that is null says nothing. */
interface Claim {
  readonly word: "never" | "only" | "always";
  readonly from: readonly Prefix[] | null;
  readonly sni: readonly string[] | null;
  readonly client: ModelIds | null;
  readonly to: "any" | { readonly expose: string } | { readonly proto: "tcp" | "udp"; readonly first: number; readonly last: number };
  readonly mode: string | null;
  readonly at: number | null;
}

const NETS = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "192.168.0.0/24", "0.0.0.0/1", "2001:db8::/32", "2001:db8::7/128"].map(readPrefix);
const NAMES = ["a", "b.a", "*.a", "**.a", "c.b.a", "x.example", "*.example", "only.example"];
const IDS = ["dns:x.example", "dns:y.example", "uri:spiffe://x/a/**"];

function randomClaim(c: Chance, policy: ModelPolicy): Claim {
  const listeners = listenersOf(policy);
  const word = c.pick(["never", "only", "always"] as const);
  const some = <T>(from: readonly T[]): readonly T[] => [...new Set(Array.from({ length: 1 + c.below(3) }, () => c.pick(from)))];
  const client = c.oneIn(3) ? { members: some(IDS).map(idPattern), except: [] } : null;
  const sni = c.oneIn(4) ? some(NAMES) : null;
  const from = c.oneIn(2) || (word === "only" && client === null && sni === null) ? some(NETS) : null;
  const picked = c.pick(listeners);
  const { first, last } = c.pick(picked.ports);
  const roll = c.below(5);
  const to =
    roll === 0 ? ("any" as const)
    : roll < 3 ? { expose: picked.name }
    : { proto: picked.proto === "udp" ? ("udp" as const) : ("tcp" as const), first, last: c.oneIn(4) ? Math.min(65_535, last + 1) : last };
  const mode = typeof to !== "string" && "expose" in to ? null : c.pick([null, null, "tcp", "tls", "mtls", "direct"]);
  return { word, from, sni, client, to, mode, at: c.oneIn(3) ? c.pick([60, 1000 - (1000 % 60) + 60, 1_800_000_000]) : null };
}

function idPattern(word: string): ModelIds["members"][number] {
  const at = word.indexOf(":");
  const type = word.slice(0, at);
  return { type: type === "dns" ? "dns" : "uri", text: word.slice(at + 1) };
}

function claimText({ word, from, sni, client, to, mode, at }: Claim): string {
  const subject =
    to === "any" ? "any"
    : "expose" in to ? to.expose
    : `${to.proto} ${to.first === to.last ? to.first : `${to.first}-${to.last}`}`;
  const moment = at === null ? "" : ` at ${new Date(at * 1000).toISOString().slice(0, 16)}Z`;
  return [
    word,
    ...(from === null ? [] : [`from ${from.map(prefixText).join(", ")}`]),
    ...(sni === null ? [] : [`sni ${sni.map((name) => `"${name}"`).join(", ")}`]),
    ...(client === null ? [] : [`client ${client.members.map((m) => (m.type === "ids" ? "" : `${m.type} "${m.text}"`)).join(", ")}`]),
    `to ${subject}${mode === null ? "" : ` as ${mode}`}${moment}`,
  ].join(" ");
}

interface Case {
  readonly text: string;
  readonly model: PolicyModel;
  readonly claims: readonly CheckedClaim[];
  engine(): PolicyEngine;
}

function compiled(policy: ModelPolicy, claims: readonly Claim[]): Case {
  const { printed } = run(policy);
  const text = `${printed.text}\n${claims.map((claim) => `invariant "i" { ${claimText(claim)} }`).join("\n")}\n`;
  const { module, policy: checked, diagnostics } = compile({ path: "p.ingress", text }, readerOf(printed.files));
  if (module === null || checked === null) throw new Error(`${diagnostics.map(({ code, message }) => `${code} ${message}`).join("\n")}\n${text}`);
  const model = modelOf(module);
  if (!model.ok) throw new Error(model.error);
  const loaded = load(module);
  return { text, model: model.value, claims: checked.invariants.flatMap((i) => i.claims), engine: () => openEngine(loaded, SEED) };
}

/** Whether the client of a request has each condition of a claim, by the oracle. */
function hasConditions({ from, sni, client }: Claim, { facts }: Request): boolean {
  const [a, b, c, d] = facts.source;
  const source = (BigInt(a) << 96n) | (BigInt(b) << 64n) | (BigInt(c) << 32n) | BigInt(d);
  return (
    (from === null || from.some((prefix) => inPrefix(prefix, source))) &&
    (sni === null || (facts.name !== null && hostsHave({ members: sni.map((text) => ({ kind: "pattern", text })), except: [] }, facts.name))) &&
    (client === null || idsHave(client, facts.words))
  );
}

function contradicts(engine: PolicyEngine, claim: Claim, request: Request): boolean {
  const { to, mode, word } = claim;
  const { info } = engine;
  const { proto, port, local, facts } = request;
  engine.setClock({ monoMs: 0, wallSeconds: facts.wallSeconds });
  const isMeant = (id: number): boolean => {
    const listener = info.listeners[id];
    if (listener === undefined) return false;
    const own = listener.proto === "udp" && listener.mode !== "direct" ? null : listener.mode;
    return (mode === null || mode === own) && (typeof to === "string" || !("expose" in to) || to.expose === listener.name);
  };
  if (typeof to !== "string" && "proto" in to && (to.proto !== proto || port < to.first || port > to.last)) return false;
  const place = engine.listenerAt(proto, port, local);
  const isAlwaysMissing = word === "always" && typeof to !== "string" && "proto" in to && hasConditions(claim, request);
  if (place < 0)
    return isAlwaysMissing && !info.listeners.some((l) => l.proto === proto && isMeant(l.id) && l.ports.some((r) => r.first <= port && port <= r.last));
  const members = info.groups.find(({ id }) => id === place)?.members ?? [place];
  // The module does not look at the name of a source that no listener there admits.
  const own = members.flatMap((id) => info.listeners[id] ?? []);
  const led = members.length === 1 && members[0] === place ? place : (leadAmong(own, facts.name)?.id ?? null);
  const isLed = led !== null && isMeant(led);
  const admitted = isLed && moduleAdmits(engine, request);
  if (word === "never") return admitted && hasConditions(claim, request);
  if (word === "only") return admitted && !hasConditions(claim, request);
  const anyName = claim.sni !== null || (typeof to !== "string" && "proto" in to);
  const applies = anyName ? members.some(isMeant) : isLed;
  return (
    (applies ||
      (isAlwaysMissing && !info.listeners.some((l) => isMeant(l.id) && l.proto === proto && l.ports.some((r) => r.first <= port && port <= r.last)))) &&
    hasConditions(claim, request) &&
    !admitted
  );
}

function requestOf({ proto, port, local, facts }: Contradiction): Request {
  const bounds = local === null ? [0, 0, 0xffff, 0xc0000201] : [...local.bounds.slice(0, 4)];
  return { proto, port, local: [bounds[0] ?? 0, bounds[1] ?? 0, bounds[2] ?? 0, bounds[3] ?? 0], facts };
}

test("what is proven no request contradicts, and what is not true has a witness that does", () => {
  const seen = { proven: 0, false: 0, always: 0, only: 0, never: 0, met: 0 };
  for (let seed = 0; seed < SOME; seed++) {
    const c = chance(2_700_000 + seed);
    const policy = anyPolicy(c);
    const claims = Array.from({ length: 8 }, () => randomClaim(c, policy));
    const { text, model, claims: checked, engine } = compiled(policy, claims);
    assert.is(checked.length, claims.length);
    const { proofs } = proveClaims(model, checked, NODES);
    const requests = requestsFor(c, [policy], REQUESTS);
    const own = claims.flatMap(({ from }) => (from ?? []).flatMap(edges)).map(words);
    for (const [i, claim] of claims.entries()) {
      const proof = proofs[i];
      const where = `seed ${seed}: ${claimText(claim)}\n${text}`;
      const tried = requests.map((request) => {
        const facts = { ...request.facts, ...(own.length > 0 && c.oneIn(2) && { source: c.pick(own) }), ...(claim.at !== null && { wallSeconds: claim.at }) };
        return { ...request, facts };
      });
      const running = engine();
      const found = tried.find((request) => contradicts(running, claim, request));
      assert.not.ok(running.poisoned, where);
      if (proof?.verdict === "false") {
        seen.false++;
        seen[claim.word]++;
        if (found !== undefined) seen.met++;
        const witness = requestOf(proof.contradiction);
        if (!contradicts(engine(), claim, witness)) throw new Error(`the witness ${JSON.stringify(witness)} contradicts nothing, ${where}`);
        if (claim.at !== null) assert.is(witness.facts.wallSeconds, claim.at, where);
        assert.is(moduleAdmits(engine(), witness), proof.contradiction.admitted, where);
        continue;
      }
      if (found !== undefined) throw new Error(`${proof?.verdict}, but ${JSON.stringify(found)} contradicts it, ${where}`);
      if (proof?.verdict === "proven") seen.proven++;
    }
  }
  assert.ok(seen.proven > 12 && seen.always > 10 && seen.only > 5 && seen.never > 5 && seen.met > seen.false / 2, JSON.stringify(seen));
});

test("a claim is the same whether it is alone or beside others, and so is its proof", () => {
  for (let seed = 0; seed < 8; seed++) {
    const c = chance(2_800_000 + seed);
    const policy = anyPolicy(c);
    const claims = Array.from({ length: 6 }, () => randomClaim(c, policy));
    const together = compiled(policy, claims);
    const verdicts = (of: Case): readonly Proof["verdict"][] => proveClaims(of.model, of.claims, NODES).proofs.map(({ verdict }) => verdict);
    assert.equal(
      verdicts(together),
      claims.flatMap((claim) => verdicts(compiled(policy, [claim]))),
    );
  }
});

test("past its budget a claim and those behind it are not proven, and nothing is guessed", () => {
  const c = chance(2_700_003);
  const policy = anyPolicy(c);
  const { model, claims } = compiled(
    policy,
    Array.from({ length: 5 }, () => randomClaim(c, policy)),
  );
  const whole = proveClaims(model, claims, NODES);
  assert.ok(whole.nodes > 10);
  assert.equal(proveClaims(model, claims, whole.nodes).proofs, whole.proofs);
  const less = proveClaims(model, claims, whole.nodes - 1).proofs.map(({ verdict }) => verdict);
  assert.is(less.at(-1), "not_proven");
  const first = less.indexOf("not_proven");
  assert.equal(
    less.slice(0, first),
    whole.proofs.slice(0, first).map(({ verdict }) => verdict),
  );
  assert.ok(less.slice(first).every((verdict) => verdict === "not_proven"));
  const none = proveClaims(model, claims, 2);
  assert.ok(none.proofs.every(({ verdict }) => verdict === "not_proven") && none.proofs.length === claims.length);
});

test.run();
