// The newest revocation lists of an authority that were in use. A name may have several keys, each with lists of its own, whose
// numbers have nothing to do with each other; a list says by its authority key identifier which key signed it.
import { NO_KEY, order, type ListAge, type NewestUsed, type RevocationList } from "./revocation.ts";

export class NewestLists {
  /** By issuer, then by key. */
  readonly #ages = new Map<string, Map<string, ListAge>>();

  readonly of: NewestUsed = ({ issuer, key }) => {
    const ages = this.#ages.get(issuer);
    const [own, unnamed] = [ages?.get(key), ages?.get(NO_KEY)];
    // A list without a key may be any one's, and one with a key may continue those without.
    return own ?? (key === NO_KEY ? newestOf(ages?.values() ?? []) : unnamed);
  };

  /** All lists that are in use now. */
  note(lists: readonly RevocationList[]): void {
    for (const list of lists) this.#raise(list.issuer, list.key, list);
    const unnamed = new Set(lists.filter(({ key }) => key === NO_KEY).map(({ issuer }) => issuer));
    // Lists with keys that have taken the place of those without count for these, too.
    for (const list of lists) if (!unnamed.has(list.issuer) && this.#ages.get(list.issuer)?.has(NO_KEY) === true) this.#raise(list.issuer, NO_KEY, list);
  }

  #raise(issuer: string, key: string, { number, thisUpdate }: ListAge): void {
    const ages = this.#ages.get(issuer) ?? new Map<string, ListAge>();
    this.#ages.set(issuer, ages);
    const known = ages.get(key);
    if (known === undefined || order(known, { number, thisUpdate }) < 0) ages.set(key, { number, thisUpdate });
  }
}

function newestOf(ages: Iterable<ListAge>): ListAge | undefined {
  return [...ages].sort((a, b) => order(b, a))[0];
}
