// Sets of host names: members to tries, within the bounds on names and on work.
import { MAX_HOSTS, MAX_SET_HOSTS } from "../../source/bounds.ts";
import type { Member, SetNode } from "../../ast/nodes.ts";
import type { SourceReader, Span } from "../../source/source.ts";
import type { Scopes } from "../names/scopes.ts";
import { HostSetBuilder, hostPattern, isEmptyHosts, nodeCount, subtractHosts, unionHosts } from "./host_trie.ts";
import { readHostPattern, type HostPattern } from "../names/host_names.ts";
import { readList, readSize, type FileMember } from "../names/list_files.ts";
import { isSetName } from "../names/templates.ts";
import type { HostNode } from "../../policy/policy.ts";
import { sayTextProblem, type Report } from "../../diagnostics/report.ts";
import type { Algebra } from "../names/resolver.ts";
import { sayUnknown } from "../names/unknown_names.ts";

export class HostAlgebra implements Algebra<HostNode> {
  readonly kind = "hosts";
  readonly isEmpty = isEmptyHosts;
  readonly #report: Report;
  readonly #scopes: Scopes;
  readonly #reader: SourceReader;
  /** A list by the file that names it, its path and its size: read once, however often it is named. */
  readonly #lists = new Map<string, HostNode | null>();
  /** The patterns of a list, by its value; kept only where an expose has `for`. */
  readonly #patterns = new WeakMap<HostNode, readonly HostPattern[]>();
  readonly #keeps: boolean;
  /** Members that were counted already. */
  readonly #read = new WeakMap<Member, HostNode>();
  #written = 0;
  #work = 0;
  #isFull = false;

  /** `keeps`: whether the patterns of lists are needed later. */
  constructor(report: Report, scopes: Scopes, reader: SourceReader, keeps = false) {
    this.#keeps = keeps;
    this.#report = report;
    this.#scopes = scopes;
    this.#reader = reader;
  }

  literal(member: Member): HostNode | null {
    switch (member.kind) {
      case "text":
        return this.#text(member);
      case "file":
        return this.#file(member);
      case "param":
        return null;
      default:
        this.#refuse(member);
        return null;
    }
  }

  /** The patterns of a text or a list; null where it has no value (then the reason was reported). */
  patterns(member: Member): readonly HostPattern[] | null {
    const value = this.literal(member);
    if (value === null) return null;
    if (member.kind === "file") return this.#patterns.get(value) ?? null;
    const pattern = member.kind === "text" ? readHostPattern(member.text) : null;
    return pattern?.ok === true ? [pattern.value] : null;
  }

  combine(members: readonly HostNode[], except: readonly HostNode[], at: SetNode): HostNode | null {
    if (this.#isFull) return null;
    for (const node of [...members, ...except]) this.#work += nodeCount(node);
    if (this.#work > MAX_SET_HOSTS) return this.#tooMuch(at.span, "host_work");
    const all = unionHosts(members);
    return except.length === 0 ? all : subtractHosts(all, unionHosts(except));
  }

  #text(member: Extract<Member, { kind: "text" }>): HostNode | null {
    const known = this.#read.get(member);
    if (known !== undefined) return known;
    const pattern = readHostPattern(member.text);
    if (pattern.ok) {
      const node = hostPattern(pattern.value.labels, pattern.value.wild);
      this.#read.set(member, node);
      return this.#count(1, member.span) ? node : null;
    }
    const bare = { ...member, kind: "name" } as const;
    const isName = isSetName(this.#scopes, bare);
    if (isName && this.#scopes.set("hosts", bare) !== undefined) {
      this.#report.say("ING208", { wanted: "hosts", found: "quoted_set", text: member.text }, member.span, { replace: member.text });
    } else sayTextProblem(this.#report, pattern.error, member.span);
    return null;
  }

  #file(member: FileMember): HostNode | null {
    const size = readSize(this.#report, member);
    if (size === null) return null;
    const key = JSON.stringify([size, member.path.span.file.path, member.path.text]);
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    const builder = new HostSetBuilder();
    const patterns: HostPattern[] | null = this.#keeps ? [] : null;
    const entries = readList(this.#report, this.#reader, member, size, {
      what: "name or pattern",
      add(token) {
        const pattern = readHostPattern(token);
        if (!pattern.ok) return pattern.error;
        builder.add(pattern.value.labels, pattern.value.wild);
        patterns?.push(pattern.value);
        return null;
      },
    });
    const value = entries === null || !this.#count(entries, member.path.span) ? null : builder.done();
    this.#lists.set(key, value);
    if (value !== null && patterns !== null) this.#patterns.set(value, patterns);
    return value;
  }

  /** Reports a member that is no host name. */
  #refuse(member: Exclude<Member, { kind: "text" | "file" | "param" }>): void {
    const report = this.#report;
    switch (member.kind) {
      case "qualified":
      case "name":
      case "literal": {
        // `www.example.com` reads like a name out of an import, `*.example.com` like a literal.
        const looksLikeHost =
          member.kind === "literal" ||
          (member.kind === "qualified" && this.#scopes.imported(this.#scopes.of(member.span), member.text.slice(0, member.text.indexOf("."))) === undefined);
        if (member.kind !== "literal" && !looksLikeHost) sayUnknown(report, this.#scopes, member, "hosts");
        // `*` alone is everything to some, and a name of one label here.
        else if (looksLikeHost && /[^.]\.[^.]/.test(member.text) && readHostPattern(member.text).ok) {
          report.say("ING208", { wanted: "hosts", found: "unquoted", text: member.text }, member.span, { replace: `"${member.text}"` });
        } else report.say("ING208", { wanted: "hosts", found: "word", text: member.text }, member.span);
        break;
      }
      case "number":
        report.say("ING208", { wanted: "hosts", found: "number", text: member.text }, member.span);
        break;
      case "id": {
        const plain = member.type === "dns" && readHostPattern(member.pattern.text).ok ? { replace: `"${member.pattern.text}"` } : {};
        report.say("ING208", { wanted: "hosts", found: "identity" }, member.span, plain);
        break;
      }
    }
  }

  #count(n: number, span: Span): boolean {
    this.#written += n;
    if (this.#written > MAX_HOSTS) this.#tooMuch(span, "hosts");
    return !this.#isFull;
  }

  #tooMuch(span: Span, bound: "hosts" | "host_work"): null {
    if (!this.#isFull) this.#report.say("ING610", { bound }, span);
    this.#isFull = true;
    return null;
  }
}
