// `allow` and `deny`: what they must say, and what they mean.
import type { Piece, RuleNode, SetNode } from "../../ast/nodes.ts";
import { quote } from "../../diagnostics/quote.ts";
import type { Span } from "../../source/source.ts";
import { checkAnnotations } from "./annotations.ts";
import { ANY } from "../sets/builtin_nets.ts";
import { noteHostOnly } from "./host_only.ts";
import type { Understood } from "./partial_expose.ts";
import { mayDeclare } from "../names/declarations.ts";
import type { CheckedRule, HostSet, IdSet, Mode, TopLevelDeny } from "../../policy/policy.ts";
import { PortIndex } from "./port_index.ts";
import type { PortSet } from "../names/port_numbers.ts";
import { sayProblem } from "../../diagnostics/report.ts";
import { hostsOf, idsOf, type Scope } from "./context.ts";
import { readTime } from "../names/times.ts";
import { wait } from "./unenforced.ts";

/** What a rule of an expose may ask for. */
export interface Facts {
  readonly proto: "tcp" | "udp";
  /** Null where it was not understood: then nothing is said about what it lacks. */
  readonly mode: Mode | null;
}

/** A rule of an expose, or null (then it was told why). */
export function checkRule(scope: Scope, rule: RuleNode, facts: Facts): CheckedRule | null {
  const { report } = scope;
  let good = !rule.broken;
  if (rule.on !== null) {
    good = false;
    report.say("ING114", "`on` stands only in a `deny` at top level", rule.on.proto.span, { help: "a rule in an expose holds for all its ports; move the rule out of the block, or split the expose" });
  }
  const { mode } = facts;
  if (rule.sni !== null && mode !== null && !readsName(facts)) {
    good = false;
    report.say("ING417", `${heading(facts)} reads no name, so that \`sni\` never holds`, withWord(rule.sni.span, "sni"), {
      help: facts.proto === "udp" ? "leave it out: udp has no names" : "write `as passthrough` or `as tls` to have the client's hello read, or leave `sni` out",
    });
  }
  if (rule.client !== null && mode !== null && mode !== "mtls") {
    good = false;
    report.say("ING418", `${heading(facts)} asks for no certificate, so that \`client\` never holds`, withWord(rule.client.span, "client"), { help: "write `as mtls` to have it asked for, or leave `client` out" });
  }
  const body = checkBody(scope, rule);
  return good ? body : null;
}

