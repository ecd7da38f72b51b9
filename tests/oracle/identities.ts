// Sets of identities for the oracle: patterns as regular expressions, each matched by itself. Written
// apart from compiler/check and from the engine's trie.

export interface IdPattern {
  readonly type: "uri" | "dns" | "ip" | "sha256";
  readonly text: string;
}

export type IdTerm = IdPattern | { readonly type: "ids"; readonly ids: NamedIds };

export interface NamedIds {
  readonly name: string;
  readonly set: ModelIds;
}

export interface ModelIds {
  readonly members: readonly IdTerm[];
  readonly except: readonly IdTerm[];
}

const expressions = new Map<string, RegExp>();

/** `*` ends a part between two `/` and matches one character of it or more, `**` for one part or more. */
function expressionOf({ type, text }: IdPattern): RegExp {
  const key = `${type}:${text}`;
  const known = expressions.get(key);
  if (known !== undefined) return known;
  const literal = (part: string): string => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const deep = key.endsWith("/**");
  const body = (deep ? key.slice(0, -2) : key).split("*").map(literal);
  // Behind `?` or `#` a part extends to the end.
  const last = deep || body.at(-1) !== "" ? "" : "(?:[^/?#]+(?:[?#].*)?|[?#].*)";
  const middle = body.length > 1 && last !== "" ? body.slice(0, -1).join("[^/?#]+") : body.join("[^/?#]+");
  const expression = new RegExp(`^${middle}${deep ? ".*" : last}$`, "s");
  expressions.set(key, expression);
  return expression;
}

const termHas = (term: IdTerm, word: string): boolean => (term.type === "ids" ? wordIn(term.ids.set, word) : expressionOf(term).test(word));

const wordIn = ({ members, except }: ModelIds, word: string): boolean => members.some((t) => termHas(t, word)) && !except.some((t) => termHas(t, word));

/** Whether some word of a certificate is in what is left of a set. */
export function idsHave(set: ModelIds, words: readonly string[]): boolean {
  return words.some((word) => wordIn(set, word));
}

/** Every pattern that a set's text speaks of, on either side of `except`. */
export function idPatternsOf({ members, except }: ModelIds): readonly IdPattern[] {
  return [...members, ...except].flatMap((t) => (t.type === "ids" ? idPatternsOf(t.ids.set) : [t]));
}

/** A character that no pattern has, so that it ends no part that a pattern names. */
const STRANGE = "~";

/**
 * A word of each kind that these patterns distinguish: at each place the parts that they have there, each of
 * them with more behind it, and another one, for every number of parts up to two more than they have.
 */
export function* kindsOf(patterns: readonly IdPattern[]): Generator<string> {
  const heads = new Map<string, IdPattern[]>();
  for (const pattern of patterns) {
    const [head = ""] = /^(?:[a-z]+:\/\/)?[^/]*/.exec(pattern.text) ?? [];
    const key = `${pattern.type}:${head}`;
    heads.set(key, [...(heads.get(key) ?? []), pattern]);
  }
  for (const [head, own] of heads) {
    if (own.every(({ type }) => type !== "uri")) {
      yield head;
      continue;
    }
    const paths = own.map(({ type, text }) => `${type}:${text}`.slice(head.length + 1).split("/"));
    const partsAt = (at: number): readonly string[] => [
      ...new Set([
        STRANGE,
        ...paths.flatMap((path) => {
          const part = path[at]?.replace(/\*+$/, "") ?? "";
          return part === "" ? [] : [part, `${part}${STRANGE}`];
        }),
      ]),
    ];
    let level = [head];
    for (let at = 0; at < Math.max(...paths.map((path) => path.length)) + 1; at++) {
      level = level.flatMap((word) => partsAt(at).map((part) => `${word}/${part}`));
      yield* level;
    }
  }
}

export function isEmptyIds(set: ModelIds): boolean {
  for (const word of kindsOf(idPatternsOf(set))) if (wordIn(set, word)) return false;
  return true;
}
