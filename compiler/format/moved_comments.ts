// Comments of a row whose parts are printed in another order than they have in the source: each
// goes with its words. One on a line of its own stays before the word that followed it; one at the
// end of a line stays behind the word, or the word and its comma, that it followed.
import type { Comment, Gap } from "./comments.ts";
import type { Token } from "./layout.ts";

/** The tokens of the source, as one list of each thing. */
export interface Words {
  readonly texts: readonly string[];
  /** Offsets of the tokens; they rise. */
  readonly starts: readonly number[];
}

/**
 * For each printed token the number of the source's token that it is. The row has the tokens from
 * `start` on. Null where they are not the same.
 */
export function orderOf(printed: readonly Token[], { texts, starts }: Words, start: number): number[] | null {
  const end = start + printed.length;
  if (end > texts.length) return null;
  if (printed.every(({ text }, i) => text === texts[start + i])) return printed.map((_, i) => start + i);
  const free = new Set(Array.from(printed, (_, i) => start + i));
  let last = start - 1;
  const order = printed.map(({ text, from }): number | null => {
    if (from?.kind === "separator") return null;
    last = from === undefined ? last + 1 : numberAt(starts, from.offset) - (from.kind === "before" ? 1 : 0);
    return texts[last] === text && free.delete(last) ? last : -1;
  });
  const separators = [...free];
  const whole = order.map((k) => k ?? separators.shift() ?? -1);
  return whole.every((k, i) => texts[k] === printed[i]?.text) ? whole : null;
}

function numberAt(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] ?? 0) < offset) low = middle + 1;
    else high = middle;
  }
  return starts[low] === offset ? low : -1;
}

/**
 * Puts the comments of a row into `gaps` in its printed order; `gaps` are those of the source up to
 * then. The gap behind the row keeps the comments before the next row.
 */
export function moveComments(gaps: Gap[], printed: readonly Token[], order: readonly number[], start: number): void {
  const end = start + printed.length;
  const source = gaps.slice(start, end + 1);
  const isSeparator = new Set(order.filter((_, i) => printed[i]?.from?.kind === "separator"));
  /** By the number of a token in the source: the comments before it, and behind it on its line. */
  const before = new Map<number, readonly Comment[]>();
  const behind = new Map<number, readonly string[]>();
  const { head, own: first } = split(source[0]);
  for (let k = start; k < end; k++) {
    const own = k === start ? first : (source[k - start]?.own ?? []);
    const to = isSeparator.has(k) ? k + 1 : k;
    before.set(to, [...(before.get(to) ?? []), ...own]);
    const { trailing = null } = source[k + 1 - start] ?? {};
    const of = isSeparator.has(k) ? k - 1 : k;
    if (trailing !== null) behind.set(of, [...(behind.get(of) ?? []), trailing]);
  }
  order.forEach((k, i) => {
    const own = (before.get(k) ?? []).map(({ text }, n) => ({ text, apart: i === 0 && n === 0 && (head.length > 0 || first[0]?.apart === true) }));
    const at = start + i;
    if (i === 0) gaps[at] = { trailing: source[0]?.trailing ?? null, own: [...head, ...own], apart: own.length === 0 && head.length > 0 };
    else gaps[at] = gapOf(behind.get(order[i - 1] ?? -1), own, false);
  });
  const close = source.at(-1);
  gaps[end] = gapOf(behind.get(order.at(-1) ?? -1), close?.own ?? [], close?.apart ?? false);
}

/** Several comments may now follow one word: the first stays on its line. */
function gapOf(behind: readonly string[] | undefined, own: readonly Comment[], apart: boolean): Gap {
  const [trailing = null, ...more] = behind ?? [];
  return { trailing, own: [...more.map((text) => ({ text, apart: false })), ...own], apart };
}

/** A comment that a blank line separates from the row stays above it, whatever its first word is. */
function split(gap: Gap | undefined): { readonly head: readonly Comment[]; readonly own: readonly Comment[] } {
  if (gap === undefined) return { head: [], own: [] };
  if (gap.apart) return { head: gap.own, own: [] };
  const last = gap.own.map(({ apart }) => apart).lastIndexOf(true);
  return last < 1 ? { head: [], own: gap.own } : { head: gap.own.slice(0, last), own: gap.own.slice(last) };
}
