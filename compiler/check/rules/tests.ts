// `test`: addresses, targets, names and expected outcomes. The module decides whether they are met.
import type { Member, OutcomeNode, Piece, RequestNode, TestLineNode, TestNode } from "../../ast/nodes.ts";
import { MAX_REPEAT, MAX_REPEAT_MS } from "../../source/bounds.ts";
import { WORDS } from "../../syntax/keywords.ts";
import { UNBINDABLE } from "../sets/builtin_nets.ts";
import { readEndpoint, readUdpEndpoint } from "../names/endpoint.ts";
import { readHostName } from "../names/host_names.ts";
import { noteHostOnly } from "./host_only.ts";
import { idWord, readId } from "../sets/id_patterns.ts";
import { contains } from "../sets/intervals.ts";
import { leadOf } from "../sets/leads.ts";
import { readAddress } from "../names/literals.ts";
import { didYouMean, editOf, firstNames, nearName } from "../names/declarations.ts";
import { readCount } from "../names/numbers.ts";
import type { CheckedGroup, CheckedTest, Expected, NamePattern, Target, TestLine } from "../../policy/policy.ts";
import { readPort } from "../names/port_numbers.ts";
import { problem, sayProblem, sayTextProblem } from "../../diagnostics/report.ts";
import type { CheckContext } from "./context.ts";
import { readDuration, readTime } from "../names/times.ts";
import { isDoubtfulAnywhere } from "../names/unknown_names.ts";
import { mayName, type Balanced } from "./via.ts";

/** Names that tests and invariants may say. */
export interface Known {
  readonly exposes: ReadonlySet<string>;
  readonly rules: ReadonlySet<string>;
  /** False where a template was refused, so that any name may be one of its own. */
  readonly whole: boolean;
  /** The exposes that share ports, and where names lead there. */
  readonly shared: SharedPorts;
  readonly balancers: readonly Balanced[];
}

export interface SharedPorts {
  readonly groups: readonly CheckedGroup[];
  /** By index. */
  readonly names: readonly string[];
  /** By index: a name that leads there at one port or another, or null. */
  readonly patterns: readonly (readonly NamePattern[] | null)[];
}

export function checkTest(context: CheckContext, node: TestNode, known: Known): CheckedTest {
  const lines = node.lines.flatMap((line) => (line.kind === "bind" ? checkBindLine(context, line, known) : checkFromLine(context, line, known)) ?? []);
  return { name: node.title.text, at: node.at === null ? null : checkTime(context, node.at), lines, span: node.span };
}

/** Null where it is wrong. */
export function checkTime(context: CheckContext, at: Piece): number | null {
  const time = readTime(at.text);
  if (time.ok) return time.value;
  sayProblem(context.report, time.error, at.span);
  return null;
}

function checkBindLine(context: CheckContext, line: Extract<TestLineNode, { kind: "bind" }>, known: Known): TestLine | null {
  const expected = checkOutcome(context, line.outcome, known);
  const proto = line.proto?.proto ?? "tcp";
  const endpoint = proto === "udp" ? readUdpEndpoint(line.endpoint.text) : readEndpoint(line.endpoint.text);
  if (!endpoint.ok) {
    sayProblem(context.report, endpoint.error, line.endpoint.span);
    return null;
  }
  return expected === null ? null : { kind: "bind", subject: line.subject.text, proto, ...endpoint.value, expected, span: line.span };
}

