// `allow` and `deny`: what they must say, and what they mean.
import type { Piece, RuleNode, SetNode } from "../../ast/nodes.ts";
import type { Span } from "../../source/source.ts";
import { checkAnnotations } from "./annotations.ts";
import { ANY } from "../sets/builtin_nets.ts";
import { noteHostOnly } from "./host_only.ts";
import type { PartialExpose } from "./partial_expose.ts";
import { mayDeclare } from "../names/declarations.ts";
import type { CheckedRule, HostSet, IdSet, Mode, TopLevelDeny } from "../../policy/policy.ts";
import { PortIndex } from "./port_index.ts";
import type { PortSet } from "../names/port_numbers.ts";
import { sayProblem } from "../../diagnostics/report.ts";
import { hostsOf, idsOf, type CheckContext } from "./context.ts";
import { readTime } from "../names/times.ts";

/** The facts that a rule of an expose may use. */
export interface Facts {
  /** `udp` also for an expose on both. */
  readonly proto: "tcp" | "udp";
  /** Null where it could not be parsed: then nothing is said about what it lacks. */
  readonly mode: Mode | null;
}

/** A rule of an expose, or null (then the reason was reported). */
export function checkRule(context: CheckContext, rule: RuleNode, facts: Facts): CheckedRule | null {
  const { report } = context;
  let good = !rule.broken;
  if (rule.on !== null) {
    good = false;
    report.say("ING114", null, rule.on.protos[0]?.span ?? rule.span);
  }
  const { mode } = facts;
  if (rule.sni !== null && mode !== null && !readsName(facts)) {
    good = false;
    report.say("ING417", { on: "expose", mode: facts.proto === "udp" ? "udp" : mode }, withWord(rule.sni.span, "sni"));
  }
  if (rule.client !== null && mode !== null && mode !== "mtls") {
    good = false;
    report.say("ING418", { on: "expose", mode: facts.proto === "udp" ? "udp" : mode }, withWord(rule.client.span, "client"));
  }
  const body = checkBody(context, rule);
  return good ? body : null;
}

function readsName({ proto, mode }: Facts): boolean {
  return proto === "tcp" && (mode === "passthrough" || mode === "tls" || mode === "mtls");
}

/** Exposes by what a `deny on` can't find there, for each protocol. */
export interface Lacking {
  readonly direct: PortIndex;
  readonly noName: PortIndex;
  readonly noCertificate: PortIndex;
}

export function lacking(exposes: readonly PartialExpose[], proto: "tcp" | "udp"): Lacking {
  const known = exposes.filter((e) => e.proto === proto && e.mode !== null);
  return {
    direct: new PortIndex(known.filter((e) => e.mode === "direct")),
    noName: new PortIndex(known.filter((e) => !readsName({ proto, mode: e.mode }))),
    noCertificate: new PortIndex(known.filter((e) => e.mode !== "mtls")),
  };
}

/** One for each protocol that it names; none where it is wrong. */
export function checkTopLevelDeny(context: CheckContext, rule: RuleNode, lack: Readonly<Record<"tcp" | "udp", Lacking>>): readonly TopLevelDeny[] {
  if (rule.action === "allow") return [];
  const on = rule.on === null ? null : context.ports.value(rule.on.ports);
  const body = checkBody(context, rule);
  if (rule.on === null) return body === null ? [] : [{ ...body, on: null }];
  if (on === null) return [];
  const denies: TopLevelDeny[] = [];
  for (const { proto, span } of rule.on.protos) {
    if (proto === "udp") noteHostOnly(context.hostOnly, "udp", "on udp", span);
    if (!canMatch(context, rule, proto, rule.on.ports, on, lack[proto]) || body === null) return [];
    denies.push({ ...body, on: { proto, ports: on } });
  }
  return denies;
}

