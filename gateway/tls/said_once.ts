// Sentences for the log, each of which is said again only when it was another one in between.

export class SaidOnce {
  readonly #say: (sentence: string) => void;
  /** The last sentence about each thing. */
  readonly #said = new Map<string, string>();

  constructor(say: (sentence: string) => void) {
    this.#say = say;
  }

  /** Null where there is nothing to say about it any more. */
  say(about: string, sentence: string | null): void {
    if (this.#said.get(about) === sentence) return;
    if (sentence === null) this.#said.delete(about);
    else {
      this.#said.set(about, sentence);
      this.#say(sentence);
    }
  }

  /** Each thing about which something was said last. */
  about(): readonly string[] {
    return [...this.#said.keys()];
  }

  forget(about: string): void {
    this.#said.delete(about);
  }
}