function checkFromLine(context: CheckContext, line: Extract<TestLineNode, { kind: "from" }>, known: Known): TestLine | null {
  const request = checkRequest(context, line.request, known);
  const outcomes = line.outcomes.map((o) => ({ outcome: checkOutcome(context, o, known), node: o }));
  const { repeat, span } = line;
  if (repeat === null) {
    const [only] = outcomes;
    if (only === undefined || outcomes.length > 1 || only.node.count !== null) return null;
    return request === null || only.outcome === null ? null : { kind: "from", ...request, expected: only.outcome, span };
  }
  const count = readCount(context.report, repeat.count.text, repeat.count, MAX_REPEAT, "repeat");
  const overMs = readDuration(repeat.duration.text, MAX_REPEAT_MS);
  if (!overMs.ok) sayProblem(context.report, overMs.error, repeat.duration.span);
  const expected = count === null ? null : checkCounts(context, outcomes, count);
  if (request === null || count === null || !overMs.ok || expected === null) return null;
  return { kind: "repeat", count, overMs: overMs.value, closing: repeat.closing, ...request, expected, span };
}

type CheckedRequest = Pick<Extract<TestLine, { kind: "from" }>, "source" | "via" | "to" | "sni" | "client">;

function checkRequest(context: CheckContext, node: RequestNode, known: Known): CheckedRequest | null {
  const { report } = context;
  const source = readAddress(node.source.text);
  if (!source.ok) sayProblem(report, source.error, node.source.span);
  const via = node.via === null ? null : readAddress(node.via.text);
  if (node.via !== null && via?.ok === false) sayProblem(report, via.error, node.via.span);
  const to = checkTarget(context, node.to, known);
  const sni = node.sni === null ? null : readHostName(node.sni.text);
  if (node.sni !== null && sni?.ok === false) {
    const isPattern = node.sni.text.includes("*");
    sayTextProblem(report, isPattern ? problem("ING316", { literal: node.sni.text, of: "host", fault: "name_wanted" }) : sni.error, node.sni.span);
  }
  const client = node.client === null ? null : node.client.map((m) => checkSan(context, m));
  if (node.client !== null) {
    noteHostOnly(context.hostOnly, "mtls", "client", node.span);
  }
  if (!source.ok || via?.ok === false || to === null || sni?.ok === false) return null;
  if (node.to.kind === "expose" && !leadsThere(context, node.to, node.sni, sni?.value ?? null, known)) return null;
  if (
    node.via !== null &&
    via !== null &&
    !mayName(context, { source: source.value, via: via.value, to }, { source: node.source, via: node.via }, known.balancers)
  )
    return null;
  const sans = client?.filter((s) => s !== null) ?? null;
  return sans !== null && sans.length < (client?.length ?? 0) ?
      null
    : { source: source.value, via: via?.value ?? null, to, sni: sni?.value ?? null, client: sans };
}

/** Whether a name leads to the expose that a request names, at each port that it shares; reported where it doesn't. */
function leadsThere({ report }: CheckContext, to: Piece, sni: Piece | null, name: string | null, { shared }: Known): boolean {
  const { groups, names, patterns } = shared;
  for (const group of groups) {
    const own = group.members.filter((i) => names[i] === to.text);
    if (own.length === 0) continue;
    const lead = leadOf(group, name);
    if (own.includes(lead)) continue;
    const example = own.flatMap((i) => patterns[i] ?? []).map(({ text }) => text.replace(/^\*\*?/, "www"));
    const there = example.find((text) => own.includes(leadOf(group, text))) ?? null;
    report.say("ING430", { expose: to.text, port: group.ports[0]?.first ?? 0, name, leads: names[lead] ?? null, example: there }, (sni ?? to).span);
    return false;
  }
  return true;
}

/** One name of a certificate. */
function checkSan({ report }: CheckContext, member: Member): string | null {
  if (member.kind !== "id") {
    report.say("ING208", { wanted: "certificate_names", found: "other" }, member.span);
    return null;
  }
  const id = readId(member.type, member.pattern.text);
  if (!id.ok) {
    sayTextProblem(report, id.error, member.pattern.span);
    return null;
  }
  if (!id.value.deep && !id.value.segments.some((s) => s.open)) return idWord(id.value);
  report.say("ING316", { literal: member.pattern.text, of: "identity", fault: "name_wanted" }, member.pattern.span);
  return null;
}

