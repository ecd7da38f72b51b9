// Self-test vectors: questions with the answers that a host must get from the module before it
// trusts it. They come from the rules themselves, by scanning, and not from the tables.
import {
  CODE_ALLOWED,
  CODE_DENY_NAME,
  CODE_DENY_RULE,
  CODE_EXPIRED,
  CODE_NO_ALLOW,
  CODE_NO_EXPOSE,
  CODE_NO_MATCH,
  CODE_NO_NAME,
  CODE_OPEN_IDENTITY,
} from "../../runtime/abi/verdicts.ts";
import { NO_RULE } from "../../runtime/abi/layout.ts";
import type { AddressSet, AddressWords, CheckedExpose, CheckedPolicy } from "../policy/policy.ts";
import { isAmong, leadAmong } from "../../runtime/net/name_patterns.ts";
import type { OrderedRule } from "../lower/tables.ts";

const MOST_VECTORS = 64;

/** listener, the source's four words, UTC seconds (0: unknown), the name or null, code, rule. */
export type Vector = readonly [number, ...AddressWords, number, string | null, number, number];

export function selfTests(policy: CheckedPolicy, rules: readonly OrderedRule[]): readonly Vector[] {
  const sources: AddressWords[] = [
    [0, 0, 0xffff, 0x01010101],
    [0x20010db8, 0, 0, 1],
  ];
  for (const { from } of rules.slice(0, MOST_VECTORS)) sources.push(...edges(from));
  const names = new Set<string | null>([null, "nobody.invalid"]);
  const moments = new Set<number>([0]);
  for (const { sni, until } of rules.slice(0, MOST_VECTORS)) {
    for (const word of sni?.words.slice(0, 4) ?? []) names.add(example(word));
    if (until !== null) moments.add(until - 1).add(until);
  }
  const leading = new Set(names);
  for (const { names: patterns } of policy.exposes.slice(0, MOST_VECTORS)) for (const { text } of patterns?.slice(0, 4) ?? []) leading.add(example(text));
  const vectors: Vector[] = [];
  const own = (listener: number): readonly OrderedRule[] => rules.filter((r) => !r.dryrun && (r.appliesTo === "all" || r.appliesTo.has(listener)));
  const places = policy.exposes.length + policy.groups.length;
  const share = Math.max(1, Math.floor(MOST_VECTORS / Math.max(1, places)));
  const add = (place: number, tried: readonly (string | null)[], answer: (question: Question) => readonly [number, number]): void => {
    const all = sources.flatMap((source) => tried.flatMap((name) => [...moments].map((wall) => ({ source, name, wall }))));
    const stride = Math.max(1, Math.floor(all.length / share));
    for (let i = place % stride, left = share; i < all.length && left > 0; i += stride, left--) {
      const question = all[i];
      if (question === undefined) break;
      vectors.push([place, ...question.source, question.wall, question.name, ...answer(question)]);
    }
  };
  policy.exposes.slice(0, MOST_VECTORS).forEach((expose, listener) => {
    const tried = expose.mode !== "tcp" && expose.mode !== "direct" ? [...names] : [null];
    const rulesHere = own(listener);
    add(listener, tried, (question) => scan(rulesHere, expose, question));
  });
  policy.groups.slice(0, MOST_VECTORS).forEach(({ members }, i) => {
    const exposes = members.flatMap((member) => {
      const expose = policy.exposes[member];
      return expose === undefined ? [] : [{ expose, rules: own(member) }];
    });
    add(policy.exposes.length + i, [...leading], (question) => scanGroup(exposes, question));
  });
  // The engine's clock never falls.
  return vectors.sort((x, y) => x[5] - y[5]);
}

interface Member {
  readonly expose: CheckedExpose;
  readonly rules: readonly OrderedRule[];
}

