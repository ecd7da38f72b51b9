// Identities that allows name, as words of a certificate: those that share the most with what the
// client showed come first. Of a pattern some are made that it matches and that nothing takes out.
import { hasIdentity } from "./matching.ts";

/** `sets`: the words of each set. `wanted`: null where no certificate was shown. */
export function identitiesNear(sets: readonly (readonly string[])[], wanted: readonly string[] | null): readonly string[] {
  const shown = wanted ?? [];
  const words = new Set(sets.flatMap((set) => set.filter((word) => !word.startsWith("!")).flatMap((pattern) => samplesOf(pattern, set, shown))));
  for (const word of shown) words.delete(word);
  const shares = (word: string): number => shown.reduce((most, other) => Math.max(most, sharedLength(word, other)), 0);
  return [...words]
    .map((word) => ({ word, shared: shares(word) }))
    .sort((x, y) => y.shared - x.shared)
    .map(({ word }) => word);
}

const ORDINARY = ["a", "web", ..."bcdefghijklmnopqrstuvwxyz0123456789"];
/** Of these, samples of one pattern. */
const MOST_ORDINARY = 2;

/** For the place of a star the words at that place of what was shown, then ordinary ones. */
function samplesOf(pattern: string, set: readonly string[], shown: readonly string[]): readonly string[] {
  const star = pattern.indexOf("*");
  if (star < 0) return [pattern];
  const rest = pattern.slice(star).replace(/^\*+/, "");
  const last = shown.map((word) => word.split("/").at(-1) ?? "").filter((segment) => segment !== "");
  const samples: string[] = [];
  for (const segment of [...last, ...ORDINARY]) {
    if (samples.length === last.length + MOST_ORDINARY) break;
    const word = `${pattern.slice(0, star)}${segment}${rest}`;
    if (hasIdentity(set, word)) samples.push(word);
  }
  return samples;
}

function sharedLength(x: string, y: string): number {
  let i = 0;
  while (i < x.length && x[i] === y[i]) i++;
  return i;
}