function checkTarget(context: CheckContext, to: RequestNode["to"], known: Known): Target | null {
  const { report } = context;
  if (to.kind === "expose") return isExpose(context, to, known, "port") ? { kind: "expose", name: to.text } : null;
  const port = readPort(to.text);
  if (!port.ok) sayProblem(report, port.error, to.span);
  const local = to.local === null ? null : readAddress(to.local.text);
  if (to.local !== null && local?.ok === false) sayProblem(report, local.error, to.local.span);
  if (!port.ok || local?.ok === false) return null;
  if (to.local !== null && local !== null && contains(UNBINDABLE, local.value)) {
    report.say("ING406", { clause: "local", address: to.local.text }, to.local.span);
    return null;
  }
  return { kind: "port", proto: to.proto.proto, port: port.value, local: local?.value ?? null };
}

/** False where no expose has the name; it is reported unless it may be one that was refused. */
export function isExpose(context: CheckContext, name: Piece, { exposes, whole }: Known, or: "port" | "any_or_ports"): boolean {
  if (exposes.has(name.text)) return true;
  if (whole && !isDoubtfulAnywhere(context.scopes, name.text)) {
    const near = nearName(context.report, name.text, exposes);
    context.report.say(
      "ING201",
      { of: "expose", name: name.text, or, hint: near === null ? { exposes: firstNames(exposes, exposes.size) } : { near } },
      name.span,
    );
  }
  return false;
}

function checkOutcome(context: CheckContext, node: OutcomeNode, known: Known): Expected | null {
  const { report, scopes } = context;
  const reason = node.verdict === "deny" && node.reason !== null ? checkReason(context, node.reason) : null;
  if (node.by !== null && !known.rules.has(node.by.text)) {
    if (known.whole && !isDoubtfulAnywhere(scopes, node.by.text)) {
      const near = nearName(report, node.by.text, known.rules);
      report.say(
        "ING201",
        { of: "rule", name: node.by.text, hint: near === null ? { rules: firstNames(known.rules, known.rules.size) } : { near } },
        node.by.span,
      );
    }
    return null;
  }
  const by = node.by?.text ?? null;
  if (node.verdict === "allow") return { verdict: "allow", reason: null, by };
  return reason === null ? null : { verdict: "deny", reason, by };
}

/** Null where it is none. */
function checkReason({ report }: CheckContext, { text, span }: Piece): (typeof WORDS.reason)[number] | null {
  const reason = WORDS.reason.find((word) => word === text);
  if (reason !== undefined) return reason;
  const guess = didYouMean(text, WORDS.reason);
  report.say("ING409", { reason: text, guess: guess?.word ?? null, reasons: WORDS.reason }, span, editOf(guess));
  return null;
}

type Counted = Extract<TestLine, { kind: "repeat" }>["expected"];

/** One outcome without a count is that of all; several have counts that add up. */
function checkCounts(
  { report }: CheckContext,
  outcomes: readonly { readonly outcome: Expected | null; readonly node: OutcomeNode }[],
  total: number,
): Counted | null {
  const out: { outcome: Expected; count: number }[] = [];
  let whole = true;
  for (const { outcome, node } of outcomes) {
    const count = node.count === null ? null : readCount(report, node.count.text, node.count, MAX_REPEAT, "outcome", 0);
    if (node.count === null && outcomes.length > 1) {
      report.say("ING422", { fault: "no_count" }, node.span);
    }
    if (outcome === null || (node.count === null ? outcomes.length > 1 : count === null)) whole = false;
    else out.push({ outcome, count: count ?? total });
  }
  const [first] = outcomes;
  const last = outcomes.at(-1);
  if (!whole || first === undefined || last === undefined) return null;
  const sum = out.reduce((n, o) => n + o.count, 0);
  if (sum === total) return out;
  const hasOneOutcome = outcomes.length === 1 && first.node.count !== null;
  report.say("ING422", { fault: "sum", outcomes: sum, connections: total, hasOneOutcome }, { ...first.node.span, end: last.node.span.end });
  return null;
}
