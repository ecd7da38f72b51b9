// Identities that allows ask for, as words of a certificate: those that share the most with what the
// client showed come first. Of a pattern one that it matches is made.

/** `members`: patterns, each with what is taken out of it. `asked`: null where no certificate was shown. */
export function identitiesNear(members: readonly string[], asked: readonly string[] | null): readonly string[] {
  const shown = asked ?? [];
  const words = new Set(members.flatMap((member) => samplesOf(member.split(" ")[0] ?? "", shown)));
  for (const word of shown) words.delete(word);
  const shares = (word: string): number => shown.reduce((most, other) => Math.max(most, sharedLength(word, other)), 0);
  return [...words].map((word) => ({ word, shared: shares(word) })).sort((x, y) => y.shared - x.shared).map(({ word }) => word);
}

/** For the place of a star the words at that place of what was shown, then ordinary ones. */
function samplesOf(pattern: string, shown: readonly string[]): readonly string[] {
  const star = pattern.indexOf("*");
  if (star < 0) return [pattern];
  const rest = pattern.slice(star).replace(/^\*+/, "");
  const last = shown.map((word) => word.split("/").at(-1) ?? "").filter((segment) => segment !== "");
  return [...last, "a", "web"].map((segment) => `${pattern.slice(0, star)}${segment}${rest}`);
}

function sharedLength(x: string, y: string): number {
  let i = 0;
  while (i < x.length && x[i] === y[i]) i++;
  return i;
}
