// `cap` and `limit`: how many connections at once, and how many new ones in a time. `amplify`: how much may answer a datagram.
import type { AmplifyNode, CapNode, LimitNode, SetNode, SourceCapNode } from "../../ast/nodes.ts";
import { DEFAULT_CAP_CONNECTIONS, MAX_AMPLIFY, MAX_BURST_MS, MAX_CAP_CONNECTIONS, MAX_LIMIT_BURST, MAX_SOURCE_CAPS } from "../../source/bounds.ts";
import { ANY } from "../sets/builtin_nets.ts";
import { equal } from "../sets/intervals.ts";
import type { Span } from "../../source/source.ts";
import { noteHostOnly } from "./host_only.ts";
import { readCount, readKey, readRate } from "../names/numbers.ts";
import type { AddressSet, CheckedCap, CheckedLimit, DryrunCounts, SourceCap } from "../../policy/policy.ts";
import type { CheckContext } from "./context.ts";
import type { Facts } from "./rules.ts";

type DryrunCaps = Omit<DryrunCounts, "limits">;

/** All `cap` clauses of an expose as one, and all `dryrun cap` clauses; null where there is none, or one of them is wrong. */
export function checkCaps(
  context: CheckContext,
  nodes: readonly CapNode[],
  facts: Facts,
): { readonly enforced: CheckedCap | null; readonly dryrun: DryrunCaps | null } {
  // Those that refuse nothing cost as much time as the others.
  const extra = nodes.flatMap(({ perSource }) => perSource)[MAX_SOURCE_CAPS];
  if (extra !== undefined) context.report.say("ING435", null, extra.span);
  const of = (dryrun: boolean): DryrunCaps | null =>
    checkCapsAlike(
      context,
      nodes.filter((node) => node.dryrun === dryrun),
      facts,
    );
  const enforced = of(false);
  return { enforced: enforced === null ? null : { ...enforced, connections: enforced.connections ?? DEFAULT_CAP_CONNECTIONS }, dryrun: of(true) };
}

function checkCapsAlike(context: CheckContext, nodes: readonly CapNode[], facts: Facts): DryrunCaps | null {
  const { report } = context;
  const wrong = report.diagnostics.length;
  const first = nodes[0];
  if (first === undefined) return null;
  const connections = onlyOne(
    context,
    nodes.flatMap(({ connections: written, span }) => (written === null ? [] : [{ written, span }])),
    first.dryrun ? "dryrun cap" : "cap",
  );
  const perIdentity = onlyOne(
    context,
    nodes.flatMap(({ perIdentity: each }) => (each === null ? [] : [{ written: each.connections, span: each.span }])),
    "per identity",
  );
  if (perIdentity !== null) hasIdentity(context, facts, perIdentity.span);
  const parts = nodes.flatMap(({ perSource }) => perSource);
  const perSource = parts.flatMap((part) => checkSourceCap(context, part) ?? []);
  sayEqualCaps(context, parts);
  const ofAll = connections === null ? null : readCount(report, connections.written.text, connections.written, MAX_CAP_CONNECTIONS, "cap");
  const ofIdentity = perIdentity === null ? null : readCount(report, perIdentity.written.text, perIdentity.written, MAX_CAP_CONNECTIONS, "cap_per_identity");
  if (report.diagnostics.length > wrong) return null;
  return { connections: ofAll, perSource, perIdentity: ofIdentity, span: (connections ?? first).span };
}

function onlyOne<T extends { readonly span: Span }>({ report }: CheckContext, all: readonly T[], clause: string): T | null {
  const [first, ...others] = all;
  if (first === undefined) return null;
  for (const { span } of others) report.say("ING405", { clause, in: "expose" }, span, { related: [first.span] });
  return first;
}

function checkSourceCap(context: CheckContext, { connections: written, key: keyNode, from: set }: SourceCapNode): SourceCap | null {
  const connections = readCount(context.report, written.text, written, MAX_CAP_CONNECTIONS, "cap_per_source");
  const key = readKey(context.report, keyNode);
  const from = readFrom(context, set);
  return connections === null || key === null || from === undefined ? null : { connections, ...key, from };
}

/** Two caps of all sources with one key: the larger one does nothing. */
function sayEqualCaps({ report }: CheckContext, parts: readonly SourceCapNode[]): void {
  const seen = new Map<string, SourceCapNode>();
  for (const part of parts) {
    if (part.from !== null) continue;
    const key = part.key === null ? "" : `${part.key.v4.text} ${part.key.v6.text}`;
    const first = seen.get(key);
    if (first === undefined) seen.set(key, part);
    else report.say("ING405", { clause: "per source", in: "cap" }, part.span, { related: [first.span] });
  }
}

/** `from NET` of a cap or limit; null: every source; undefined: a wrong set. */
function readFrom({ nets }: CheckContext, node: SetNode | null): AddressSet | null | undefined {
  if (node === null) return null;
  const set = nets.value(node);
  if (set === null) return undefined;
  return equal(set, ANY) ? null : set;
}

export function checkAmplify({ report }: CheckContext, { factor, broken }: AmplifyNode): number | "any" | null {
  if (broken) return null;
  return factor.text === "any" ? "any" : readCount(report, factor.text, factor, MAX_AMPLIFY, "amplify");
}

export function checkLimit(context: CheckContext, node: LimitNode, facts: Facts): CheckedLimit | null {
  const { report } = context;
  const { per, span } = node;
  const rate = readRate(report, node.rate);
  const burst = node.burst === null ? rate?.count : readCount(report, node.burst.text, node.burst, MAX_LIMIT_BURST, "burst");
  const key = per.kind === "source" ? readKey(report, per.key) : null;
  const from = per.kind === "source" ? readFrom(context, per.from) : null;
  const known = per.kind !== "identity" || hasIdentity(context, facts, per.span);
  if (rate === null || burst === undefined || burst === null || !known) return null;
  const most = Math.ceil(MAX_BURST_MS / rate.periodMs) - 1;
  if (burst > most) {
    const window = node.rate.text.slice(node.rate.text.indexOf("/") + 1);
    report.say(
      "ING613",
      { burst, window, most, written: node.burst !== null },
      (node.burst ?? node.rate).span,
      node.burst === null ? {} : { replace: String(most) },
    );
    return null;
  }
  if (per.kind !== "source") return { ...rate, burst, key: { kind: per.kind }, span };
  return key === null || from === undefined ? null : { ...rate, burst, key: { kind: "source", ...key, from }, span };
}

function hasIdentity({ report, hostOnly }: CheckContext, { proto, mode }: Facts, span: Span): boolean {
  noteHostOnly(hostOnly, "identity", "per identity", span);
  if (mode === "mtls" || mode === null) return true;
  report.say("ING418", { on: "per identity", proto }, span);
  return false;
}
