// A warning of a policy for an image: its caps promise more connections than the image has places.
import { OS_PLACES, OS_PORTS } from "../../runtime/abi/profiles.ts";
import type { Report } from "../diagnostics/report.ts";
import type { CheckedExpose, CheckedPolicy } from "../policy/policy.ts";
import { DEFAULT_CAP_CONNECTIONS } from "../source/bounds.ts";
import type { Span } from "../source/source.ts";

interface Capped {
  readonly expose: CheckedExpose;
  readonly connections: number;
  readonly span: Span;
}

/** Where no cap of all connections is written, the policy promises nothing. */
function capped(exposes: readonly CheckedExpose[]): readonly Capped[] {
  return exposes.flatMap((expose) => {
    const { connections, span } = expose.cap;
    return span === null || connections === DEFAULT_CAP_CONNECTIONS ? [] : [{ expose, connections, span }];
  });
}

/** The ports of these exposes, each once; no more than one more than the image has. */
function portsOf(exposes: readonly CheckedExpose[]): ReadonlySet<number> {
  const found = new Set<number>();
  for (const { first, last } of exposes.flatMap(({ ports }) => ports)) for (let port = first; port <= last && found.size <= OS_PORTS; port++) found.add(port);
  return found;
}

/** Half of the places are reserved in equal parts for the ports; runtime/os/net/places.ts. */
export function sayMorePlaces(report: Report, { exposes }: CheckedPolicy): void {
  const all = capped(exposes);
  const promised = all.reduce((sum, { connections }) => sum + connections, 0);
  if (promised > OS_PLACES) {
    const most = all.reduce((a, b) => (b.connections > a.connections ? b : a));
    report.say("ING852", { expose: null, promised, places: OS_PLACES }, most.span);
    return;
  }
  const ports = portsOf(exposes).size;
  const part = Math.max(1, Math.floor(OS_PLACES / 2 / Math.max(1, ports)));
  for (const { expose, connections, span } of all) {
    const places = OS_PLACES - (ports - portsOf([expose]).size) * part;
    if (connections > places) report.say("ING852", { expose: expose.name, promised: connections, places }, span);
  }
}
