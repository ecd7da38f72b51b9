// The parts of which the words of diagnostics are made.

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
