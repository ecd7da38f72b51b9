// Patterns of server names, compared one by one: `www.example.com`, `*.example.com` (one label more), `**.example.com` (one
// or more). The engine's tables say the same; self-tests and `explain` compare with this instead.

/** How narrow a pattern is that matches a name; -1 if it does not. A name itself is narrower than one label before its parent, and that than any before it. */
export function narrowness(pattern: string, name: string): number {
  const [head = "", ...rest] = pattern.split(".");
  const suffix = rest.length === 0 ? "" : `.${rest.join(".")}`;
  const front = name.endsWith(suffix) ? name.slice(0, name.length - suffix.length) : "";
  const matches =
    head === "*" ? front !== "" && !front.includes(".")
    : head === "**" ? front !== ""
    : pattern === name;
  if (!matches) return -1;
  return (
    3 * rest.length +
    (head === "**" ? 0
    : head === "*" ? 1
    : 2)
  );
}

/** The narrowest of a set's words that matches a name says whether it is in the set; `!` is before a word that takes names out. */
export function isAmong(words: readonly string[], name: string): boolean {
  let best = -1;
  let inside = false;
  for (const word of words) {
    const out = word.startsWith("!");
    const narrow = narrowness(out ? word.slice(1) : word, name);
    if (narrow <= best) continue;
    best = narrow;
    inside = !out;
  }
  return inside;
}

/** One pattern of `for`, with the words of what `except` takes out of it. */
export interface Pattern {
  readonly pattern: string;
  readonly except: readonly string[];
}

/**
 * Which of several that share a port a name leads to: the one with the most specific pattern that has it, else the one
 * without patterns (null); undefined where there is none. A name that is null is that of a client that sends none.
 */
export function leadAmong<T extends { readonly names: readonly Pattern[] | null }>(members: readonly T[], name: string | null): T | undefined {
  let best = -1;
  let found = members.find(({ names }) => names === null);
  if (name === null) return found;
  for (const member of members) {
    for (const { pattern, except } of member.names ?? []) {
      const narrow = narrowness(pattern, name);
      if (narrow <= best || isAmong(except, name)) continue;
      best = narrow;
      found = member;
    }
  }
  return found;
}
