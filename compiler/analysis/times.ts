// Classes of moments: every rule applies at all moments of a class or at none. Class 0 is a host whose clock is not known; the others
// follow each other from 1970-01-01T00:00:01Z on, cut where an `after` or an `until` is.
import type { NumberRange } from "./number_ranges.ts";

export interface Times {
  readonly after: number | null;
  readonly until: number | null;
}

/** UTC seconds of the first moment. */
const BEGINNING = 1;
const MINUTE = 60;

export class TimeClasses {
  /** The first second of class i + 1. */
  readonly #starts: readonly number[];

  constructor(times: Iterable<Times>) {
    const cuts = new Set<number>([BEGINNING]);
    for (const { after, until } of times) for (const at of [after, until]) if (at !== null && at > BEGINNING) cuts.add(at);
    this.#starts = [...cuts].sort((x, y) => x - y);
  }

  get count(): number {
    return this.#starts.length + 1;
  }

  /** The classes in which a rule with these times applies; null: all of them, that of the unknown clock included. */
  rangesOf({ after, until }: Times): readonly NumberRange[] | null {
    if (after === null && until === null) return null;
    const first = after === null ? 1 : this.classOf(after);
    // A rule that ended before the first moment never applies.
    const last =
      until === null ? this.#starts.length
      : until <= BEGINNING ? 0
      : this.classOf(until) - 1;
    return first > last ? [] : [{ first, last }];
  }

  /** Null: the clock is not known. */
  classOf(wallSeconds: number | null): number {
    if (wallSeconds === null || wallSeconds < BEGINNING) return 0;
    let [low, high] = [0, this.#starts.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] ?? 0) <= wallSeconds) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The first second of a class; null for that of the unknown clock. */
  startOf(number: number): number | null {
    return number === 0 ? null : (this.#starts[number - 1] ?? BEGINNING);
  }

  /** The first second behind a class; null where it has no end. */
  endOf(number: number): number | null {
    return number === 0 ? null : (this.#starts[number] ?? null);
  }

  /** A moment of a class that people can place: its first, or of those before all others one shortly before their end. */
  witness(number: number): number | null {
    const [start, end] = [this.startOf(number), this.endOf(number)];
    return start === BEGINNING && end !== null ? Math.max(BEGINNING, end - MINUTE) : start;
  }
}
