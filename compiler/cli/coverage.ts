// Finds what a policy's tests don't cover: rules that decide no line, members of named sets that no line meets (with its addresses,
// its ports, its name or its certificate), and caps and limits `from NET` that count the source of no line. Counted in test lines.
import { hasHost } from "../check/sets/host_trie.ts";
import { contains } from "../check/sets/intervals.ts";
import type { AddressSet, AddressWords, CheckedPolicy, NamedSet, PortRange } from "../policy/policy.ts";
import { positionOf, type Position, type Span } from "../source/source.ts";
import type { ListenerInfo, LoadedPolicy, RuleInfo } from "../../runtime/host/module.ts";
import { identityOf } from "../../runtime/host/identity.ts";
import { parsePrefix } from "../../runtime/net/prefix.ts";
import { hasIdentity, ruleBook } from "./matching.ts";
import { freshEngine, type LineResult, type Probe } from "./policy_tests.ts";
import { semanticOf } from "./semantic.ts";

export interface RuleCoverage {
  readonly rule: RuleInfo;
  /** Lines in which it is the rule that is reported; for a `dryrun` rule, in the shadow verdict. */
  readonly decides: number;
  /** Lines in which all of its clauses are true. */
  readonly matches: number;
}

export interface MemberCoverage {
  readonly kind: NamedSet["kind"];
  readonly set: string;
  /** As written. */
  readonly text: string;
  readonly span: Span;
  /** Of a net, lines whose source, peer or listener's local address is in it; of ports, lines that test one of them; of hosts, lines whose name is in it where names are read; of ids, lines whose certificate has one where the listener requests certificates. */
  readonly met: number;
}

/** A cap or limit of an expose that counts some sources alone. */
export interface CountCoverage {
  readonly kind: "cap" | "limit";
  readonly dryrun: boolean;
  readonly expose: string;
  /** Of the limit, or of the expose's first clause of such caps. */
  readonly span: Span;
  /** Its number: connections of a cap; new ones in its window of a limit. */
  readonly most: number;
  /** Lines whose source it counts at that expose. */
  readonly met: number;
}

export interface Coverage {
  readonly rules: readonly RuleCoverage[];
  readonly members: readonly MemberCoverage[];
  readonly counts: readonly CountCoverage[];
}

export function coverageOf(policy: CheckedPolicy, module: Uint8Array, loaded: LoadedPolicy, results: readonly LineResult[]): Coverage {
  const book = ruleBook(semanticOf(module), loaded.info);
  const decides = new Map<number, number>();
  const matches = new Map<number, number>();
  for (const { probes } of results) {
    const decided = new Set(probes.flatMap((probe) => [...probe.rules, shadowRule(loaded, probe)]));
    const matched = new Set(probes.flatMap(({ listener, facts }) => book.matching(listener, facts).map(({ id }) => id)));
    for (const id of decided) decides.set(id, (decides.get(id) ?? 0) + 1);
    for (const id of matched) matches.set(id, (matches.get(id) ?? 0) + 1);
  }
  const lines = results.map((line): Met => ({
    addresses: addressesOf(line),
    listeners: line.local === null ? line.probes.map(({ listener }) => listener) : [],
    ports: portsOf(line),
    names: namesOf(line),
    clients: clientsOf(line),
  }));
  return {
    rules: loaded.info.rules.map((rule) => ({ rule, decides: decides.get(rule.id) ?? 0, matches: matches.get(rule.id) ?? 0 })),
    members: policy.sets.flatMap((set) =>
      meeting(set).map(({ text, span, isMet }) => ({ kind: set.kind, set: set.name, text, span, met: lines.filter(isMet).length })),
    ),
    counts: countsOf(policy, results),
  };
}

function countsOf({ exposes }: CheckedPolicy, results: readonly LineResult[]): readonly CountCoverage[] {
  return exposes.flatMap((expose, id) =>
    [false, true].flatMap((dryrun) => {
      const { perSource, span } = dryrun ? expose.dryrun : expose.cap;
      const { limits } = dryrun ? expose.dryrun : expose;
      const of = { dryrun, expose: expose.name };
      const metBy = (from: AddressSet): number =>
        results.filter(({ probes }) => probes.some((p) => p.listener.id === id && contains(from, p.facts.source))).length;
      return [
        ...perSource.flatMap(({ connections, from }) =>
          from === null ? [] : [{ ...of, kind: "cap" as const, most: connections, span: span ?? expose.span, met: metBy(from) }],
        ),
        ...limits.flatMap(({ count, key, span: at }) =>
          key.kind !== "source" || key.from === null ? [] : [{ ...of, kind: "limit" as const, most: count, span: at, met: metBy(key.from) }],
        ),
      ];
    }),
  );
}

