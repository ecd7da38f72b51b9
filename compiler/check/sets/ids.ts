// Sets of client identities: members to sets of patterns, within the bounds on identities and on work.
import { MAX_IDS } from "../../source/bounds.ts";
import type { Member } from "../../ast/nodes.ts";
import type { Scopes } from "../names/scopes.ts";
import { readHostName } from "../names/host_names.ts";
import { allIdWork } from "./id_index.ts";
import { readId } from "./id_patterns.ts";
import { combineIds, idOf, type Ids } from "./id_sets.ts";
import { sayTextProblem, type Report } from "../../diagnostics/report.ts";
import type { Algebra } from "../names/resolver.ts";
import { sayUnknown } from "../names/unknown_names.ts";

export function idAlgebra(report: Report, scopes: Scopes): Algebra<Ids> {
  /** Members that were counted already. */
  const read = new WeakMap<Member, Ids>();
  const work = allIdWork();
  let written = 0;
  let full = false;
  return {
    kind: "ids",
    literal(member) {
      switch (member.kind) {
        case "id": {
          const known = read.get(member);
          if (known !== undefined) return known;
          const pattern = readId(member.type, member.pattern.text);
          if (!pattern.ok) {
            sayTextProblem(report, pattern.error, member.pattern.span);
            return null;
          }
          if (++written > MAX_IDS) {
            if (!full) report.say("ING610", { bound: "ids" }, member.span);
            full = true;
            return null;
          }
          const ids = idOf(pattern.value);
          read.set(member, ids);
          return ids;
        }
        case "name":
        case "qualified":
          sayUnknown(report, scopes, member, "ids");
          return null;
        case "text":
          report.say("ING208", { wanted: "ids", found: "text" }, member.span, typed(member.text));
          return null;
        case "file":
          report.say("ING208", { wanted: "ids", found: "file", path: member.path.text }, member.span);
          return null;
        case "literal":
        case "number":
          report.say("ING208", { wanted: "ids", found: "word", text: member.text }, member.span);
          return null;
        case "param":
          return null;
      }
    },
    combine(members, except, at) {
      if (full) return null;
      const value = combineIds(members, except, work);
      if (value !== null) return value;
      report.say("ING610", { bound: "id_work" }, at.span);
      full = true;
      return null;
    },
    isEmpty: (ids) => ids.length === 0,
  };
}

function typed(text: string): { readonly replace?: string } {
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text)) return readId("uri", text).ok ? { replace: `uri "${text}"` } : {};
  if (/^[0-9A-Fa-f]{64}$/.test(text)) return { replace: `sha256 "${text}"` };
  if (readId("ip", text).ok) return { replace: `ip "${text}"` };
  return readHostName(text).ok && text.includes(".") ? { replace: `dns "${text}"` } : {};
}
