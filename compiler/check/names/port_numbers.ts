// Ports and ranges of them, and the algebra of sets of ports.
import { quote } from "../../diagnostics/quote.ts";
import { borrowedPort } from "./familiar_names.ts";
import { isOctalToo } from "./octal.ts";
import type { PortRange } from "../../policy/policy.ts";
import type { Problem } from "../../diagnostics/report.ts";

/** Sorted, disjoint, not adjacent. */
export type PortSet = readonly PortRange[];

const HELP = "a port is a number from 1 to 65535, a range is `9500-9509`";

export function readPort(text: string): number | Problem {
  if (!/^[0-9]+$/.test(text)) {
    const known = borrowedPort(text);
    if (known !== null) return { code: "ING308", message: `${quote(text)} is not a port`, help: `ports are numbers, and ${quote(text)} is most often \`${known}\``, replace: null };
    const bare = /^[:*]*:([0-9]{1,5})$/.exec(text)?.[1];
    return { code: "ING308", message: `${quote(text)} is not a port`, help: HELP, replace: bare === undefined || isOctalToo(bare) ? null : String(Number(bare)) };
  }
  const port = Number(text);
  if (port < 1 || port > 65535) return { code: "ING308", message: `${quote(text)} is not a port: ports are 1 to 65535`, help: HELP, replace: null };
  if (text.startsWith("0")) return { code: "ING308", message: `port ${quote(text)} has a leading zero`, help: HELP, replace: isOctalToo(text) ? null : String(port) };
  return port;
}

/** `443` or `9500-9509`. */
export function readPorts(text: string): PortRange | Problem {
  const dash = text.indexOf("-");
  if (dash < 0) {
    const colon = /^([0-9]{1,5})(?::|\.\.)([0-9]{1,5})$/.exec(text);
    if (colon !== null) return { code: "ING308", message: `${quote(text)} is not a range of ports`, help: HELP, replace: `${colon[1] ?? ""}-${colon[2] ?? ""}` };
    const port = readPort(text);
    return typeof port === "number" ? { first: port, last: port } : port;
  }
  const first = readPort(text.slice(0, dash));
  if (typeof first !== "number") return { ...first, replace: null };
  const last = readPort(text.slice(dash + 1));
  if (typeof last !== "number") return { ...last, replace: null };
  if (last < first) {
    return { code: "ING309", message: `the range ${quote(text)} ends before it starts`, help: `write \`${last}-${first}\` if that is meant`, replace: null };
  }
  return { first, last };
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