/** The facts of a line that may be in a set. */
interface Met {
  readonly addresses: readonly AddressWords[];
  /** Those that it tests at all their local addresses. */
  readonly listeners: readonly ListenerInfo[];
  readonly ports: readonly PortRange[];
  readonly names: readonly string[];
  /** Words of certificates. */
  readonly clients: readonly string[];
}

function meeting(named: NamedSet): readonly { readonly text: string; readonly span: Span; readonly isMet: (line: Met) => boolean }[] {
  switch (named.kind) {
    case "net":
      return named.members().map(({ text, span, set }) => {
        const isBound = bindsIn(set);
        return { text, span, isMet: ({ addresses, listeners }) => addresses.some((a) => contains(set, a)) || listeners.some(isBound) };
      });
    case "ports":
      return named
        .members()
        .map(({ text, span, set }) => ({ text, span, isMet: ({ ports }) => ports.some((p) => set.some((r) => r.first <= p.last && p.first <= r.last)) }));
    case "hosts":
      return named.members().map(({ text, span, set }) => ({ text, span, isMet: ({ names }) => names.some((name) => hasHost(set, name)) }));
    case "ids":
      return named.members().map(({ text, span, set }) => ({ text, span, isMet: ({ clients }) => clients.some((word) => hasIdentity(set.words, word)) }));
  }
}

/** A line about an expose is about each of its ports. */
function portsOf({ probes, port }: LineResult): readonly PortRange[] {
  return port === null ? probes.flatMap(({ listener }) => listener.ports) : [{ first: port, last: port }];
}

function namesOf({ probes }: LineResult): readonly string[] {
  return probes.flatMap(({ listener, facts }) => (listener.mode !== "tcp" && listener.mode !== "direct" && facts.sni !== null ? [facts.sni] : []));
}

function clientsOf({ probes }: LineResult): readonly string[] {
  return probes.flatMap(({ listener, facts }) => (listener.mode === "mtls" ? (facts.client ?? []) : []));
}

function shadowRule(loaded: LoadedPolicy, { listener, facts }: Probe): number {
  return (
    freshEngine(loaded, facts.wallSeconds).shadow(listener.id, facts.source, facts.sni, facts.client === null ? undefined : identityOf(facts.client))?.rule ??
    -1
  );
}

function addressesOf({ probes, local, via }: LineResult): readonly AddressWords[] {
  return [...probes.map(({ facts }) => facts.source), ...(local === null ? [] : [local]), ...(via === null ? [] : [via])];
}

/** Whether the `bind` of a listener has a prefix that begins in a set; read once, however many lines there are. */
function bindsIn(set: AddressSet): (listener: ListenerInfo) => boolean {
  const known = new Map<number, boolean>();
  return ({ id, bind }) => {
    let is = known.get(id);
    if (is === undefined) known.set(id, (is = (bind ?? []).map(parsePrefix).some((p) => p !== null && contains(set, p.first))));
    return is;
  };
}

/**
 * Hits of each line that has a rule or a member. A place that is used more than once,
 * as in a template, has the hits of the use that has the most; of several places on one line the
 * least counts.
 */
export function lineCounts({ rules, members }: Coverage): ReadonlyMap<string, ReadonlyMap<number, number>> {
  const places = new Map<string, { readonly file: string; readonly line: number; hits: number }>();
  const put = (file: string, { line, column }: Position, hits: number): void => {
    const key = JSON.stringify([file, line, column]);
    const place = places.get(key);
    if (place === undefined) places.set(key, { file, line, hits });
    else place.hits = Math.max(place.hits, hits);
  };
  for (const { rule, decides } of rules) for (const origin of rule.origins) put(origin.file, origin, decides);
  for (const { span, met } of members) put(span.file.path, positionOf(span.file, span.start), met);
  const files = new Map<string, Map<number, number>>();
  for (const { file, line, hits } of places.values()) {
    const lines = files.get(file) ?? new Map<number, number>();
    files.set(file, lines.set(line, Math.min(lines.get(line) ?? hits, hits)));
  }
  return files;
}
