// Sets of host names for the oracle: a list of patterns and the exceptions from it, matched
// pattern by pattern. Written apart from compiler/check and from the engine's trie.

/** `www.example.com`, `*.example.com` (one label more), `**.example.com` (one or more), `*`, `**`. */
export type HostTerm = { readonly kind: "pattern"; readonly text: string } | { readonly kind: "hosts"; readonly hosts: NamedHosts };

export interface ModelHosts {
  readonly members: readonly HostTerm[];
  readonly except: readonly HostTerm[];
}

export interface NamedHosts {
  readonly name: string;
  readonly set: ModelHosts;
}

const labelsOf = (name: string): readonly string[] => (name === "" ? [] : name.split("."));

/** The part of a pattern after its stars. */
export function tailOf(pattern: string): string {
  return pattern.replace(/^\*\*?\.?/, "");
}

export function patternHas(pattern: string, name: string): boolean {
  if (!pattern.startsWith("*")) return pattern === name;
  const tail = labelsOf(tailOf(pattern));
  const labels = labelsOf(name);
  const more = labels.length - tail.length;
  if (labels.slice(more < 0 ? 0 : more).join(".") !== tail.join(".")) return false;
  return pattern.startsWith("**") ? more >= 1 : more === 1;
}

const termHas = (term: HostTerm, name: string): boolean => (term.kind === "pattern" ? patternHas(term.text, name) : hostsHave(term.hosts.set, name));

/** Whether a name in canonical form is in a set. */
export function hostsHave(set: ModelHosts, name: string): boolean {
  return set.members.some((t) => termHas(t, name)) && !set.except.some((t) => termHas(t, name));
}

/** Every pattern that a set's text speaks of, on either side of `except`. */
export function patternsOf(set: ModelHosts): readonly string[] {
  return [...set.members, ...set.except].flatMap((t) => (t.kind === "pattern" ? [t.text] : patternsOf(t.hosts.set)));
}

/** A label that is in no pattern. */
const STRANGE = "zz9";

/** The names that patterns end in, and all that those end in, down to the empty one. */
function endings(patterns: readonly string[]): readonly string[] {
  const all = new Set([""]);
  for (const pattern of patterns) {
    const labels = labelsOf(tailOf(pattern));
    for (let i = 0; i < labels.length; i++) all.add(labels.slice(i).join("."));
  }
  return [...all];
}

export function isEmptyHosts(set: ModelHosts): boolean {
  return wordsOf(set).length === 0;
}

/**
 * The one list of words for a set, sorted: what each ending says of itself, of one label more and of
 * several, where that is not what the ending before it says already; `!` before what is not in it.
 */
export function wordsOf(set: ModelHosts): readonly string[] {
  const says = (end: string): readonly [self: boolean, one: boolean, more: boolean] => {
    const behind = end === "" ? "" : `.${end}`;
    return [end !== "" && hostsHave(set, end), hostsHave(set, STRANGE + behind), hostsHave(set, `${STRANGE}.${STRANGE}${behind}`)];
  };
  return endings(patternsOf(set))
    .flatMap((end) => {
      const [self, one, more] = says(end);
      const parent = end === "" ? null : says(labelsOf(end).slice(1).join("."));
      const [selfSaid, oneSaid, moreSaid] = parent === null ? [false, false, false] : [parent[1], parent[2], parent[2]];
      const behind = end === "" ? "" : `.${end}`;
      const word = (text: string, is: boolean, said: boolean): string[] => (is === said ? [] : [is ? text : `!${text}`]);
      // `**` speaks of one label as well, until `*` says otherwise.
      return [...word(end, self, selfSaid), ...word(`**${behind}`, more, moreSaid), ...word(`*${behind}`, one, more === moreSaid ? oneSaid : more)];
    })
    .sort();
}

/** A name as a client may request it: at most 255 bytes, labels of 1 to 63 of `a-z 0-9 - _`. */
export function isCanonical(name: string): boolean {
  return name.length <= 255 && name.split(".").every((label) => /^[a-z0-9_-]{1,63}$/.test(label));
}
