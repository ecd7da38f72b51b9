// The parts of which the words of diagnostics are made.
import { grouped } from "../../runtime/text/number.ts";
import { quote } from "./quote.ts";

export interface Words {
  /** One sentence, lower case, no period, the author's text in backticks. */
  readonly message: string;
  /** The action that resolves it; absent where nothing sensible can be said. */
  readonly help?: string;
  /** Shown at the carets. */
  readonly label?: string;
}

/** One function for each code of a family, from its data to its words. */
export type WordsOf<D> = { readonly [C in keyof D]: (data: D[C]) => Words };

/** The help where a near word was found. */
export function didYouMean(word: string): string {
  return `did you mean \`${word}\`?`;
}

/** The first of some names, and the number of the others. */
export interface NameList {
  readonly names: readonly string[];
  readonly more: number;
}

/** `a`, `b` and 3 more; null where there is none. */
export function listed({ names, more }: NameList): string | null {
  const shown = names.map(quote);
  if (more > 0) shown.push(`${grouped(more)} more`);
  const last = shown.pop();
  return (
    last === undefined ? null
    : shown.length === 0 ? last
    : `${shown.join(", ")} and ${last}`
  );
}
