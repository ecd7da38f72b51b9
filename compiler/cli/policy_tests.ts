// Runs a policy's tests in the very module that is shipped. Each line starts from fresh limits
// and caps, as a fresh engine has them, and without a wall clock unless its test has `at`.
import { CODE_NOT_EXPOSED } from "../../runtime/abi/verdicts.ts";
import type { CheckedPolicy, CheckedTest, Expected, TestLine } from "../policy/policy.ts";
import { positionOf, type Span } from "../source/source.ts";
import { openEngine, reuseInstance } from "../../runtime/host/ask.ts";
import { denial, type Decision } from "../../runtime/host/decision.ts";
import { identityOf } from "../../runtime/host/identity.ts";
import type { ListenerInfo, LoadedPolicy, PolicyEngine, PolicyInfo } from "../../runtime/host/module.ts";
import type { Address } from "../../runtime/net/address.ts";
import { evaluateAll, connect, listenersMeant } from "./evaluate.ts";
import type { Facts } from "./matching.ts";

/** One request of a line, with the listener that decided it. */
export interface Probe {
  readonly listener: ListenerInfo;
  readonly facts: Facts;
  /** Rules that decided, by number. */
  readonly rules: ReadonlySet<number>;
}

export interface LineResult {
  readonly test: string;
  readonly span: Span;
  /** The line as it is written, up to `=>`. */
  readonly question: string;
  readonly expected: string;
  readonly actual: string;
  /** The first answer that is not the expected one, or else the first. */
  readonly decision: Decision;
  /** The place of `decision`, where a line tests several ports; otherwise empty. */
  readonly place: string;
  readonly passed: boolean;
  /** The listeners that were evaluated, for coverage; none for a bind and where nothing is exposed. */
  readonly probes: readonly Probe[];
  /** Port that the line itself names, or null. */
  readonly port: number | null;
  /** Local address that the line itself names, or null. */
  readonly local: Address | null;
  /** The peer whose PROXY header names the source, or null. */
  readonly via: Address | null;
}

/** Limits have a random seed; what a single question gets doesn't depend on it. */
const SEED = new Uint8Array(16);

/** `wallSeconds` null: no wall clock. */
export function freshEngine(policy: LoadedPolicy, wallSeconds: number | null): PolicyEngine {
  const engine = openEngine(policy, SEED);
  engine.setClock({ monoMs: 0, wallSeconds });
  return engine;
}

/** Makes an engine with no connection and no debt; the one before is used no more. */
type Engines = (wallSeconds: number | null) => PolicyEngine;

/** Those of a module that this compiler has made: each has the memory of the one before. */
export function ownEngines(policy: LoadedPolicy): Engines {
  const open = reuseInstance(policy, SEED);
  return (wallSeconds) => {
    const engine = open();
    engine.setClock({ monoMs: 0, wallSeconds });
    return engine;
  };
}

/** `tests`: those of a policy, or some of them. `ran` is called behind each line. */
export function runTests(
  tests: CheckedPolicy["tests"],
  loaded: LoadedPolicy,
  ran: () => void = () => undefined,
  engines: Engines = (wallSeconds) => freshEngine(loaded, wallSeconds),
): readonly LineResult[] {
  return tests.flatMap((test) =>
    test.lines.map((line) => {
      const result = runLine(test, line, loaded.info, engines);
      ran();
      return result;
    }),
  );
}

/** The actual or the expected outcome of a line. */
interface Actual {
  readonly place: string;
  readonly text: string;
  readonly decision: Decision;
  readonly listener: ListenerInfo | null;
  readonly rules: ReadonlySet<number>;
}

function runLine({ name, at }: CheckedTest, line: TestLine, info: PolicyInfo, engines: Engines): LineResult {
  const fresh = (): PolicyEngine => engines(at);
  const expected = line.kind === "repeat" ? countsText(line.expected.map(({ outcome, count }) => [expectedText(outcome), count])) : expectedText(line.expected);
  const answers = line.kind === "repeat" ? repeatLine(line, at, info, fresh) : evaluateLine(line, info, fresh);
  const wrong = answers.find((a) => a.text !== expected);
  const shown = wrong ?? answers[0];
  // INVARIANT: a line is evaluated at least once; without an evaluation it proves nothing.
  if (shown === undefined) throw new Error("a test line was not evaluated");
  const { file, start, end } = line.span;
  const written = file.text.slice(start, end);
  const arrow = written.lastIndexOf("=>");
  return {
    test: name,
    span: line.span,
    question: (arrow < 0 ? written : written.slice(0, arrow)).trim().replace(/\s+/g, " "),
    expected,
    actual: shown.text,
    decision: shown.decision,
    place: shown.place,
    passed: wrong === undefined,
    probes:
      line.kind === "bind" ?
        []
      : answers.flatMap(({ listener, rules }) =>
          listener === null ? [] : [{ listener, rules, facts: { source: line.source, sni: line.sni, client: line.client, wallSeconds: at } }],
        ),
    port:
      line.kind === "bind" ? line.port
      : line.to.kind === "port" ? line.to.port
      : null,
    local:
      line.kind === "bind" ? line.address
      : line.to.kind === "port" ? line.to.local
      : null,
    via: line.kind === "bind" ? null : line.via,
  };
}

