// Nets: members to sets of addresses, within the bounds on prefixes and on work.
import { MAX_PREFIXES, MAX_SET_INTERVALS, MAX_SET_WORK } from "../bounds.ts";
import type { Member, SetNode } from "../ast/nodes.ts";
import { quote } from "../quote.ts";
import type { SourceReader, Span } from "../source.ts";
import { BUILTIN } from "./builtin.ts";
import { SetBuilder, isEmpty, size, subtract, union } from "./intervals.ts";
import { readList, readMax, type List } from "./lists.ts";
import { isProblem, readPrefix } from "./literals.ts";
import type { AddressSet } from "./policy.ts";
import { sayProblem } from "./report.ts";
import type { Algebra } from "./resolve.ts";
import { sayQualified, sayUnknown, type Names } from "./unknown.ts";

export function netAlgebra(names: Names, reader: SourceReader): Algebra<AddressSet> {
  const { ast, report } = names;
  /** A list by its path and its `max`: read once, however often it is named. */
  const lists = new Map<string, List | null>();
  let written = 0;
  let work = 0;
  let intervals = 0;
  let full = false;

  const tooMuch = (span: Span, message: string, help: string): null => {
    if (!full) report.say("ING604", message, span, { help });
    full = true;
    return null;
  };
  const count = (n: number, span: Span): boolean => {
    written += n;
    if (written > MAX_PREFIXES) tooMuch(span, `the policy has more than ${MAX_PREFIXES} addresses and prefixes`, "shorten the lists, or merge their prefixes");
    return !full;
  };

  const file = (member: Extract<Member, { kind: "file" }>): AddressSet | null => {
    const max = readMax(report, member);
    if (max === null) return null;
    const key = `${max} ${member.path.text}`;
    let list = lists.get(key);
    if (list === undefined) {
      list = readList(report, reader, member, ast.file, max);
      lists.set(key, list);
      if (list !== null && !count(list.entries, member.path.span)) list = null;
    }
    return list?.set ?? null;
  };

  const address = (member: { readonly text: string; readonly span: Span }): AddressSet | null => {
    const prefix = readPrefix(member.text);
    if (isProblem(prefix)) {
      sayProblem(report, prefix, member.span);
      return null;
    }
    if (!count(1, member.span)) return null;
    const builder = new SetBuilder();
    if (prefix.family === 4) builder.addV4(prefix.first[3], prefix.last[3]);
    else builder.addV6(prefix.first, prefix.last);
    return builder.done();
  };

  return {
    declarations: names.nets,
    literal(member) {
      switch (member.kind) {
        case "literal":
          return address(member);
        case "file":
          return file(member);
        case "qualified":
          sayQualified(names, member);
          return null;
        case "text": {
          const bare = isProblem(readPrefix(member.text)) ? {} : { replace: member.text };
          report.say("ING208", `a text in quotes stands where an address is wanted`, member.span, { ...bare, help: "addresses and names of nets stand without quotes; a list file is `file \"PATH\" max N`" });
          return null;
        }
        case "number":
          report.say("ING208", `${quote(member.text)} is a number, and an address is wanted here`, member.span, { help: "an address looks like `192.0.2.7` or `2001:db8::7`" });
          return null;
        case "name": {
          const builtin = BUILTIN.get(member.text);
          if (builtin === undefined) sayUnknown(names, member, "net");
          return builtin ?? null;
        }
      }
    },
    combine(members, except, at: SetNode) {
      if (full) return null;
      work += [...members, ...except].reduce((sum, s) => sum + size(s), 0);
      const help = "name a large set once and use its name, instead of building it anew in many places";
      if (work > MAX_SET_WORK) return tooMuch(at.span, "the sets of the policy are too large to be computed", help);
      const all = union(members);
      const value = except.length === 0 ? all : subtract(all, union(except));
      intervals += size(value);
      if (intervals > MAX_SET_INTERVALS) return tooMuch(at.span, "the sets of the policy are too large together", help);
      return value;
    },
    isEmpty,
  };
}
