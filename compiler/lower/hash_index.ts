// Where to look for an entry by its hash: open addressing over entry numbers, at most half full. The
// caller keeps the entries and compares them: a hash is never trusted.

export class HashIndex {
  count = 0;
  #hashes = new Uint32Array(32);
  /** Entries + 1; 0 is free. */
  #slots = new Uint32Array(64);
  #cursor = 0;

  /** The first entry with a hash (u32), or -1; `next` has the others. */
  first(hash: number): number {
    this.#cursor = hash & (this.#slots.length - 1);
    return this.#seek(hash);
  }

  next(hash: number): number {
    this.#cursor = (this.#cursor + 1) & (this.#slots.length - 1);
    return this.#seek(hash);
  }

  #seek(hash: number): number {
    const mask = this.#slots.length - 1;
    for (let at = this.#cursor; ; at = (at + 1) & mask) {
      const entry = (this.#slots[at] ?? 0) - 1;
      if (entry < 0 || this.#hashes[entry] === hash) {
        this.#cursor = at;
        return entry;
      }
    }
  }

  /** A new entry; nothing was added since `first` or `next` said -1 of its hash. */
  add(hash: number): number {
    const entry = this.count++;
    if (entry === this.#hashes.length) {
      const wider = new Uint32Array(2 * entry);
      wider.set(this.#hashes);
      this.#hashes = wider;
    }
    this.#hashes[entry] = hash;
    this.#slots[this.#cursor] = entry + 1;
    if (this.count * 2 > this.#slots.length) this.#widen();
    return entry;
  }

  #widen(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    const mask = this.#slots.length - 1;
    for (let entry = 0; entry < this.count; entry++) {
      let at = (this.#hashes[entry] ?? 0) & mask;
      while (this.#slots[at] !== 0) at = (at + 1) & mask;
      this.#slots[at] = entry + 1;
    }
  }
}
