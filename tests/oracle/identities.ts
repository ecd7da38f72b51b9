// Sets of identities for the oracle: patterns as regular expressions, each asked by itself. Written
// apart from compiler/check and from the engine's trie.

export interface IdTerm {
  readonly type: "uri" | "dns" | "ip" | "sha256";
  readonly text: string;
}

export interface ModelIds {
  readonly members: readonly IdTerm[];
  readonly except: readonly IdTerm[];
}

const expressions = new Map<string, RegExp>();

/** `*` ends a part between two `/` and stands for one character of it or more, `**` for one part or more. */
function expressionOf({ type, text }: IdTerm): RegExp {
  const key = `${type}:${text}`;
  const known = expressions.get(key);
  if (known !== undefined) return known;
  const literal = (part: string): string => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const deep = key.endsWith("/**");
  const body = (deep ? key.slice(0, -2) : key).split("*").map(literal);
  // Behind `?` or `#` a part goes on to the end.
  const last = deep || body.at(-1) !== "" ? "" : "(?:[^/?#]+(?:[?#].*)?|[?#].*)";
  const middle = body.length > 1 && last !== "" ? body.slice(0, -1).join("[^/?#]+") : body.join("[^/?#]+");
  const expression = new RegExp(`^${middle}${deep ? ".*" : last}$`, "s");
  expressions.set(key, expression);
  return expression;
}

const termHas = (term: IdTerm, word: string): boolean => expressionOf(term).test(word);

/** Whether some word of a certificate is in what is left of a set. */
export function idsHave({ members, except }: ModelIds, words: readonly string[]): boolean {
  return words.some((word) => members.some((t) => termHas(t, word)) && !except.some((t) => termHas(t, word)));
}
