// Nets: members to sets of addresses, within the bounds on prefixes and on work.
import { MAX_PREFIXES, MAX_SET_INTERVALS, MAX_SET_WORK } from "../../source/bounds.ts";
import type { Member, Piece, SetNode } from "../../ast/nodes.ts";
import { quote } from "../../diagnostics/quote.ts";
import type { SourceReader, Span } from "../../source/source.ts";
import { isBuiltin } from "../names/builtin_names.ts";
import { builtinNet } from "./builtin_nets.ts";
import { isEmpty, size, subtract, union } from "./intervals.ts";
import { SetBuilder } from "./set_builder.ts";
import { readList, readSize, type FileMember } from "../names/list_files.ts";
import { readPrefix } from "../names/literals.ts";
import type { AddressSet } from "../../policy/policy.ts";
import { isProblem, sayProblem, type Problem, type Report } from "../../diagnostics/report.ts";
import type { Algebra } from "../names/resolver.ts";
import type { Homes } from "../names/scopes.ts";
import { sayUnknown } from "../names/unknown_names.ts";

/** What was written, for the budget: the largest source of prefixes and their number. */
export interface NetTally {
  written: number;
  /** Built-in nets that are named, each once: `any` is one prefix of the author's, however many it is. */
  readonly builtin: Set<string>;
  largest: { entries: number; span: Span } | null;
}

/** Adds one prefix, or says why it is none. */
function read(builder: SetBuilder, text: string): Problem | null {
  if (builder.scan(text, 0, text.length)) return null;
  const prefix = readPrefix(text);
  if (isProblem(prefix)) return prefix;
  builder.addPrefix(prefix);
  return null;
}

export function netAlgebra(report: Report, homes: Homes, reader: SourceReader, tally: NetTally): Algebra<AddressSet> {
  /** A list by the file that names it, its path and its `max`: read once, however often it is named. */
  const lists = new Map<string, AddressSet | null>();
  let work = 0;
  let intervals = 0;
  let full = false;

  const tooMuch = (span: Span, message: string, help: string): null => {
    if (!full) report.say("ING604", message, span, { help });
    full = true;
    return null;
  };
  const count = (n: number, span: Span): boolean => {
    tally.written += n;
    if (tally.largest === null || n > tally.largest.entries) tally.largest = { entries: n, span };
    if (tally.written > MAX_PREFIXES) tooMuch(span, `the policy has more than ${MAX_PREFIXES} addresses and prefixes`, "shorten the lists, or merge their prefixes");
    return !full;
  };

  const file = (member: FileMember): AddressSet | null => {
    const size = readSize(report, member);
    if (size === null) return null;
    const key = JSON.stringify([size, member.path.span.file.path, member.path.text]);
    const known = lists.get(key);
    if (known !== undefined) return known;
    const builder = new SetBuilder();
    const entries = readList(report, reader, member, size, {
      what: "address or prefix",
      scan: (text, start, end) => builder.scan(text, start, end),
      add: (token) => read(builder, token),
    });
    const value = entries === null || !count(entries, member.path.span) ? null : builder.done();
    lists.set(key, value);
    return value;
  };

  const literals = (members: readonly Piece[]): AddressSet | null => {
    const builder = new SetBuilder();
    let good = true;
    for (const { text, span } of members) {
      const problem = read(builder, text);
      // An argument of a template is one member.
      if (problem !== null) sayProblem(report, span.origin !== undefined && problem.replace?.includes(",") === true ? { ...problem, replace: null } : problem, span);
      if (problem !== null || !count(1, span)) good = false;
    }
    return good ? builder.done() : null;
  };

  return {
    kind: "net",
    written: {
      union: literals,
      again({ text }) {
        const builder = new SetBuilder();
        return read(builder, text) === null ? builder.done() : null;
      },
    },
    literal(member: Member) {
      switch (member.kind) {
        case "literal":
          return literals([member]);
        case "file":
          return file(member);
        case "text": {
          const bare = { ...member, kind: "name" } as const;
          const meant = !isProblem(readPrefix(member.text)) || isBuiltin(member.text) || homes.set("net", bare) !== undefined;
          const more = meant ? { replace: member.text } : {};
          report.say("ING208", `a text in quotes stands where an address is wanted`, member.span, { ...more, help: "addresses and names of nets stand without quotes; a list file is `file \"PATH\" max N`" });
          return null;
        }
        case "id": {
          const more = member.type === "ip" && !isProblem(readPrefix(member.pattern.text)) ? { replace: member.pattern.text } : {};
          report.say("ING208", "an identity stands where an address is wanted", member.span, { ...more, help: "addresses stand alone; identities stand behind `client`" });
          return null;
        }
        case "number":
          report.say("ING208", `${quote(member.text)} is a number, and an address is wanted here`, member.span, { help: "an address looks like `192.0.2.7` or `2001:db8::7`" });
          return null;
        case "name":
        case "qualified": {
          const builtin = builtinNet(member.text);
          if (builtin === undefined) sayUnknown(report, homes, member, "net");
          else tally.builtin.add(member.text);
          return builtin ?? null;
        }
        case "param":
          return null;
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