/** The same for a group: refused where every member refuses the source, else decided by the expose to which the name leads. */
export function scanGroup(members: readonly Member[], question: Question): readonly [number, number] {
  const first = members.flatMap(({ expose, rules }) => {
    const refused = phase1(rules, expose, question);
    return refused === null ? [] : [refused];
  });
  if (first.length === members.length) {
    const rule = first.reduce((least, [, own]) => (own === NO_RULE ? least : Math.min(least, own)), Infinity);
    const named = rule === Infinity ? NO_RULE : rule;
    if (first.every(([code]) => code === CODE_NO_ALLOW)) return [CODE_NO_ALLOW, named];
    if (first.every(([code]) => code === CODE_NO_ALLOW || code === CODE_EXPIRED)) return [CODE_EXPIRED, named];
    return [named === NO_RULE ? CODE_NO_MATCH : CODE_DENY_RULE, named];
  }
  const lead = leadAmong(
    members.map((member) => ({ ...member, names: member.expose.names?.map(({ text, exceptWords }) => ({ pattern: text, except: exceptWords })) ?? null })),
    question.name,
  );
  return lead === undefined ? [CODE_NO_EXPOSE, NO_RULE] : scan(lead.rules, lead.expose, question);
}

export interface Question {
  readonly source: AddressWords;
  readonly name: string | null;
  readonly wall: number;
}

type Reached = readonly OrderedRule[];

function liveAt(wall: number): (rule: OrderedRule) => boolean {
  return ({ until }) => until === null || (wall !== 0 && wall < until);
}

function reachedBy(rules: readonly OrderedRule[], { mode }: CheckedExpose, { source, wall }: Question): Reached {
  const [tls, mutual] = [mode !== "tcp" && mode !== "direct", mode === "mtls"];
  const live = liveAt(wall);
  return rules.filter((r) => live(r) && contains(r.from, source) && (r.sni === null || tls) && (r.client === null || mutual));
}

/** Code and rule of a refusal in phase 1, or null. */
function phase1(rules: readonly OrderedRule[], expose: CheckedExpose, question: Question): readonly [number, number] | null {
  const live = liveAt(question.wall);
  const allows = rules.filter((r) => r.action === "allow" && r.listener !== null);
  const reached = reachedBy(rules, expose, question);
  const deny = reached.find((r) => r.action === "deny" && r.sni === null && r.client === null);
  if (allows.length === 0) return [CODE_NO_ALLOW, deny?.id ?? NO_RULE];
  if (!allows.some(live)) return [CODE_EXPIRED, deny?.id ?? NO_RULE];
  if (deny !== undefined) return [CODE_DENY_RULE, deny.id];
  return reached.some((r) => r.action === "allow") ? null : [CODE_NO_MATCH, NO_RULE];
}

/** Code and rule that phases 1 and 2 of the rules of a listener, as they are ordered, give a question: one after the other is looked at. */
export function scan(rules: readonly OrderedRule[], expose: CheckedExpose, question: Question): readonly [number, number] {
  const first = phase1(rules, expose, question);
  if (first !== null) return first;
  const { name } = question;
  const named = reachedBy(rules, expose, question).filter((r) => r.sni === null || (name !== null && isAmong(r.sni.words, name)));
  const byName = (action: string): OrderedRule | undefined => named.find((r) => r.action === action && r.client === null);
  const refused = byName("deny");
  if (refused !== undefined) return [CODE_DENY_NAME, refused.id];
  if (expose.mode === "mtls" && named.some((r) => r.action === "allow")) return [CODE_OPEN_IDENTITY, NO_RULE];
  const admitted = byName("allow");
  return admitted === undefined ? [CODE_NO_NAME, NO_RULE] : [CODE_ALLOWED, admitted.id];
}

/** A name that a word matches. */
function example(word: string): string {
  return word
    .replace(/^!/, "")
    .replace(/^\*\*(?=\.|$)/, "a.b")
    .replace(/^\*(?=\.|$)/, "c");
}

/** First and last address of a set, and the one behind. */
function edges({ bounds: b }: AddressSet): AddressWords[] {
  if (b.length < 8) return [];
  const words = (i: number): AddressWords => [b[i] ?? 0, b[i + 1] ?? 0, b[i + 2] ?? 0, b[i + 3] ?? 0];
  const last = words(b.length - 4);
  return [words(0), last, [last[0], last[1], last[2], (last[3] + 1) >>> 0]];
}

function contains({ bounds: b }: AddressSet, source: AddressWords): boolean {
  for (let i = 0; i < b.length; i += 8) {
    if (compare(b, i, source) <= 0 && compare(b, i + 4, source) >= 0) return true;
  }
  return false;
}

function compare(bounds: Uint32Array, at: number, source: AddressWords): number {
  for (let w = 0; w < 4; w++) {
    const difference = (bounds[at + w] ?? 0) - (source[w] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
