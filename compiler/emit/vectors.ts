// Self-test vectors: questions with the answers that a host must get from the module before it
// trusts it. They come from the rules themselves, by scanning, and not from the tables.
import {
  CODE_ALLOWED,
  CODE_DENY_NAME,
  CODE_DENY_RULE,
  CODE_EXPIRED,
  CODE_NO_ALLOW,
  CODE_NO_MATCH,
  CODE_NO_NAME,
  CODE_OPEN_IDENTITY,
} from "../../runtime/abi/verdicts.ts";
import { NO_RULE } from "../../runtime/abi/layout.ts";
import type { AddressSet, AddressWords, CheckedExpose, CheckedPolicy, HostSet } from "../policy/policy.ts";
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
  const vectors: Vector[] = [];
  const share = Math.max(1, Math.floor(MOST_VECTORS / Math.max(1, policy.exposes.length)));
  policy.exposes.slice(0, MOST_VECTORS).forEach((expose, listener) => {
    const own = rules.filter((r) => !r.dryrun && (r.appliesTo === "all" || r.appliesTo.has(listener)));
    const tried = expose.mode !== "tcp" && expose.mode !== "direct" ? [...names] : [null];
    const all = sources.flatMap((source) => tried.flatMap((name) => [...moments].map((wall) => ({ source, name, wall }))));
    const stride = Math.max(1, Math.floor(all.length / share));
    for (let i = listener % stride, left = share; i < all.length && left > 0; i += stride, left--) {
      const question = all[i];
      if (question === undefined) break;
      const { source, name, wall } = question;
      vectors.push([listener, ...source, wall, name, ...scan(own, expose, question)]);
    }
  });
  // The engine's clock never falls.
  return vectors.sort((x, y) => x[5] - y[5]);
}

export interface Question {
  readonly source: AddressWords;
  readonly name: string | null;
  readonly wall: number;
}

/** Code and rule that phases 1 and 2 of the rules of a listener, as they are ordered, give a question: one after the other is looked at. */
export function scan(rules: readonly OrderedRule[], { mode }: CheckedExpose, { source, name, wall }: Question): readonly [number, number] {
  const [tls, mutual] = [mode !== "tcp" && mode !== "direct", mode === "mtls"];
  const live = ({ until }: OrderedRule): boolean => until === null || (wall !== 0 && wall < until);
  const allows = rules.filter((r) => r.action === "allow" && r.listener !== null);
  const reached = rules.filter((r) => live(r) && contains(r.from, source) && (r.sni === null || tls) && (r.client === null || mutual));
  const certain = (action: string): OrderedRule | undefined => reached.find((r) => r.action === action && r.sni === null && r.client === null);
  const named = reached.filter((r) => r.sni === null || (name !== null && hasName(r.sni, name)));
  const byName = (action: string): OrderedRule | undefined => named.find((r) => r.action === action && r.client === null);
  const deny = certain("deny");
  if (allows.length === 0) return [CODE_NO_ALLOW, deny?.id ?? NO_RULE];
  if (!allows.some(live)) return [CODE_EXPIRED, deny?.id ?? NO_RULE];
  if (deny !== undefined) return [CODE_DENY_RULE, deny.id];
  if (!reached.some((r) => r.action === "allow")) return [CODE_NO_MATCH, NO_RULE];
  const refused = byName("deny");
  if (refused !== undefined) return [CODE_DENY_NAME, refused.id];
  if (mutual && named.some((r) => r.action === "allow")) return [CODE_OPEN_IDENTITY, NO_RULE];
  const admitted = byName("allow");
  return admitted === undefined ? [CODE_NO_NAME, NO_RULE] : [CODE_ALLOWED, admitted.id];
}

/** The narrowest of a set's words that matches says whether a name is in it. */
function hasName({ words }: HostSet, name: string): boolean {
  let best = -1;
  let inside = false;
  for (const word of words) {
    const out = word.startsWith("!");
    const pattern = out ? word.slice(1) : word;
    const [head = "", ...rest] = pattern.split(".");
    const suffix = rest.length === 0 ? "" : `.${rest.join(".")}`;
    const front = name.endsWith(suffix) ? name.slice(0, name.length - suffix.length) : "";
    const one = front !== "" && !front.includes(".");
    const matches =
      head === "*" ? one
      : head === "**" ? front !== ""
      : pattern === name;
    // A name itself is narrower than one label before its parent, and that than any before it.
    const narrowness =
      3 * rest.length +
      (head === "**" ? 0
      : head === "*" ? 1
      : 2);
    if (matches && narrowness > best) {
      best = narrowness;
      inside = !out;
    }
  }
  return inside;
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
