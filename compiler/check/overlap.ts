// Exposes that would meet: on one port at one address, or as the backend of one another.
import { parseAddress } from "../../runtime/net/address.ts";
import type { Member, SetNode } from "../ast/nodes.ts";
import { quote } from "../quote.ts";
import type { Span } from "../source.ts";
import type { Understood } from "./understood.ts";
import { contains, intersects } from "./intervals.ts";
import type { AddressSet } from "./policy.ts";
import { readPorts } from "./portNumbers.ts";
import type { Scope } from "./scope.ts";

interface Claim {
  readonly first: number;
  readonly last: number;
  /** Position of the expose in the text. */
  readonly at: number;
  readonly expose: Understood;
}

/** Reports, for each expose, the first port that an earlier one has at a common address. */
export function checkOverlaps(scope: Scope, exposes: readonly Understood[]): void {
  for (const proto of ["tcp", "udp"] as const) {
    overlapsOf(scope, exposes.filter((e) => e.proto === proto), proto);
  }
}

function overlapsOf(scope: Scope, exposes: readonly Understood[], proto: "tcp" | "udp"): void {
  const claims: Claim[] = exposes.flatMap((expose, at) =>
    expose.bind === undefined || expose.node.broken ? [] : (expose.ports ?? []).map((range) => ({ ...range, at, expose })));
  claims.sort((a, b) => a.first - b.first || a.at - b.at);
  const met = new Map<Understood, { readonly port: number; readonly other: Understood; readonly otherAt: number }>();
  let open: Claim[] = [];
  for (const claim of claims) {
    open = open.filter((o) => o.last >= claim.first);
    for (const o of open) {
      if (o.expose === claim.expose || !bindsMeet(o.expose.bind, claim.expose.bind)) continue;
      const [earlier, later] = o.at < claim.at ? [o, claim] : [claim, o];
      if (!met.has(later.expose)) met.set(later.expose, { port: claim.first, other: earlier.expose, otherAt: earlier.at });
    }
    open.push(claim);
  }
  for (const expose of exposes) {
    const clash = met.get(expose);
    if (clash === undefined) continue;
    const { port, other } = clash;
    scope.report.say("ING204", `port ${port}/${proto} is already exposed by ${quote(other.node.name.text)}`, spanOfPort(scope, expose, port), {
      label: "exposed again here",
      related: [{ span: spanOfPort(scope, other, port), label: "first exposed here" }],
      help: "give one of them another port, or a `bind` that does not overlap",
    });
  }
}

function bindsMeet(a: AddressSet | null | undefined, b: AddressSet | null | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a === null || b === null || a === b || intersects(a, b);
}

/** A backend that is a port of the gateway itself would be connected to in a circle. */
export function checkCircles(scope: Scope, exposes: readonly Understood[]): void {
  const byPort = new Map<number, Understood[]>();
  for (const expose of exposes) {
    if (expose.backend?.kind !== "tcp") continue;
    const { port } = expose.backend;
    byPort.set(port, [...(byPort.get(port) ?? []), expose]);
  }
  if (byPort.size === 0) return;
  for (const listener of exposes) {
    // A backend is reached over tcp, and what a service opens itself is not the gateway.
    if (listener.bind === undefined || listener.node.broken || listener.proto !== "tcp" || listener.mode === "direct") continue;
    for (const { first, last } of listener.ports ?? []) {
      for (const [port, from] of byPort) {
        if (port < first || port > last) continue;
        for (const expose of from) sayCircle(scope, expose, listener, port);
      }
    }
  }
}

function sayCircle(scope: Scope, expose: Understood, listener: Understood, port: number): void {
  const host = expose.backend?.kind === "tcp" ? parseAddress(expose.backend.host) : null;
  const clause = expose.clauses.find((c) => c.kind === "backend");
  const meets = listener.bind === null || (listener.bind !== undefined && host !== null && contains(listener.bind, host));
  if (!meets || clause === undefined) return;
  scope.report.say("ING410", `the backend of ${quote(expose.node.name.text)} is a port that the gateway itself opens`, clause.span, {
    label: "the gateway would connect to itself",
    related: [{ span: spanOfPort(scope, listener, port), label: "exposed here" }],
    help: "let the service listen on another port, or give the expose a `bind` without loopback addresses",
  });
}

/** The member of an expose's ports that a port comes from. */
function spanOfPort(scope: Scope, expose: Understood, port: number): Span {
  const set: SetNode | null = expose.node.ports;
  const member = set?.members.find((m) => holds(scope, m, port));
  return member?.span ?? set?.span ?? expose.node.name.span;
}

function holds(scope: Scope, member: Member, port: number): boolean {
  if (member.kind === "name" || member.kind === "qualified") {
    const set = scope.homes.set("ports", member);
    return set !== undefined && (scope.ports.valueOf(set)?.some((r) => r.first <= port && port <= r.last) ?? false);
  }
  if (member.kind !== "number") return false;
  const range = readPorts(member.text);
  return !("code" in range) && range.first <= port && port <= range.last;
}
