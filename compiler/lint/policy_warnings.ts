// Warnings about what a policy says, apart from what its rules do together: reasons, tests, lists, binds and certificates.
import { ANY, ANY4, ANY6, builtinNet } from "../check/sets/builtin_nets.ts";
import { contains, intersects, isEmpty, subtract, union } from "../check/sets/intervals.ts";
import { leadOf } from "../check/sets/leads.ts";
import { SetBuilder } from "../check/sets/set_builder.ts";
import type { Member } from "../ast/nodes.ts";
import type { Report } from "../diagnostics/report.ts";
import type { AddressSet, CheckedExpose, CheckedPolicy, PortRange, Target } from "../policy/policy.ts";
import type { Span } from "../source/source.ts";
import type { WrittenRule } from "./rule_texts.ts";
import type { NamedList, WrittenBind } from "./text_facts.ts";

/** An allow for all of the internet, over IPv4 or IPv6, without a certificate has a reason, or its expose has one. */
export function sayWithoutReason(report: Report, { exposes }: CheckedPolicy, texts: readonly WrittenRule[]): void {
  const known = new Map<AddressSet, boolean>();
  const internet = builtinNet("internet") ?? ANY;
  const wholes = [subtract(internet, ANY6), subtract(internet, ANY4)];
  const isEverywhere = (set: AddressSet): boolean => {
    const is = known.get(set) ?? wholes.some((whole) => isEmpty(subtract(whole, set)));
    known.set(set, is);
    return is;
  };
  for (const { action, dryrun, annotations, ordered, span } of texts) {
    if (action === "deny" || dryrun || annotations.why !== null) continue;
    for (const { listener, from } of ordered) {
      const expose = exposes[listener ?? -1];
      // As mtls every client has a certificate that the authority vouches for.
      if (expose === undefined || expose.mode === "mtls" || expose.annotations.why !== null || !isEverywhere(from)) continue;
      report.say("ING827", { expose: expose.name }, span);
      break;
    }
  }
}

/** As tcp and passthrough the bytes are those of the client, encrypted or not; here they are decrypted first. */
export function sayRemoteInPlain(report: Report, { exposes }: CheckedPolicy): void {
  for (const { name, mode, backends, span } of exposes) {
    if ((mode === "tls" || mode === "mtls") && backends.some(({ kind }) => kind === "remote")) report.say("ING837", { expose: name, mode }, headOf(span));
  }
}

/**
 * A test of an expose is about a request to it, by its name, or at one of its ports with a server name that leads to it; of a service that
 * listens by itself about a bind.
 */
export function sayWithoutTests(report: Report, { exposes, groups, tests }: CheckedPolicy): void {
  const lines = tests.flatMap((test) => test.lines);
  const hasPort = (ports: readonly PortRange[], port: number): boolean => ports.some(({ first, last }) => first <= port && port <= last);
  const isTarget = (to: Target, sni: string | null, { name, proto, ports, bind }: CheckedExpose, i: number): boolean => {
    if (to.kind === "expose") return to.name === name;
    if (to.proto !== proto || !hasPort(ports, to.port) || (to.local !== null && bind !== null && !contains(bind, to.local))) return false;
    const group = groups.find((one) => one.members.includes(i) && hasPort(one.ports, to.port));
    return group === undefined || leadOf(group, sni) === i;
  };
  const isTested = (expose: CheckedExpose, i: number): boolean =>
    lines.some((line) =>
      line.kind === "bind" ?
        expose.mode === "direct" && line.proto === expose.proto && hasPort(expose.ports, line.port)
      : isTarget(line.to, line.sni, expose, i),
    );
  // An expose on tcp and udp is one of the author's.
  const done = new Set(exposes.filter(isTested).map(({ name }) => name));
  for (const expose of exposes) {
    if (done.has(expose.name)) continue;
    done.add(expose.name);
    report.say("ING833", { expose: expose.name, whole: lines.length === 0 }, headOf(expose.span));
    if (lines.length === 0) return;
  }
}

/** The line on which a statement begins. */
function headOf(span: Span): Span {
  const end = span.file.text.indexOf("\n", span.start);
  return end < 0 || end >= span.end ? span : { ...span, end };
}

export function sayEmptyLists(report: Report, { listFiles }: CheckedPolicy, named: readonly NamedList[]): void {
  for (const path of new Set(listFiles.filter(({ entries }) => entries === 0).map((list) => list.path))) {
    const places = named.filter((list) => pathFrom(list.span.file.path, list.path) === path);
    for (const { span } of places) report.say("ING831", { path }, span);
  }
}

/** A path as it is written in a file, from the policy root. Links are not followed, so a list behind one is not found. */
function pathFrom(file: string, path: string): string {
  const parts = file.split("/").slice(0, -1);
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}

/** Each member that has an address of an earlier one. */
export function sayOverlappingBinds(report: Report, policy: CheckedPolicy, binds: readonly WrittenBind[]): void {
  for (const { expose, members, imports } of binds) {
    const before: { readonly set: AddressSet; readonly span: Span }[] = [];
    for (const member of members) {
      const set = netOf(policy, member, imports);
      if (set === null) continue;
      if (before.length > 0 && intersects(union(before.map((x) => x.set)), set)) {
        const first = before.find((x) => intersects(x.set, set));
        report.say("ING832", { expose }, member.span, first === undefined ? {} : { related: [first.span] });
      }
      before.push({ set, span: member.span });
    }
  }
}

/** Null where a template's parameter decides. */
function netOf({ sets }: CheckedPolicy, member: Member, imports: WrittenBind["imports"]): AddressSet | null {
  if (member.kind === "literal") {
    const builder = new SetBuilder();
    return builder.scan(member.text, 0, member.text.length) ? builder.done() : null;
  }
  if (member.kind !== "name" && member.kind !== "qualified") return null;
  const dot = member.text.indexOf(".");
  const file = dot < 0 ? member.span.file : imports.get(member.text.slice(0, dot));
  const name = member.text.slice(dot + 1);
  for (const declared of sets) if (declared.kind === "net" && declared.name === name && declared.span.file === file) return declared.set;
  return dot < 0 ? (builtinNet(name) ?? null) : null;
}

/** Over one connection of h2 a browser sends requests for all names of its certificate, to whichever expose they lead. */
export function saySharedCertificates(report: Report, { exposes, groups }: CheckedPolicy): void {
  for (const { members } of groups) {
    const own = members.flatMap((i) => exposes[i] ?? []);
    for (const expose of own) {
      if (!expose.alpn.includes("h2")) continue;
      const other = own.find((o) => o !== expose && o.certs.some((cert) => expose.certs.includes(cert)));
      const certificate = other?.certs.find((cert) => expose.certs.includes(cert));
      if (other === undefined || certificate === undefined) continue;
      report.say("ING834", { certificate, expose: expose.name, other: other.name }, headOf(expose.span), { related: [headOf(other.span)] });
    }
  }
}