/** A deny that names ports must be able to match at each listener there. */
function canMatch({ report }: CheckContext, rule: RuleNode, proto: "tcp" | "udp", at: SetNode, on: PortSet, lack: Lacking): boolean {
  const direct = lack.direct.meets(on);
  if (direct !== null) {
    report.say("ING423", { expose: direct.node.name.text }, at.span, { related: [direct.node.name.span] });
    return false;
  }
  const noName = rule.sni === null ? null : lack.noName.meets(on);
  if (rule.sni !== null && (proto === "udp" || noName !== null)) {
    const more = noName === null ? {} : { related: [noName.node.name.span] };
    report.say("ING417", onPorts(proto, noName), withWord(rule.sni.span, "sni"), more);
    return false;
  }
  const noCertificate = rule.client === null ? null : lack.noCertificate.meets(on);
  if (rule.client !== null && (proto === "udp" || noCertificate !== null)) {
    const more = noCertificate === null ? {} : { related: [noCertificate.node.name.span] };
    report.say("ING418", onPorts(proto, noCertificate), withWord(rule.client.span, "client"), more);
    return false;
  }
  return true;
}

function onPorts(proto: "tcp" | "udp", lacking: PartialExpose | null): { readonly on: "udp ports" } | { readonly on: "ports"; readonly expose: string } {
  return proto === "udp" || lacking === null ? { on: "udp ports" } : { on: "ports", expose: lacking.node.name.text };
}

/** The clauses that rules have in every place. */
function checkBody(context: CheckContext, rule: RuleNode): CheckedRule | null {
  const { report } = context;
  const named = checkName(context, rule);
  const annotations = checkAnnotations(report, rule.annotations);
  const from = rule.from === null ? null : context.nets.value(rule.from);
  const sni: HostSet | null = rule.sni === null ? null : hostsOf(context, rule.sni);
  const client: IdSet | null = rule.client === null ? null : idsOf(context, rule.client);
  const times = checkTimes(context, rule);
  if (rule.client !== null) {
    noteHostOnly(context.hostOnly, "mtls", "client", rule.client.span);
  }
  if (rule.from === null && (rule.action === "allow" || (rule.on === null && rule.sni === null && rule.client === null))) {
    if (!rule.broken) sayNoFrom(context, rule);
    return null;
  }
  const missing = (rule.from !== null && from === null) || (rule.sni !== null && sni === null) || (rule.client !== null && client === null);
  if (missing || times === null || !named || rule.broken) return null;
  // Without `from` the other clauses alone decide, so everyone is meant.
  return { from: from ?? ANY, sni, client, ...times, dryrun: rule.dryrun, name: rule.name?.text ?? null, annotations, span: rule.span };
}

/** A label, which several rules may have: those of one purpose in several exposes, or of one template. */
function checkName({ report, ruleNames }: CheckContext, { name }: RuleNode): boolean {
  if (name === null) return true;
  ruleNames.add(name.text);
  return mayDeclare(report, name, "rule");
}

type Times = Pick<CheckedRule, "after" | "until">;

/** Null where one of them is wrong. */
function checkTimes(context: CheckContext, { action, after, until }: RuleNode): Times | null {
  const [begins, ends] = [checkTime(context, action, "after", after), checkTime(context, action, "until", until)];
  if (begins === undefined || ends === undefined) return null;
  if (after !== null && until !== null && begins !== null && ends !== null && begins >= ends) {
    context.report.say("ING432", { after: after.text, until: until.text }, until.span, { related: [after.span] });
    return null;
  }
  return { after: begins, until: ends };
}

/** Undefined where it is wrong. */
function checkTime({ report }: CheckContext, action: RuleNode["action"], word: keyof Times, piece: Piece | null): number | null | undefined {
  if (piece === null) return null;
  if (action === "deny") {
    report.say("ING419", { clause: word }, withWord(piece.span, word));
    return undefined;
  }
  const time = readTime(piece.text);
  if (time.ok) return time.value;
  sayProblem(report, time.error, piece.span);
  return undefined;
}

function sayNoFrom(context: CheckContext, rule: RuleNode): void {
  context.report.say(rule.action === "allow" ? "ING401" : "ING402", null, wordOf(rule));
}

/** The span with the word of its clause, where that precedes it in the same text. */
function withWord(span: Span, word: string): Span {
  const before = span.file.text.slice(Math.max(0, span.start - 200), span.start).trimEnd();
  const isArgument = span.origin?.kind === "argument";
  return isArgument || !before.endsWith(word) ? span : { ...span, start: span.file.text.lastIndexOf(word, span.start) };
}

/** `allow` or `dryrun allow`, as it begins the rule. */
function wordOf({ span, action }: RuleNode): Span {
  const text = span.file.text.slice(span.start, span.end);
  const at = text.indexOf(action);
  return at < 0 ? span : { ...span, end: span.start + at + action.length };
}