function evaluateLine(line: Exclude<TestLine, { kind: "repeat" }>, info: PolicyInfo, fresh: () => PolicyEngine): readonly Actual[] {
  const { expected } = line;
  if (line.kind === "bind") {
    const decision = fresh().bind(line);
    // A test shows what the policy grants: the token, which ingressd mints for just that, is taken to be there.
    const text = decision.code === "no_token" && expected.by === null ? "allow" : actualText(decision, expected.by, info);
    return [{ place: "", text, decision, listener: null, rules: new Set() }];
  }
  return evaluateAll(info, fresh, line).map(({ place, listener, decision }) => ({
    place,
    text: actualText(decision, expected.by, info),
    decision,
    listener,
    rules: new Set([decision.rule]),
  }));
}

/**
 * The connections of one line share an engine and come evenly over `overMs`, the first at its
 * start. A named target tests each listener it means apart; all ports of an expose are one listener.
 */
function repeatLine(line: Extract<TestLine, { kind: "repeat" }>, at: number | null, info: PolicyInfo, fresh: () => PolicyEngine): readonly Actual[] {
  const by = (decision: Decision): string | null =>
    line.expected.find(({ outcome }) => outcome.by !== null && hasName(info, decision, outcome.by))?.outcome.by ?? null;
  return listenersMeant(info, fresh(), line.to).map(({ place, id, listener }) => {
    const engine = fresh();
    const counts = new Map<string, number>();
    const due = new Map(line.expected.map(({ outcome, count }) => [expectedText(outcome), count]));
    const rules = new Set<number>();
    let shown: Decision | null = null;
    let decided: number | null = null;
    let last: Decision = denial(CODE_NOT_EXPOSED);
    for (let i = 0; i < line.count; i++) {
      const monoMs = Math.floor((i * line.overMs) / line.count);
      engine.setClock({ monoMs, wallSeconds: at === null ? null : at + Math.floor(monoMs / 1000) });
      const connected = id < 0 ? { decision: denial(CODE_NOT_EXPOSED), listener: null } : connect(engine, id, line);
      last = connected.decision;
      decided ??= connected.listener;
      rules.add(last.rule);
      if (last.allowed && line.closing && connected.listener !== null) {
        engine.release(connected.listener, line.source);
        if (line.client !== null) engine.releaseIdentity(connected.listener, identityOf(line.client));
      }
      const text = actualText(last, by(last), info);
      const count = (counts.get(text) ?? 0) + 1;
      counts.set(text, count);
      if (count > (due.get(text) ?? 0)) shown ??= last;
    }
    const meant = listener ?? info.listeners.find((l) => l.id === decided) ?? null;
    return { place, text: countsText([...counts]), decision: shown ?? last, listener: meant, rules };
  });
}

/** `allow 400, deny rate 100`, each outcome once, in one order; those without any are left out. */
function countsText(counts: readonly (readonly [outcome: string, count: number])[]): string {
  const sum = new Map<string, number>();
  for (const [outcome, count] of counts) sum.set(outcome, (sum.get(outcome) ?? 0) + count);
  const texts = [...sum].filter(([, count]) => count > 0).map(([outcome, count]) => `${outcome} ${count}`);
  return texts.sort((x, y) => (x < y ? -1 : 1)).join(", ");
}

export function expectedText({ verdict, reason, by }: Expected): string {
  const text = verdict === "allow" ? "allow" : `deny ${reason}`;
  return by === null ? text : `${text} by ${by}`;
}

export function verdictText(decision: Decision): string {
  return decision.allowed ? "allow" : `deny ${decision.reason}`;
}

/** With the deciding rule, where the line names one: that name if it is one of the rule's. */
function actualText(decision: Decision, by: string | null, info: PolicyInfo): string {
  if (by === null) return verdictText(decision);
  if (hasName(info, decision, by)) return `${verdictText(decision)} by ${by}`;
  const rule = info.rules.find((r) => r.id === decision.rule);
  const who =
    rule === undefined ? "no rule"
    : rule.names.length === 0 ? "a rule without a name"
    : rule.names.join(", ");
  return `${verdictText(decision)} by ${who}`;
}

function hasName(info: PolicyInfo, decision: Decision, name: string): boolean {
  return info.rules.find((r) => r.id === decision.rule)?.names.includes(name) === true;
}

/** `file:line:column`, the file relative to the policy root. */
export function placeText(span: Span): string {
  const { line, column } = positionOf(span.file, span.start);
  return `${span.file.path}:${line}:${column}`;
}
