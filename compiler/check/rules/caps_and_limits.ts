// `cap` and `limit`: how many connections at once, and how many new ones in a time. `amplify`: how much may answer a datagram.
import type { AmplifyNode, CapNode, LimitNode } from "../../ast/nodes.ts";
import { MAX_AMPLIFY, MAX_BURST_MS, MAX_CAP_CONNECTIONS, MAX_LIMIT_BURST } from "../../source/bounds.ts";
import type { Span } from "../../source/source.ts";
import { noteHostOnly } from "./host_only.ts";
import { readCount, readKey, readRate } from "../names/numbers.ts";
import type { CheckedCap, CheckedLimit } from "../../policy/policy.ts";
import type { CheckContext } from "./context.ts";
import type { Facts } from "./rules.ts";

export function checkCap(context: CheckContext, node: CapNode, facts: Facts): CheckedCap | null {
  const { report } = context;
  const connections = readCount(report, node.connections.text, node.connections, MAX_CAP_CONNECTIONS, "cap");
  let perSource: CheckedCap["perSource"] = null;
  let perIdentity: number | null = null;
  if (node.perSource !== null) {
    const { connections: written, key: keyNode } = node.perSource;
    const each = readCount(report, written.text, written, MAX_CAP_CONNECTIONS, "cap_per_source");
    const key = readKey(report, keyNode);
    if (each === null || key === null) return null;
    perSource = { connections: each, ...key };
  }
  if (node.perIdentity !== null) {
    const { connections: written, span } = node.perIdentity;
    perIdentity = readCount(report, written.text, written, MAX_CAP_CONNECTIONS, "cap_per_identity");
    if (!hasIdentity(context, facts, span) || perIdentity === null) return null;
  }
  return connections === null ? null : { connections, perSource, perIdentity, span: node.span };
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
  return key === null ? null : { ...rate, burst, key: { kind: "source", ...key }, span };
}

function hasIdentity({ report, hostOnly }: CheckContext, { proto, mode }: Facts, span: Span): boolean {
  noteHostOnly(hostOnly, "identity", "per identity", span);
  if (mode === "mtls" || mode === null) return true;
  report.say("ING418", { on: "per identity", proto }, span);
  return false;
}
