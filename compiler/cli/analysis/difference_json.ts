// A line of a difference for programs: its words, and beside them exactly the requests, so that no program has to read the words.
// schemas/answers/diff.schema.json describes it.
import { certificatesOf, clientsOf, rowsOf, type Row } from "../../analysis/rows.ts";
import { NEVER, type Diagram } from "../../analysis/diagrams.ts";
import type { PlaceOf } from "../../analysis/difference.ts";
import { NAMELESS } from "../../analysis/names.ts";
import type { NumberRange } from "../../analysis/number_ranges.ts";
import type { Space } from "../../analysis/space.ts";
import { ANY4, ANY6 } from "../../check/sets/builtin_nets.ts";
import { subtract } from "../../check/sets/intervals.ts";
import { prefixText } from "../../emit/prefixes.ts";
import { countAddresses } from "../../lower/order.ts";
import type { AddressSet } from "../../policy/policy.ts";
import { timeText } from "../../wording/time_text.ts";
import type { AcceptedOpening } from "./accepted.ts";
import type { JudgedLine } from "./judged.ts";

/** Of one change, in all its sets together. */
export const MOST_PREFIXES = 10_000;
/** Ways to satisfy the certificates of one set. */
const MOST_CERTIFICATES = 100;
const LONGEST_PREFIX = 44;

export function lineJson(space: Space, { line, accepted }: JudgedLine): unknown {
  const { kind, effect, listener, place, places, text, rows, requests, witness, witnessOf, fact } = line;
  const shown = {
    kind,
    effect,
    listener,
    place,
    places: places.map(placeJson),
    text,
    ...(rows !== null && { rows: rows.rows, moreRows: rows.more, requests: requestsJson(space, requests, witnessOf) }),
    witness,
    ...(fact !== null && { fact }),
  };
  return accepted.length === 0 ? shown : { ...shown, accepted: accepted.map(entryJson) };
}

export function entryJson({ listener, owner, until, why, place }: AcceptedOpening): unknown {
  return { listener, owner, until: timeText(until), why, place };
}

export function placeJson({ proto, ports, local }: PlaceOf): unknown {
  const found = local === null ? null : prefixes(local, MOST_PREFIXES);
  return { proto, ports: ports.map(({ first, last }) => ({ first, last })), local: found === null ? null : found.texts };
}

/** Sets of requests that have none in common; each is every combination of its parts, and has one of its requests. */
export function requestsJson(space: Space, d: Diagram, witnessOf: (row: Row) => string): readonly unknown[] {
  if (d === NEVER) return [];
  let left = MOST_PREFIXES;
  return rowsOf(space, d).map((row) => {
    const set = space.addressesOf(row.sources);
    const { texts, count } = prefixes(set, left);
    left -= texts.length;
    return {
      from: texts,
      moreFrom: count - texts.length,
      addresses: { ipv4: String(countAddresses(subtract(set, ANY6))), ipv6: String(countAddresses(subtract(set, ANY4))) },
      sni: namesJson(space, row.names),
      client: clientJson(space, row),
      times: timesJson(space, row.moments),
      witness: witnessOf(row),
    };
  });
}

/** Null: any name, and none. */
function namesJson(space: Space, ranges: readonly NumberRange[] | null): unknown {
  if (ranges === null) return null;
  const { words } = space.names.wordsOf(ranges);
  return {
    names: words.filter((word) => !word.startsWith("!")),
    except: words.filter((word) => word.startsWith("!")).map((word) => word.slice(1)),
    nameless: ranges[0]?.first === NAMELESS,
  };
}

/** Null: any certificate, and none. A certificate is in the set where it has a name of each of `has`, and of none of `lacks`. */
function clientJson(space: Space, row: Row): unknown {
  const d = clientsOf(space, row);
  if (d === space.possible) return null;
  const ways = certificatesOf(space, d, MOST_CERTIFICATES + 1);
  const atom = (number: number): unknown => ({ names: space.ids.atoms[number]?.patterns ?? [], except: space.ids.exceptionsOf(number) });
  return {
    certificates: ways.slice(0, MOST_CERTIFICATES).map(({ has, lacks }) => ({ has: has.map(atom), lacks: lacks.map(atom) })),
    more: ways.length > MOST_CERTIFICATES,
  };
}

/** Null: at any time, and where no clock is known. `until` is the first moment behind it. */
function timesJson(space: Space, ranges: readonly NumberRange[] | null): unknown {
  if (ranges === null) return null;
  const text = (seconds: number | null): string | null => (seconds === null ? null : timeText(seconds));
  const known = ranges.filter(({ last }) => last > 0).map(({ first, last }) => ({ first: Math.max(first, 1), last }));
  return {
    ranges: known.map(({ first, last }) => ({ after: first === 1 ? null : text(space.times.startOf(first)), until: text(space.times.endOf(last)) })),
    unknownClock: ranges[0]?.first === 0,
  };
}

/** At most `most` of the fewest prefixes, and how many there are. */
export function prefixes(set: AddressSet, most: number): { readonly texts: readonly string[]; readonly count: number } {
  const { lines, count } = prefixText(set);
  if (count === 0 || most <= 0) return { texts: [], count };
  const texts = new TextDecoder().decode(lines.subarray(0, (most + 1) * LONGEST_PREFIX)).split("\n");
  return { texts: texts.slice(0, Math.min(most, count)), count };
}