/** `as tls`; how messages call a listener by its mode. */
function heading({ proto, mode }: Facts): string {
  return proto === "udp" ? "udp" : mode === "tcp" || mode === null ? "plain tcp" : `\`as ${mode}\``;
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

export function lacking(exposes: readonly Understood[], proto: "tcp" | "udp"): Lacking {
  const known = exposes.filter((e) => e.proto === proto && e.mode !== null);
  return {
    direct: new PortIndex(known.filter((e) => e.mode === "direct")),
    noName: new PortIndex(known.filter((e) => !readsName({ proto, mode: e.mode }))),
    noCertificate: new PortIndex(known.filter((e) => e.mode !== "mtls")),
  };
}

export function checkTopLevelDeny(scope: Scope, rule: RuleNode, lack: Readonly<Record<"tcp" | "udp", Lacking>>): TopLevelDeny | null {
  if (rule.action === "allow") return null;
  const on = rule.on === null ? null : scope.ports.value(rule.on.ports);
  const body = checkBody(scope, rule);
  if (rule.on === null) return body === null ? null : { ...body, on: null };
  if (on === null) return null;
  const { proto } = rule.on.proto;
  if (proto === "udp") wait(scope.waiting, "udp", "udp", rule.on.proto.span);
  if (!canHold(scope, rule, proto, rule.on.ports, on, lack[proto]) || body === null) return null;
  return { ...body, on: { proto, ports: on } };
}

/** A deny that names ports must be able to hold on each listener there. */
function canHold({ report }: Scope, rule: RuleNode, proto: "tcp" | "udp", at: SetNode, on: PortSet, lack: Lacking): boolean {
  const place = (e: Understood, label: string) => [{ span: e.node.name.span, label }];
  const direct = lack.direct.meets(on);
  if (direct !== null) {
    report.say("ING423", `${quote(direct.node.name.text)} is exposed \`as direct\` on these ports, where no rule holds`, at.span, {
      related: place(direct, "the service itself listens there"), help: "leave its ports out of this rule, or expose the service through the gateway",
    });
    return false;
  }
  const noName = rule.sni === null ? null : lack.noName.meets(on);
  if (rule.sni !== null && (proto === "udp" || noName !== null)) {
    const more = noName === null ? {} : { related: place(noName, "no name is read there") };
    report.say("ING417", proto === "udp" ? "udp has no names, so that `sni` never holds" : `${quote(noName?.node.name.text ?? "")} reads no name, so that \`sni\` never holds on its ports`, withWord(rule.sni.span, "sni"), {
      ...more, help: proto === "udp" ? "leave `sni` out" : "leave its ports out of this rule, or write `as passthrough` there",
    });
    return false;
  }
  const noCertificate = rule.client === null ? null : lack.noCertificate.meets(on);
  if (rule.client !== null && (proto === "udp" || noCertificate !== null)) {
    const more = noCertificate === null ? {} : { related: place(noCertificate, "no certificate is asked for there") };
    report.say("ING418", proto === "udp" ? "udp has no certificates, so that `client` never holds" : `${quote(noCertificate?.node.name.text ?? "")} asks for no certificate, so that \`client\` never holds on its ports`, withWord(rule.client.span, "client"), {
      ...more, help: proto === "udp" ? "leave `client` out" : "leave its ports out of this rule, or write `as mtls` there",
    });
    return false;
  }
  return true;
}

/** What a rule says wherever it stands. */
function checkBody(scope: Scope, rule: RuleNode): CheckedRule | null {
  const { report } = scope;
  const named = checkName(scope, rule);
  const annotations = checkAnnotations(report, rule.annotations);
  const from = rule.from === null ? null : scope.nets.value(rule.from);
  const sni: HostSet | null = rule.sni === null ? null : hostsOf(scope, rule.sni);
  const client: IdSet | null = rule.client === null ? null : idsOf(scope, rule.client);
  const until = checkUntil(scope, rule, rule.until);
  if (rule.client !== null) {
    noteHostOnly(scope.hostOnly, "mtls", "client", rule.client.span);
  }
  if (rule.from === null && (rule.action === "allow" || (rule.on === null && rule.sni === null && rule.client === null))) {
    if (!rule.broken) sayNoFrom(scope, rule);
    return null;
  }
  const missing = (rule.from !== null && from === null) || (rule.sni !== null && sni === null) || (rule.client !== null && client === null);
  if (missing || until === undefined || !named || rule.broken) return null;
  // Without `from` the other clauses alone decide, so everyone is meant.
  return { from: from ?? ANY, sni, client, until, dryrun: rule.dryrun, name: rule.name?.text ?? null, annotations, span: rule.span };
}

/** A label, which several rules may have: those of one purpose in several exposes, or of one template. */
function checkName({ report, ruleNames }: Scope, { name }: RuleNode): boolean {
  if (name === null) return true;
  ruleNames.add(name.text);
  return mayDeclare(report, name, "a rule");
}

/** Undefined where it is wrong. */
function checkUntil(scope: Scope, rule: RuleNode, until: Piece | null): number | null | undefined {
  if (until === null) return null;
  if (rule.action === "deny") {
    scope.report.say("ING419", "a `deny` has no end", withWord(until.span, "until"), { help: "a refusal that ends by itself would open something unseen: remove the rule when it is no longer wanted, or give an `allow` an end" });
    return undefined;
  }
  const time = readTime(until.text);
  if (typeof time === "number") return time;
  sayProblem(scope.report, time, until.span);
  return undefined;
}

function sayNoFrom(scope: Scope, rule: RuleNode): void {
  const word = wordOf(rule);
  if (rule.action === "allow") {
    scope.report.say("ING401", "an `allow` says whom it admits", word, { help: "add `from NET`, or `from any` if everyone may come" });
  } else {
    scope.report.say("ING402", "a `deny` says whom it refuses", word, { help: "add `from NET`, or `from any` to refuse everyone" });
  }
}

/** The span with the word of its clause, where that stands before it in the same text. */
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
