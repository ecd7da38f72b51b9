// Exposes that would meet: on one port at one address, or as the backend of one another.
import { formatAddress, parseAddress } from "../../../runtime/net/address.ts";
import type { BackendNode, Member, SetNode } from "../../ast/nodes.ts";
import type { Span } from "../../source/source.ts";
import type { PartialExpose } from "./partial_expose.ts";
import { contains, equal, intersects } from "../sets/intervals.ts";
import { readsNames } from "./shared_ports.ts";
import type { AddressSet, Backend } from "../../policy/policy.ts";
import { readEndpoint } from "../names/endpoint.ts";
import { readPorts } from "../names/port_numbers.ts";
import type { CheckContext } from "./context.ts";

type TcpBackend = Exclude<Backend, { readonly kind: "unix" }>;

interface Claim {
  readonly first: number;
  readonly last: number;
  /** Position of the expose in the text. */
  readonly at: number;
  readonly expose: PartialExpose;
}

/** Reports, for each expose, the first port that an earlier one has at a common address. */
export function checkOverlaps(context: CheckContext, exposes: readonly PartialExpose[]): void {
  for (const proto of ["tcp", "udp"] as const) {
    overlapsOf(
      context,
      exposes.filter((e) => e.proto === proto),
      proto,
    );
  }
}

function overlapsOf(context: CheckContext, exposes: readonly PartialExpose[], proto: "tcp" | "udp"): void {
  const claims: Claim[] = exposes.flatMap((expose, at) =>
    expose.bind === undefined || expose.node.broken ? [] : (expose.ports ?? []).map((range) => ({ ...range, at, expose })),
  );
  claims.sort((a, b) => a.first - b.first || a.at - b.at);
  const met = new Map<PartialExpose, { readonly port: number; readonly other: PartialExpose; readonly otherAt: number }>();
  // All pairs that share a port are looked at, most of them only at the ends of their binds.
  const lows = Float64Array.from(claims, ({ expose }) => endOf(expose.bind, "low"));
  const highs = Float64Array.from(claims, ({ expose }) => endOf(expose.bind, "high"));
  const lasts = Uint32Array.from(claims, ({ last }) => last);
  const places = Uint32Array.from(claims, ({ at }) => at);
  /** By place in the text: said once is enough. */
  const said = new Uint8Array(exposes.length);
  const open = new Uint32Array(claims.length);
  let count = 0;
  /** The last place in the text among those that are open. */
  let latest = -1;
  claims.forEach((claim, i) => {
    let kept = 0;
    for (let k = 0; k < count; k++) {
      const j = open[k] ?? 0;
      if ((lasts[j] ?? 0) < claim.first) continue;
      open[kept++] = j;
      if ((highs[j] ?? 0) < (lows[i] ?? 0) || (highs[i] ?? 0) < (lows[j] ?? 0)) continue;
      if (said[Math.max(places[j] ?? 0, claim.at)] === 1) continue;
      const o = claims[j] ?? claim;
      const [earlier, later] = o.at < claim.at ? [o, claim] : [claim, o];
      if (o.expose === claim.expose || mayShare(o.expose, claim.expose) || !bindsMeet(o.expose.bind, claim.expose.bind)) continue;
      said[later.at] = 1;
      met.set(later.expose, { port: claim.first, other: earlier.expose, otherAt: earlier.at });
      if (later === claim && latest < claim.at) {
        // Nothing more is to be said of it, nor by it of those before.
        open.copyWithin(kept, k + 1, count);
        kept += count - k - 1;
        break;
      }
    }
    open[kept] = i;
    count = kept + 1;
    latest = Math.max(latest, claim.at);
  });
  for (const expose of exposes) {
    const clash = met.get(expose);
    if (clash === undefined) continue;
    const { port, other } = clash;
    context.report.say("ING204", { port, proto, expose: other.node.name.text, fault: faultOf(expose, other) }, spanOfPort(context, expose, port), {
      related: [spanOfPort(context, other, port)],
    });
  }
}

/** The gateway can distinguish them by the name: both read it, on the same sockets, and one of them at most takes every other name. */
function mayShare(a: PartialExpose, b: PartialExpose): boolean {
  return isNamed(a) && isNamed(b) && sameBind(a.bind, b.bind) && (a.names !== null || b.names !== null);
}

