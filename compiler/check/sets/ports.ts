// Ports: members to sets of ports.
import { MAX_PORT_RANGES } from "../../source/bounds.ts";
import type { PortSet } from "../names/port_numbers.ts";
import { readPorts, subtractPorts, unionPorts } from "../names/port_numbers.ts";
import { sayProblem, type Report } from "../../diagnostics/report.ts";
import type { Algebra } from "../names/resolver.ts";
import type { Scopes } from "../names/scopes.ts";
import { sayUnknown } from "../names/unknown_names.ts";

/** Ranges that all set operations of a policy may read. */
const MAX_WORK = 64 * MAX_PORT_RANGES;

export function portAlgebra(report: Report, scopes: Scopes): Algebra<PortSet> {
  let work = 0;
  return {
    kind: "ports",
    literal(member) {
      switch (member.kind) {
        case "number":
        case "literal": {
          const range = readPorts(member.text);
          if (range.ok) return [range.value];
          sayProblem(report, range.error, member.span);
          return null;
        }
        case "text":
          report.say("ING208", { wanted: "ports", found: "text" }, member.span, /^[0-9]+$/.test(member.text) ? { replace: member.text } : {});
          return null;
        case "file":
          report.say("ING208", { wanted: "ports", found: "file", path: member.path.text }, member.span);
          return null;
        case "id":
          report.say("ING208", { wanted: "ports", found: "identity" }, member.span);
          return null;
        case "qualified":
        case "name":
          sayUnknown(report, scopes, member, "ports");
          return null;
        case "param":
          return null;
      }
    },
    combine(members, except, at) {
      const before = work;
      work += [...members, ...except].reduce((sum, s) => sum + s.length, 0);
      if (work > MAX_WORK) {
        if (before <= MAX_WORK) report.say("ING604", { bound: "port_work" }, at.span);
        return null;
      }
      const all = unionPorts(members);
      return except.length === 0 ? all : subtractPorts(all, unionPorts(except));
    },
    isEmpty: (set) => set.length === 0,
  };
}
