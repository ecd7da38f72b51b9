// Nets: members to sets of addresses, within the bounds on prefixes and on work.
import { MAX_PREFIXES, MAX_SET_INTERVALS, MAX_SET_WORK } from "../../source/bounds.ts";
import type { Member, Piece, SetNode } from "../../ast/nodes.ts";
import type { SourceReader, Span } from "../../source/source.ts";
import { isBuiltin } from "../names/builtin_names.ts";
import { builtinNet } from "./builtin_nets.ts";
import { isEmpty, size, subtract, union } from "./intervals.ts";
import { SetBuilder } from "./set_builder.ts";
import { readList, readSize, type FileMember } from "../names/list_files.ts";
import { readPrefix } from "../names/literals.ts";
import type { AddressSet, ListFile } from "../../policy/policy.ts";
import { sayProblem, type Problem, type Report } from "../../diagnostics/report.ts";
import type { Algebra } from "../names/resolver.ts";
import type { Scopes } from "../names/scopes.ts";
import { sayUnknown } from "../names/unknown_names.ts";

/** The written prefixes, for the budget: the largest source of prefixes and their number. */
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
  if (!prefix.ok) return prefix.error;
  builder.addPrefix(prefix.value);
  return null;
}

export class NetAlgebra implements Algebra<AddressSet> {
  readonly kind = "net";
  readonly isEmpty = isEmpty;
  readonly written = {
    union: (members: readonly Piece[]): AddressSet | null => this.#literals(members),
    again: ({ text }: Piece): AddressSet | null => {
      const builder = new SetBuilder();
      return read(builder, text) === null ? builder.done() : null;
    },
  };
  readonly tally: NetTally = { written: 0, builtin: new Set(), largest: null };
  /** Those that were read, in the order of the text. */
  readonly listFiles: ListFile[] = [];
  readonly #report: Report;
  readonly #scopes: Scopes;
  readonly #reader: SourceReader;
  /** A list by the file that names it, its path and its `max`: read once, however often it is named. */
  readonly #lists = new Map<string, AddressSet | null>();
  #work = 0;
  #intervals = 0;
  #isFull = false;

  constructor(report: Report, scopes: Scopes, reader: SourceReader) {
    this.#report = report;
    this.#scopes = scopes;
    this.#reader = reader;
  }

  literal(member: Member): AddressSet | null {
    switch (member.kind) {
      case "literal":
        return this.#literals([member]);
      case "file":
        return this.#file(member);
      case "name":
      case "qualified": {
        const builtin = builtinNet(member.text);
        if (builtin === undefined) sayUnknown(this.#report, this.#scopes, member, "net");
        else this.tally.builtin.add(member.text);
        return builtin ?? null;
      }
      case "param":
        return null;
      default:
        this.#refuse(member);
        return null;
    }
  }

  combine(members: readonly AddressSet[], except: readonly AddressSet[], at: SetNode): AddressSet | null {
    if (this.#isFull) return null;
    this.#work += [...members, ...except].reduce((sum, s) => sum + size(s), 0);
    if (this.#work > MAX_SET_WORK) return this.#tooMuch(at.span, "set_work");
    const all = union(members);
    const value = except.length === 0 ? all : subtract(all, union(except));
    this.#intervals += size(value);
    if (this.#intervals > MAX_SET_INTERVALS) return this.#tooMuch(at.span, "set_intervals");
    return value;
  }

  /** Reports a member that is no address. */
  #refuse(member: Extract<Member, { kind: "text" | "id" | "number" }>): void {
    switch (member.kind) {
      case "text": {
        const bare = { ...member, kind: "name" } as const;
        const meant = readPrefix(member.text).ok || isBuiltin(member.text) || this.#scopes.set("net", bare) !== undefined;
        const more = meant ? { replace: member.text } : {};
        this.#report.say("ING208", { wanted: "net", found: "text" }, member.span, more);
        break;
      }
      case "id": {
        const more = member.type === "ip" && readPrefix(member.pattern.text).ok ? { replace: member.pattern.text } : {};
        this.#report.say("ING208", { wanted: "net", found: "identity" }, member.span, more);
        break;
      }
      case "number":
        this.#report.say("ING208", { wanted: "net", found: "number", text: member.text }, member.span);
        break;
    }
  }

  #tooMuch(span: Span, bound: "prefixes" | "set_work" | "set_intervals"): null {
    if (!this.#isFull) this.#report.say("ING604", { bound }, span);
    this.#isFull = true;
    return null;
  }

  #count(n: number, span: Span): boolean {
    const { tally } = this;
    tally.written += n;
    if (tally.largest === null || n > tally.largest.entries) tally.largest = { entries: n, span };
    if (tally.written > MAX_PREFIXES) this.#tooMuch(span, "prefixes");
    return !this.#isFull;
  }

  #file(member: FileMember): AddressSet | null {
    const size = readSize(this.#report, member);
    if (size === null) return null;
    const key = JSON.stringify([size, member.path.span.file.path, member.path.text]);
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    const builder = new SetBuilder();
    const list = readList(this.#report, this.#reader, member, size, {
      what: "address or prefix",
      scan: (text, start, end) => builder.scan(text, start, end),
      add: (token) => read(builder, token),
    });
    if (list !== null) this.listFiles.push(list);
    const value = list === null || !this.#count(list.entries, member.path.span) ? null : builder.done();
    this.#lists.set(key, value);
    return value;
  }

  #literals(members: readonly Piece[]): AddressSet | null {
    const builder = new SetBuilder();
    let good = true;
    for (const { text, span } of members) {
      const problem = read(builder, text);
      // An argument of a template is one member.
      if (problem !== null)
        sayProblem(this.#report, span.origin !== undefined && problem.replace?.includes(",") === true ? { ...problem, replace: null } : problem, span);
      if (problem !== null || !this.#count(1, span)) good = false;
    }
    return good ? builder.done() : null;
  }
}
