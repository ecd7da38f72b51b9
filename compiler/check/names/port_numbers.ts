// Ports and ranges of them, and the algebra of sets of ports.
import { servicePort } from "./familiar_names.ts";
import { isOctalToo } from "./octal.ts";
import type { PortRange } from "../../policy/policy.ts";
import { refused, type Problem } from "../../diagnostics/report.ts";
import { failed, ok, type Result } from "../../../runtime/result/result.ts";

/** Sorted, disjoint, not adjacent. */
export type PortSet = readonly PortRange[];

export function readPort(text: string): Result<number, Problem> {
  if (!/^[0-9]+$/.test(text)) {
    const known = servicePort(text);
    if (known !== null) return refused("ING308", { literal: text, fault: "service", port: known });
    const bare = /^[:*]*:([0-9]{1,5})$/.exec(text)?.[1];
    return refused("ING308", { literal: text, fault: "form" }, bare === undefined || isOctalToo(bare) ? null : String(Number(bare)));
  }
  const port = Number(text);
  if (port < 1 || port > 65535) return refused("ING308", { literal: text, fault: "too_large" });
  if (text.startsWith("0")) return refused("ING308", { literal: text, fault: "leading_zero" }, isOctalToo(text) ? null : String(port));
  return ok(port);
}

/** `443` or `9500-9509`. */
export function readPorts(text: string): Result<PortRange, Problem> {
  const dash = text.indexOf("-");
  if (dash < 0) {
    const colon = /^([0-9]{1,5})(?::|\.\.)([0-9]{1,5})$/.exec(text);
    if (colon !== null) return refused("ING308", { literal: text, fault: "range" }, `${colon[1] ?? ""}-${colon[2] ?? ""}`);
    const port = readPort(text);
    return port.ok ? ok({ first: port.value, last: port.value }) : port;
  }
  const first = readPort(text.slice(0, dash));
  if (!first.ok) return failed({ ...first.error, replace: null });
  const last = readPort(text.slice(dash + 1));
  if (!last.ok) return failed({ ...last.error, replace: null });
  if (last.value < first.value) return refused("ING309", { range: text, ports: `${last.value}-${first.value}` });
  return ok({ first: first.value, last: last.value });
}

export function unionPorts(sets: readonly PortSet[]): PortSet {
  const sorted = sets.flat().sort((a, b) => a.first - b.first);
  const out: { first: number; last: number }[] = [];
  for (const { first, last } of sorted) {
    const end = out.at(-1);
    if (end !== undefined && first <= end.last + 1) end.last = Math.max(end.last, last);
    else out.push({ first, last });
  }
  return out;
}

export function subtractPorts(a: PortSet, b: PortSet): PortSet {
  const out: PortRange[] = [];
  for (const { first, last } of a) {
    let at = first;
    for (const cut of b) {
      if (cut.last < at) continue;
      if (cut.first > last) break;
      if (cut.first > at) out.push({ first: at, last: cut.first - 1 });
      at = cut.last + 1;
    }
    if (at <= last) out.push({ first: at, last });
  }
  return out;
}
