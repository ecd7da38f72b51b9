// Exposes that share a port, as the equations state it: which expose a name leads to (0.3), and what becomes of a connection
// before and after its name (1.16, 2.9). By looking at every pattern of every expose every time.
import { decide, exposesAt, shadow, type Answer, type Facts } from "./evaluate.ts";
import { setHas, type ModelExpose, type ModelPolicy, type ModelRule } from "./model.ts";
import { hostsHave, isCanonical, patternHas, tailOf, type HostTerm, type ModelHosts } from "./names.ts";
import { lowest } from "./order.ts";

/** A pattern where it is written, with every `except` that surrounds it. */
export interface Written {
  readonly text: string;
  readonly except: readonly (readonly HostTerm[])[];
}

export function writtenIn({ members, except }: ModelHosts, around: readonly (readonly HostTerm[])[] = []): readonly Written[] {
  const here = [...around, except];
  return members.flatMap((term) => (term.kind === "pattern" ? [{ text: term.text, except: here }] : writtenIn(term.hosts.set, here)));
}

/** Larger for a more specific pattern: the name itself, then more labels after the stars, then one star before two. */
function specific(text: string): readonly [number, number] {
  if (!text.startsWith("*")) return [Infinity, 0];
  const tail = tailOf(text);
  return [tail === "" ? 0 : tail.split(".").length, text.startsWith("**") ? 0 : 1];
}

function isMore(a: readonly [number, number], b: readonly [number, number]): boolean {
  return a[0] > b[0] || (a[0] === b[0] && a[1] > b[1]);
}

/** `leads(group, name)`; null: to none. A name is null where the client sends none. */
export function leads(members: readonly ModelExpose[], name: string | null): ModelExpose | null {
  let best: readonly [number, number] = [-1, -1];
  let found = members.find(({ names = null }) => names === null) ?? null;
  if (name === null) return found;
  for (const expose of members) {
    for (const { text, except } of expose.names === undefined || expose.names === null ? [] : writtenIn(expose.names)) {
      if (!patternHas(text, name) || except.some((terms) => hostsHave({ members: terms, except: [] }, name))) continue;
      if (!isMore(specific(text), best)) continue;
      best = specific(text);
      found = expose;
    }
  }
  return found;
}

/** The exposes at a local endpoint, if names distinguish them: several, or one with `for`. */
export function groupAt(policy: ModelPolicy, port: number, local: bigint): readonly ModelExpose[] | null {
  const here = exposesAt(policy, port, local, "tcp");
  return here.length > 1 || (here[0]?.names ?? null) !== null ? here : null;
}

/** The rule of R.8 among those of several exposes, whose answers are in the order of their names. */
function first(answers: readonly Answer[]): readonly ModelRule[] {
  const all = answers.flatMap(({ rules }) => rules);
  const isEarly = (rule: ModelRule): boolean => rule.dryrun !== true || all.every(({ dryrun }) => dryrun === true);
  const tops = all.filter((rule) => "on" in rule && isEarly(rule));
  if (tops.length > 0) return lowest(tops, setHas);
  return answers.map(({ rules }) => rules.filter(isEarly)).find((rules) => rules.length > 0) ?? [];
}

const byName = (members: readonly ModelExpose[]): readonly ModelExpose[] => [...members].sort((a, b) => (a.name < b.name ? -1 : 1));

/** Phase 1 of a source at a group, nothing charged: refused where every member refuses it. The answers are in the order of names. */
export function acceptOf(answers: readonly Answer[]): Answer {
  if (answers.some(({ allowed, later }) => allowed || later)) return { allowed: false, later: true, reason: "none", code: "open", rules: [] };
  const rules = first(answers);
  const codes = new Set(answers.map(({ code }) => code));
  const isPolicy = [...codes].every((code) => code === "no_allow" || code === "expired");
  if (isPolicy) return { allowed: false, later: false, reason: "policy", code: codes.has("expired") ? "expired" : "no_allow", rules };
  return { allowed: false, later: false, reason: "cidr", code: rules.length > 0 ? "deny_rule" : "no_match", rules };
}

/** Phases 1 to 3 at a group, and the expose that decided; null where none did. */
export function decideAt(policy: ModelPolicy, members: readonly ModelExpose[], facts: Facts): { readonly answer: Answer; readonly lead: ModelExpose | null } {
  const { source, wall, name } = facts;
  const early = acceptOf(byName(members).map((expose) => decide(policy, expose, { source, wall, name: undefined })));
  if (!early.later || name === undefined) return { answer: early, lead: null };
  const refused = (code: string): Answer => ({ allowed: false, later: false, reason: "sni", code, rules: [] });
  if (name !== null && !isCanonical(name)) return { answer: refused("bad_name"), lead: null };
  const lead = leads(members, name);
  return lead === null ? { answer: refused("no_expose"), lead } : { answer: decide(policy, lead, facts), lead };
}

/** Phase 1 with dryrun rules enforced, or null where none applies to a member. */
export function shadowAt(policy: ModelPolicy, members: readonly ModelExpose[], source: bigint, wall: number | null): Answer | null {
  const facts = { source, wall, name: undefined };
  const ordered = byName(members);
  const tried = ordered.map((expose) => shadow(policy, expose, facts));
  if (tried.every((answer) => answer === null)) return null;
  return acceptOf(ordered.map((expose, i) => tried[i] ?? decide(policy, expose, facts)));
}
