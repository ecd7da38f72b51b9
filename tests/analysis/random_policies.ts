// Random policies with every feature that decides who is admitted, and random requests at the edges of all their sets: names
// that share a port, identities, times, binds, udp, direct listeners, denies at top level.
import type { PolicyEngine } from "../../runtime/host/module.ts";
import { identityOf } from "../../runtime/host/identity.ts";
import type { Facts } from "../../compiler/analysis/space.ts";
import { HEADS, idTerm, PARTS } from "../oracle/id_terms.ts";
import { isEmptyIds, type ModelIds } from "../oracle/identities.ts";
import { ANY, listenersOf, prefixesOf, type ModelDeny, type ModelExpose, type ModelPolicy, type ModelRule, type ModelSet } from "../oracle/model.ts";
import { isCanonical, type ModelHosts } from "../oracle/names.ts";
import type { Chance } from "../oracle/random.ts";
import { randomPrefix } from "../oracle/generate.ts";
import { edges, readPrefix, words } from "../oracle/space.ts";
import { namesFor, sharedPolicy, wholePolicy } from "../oracle/whole.ts";

export interface Request {
  readonly proto: "tcp" | "udp";
  readonly port: number;
  readonly local: readonly [number, number, number, number];
  readonly facts: Facts;
}

const HASHES = ["a".repeat(64), "b".repeat(64)];

function ids(c: Chance): ModelIds {
  const term = () => (c.oneIn(5) ? ({ type: "sha256", text: c.pick(HASHES) } as const) : idTerm(c, 2));
  const made = { members: Array.from({ length: 1 + c.below(3) }, term), except: Array.from({ length: c.below(3) }, term) };
  return isEmptyIds(made) ? { ...made, except: [] } : made;
}

function hosts(c: Chance): ModelHosts {
  const text = (): string => `${c.pick(["", "*.", "**."])}${c.pick(["a", "b.a", "c.b.a", "x.example"])}`;
  return { members: Array.from({ length: 1 + c.below(2) }, () => ({ kind: "pattern" as const, text: text() })), except: [] };
}

const NETS = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "192.168.0.0/24", "2001:db8::/32", "2001:db8::7/128"];

function from(c: Chance): ModelSet {
  if (c.oneIn(3)) return ANY;
  const prefix = () => ({ kind: "prefix" as const, prefix: c.oneIn(3) ? randomPrefix(c) : readPrefix(c.pick(NETS)) });
  return { members: Array.from({ length: 1 + c.below(3) }, prefix), except: [] };
}

const TIMES: readonly Pick<ModelRule, "after" | "until">[] = [{ until: 1000 }, { after: 1000 }, { after: 500, until: 2 ** 31 }, { after: 1, until: 2 }, {}];

function rule(c: Chance, facts: { readonly name: boolean; readonly client: boolean }): ModelRule {
  const action = c.below(5) < 3 ? "allow" : "deny";
  return {
    action,
    name: null,
    from: from(c),
    sni: facts.name && c.oneIn(2) ? hosts(c) : null,
    client: facts.client && c.oneIn(2) ? ids(c) : null,
    ...(action === "allow" && c.oneIn(3) ? c.pick(TIMES) : {}),
    dryrun: c.oneIn(8),
  };
}

