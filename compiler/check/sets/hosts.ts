// Sets of host names: members to tries, within the bounds on names and on work.
import { MAX_HOSTS, MAX_SET_HOSTS } from "../../source/bounds.ts";
import type { Member } from "../../ast/nodes.ts";
import { quote } from "../../diagnostics/quote.ts";
import type { SourceReader, Span } from "../../source/source.ts";
import type { Homes } from "../names/scopes.ts";
import { HostSetBuilder, hostPattern, isEmptyHosts, nodeCount, subtractHosts, unionHosts } from "./host_trie.ts";
import { readHostPattern } from "../names/host_names.ts";
import { readList, readSize, type FileMember } from "../names/list_files.ts";
import { isSetName } from "../names/templates.ts";
import type { HostNode } from "../../policy/policy.ts";
import { isProblem, sayTextProblem, type Problem, type Report } from "../../diagnostics/report.ts";
import type { Algebra } from "../names/resolver.ts";
import { sayUnknown } from "../names/unknown_names.ts";

export function hostAlgebra(report: Report, homes: Homes, reader: SourceReader): Algebra<HostNode> {
  const lists = new Map<string, HostNode | null>();
  /** Members that were counted already. */
  const read = new WeakMap<Member, HostNode>();
  let written = 0;
  let work = 0;
  let full = false;

  const tooMuch = (span: Span, message: string, help: string): null => {
    if (!full) report.say("ING610", message, span, { help });
    full = true;
    return null;
  };
  const count = (n: number, span: Span): boolean => {
    written += n;
    if (written > MAX_HOSTS) tooMuch(span, `the policy has more than ${MAX_HOSTS} host names`, "use patterns such as `\"**.example.com\"`");
    return !full;
  };
  const trie = (text: string): HostNode | Problem => {
    const pattern = readHostPattern(text);
    return isProblem(pattern) ? pattern : hostPattern(pattern.labels, pattern.wild);
  };

  const file = (member: FileMember): HostNode | null => {
    const size = readSize(report, member);
    if (size === null) return null;
    const key = JSON.stringify([size, member.path.span.file.path, member.path.text]);
    const known = lists.get(key);
    if (known !== undefined) return known;
    const builder = new HostSetBuilder();
    const entries = readList(report, reader, member, size, {
      what: "name or pattern",
      add(token) {
        const pattern = readHostPattern(token);
        if (isProblem(pattern)) return pattern;
        builder.add(pattern.labels, pattern.wild);
        return null;
      },
    });
    const value = entries === null || !count(entries, member.path.span) ? null : builder.done();
    lists.set(key, value);
    return value;
  };

  return {
    kind: "hosts",
    literal(member: Member) {
      switch (member.kind) {
        case "text": {
          const known = read.get(member);
          if (known !== undefined) return known;
          const node = trie(member.text);
          if (!isProblem(node)) {
            read.set(member, node);
            return count(1, member.span) ? node : null;
          }
          const bare = { ...member, kind: "name" } as const;
          const isName = isSetName(homes, bare);
          if (isName && homes.set("hosts", bare) !== undefined) {
            report.say("ING208", `${quote(member.text)} is the name of a set, and stands in quotes`, member.span, { help: "patterns stand in quotes, names of sets without", replace: member.text });
          } else sayTextProblem(report, node, member.span);
          return null;
        }
        case "file":
          return file(member);
        case "qualified":
        case "name":
        case "literal": {
          // `www.example.com` reads like a name out of an import, `*.example.com` like a literal.
          const looksLikeHost = member.kind === "literal" || (member.kind === "qualified" && homes.imported(homes.of(member.span), member.text.slice(0, member.text.indexOf("."))) === undefined);
          if (member.kind !== "literal" && !looksLikeHost) sayUnknown(report, homes, member, "hosts");
          // `*` alone is everything to some, and a name of one label here.
          else if (looksLikeHost && /[^.]\.[^.]/.test(member.text) && !isProblem(readHostPattern(member.text))) {
            report.say("ING208", `${quote(member.text)} stands without quotes`, member.span, { help: "host names and patterns stand in quotes", replace: `"${member.text}"` });
          } else report.say("ING208", `${quote(member.text)} is no host name`, member.span, { help: "host names and patterns stand in quotes: `\"*.example.com\"`" });
          return null;
        }
        case "number":
          report.say("ING208", `${quote(member.text)} is a number, and host names are wanted here`, member.span, { help: "host names and patterns stand in quotes: `\"*.example.com\"`" });
          return null;
        case "id": {
          const plain = member.type === "dns" && !isProblem(readHostPattern(member.pattern.text)) ? { replace: `"${member.pattern.text}"` } : {};
          report.say("ING208", `an identity stands where a host name is wanted`, member.span, { ...plain, help: "host names stand in quotes alone; identities stand behind `client`" });
          return null;
        }
        case "param":
          return null;
      }
    },
    combine(members, except, at) {
      if (full) return null;
      for (const node of [...members, ...except]) work += nodeCount(node);
      if (work > MAX_SET_HOSTS) return tooMuch(at.span, "the sets of host names of the policy are too large to be computed", "name a large set once and use its name, instead of building it anew in many places");
      const all = unionHosts(members);
      return except.length === 0 ? all : subtractHosts(all, unionHosts(except));
    },
    isEmpty: isEmptyHosts,
  };
}
