// Small policies whose rules are about sources alone, as most are: if each rule decides some source that no other does, none is
// without an effect, and the analysis need not be loaded, which takes longer than the rest of such a check. Anything else is for
// the analysis; this file finds no warning.
import { intersects, isEmpty, size, subtract, union } from "../check/sets/intervals.ts";
import type { AddressSet, CheckedExpose } from "../policy/policy.ts";
import type { WrittenRule } from "./rule_texts.ts";

/** Pairs of a text and a listener that it applies to. */
const MOST_ITEMS = 64;
/** Intervals of all their sets. */
const MOST_INTERVALS = 20_000;

interface Item {
  readonly text: WrittenRule;
  readonly from: AddressSet;
}

interface ListenerItems {
  readonly allow: Item[];
  readonly deny: Item[];
}

/** Whether it is certain that every text has an effect. */
export function allDecideAlone(exposes: readonly CheckedExpose[], texts: readonly WrittenRule[]): boolean {
  if (exposes.some(({ names }) => names !== null) || !texts.every(isPlain)) return false;
  const listeners = itemsOf(exposes, texts);
  if (listeners === null) return false;
  const deciding = new Set<WrittenRule>();
  for (const { allow, deny } of listeners) {
    const [allowed, refused] = [union(allow.map(({ from }) => from)), union(deny.map(({ from }) => from))];
    for (const item of allow) if (!isEmpty(subtract(alone(item, allow), refused))) deciding.add(item.text);
    for (const item of deny) if (intersects(alone(item, deny), allowed)) deciding.add(item.text);
  }
  return texts.every((text) => deciding.has(text));
}

function isPlain({ dryrun, ordered }: WrittenRule): boolean {
  return !dryrun && ordered.every(({ sni, client, after, until }) => sni === null && client === null && after === null && until === null);
}

/** Null where the policy is not small. */
function itemsOf(exposes: readonly CheckedExpose[], texts: readonly WrittenRule[]): readonly ListenerItems[] | null {
  const listeners = exposes.map((): ListenerItems => ({ allow: [], deny: [] }));
  let [items, intervals] = [0, 0];
  for (const text of texts) {
    for (const { appliesTo, from } of text.ordered) {
      for (const i of appliesTo === "all" ? exposes.keys() : appliesTo) {
        if (exposes[i]?.mode === "direct") continue;
        items++;
        intervals += size(from);
        if (items > MOST_ITEMS || intervals > MOST_INTERVALS) return null;
        listeners[i]?.[text.action].push({ text, from });
      }
    }
  }
  return listeners;
}

function alone(item: Item, list: readonly Item[]): AddressSet {
  const others = list.filter((other) => other !== item);
  return others.length === 0 ? item.from : subtract(item.from, union(others.map(({ from }) => from)));
}
