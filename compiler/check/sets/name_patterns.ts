// The patterns of `for HOSTS`, each with the names that `except` takes out of it. A set says which names it has; here it
// also matters by which pattern it has them, because the most specific pattern of all exposes on a port decides.
import type { Member, SetNode } from "../../ast/nodes.ts";
import type { HostNode, NamePattern } from "../../policy/policy.ts";
import type { Span } from "../../source/source.ts";
import type { HostPattern } from "../names/host_names.ts";
import { hostPattern, hostSet, isEmptyHosts, nodeBelow, subtractHosts, unionHosts, intersectHosts } from "./host_trie.ts";

/** The values of the members of sets; null where one has no value (then the reason was reported). */
export interface PatternSource {
  /** The set that a member names; undefined for a member that is a text or a file. */
  declared(member: Member): SetNode | undefined;
  /** The patterns of a text or a file. */
  written(member: Member): readonly HostPattern[] | null;
  value(set: SetNode): HostNode | null;
}

interface Found {
  readonly pattern: HostPattern;
  /** Below the pattern's labels; null: nothing is taken out. */
  except: HostNode | null;
  readonly span: Span;
}

/** Members of sets that are looked at for one `for`, and for each set the exceptions around it, which are united for it. */
const MOST_STEPS = 2_000_000;

/** Sorted by their texts, each once. Patterns of which nothing is left are omitted. `too_much` where sets in sets are too many to look at. */
export function namePatterns(source: PatternSource, set: SetNode): readonly NamePattern[] | "too_much" | null {
  const found = new Map<string, Found>();
  /** `removed`: what the sets around this one take out. `at`: the place where the expose names the set, if it is a declared one. */
  const open: { readonly set: SetNode; readonly removed: readonly HostNode[]; readonly at: Span | null }[] = [{ set, removed: [], at: null }];
  const seen = new Map<SetNode, Set<readonly HostNode[]>>();
  let steps = 0;
  for (let top = open.pop(); top !== undefined; top = open.pop()) {
    const here = withExcept(source, top.set, top.removed);
    if (here === null) return null;
    steps += here.length;
    const taken = here.length === 0 ? null : unionHosts(here);
    for (const member of top.set.members) {
      if (++steps > MOST_STEPS) return "too_much";
      const span = top.at ?? member.span;
      const inner = source.declared(member);
      if (inner !== undefined) {
        const known = seen.get(inner) ?? new Set<readonly HostNode[]>();
        seen.set(inner, known);
        if (!known.has(here)) open.push({ set: inner, removed: here, at: span });
        known.add(here);
        continue;
      }
      const patterns = source.written(member);
      if (patterns === null) return null;
      for (const pattern of patterns) note(pattern, taken === null ? null : partBelow(taken, pattern), span, found);
    }
  }
  return [...found]
    .filter(([, { pattern, except }]) => !isNothingLeft(pattern, except))
    .sort(([x], [y]) => (x < y ? -1 : 1))
    .map(([text, { pattern, except, span }]) => ({ text, ...pattern, except, exceptWords: exceptWords(pattern, except), span }));
}

function exceptWords({ labels }: HostPattern, except: HostNode | null): readonly string[] {
  if (except === null) return [];
  let node = except;
  for (let i = labels.length - 1; i >= 0; i--) node = { self: false, one: false, deep: false, children: new Map([[labels[i] ?? "", node]]) };
  return hostSet(node).words;
}

function withExcept(source: PatternSource, set: SetNode, removed: readonly HostNode[]): readonly HostNode[] | null {
  if (set.except === null) return removed;
  const value = source.value({ ...set, members: set.except, except: null });
  return value === null ? null : [...removed, value];
}

function note(pattern: HostPattern, except: HostNode | null, span: Span, found: Map<string, Found>): void {
  const text = patternText(pattern);
  const known = found.get(text);
  if (known === undefined) found.set(text, { pattern, except, span });
  // A pattern that is there twice has all that either of them has.
  else if (known.except !== null) known.except = except === null ? null : orNull(intersectHosts(known.except, except));
}

function patternText({ labels, wild }: HostPattern): string {
  const suffix = [...labels].reverse().join(".");
  const star = wild === "deep" ? "**" : "*";
  return wild === "none" ? suffix : [star, ...(suffix === "" ? [] : [suffix])].join(".");
}

/** Of a set what lies in a pattern, as a node at the place of the pattern's labels. */
function partBelow(set: HostNode, { labels, wild }: HostPattern): HostNode | null {
  const all = hostPattern([], wild);
  return orNull(intersectHosts(all, nodeBelow(set, labels)));
}

function orNull(node: HostNode): HostNode | null {
  return isEmptyHosts(node) ? null : node;
}

function isNothingLeft({ wild }: HostPattern, except: HostNode | null): boolean {
  return except !== null && isEmptyHosts(subtractHosts(hostPattern([], wild), except));
}