/** Two `mtls` listeners that share a port, one on tcp and udp, one direct, one registered. */
export function mixedPolicy(c: Chance): ModelPolicy {
  const rules = (facts: { readonly name: boolean; readonly client: boolean }): readonly ModelRule[] => Array.from({ length: c.below(6) }, () => rule(c, facts));
  const plain = { bind: null, cap: null, limits: [] };
  const both = { name: true, client: true };
  const none = { name: false, client: false };
  const exposes: readonly ModelExpose[] = [
    { ...plain, name: "main", ports: [{ first: 443, last: 444 }], mode: "mtls", rules: rules(both), names: c.oneIn(2) ? hosts(c) : null },
    {
      ...plain,
      name: "side",
      ports: [{ first: 443, last: 443 }],
      mode: "mtls",
      rules: rules(both),
      names: { members: [{ kind: "pattern", text: "only.example" }], except: [] },
    },
    { ...plain, name: "dns", ports: [{ first: 53, last: 53 }], proto: c.pick(["udp", "both"] as const), amplify: 30, rules: rules(none) },
    { ...plain, name: "own", ports: [{ first: 9000, last: 9002 }], mode: "direct", backend: "registers", rules: [{ action: "allow", name: null, from: ANY }] },
    { ...plain, name: "late", ports: [{ first: 7000, last: 7000 }], mode: "tls", backend: "registers", rules: rules({ name: true, client: false }) },
  ];
  const denies = Array.from({ length: c.below(3) }, (): ModelDeny => ({
    ...rule(c, both),
    after: null,
    until: null,
    action: "deny",
    on: c.oneIn(3) ? [{ first: 444, last: 444 }] : null,
  }));
  return { nets: [], denies, exposes: exposes.filter((_, i) => i < 2 || c.below(4) > 0) };
}

export function anyPolicy(c: Chance): ModelPolicy {
  const size = { nets: 2, exposes: 1 + c.below(3), rules: 1 + c.below(6), denies: 2 };
  const roll = c.below(4);
  if (roll === 0) return wholePolicy(c, size);
  return roll === 1 ? sharedPolicy(c, size) : mixedPolicy(c);
}

/** The policy with a rule less, a rule more, a wider rule, or a listener less. */
export function changed(c: Chance, policy: ModelPolicy): ModelPolicy {
  const at = c.below(policy.exposes.length);
  const edit = (e: ModelExpose): ModelExpose | null => {
    if (e.mode === "direct") return c.oneIn(2) ? null : { ...e, ports: [{ first: 9001, last: 9003 }] };
    const facts = { name: e.mode !== undefined, client: e.mode === "mtls" };
    const roll = c.below(4);
    if (roll === 0) return { ...e, rules: e.rules.slice(1) };
    if (roll === 1) return { ...e, rules: [...e.rules, rule(c, facts)] };
    if (roll === 2) return { ...e, rules: e.rules.map((r, i) => (i === 0 ? { ...r, from: from(c) } : r)) };
    return policy.exposes.length > 1 && policy.denies.every(({ on }) => on === null) ? null : { ...e, rules: [] };
  };
  return { ...policy, exposes: policy.exposes.flatMap((e, i) => (i === at ? (edit(e) ?? []) : [e])) };
}

function clientWords(c: Chance): readonly string[] {
  const word = (): string => {
    const kind = c.below(8);
    if (kind === 0) return c.pick(["dns:x.example", "dns:y.example", "dns:z.example"]);
    if (kind === 1) return c.pick(["ip:192.0.2.1", "ip:2001:db8::1", "email:a@x.example"]);
    const path = Array.from({ length: 1 + c.below(4) }, () => `${c.pick(PARTS)}${c.oneIn(6) ? "c" : ""}`).join("/");
    return `uri:${c.pick(HEADS)}/${path}`;
  };
  return [...new Set([...Array.from({ length: c.below(4) }, word), ...(c.oneIn(2) ? [`sha256:${c.pick([...HASHES, "c".repeat(64)])}`] : [])])];
}

const LOCALS = ["10.1.2.3", "192.168.1.1", "203.0.113.1", "172.16.0.9", "127.0.0.1", "2001:db8::5", "2001:db9::5"].map((text) => words(readPrefix(text).base));

