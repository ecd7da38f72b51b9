// A client whose server name is an address, empty or no host name is refused where an enforced rule looks at names, and counts as
// one without a name where none does. So where clients without a name are admitted, the last rule that looks has an effect,
// whatever it matches.

export class NameLooks {
  readonly #listeners: readonly ReadonlySet<number>[];
  /** By listener the texts that look at names there, without those that were removed. */
  readonly #left = new Map<number, number>();

  /** Of each text the listeners at which it looks at names and clients without one are admitted. */
  constructor(listeners: readonly ReadonlySet<number>[]) {
    this.#listeners = listeners;
    for (const own of listeners) for (const i of own) this.#left.set(i, (this.#left.get(i) ?? 0) + 1);
  }

  isLast(text: number): boolean {
    return [...(this.#listeners[text] ?? [])].some((i) => this.#left.get(i) === 1);
  }

  remove(text: number): void {
    for (const i of this.#listeners[text] ?? []) this.#left.set(i, (this.#left.get(i) ?? 0) - 1);
  }
}
