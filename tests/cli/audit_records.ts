// Lines of an audit file as ingressd writes them, with the fields that a test names.
import { auditLine, type AuditFacts } from "../../gateway/audit/line.ts";
import { denial, mintPermit } from "../../runtime/host/decision.ts";
import type { CodeNumber } from "../../runtime/abi/names.ts";
import { CODE_ALLOWED } from "../../runtime/abi/verdicts.ts";

export const AT = Date.UTC(2026, 5, 1, 12);

export interface Wish extends Partial<Omit<AuditFacts, "decision">> {
  /** Default: allowed. */
  readonly code?: CodeNumber;
  readonly ms?: number;
}

/** A line with its end. */
export function record({ code = CODE_ALLOWED, ms = AT, ...facts }: Wish = {}): string {
  return auditLine(
    {
      op: "accept",
      generation: 1,
      listener: "web",
      service: "web",
      local: "0.0.0.0:443",
      source: "203.0.113.9:40000",
      ...facts,
      decision: code === CODE_ALLOWED ? mintPermit("allowed", 0) : denial(code, 0),
    },
    ms,
    { at: "edge.ingress:3" },
  );
}

/** The fields of an object; none of anything else. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

/** The counts of a replay that are not 0. */
export function countsOf(data: unknown): string {
  return Object.entries(fieldsOf(data))
    .flatMap(([key, value]) => {
      if (["decisions", "same", "opens", "closes", "moves"].includes(key)) return value === 0 ? [] : [`${key} ${String(value)}`];
      return key === "undecidable" || key === "asRecorded" ? Object.entries(fieldsOf(value)).map(([name, n]) => `${key} ${name} ${String(n)}`) : [];
    })
    .join(", ");
}
