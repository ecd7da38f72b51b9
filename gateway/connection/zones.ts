// A number for each interface that a link-local client came from. Node names the interface (`%eth0`), the
// engine takes a number into the keys of caps and limits; nothing else depends on it. A number stays that
// of its name while the gateway runs, so what was charged is given back under the same key.

/** Names in one run; clients of further interfaces are refused. */
export const MAX_ZONES = 65_536;

export class Zones {
  readonly #numbers = new Map<string, number>([["", 0]]);
  readonly #names = [""];

  /** 0 for the empty name, which is no zone; null where all numbers are taken. */
  numberOf(name: string): number | null {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.#names.length;
    if (number > MAX_ZONES) return null;
    this.#numbers.set(name, number);
    this.#names.push(name);
    return number;
  }

  nameOf(number: number): string {
    return this.#names[number] ?? "";
  }
}
