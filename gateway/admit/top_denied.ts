// The sources that are refused most, in bounded memory (the space-saving sketch: a newcomer
// takes the place and the count of the smallest). Counts may be too high by the smallest one,
// never too low.
import { formatV4 } from "../../runtime/net/address.ts";

export const TOP_PLACES = 128;

export interface DeniedSource {
  readonly source: string;
  readonly denials: number;
}

/** The 32 bits of an IPv4 address, as a signed number, or any other source as text: most refusals need no text for it. */
export type SourceKey = number | string;

export class TopDenied {
  readonly #places = new Map<SourceKey, number>();
  /** By place. */
  readonly #sources: SourceKey[] = [];
  readonly #counts = new Float64Array(TOP_PLACES);
  /** Places by their counts, the smallest first, and where each place is in that order. */
  readonly #order = new Uint8Array(TOP_PLACES);
  readonly #ranks = new Uint8Array(TOP_PLACES);

  add(source: SourceKey): void {
    const place = this.#places.get(source) ?? this.#placeFor(source);
    const count = this.#counts[place] ?? 0;
    // The last of those with the same count can be counted once more without a change of the order.
    const [rank, last] = [this.#ranks[place] ?? 0, this.#lastOf(count)];
    const other = this.#order[last] ?? 0;
    this.#order[rank] = other;
    this.#ranks[other] = rank;
    this.#order[last] = place;
    this.#ranks[place] = last;
    this.#counts[place] = count + 1;
  }

  first(count: number): readonly DeniedSource[] {
    return this.#sources
      .map((source, place) => ({ source: typeof source === "number" ? formatV4(source) : source, denials: this.#counts[place] ?? 0 }))
      .sort((a, b) => b.denials - a.denials || (a.source < b.source ? -1 : 1))
      .slice(0, count);
  }

  #placeFor(source: SourceKey): number {
    const used = this.#sources.length;
    const place = used < TOP_PLACES ? used : (this.#order[0] ?? 0);
    if (used < TOP_PLACES) {
      // A count of zero comes before all others.
      this.#order.copyWithin(1, 0, used);
      this.#order[0] = place;
      for (let rank = 0; rank <= used; rank++) this.#ranks[this.#order[rank] ?? 0] = rank;
    } else this.#places.delete(this.#sources[place] ?? "");
    this.#sources[place] = source;
    this.#places.set(source, place);
    return place;
  }

  /** The highest rank whose place has this count. */
  #lastOf(count: number): number {
    let [low, high] = [0, this.#sources.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#counts[this.#order[middle] ?? 0] ?? 0) > count) high = middle - 1;
      else low = middle;
    }
    return low;
  }
}