/** A mode that can't be read is an error already. */
function isNamed(expose: PartialExpose): boolean {
  return readsNames(expose) || (expose.proto === "tcp" && expose.mode === null);
}

function sameBind(a: AddressSet | null | undefined, b: AddressSet | null | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a !== null && b !== null && equal(a, b));
}

function faultOf(a: PartialExpose, b: PartialExpose): "twice" | "bind" | "nameless" {
  if (!isNamed(a) || !isNamed(b)) return "twice";
  return sameBind(a.bind, b.bind) ? "nameless" : "bind";
}

/** The first or the last address of a bind as a number: rounded, so that sets whose ends differ in it don't meet. */
function endOf(bind: AddressSet | null | undefined, which: "low" | "high"): number {
  if (bind === null || bind === undefined || bind.bounds.length === 0) return which === "low" ? 0 : 2 ** 128;
  const from = which === "low" ? 0 : bind.bounds.length - 4;
  return bind.bounds.subarray(from, from + 4).reduce((sum, word) => sum * 2 ** 32 + word, 0);
}

function bindsMeet(a: AddressSet | null | undefined, b: AddressSet | null | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a === null || b === null || a === b || intersects(a, b);
}

/** A backend that is a port of the gateway itself would be connected to in a circle. */
export function checkCircles(context: CheckContext, exposes: readonly PartialExpose[]): void {
  const byPort = new Map<number, (readonly [PartialExpose, TcpBackend])[]>();
  for (const expose of exposes) {
    for (const backend of expose.backends) {
      // Whether an address of another host is one of this host's is known where the policy runs.
      if (backend.kind !== "tcp") continue;
      const same = byPort.get(backend.port);
      if (same === undefined) byPort.set(backend.port, [[expose, backend]]);
      else same.push([expose, backend]);
    }
  }
  if (byPort.size === 0) return;
  for (const listener of exposes) {
    // A port that a service opens itself is none of the gateway.
    if (listener.bind === undefined || listener.node.broken || listener.mode === "direct") continue;
    for (const { first, last } of listener.ports ?? []) {
      for (const [port, from] of byPort) {
        if (port < first || port > last) continue;
        // A backend is reached over the protocol of its expose.
        for (const [expose, backend] of from) if (expose.proto === listener.proto) sayCircle(context, expose, backend, listener);
      }
    }
  }
}

function sayCircle(context: CheckContext, expose: PartialExpose, { host, port }: TcpBackend, listener: PartialExpose): void {
  const address = parseAddress(host);
  const clause = expose.clauses.find((c) => c.kind === "backend");
  const meets = listener.bind === null || (listener.bind !== undefined && address !== null && contains(listener.bind, address));
  if (!meets || clause === undefined) return;
  context.report.say("ING410", { expose: expose.node.name.text }, spanOfBackend(clause, host, port), { related: [spanOfPort(context, listener, port)] });
}

/** The whole clause where it has no other backend. */
function spanOfBackend({ targets, span }: BackendNode, host: string, port: number): Span {
  const written = targets.find(({ kind, text }) => {
    const endpoint = kind === "unix" ? null : readEndpoint(text);
    return endpoint?.ok === true && endpoint.value.port === port && formatAddress(endpoint.value.address) === host;
  });
  return targets.length === 1 || written === undefined ? span : written.span;
}

/** The member of an expose's ports that a port comes from. */
function spanOfPort(context: CheckContext, expose: PartialExpose, port: number): Span {
  const set: SetNode | null = expose.node.ports;
  const member = set?.members.find((m) => hasPort(context, m, port));
  return member?.span ?? set?.span ?? expose.node.name.span;
}

function hasPort(context: CheckContext, member: Member, port: number): boolean {
  if (member.kind === "name" || member.kind === "qualified") {
    const set = context.scopes.set("ports", member);
    return set !== undefined && (context.ports.valueOf(set)?.some((r) => r.first <= port && port <= r.last) ?? false);
  }
  if (member.kind !== "number") return false;
  const range = readPorts(member.text);
  return range.ok && range.value.first <= port && port <= range.value.last;
}
