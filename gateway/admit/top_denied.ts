// The sources that are refused most, in bounded memory (the space-saving sketch: a newcomer
// takes the place and the count of the smallest). Counts may be too high by `floor`, never
// too low.

export const TOP_PLACES = 128;

export interface DeniedSource {
  readonly source: string;
  readonly denials: number;
}

export class TopDenied {
  readonly #counts = new Map<string, number>();

  add(source: string): void {
    const known = this.#counts.get(source);
    if (known !== undefined) {
      this.#counts.set(source, known + 1);
      return;
    }
    if (this.#counts.size < TOP_PLACES) {
      this.#counts.set(source, 1);
      return;
    }
    let least = "";
    let floor = Number.POSITIVE_INFINITY;
    for (const [name, count] of this.#counts) {
      if (count < floor) {
        least = name;
        floor = count;
      }
    }
    this.#counts.delete(least);
    this.#counts.set(source, floor + 1);
  }

  first(count: number): readonly DeniedSource[] {
    return [...this.#counts]
      .map(([source, denials]) => ({ source, denials }))
      .sort((a, b) => b.denials - a.denials || (a.source < b.source ? -1 : 1))
      .slice(0, count);
  }
}
