// A growing list of u32 words.

export class WordList {
  length = 0;
  #words = new Uint32Array(64);

  push(word: number): void {
    if (this.length === this.#words.length) {
      const wider = new Uint32Array(this.length * 2);
      wider.set(this.#words);
      this.#words = wider;
    }
    this.#words[this.length++] = word;
  }

  at(i: number): number {
    return this.#words[i] ?? 0;
  }

  all(): Uint32Array {
    return this.#words.subarray(0, this.length);
  }
}