/** Random requests, in the order of their moments, because an engine's clock never goes back. */
export function requestsFor(c: Chance, policies: readonly ModelPolicy[], count: number): readonly Request[] {
  const rules = policies.flatMap((policy) => [...policy.denies, ...policy.exposes.flatMap((e) => e.rules)]);
  const sets = rules.flatMap((r) => (r.from === null ? [] : [r.from]));
  const sources = [...new Set([...sets.flatMap((set) => prefixesOf(set).flatMap(edges)), readPrefix("203.0.113.9").base, readPrefix("2001:db8::1").base])].map(
    words,
  );
  const names = [
    null,
    ...new Set(policies.flatMap((policy) => namesFor(c, policy)).filter((name) => name !== null && isCanonical(name))),
    "only.example",
    "b.a",
    "a",
  ];
  const ends = rules.flatMap(({ after = null, until = null }) => [after, until]).filter((end) => end !== null);
  const walls = [null, null, 1, ...ends.flatMap((end) => [end - 1, end, end + 1])].filter((wall) => wall === null || wall > 0);
  const places = policies.flatMap((policy) =>
    listenersOf(policy).flatMap((e) =>
      e.ports.flatMap(({ first, last }) => [first, last].map((port) => ({ proto: e.proto === "udp" ? ("udp" as const) : ("tcp" as const), port }))),
    ),
  );
  const made = Array.from({ length: count }, (): Request => {
    const { proto, port } = c.pick(places);
    const facts = { source: c.pick(sources), name: c.pick(names), words: clientWords(c), wallSeconds: c.pick(walls) };
    return { proto, port: c.oneIn(20) ? Math.min(65_535, port + 1) : port, local: c.pick(LOCALS), facts };
  });
  return made.sort((x, y) => (x.facts.wallSeconds ?? 0) - (y.facts.wallSeconds ?? 0));
}

/** Every request of a small universe: each source of `nets`, each name, certificate and moment together, at each port and at two addresses. */
export function everyRequest(policy: ModelPolicy): readonly Request[] {
  const sources = ["10.0.0.1", "10.1.0.1", "10.1.2.3", "11.0.0.1", "192.168.0.1", "2001:db8::1", "2001:db8::7", "2001:db9::1"].map((text) =>
    words(readPrefix(text).base),
  );
  const names = [null, "a", "b.a", "x.b.a", "c.b.a", "x.example", "only.example"];
  const ends = [...policy.denies, ...policy.exposes.flatMap((e) => e.rules)].flatMap(({ after = null, until = null }) => [after, until]);
  const moments = [null, ...[...new Set(ends.flatMap((end) => (end === null ? [] : [end - 1, end])))].filter((wall) => wall > 0).sort((x, y) => x - y)].slice(
    0,
    7,
  );
  const certificates = [
    [],
    ["dns:x.example"],
    [`sha256:${HASHES[0] ?? ""}`],
    [`uri:${HEADS[0] ?? ""}/${PARTS[0] ?? ""}`],
    ["dns:x.example", `uri:${HEADS[0] ?? ""}/${PARTS[0] ?? ""}`, `sha256:${HASHES[1] ?? ""}`],
  ];
  const places = listenersOf(policy).map((e) => ({ proto: e.proto === "udp" ? ("udp" as const) : ("tcp" as const), port: e.ports[0]?.first ?? 0 }));
  const locals = LOCALS.slice(0, 2);
  return moments.flatMap((wallSeconds) =>
    places.flatMap((place) =>
      locals.flatMap((local) =>
        sources.flatMap((source) =>
          names.flatMap((name) => certificates.map((own): Request => ({ ...place, local, facts: { source, name, words: own, wallSeconds } }))),
        ),
      ),
    ),
  );
}

/** The verdict of the module, without caps and limits. */
export function moduleAdmits(engine: PolicyEngine, { proto, port, local, facts }: Request): boolean {
  const { source, name, words: own, wallSeconds } = facts;
  engine.setClock({ monoMs: 0, wallSeconds });
  const place = engine.listenerAt(proto, port, local);
  if (place < 0) return false;
  const first = engine.accept(place, source);
  if (first.allowed || !first.later) return first.allowed;
  const lead = engine.lead(place, source, name);
  if (lead.listener === null) return false;
  const named = engine.named(lead.listener, source, name);
  if (named.allowed || !named.later) return named.allowed;
  return engine.identity(lead.listener, source, name, identityOf(own)).allowed;
}
