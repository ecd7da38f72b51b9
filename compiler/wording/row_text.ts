// Rows of an analysis in words: who, with which names and certificates, and when; and a witness as a request of `explain`.
import { equal } from "../check/sets/intervals.ts";
import { certificatesOf, clientsOf, countCertificates, rowsOf, witnessOfRow, type Certificate, type Row } from "../analysis/rows.ts";
import type { Diagram } from "../analysis/diagrams.ts";
import type { NumberRange } from "../analysis/number_ranges.ts";
import { narrowness, patternShape } from "../analysis/id_shapes.ts";
import { NAMELESS } from "../analysis/names.ts";
import type { Facts, Space } from "../analysis/space.ts";
import type { AddressSet, AddressWords } from "../policy/policy.ts";
import { formatAddress } from "../../runtime/net/address.ts";
import { timeText } from "./time_text.ts";
import { byWeight, weightOf, type NamedNet } from "./largest_parts.ts";
import { listText, shortNumber, sourcesText } from "./sources_text.ts";

export interface RowText {
  readonly from: readonly string[];
  /** Further prefixes. */
  readonly more: number;
  readonly size: string | null;
  /** The declared net that has them all. */
  readonly within: string | null;
  /** Conditions on names, certificates and times; null: none. */
  readonly sni: string | null;
  readonly client: string | null;
  readonly time: string | null;
}

export interface FirstRow {
  readonly row: Row;
  /** The lowest address of the range that is shown first; null where that is the lowest of the row. */
  readonly source: AddressWords | null;
}

export interface RowsText {
  readonly rows: readonly RowText[];
  /** The row that is shown first; null: there is none. */
  readonly first: FirstRow | null;
  /** Rows that are not shown. */
  readonly more: number;
}

const MOST_WORDS = 6;
/** More than a name has. */
const MOST_LABELS = 256;
const MOST_CERTIFICATES = 4;
/** Ways to satisfy a condition on certificates of which the widest are shown. */
const MOST_WAYS = 1_000;
/** Of one atom. */
const MOST_PATTERNS = 2;

/** The rows with the most addresses first; `most` ranges in all, of which as many rows as possible have one. */
export function rowsText(space: Space, d: Diagram, nets: readonly NamedNet[], most: number, needsCertificate: boolean): RowsText {
  const sized = largestRows(space, d);
  const texts: RowText[] = [];
  let first: FirstRow | null = null;
  let left = most;
  for (const { row, set } of sized) {
    if (left <= 0) break;
    const later = sized.length - texts.length - 1;
    const { parts, more, size, within, first: source } = sourcesText(set, nets, Math.max(1, left - later));
    first ??= { row, source };
    left -= parts.length;
    const around = within === null || equal(within.set, set) ? null : `\`${within.name}\` in ${within.place}`;
    texts.push({
      from: parts,
      more,
      size,
      within: around,
      sni: namesText(space, row.names),
      client: clientsText(space, row, needsCertificate),
      time: timesText(space, row.moments),
    });
  }
  return { rows: texts, first, more: sized.length - texts.length };
}

interface SizedRow {
  readonly row: Row;
  readonly set: AddressSet;
}

function largestRows(space: Space, d: Diagram): readonly SizedRow[] {
  return rowsOf(space, d)
    .map((row) => {
      const set = space.addressesOf(row.sources);
      return { row, set, weight: weightOf(set) };
    })
    .sort(byWeight);
}

export function rowSentence({ from, more, size, within, sni, client, time }: RowText): string {
  const about = [size, within].filter((text) => text !== null).join(", ");
  return [`from ${listText(from, more)}${about === "" ? "" : ` (${about})`}`, sni, client, time].filter((text) => text !== null).join(", ");
}

function namesText(space: Space, ranges: readonly NumberRange[] | null): string | null {
  if (ranges === null) return null;
  const { words } = space.names.wordsOf(ranges);
  const nameless = ranges[0]?.first === NAMELESS;
  if (words.length === 0) return "without a server name";
  const [inside, out] = [words.filter((word) => !word.startsWith("!")), words.filter((word) => word.startsWith("!")).map((word) => word.slice(1))];
  const quoted = (list: readonly string[]): string =>
    listText(
      widestNames(list)
        .slice(0, MOST_WORDS)
        .map((word) => `\`${word}\``),
      Math.max(0, list.length - MOST_WORDS),
    );
  const names = inside.length === 1 && inside[0] === "**" ? "any server name" : `a name in ${quoted(inside)}`;
  return `with ${names}${out.length === 0 ? "" : ` but ${quoted(out)}`}${nameless ? ", or without one" : ""}`;
}

function clientsText(space: Space, row: Row, needsCertificate: boolean): string | null {
  const d = clientsOf(space, row);
  if (d === space.possible) return needsCertificate ? "with any certificate of its `ca`" : null;
  const ways = certificatesOf(space, d, MOST_WAYS).map((way) => ({ way, narrow: narrownessOf(space, way) }));
  const shown = ways
    .sort((x, y) => x.narrow - y.narrow)
    .slice(0, MOST_CERTIFICATES)
    .map(({ way }) => certificateText(space, way));
  const more = countCertificates(space, d) - shown.length;
  return `with a certificate ${shown.join(", or ")}${more > 0 ? `, or in ${shortNumber(more)} more way${more === 1 ? "" : "s"}` : ""}`;
}

/** `**.example.com` before `*.example.com`, and these before names; the fewest labels first. */
function widestNames(words: readonly string[]): readonly string[] {
  const rank = (word: string): number => {
    const labels = word.split(".");
    const kind =
      labels[0] === "**" ? 0
      : labels[0] === "*" ? 1
      : 2;
    return kind * MOST_LABELS + labels.length;
  };
  return words
    .map((word) => ({ word, at: rank(word) }))
    .sort((x, y) => x.at - y.at)
    .map(({ word }) => word);
}

/** A certificate needs all that it has, so the narrowest of these counts. One without a condition is the widest. */
function narrownessOf({ ids }: Space, { has }: Certificate): number {
  const widest = has.map((atom) => (ids.atoms[atom]?.patterns ?? []).reduce((low, word) => Math.min(low, narrowness(patternShape(word))), Infinity));
  return Math.max(-1, ...widest);
}

function certificateText({ ids }: Space, { has, lacks }: Certificate): string {
  const isHash = (atom: number): boolean => ids.atoms[atom]?.isFingerprint === true;
  // Of several hashes a certificate has one, so that the others need no word.
  const without = has.some(isHash) ? lacks.filter((atom) => !isHash(atom)) : lacks;
  // A certificate has a name of the atom, whichever: names that narrower patterns have are in another atom, or in none.
  const atomText = (patterns: readonly string[], except: readonly string[]): string =>
    `${orText(patterns, MOST_PATTERNS)}${except.length === 0 ? "" : ` (but ${orText(except, MOST_WORDS)})`}`;
  const refused = withoutInner(ids, without).map(({ patterns, except }) => atomText(patterns, except));
  const parts = [
    ...(has.length === 0 ? [] : [`for ${has.map((atom) => atomText(ids.atoms[atom]?.patterns ?? [], ids.exceptionsOf(atom))).join(" and for ")}`]),
    ...(refused.length === 0 ?
      []
    : [`not for ${refused.slice(0, MOST_WORDS).join(" or ")}${refused.length > MOST_WORDS ? ` or ${refused.length - MOST_WORDS} more` : ""}`]),
  ];
  return parts.length === 0 ? "of any name" : parts.join(" and ");
}

interface Refused {
  readonly patterns: readonly string[];
  readonly except: readonly string[];
}

/** Atoms that a certificate has no name of. One whose exceptions are all refused too is the whole pattern, and says so of these. */
function withoutInner(ids: Space["ids"], atoms: readonly number[]): readonly Refused[] {
  const atomOf = new Map(atoms.flatMap((atom) => (ids.atoms[atom]?.patterns ?? []).map((word) => [word, atom] as const)));
  const inner = new Set<string>();
  const exceptions = new Map(atoms.map((atom) => [atom, ids.exceptionsOf(atom)] as const));
  // Two atoms may have exceptions in each other: `**.x` without `*.b.x`, but with `a.b.x`.
  const whole = new Set(atoms);
  const isWhole = (atom: number): boolean => (exceptions.get(atom) ?? []).every((word) => whole.has(atomOf.get(word) ?? -1));
  for (let before = -1; before !== whole.size;) {
    before = whole.size;
    for (const atom of whole) if (!isWhole(atom)) whole.delete(atom);
  }
  for (const atom of whole) for (const word of exceptions.get(atom) ?? []) inner.add(word);
  return atoms.flatMap((atom) => {
    const patterns = (ids.atoms[atom]?.patterns ?? []).filter((word) => !inner.has(word));
    return patterns.length === 0 ? [] : [{ patterns, except: whole.has(atom) ? [] : (exceptions.get(atom) ?? []) }];
  });
}

/** `a or b or 3 more`, patterns before names, and the widest first. */
function orText(patterns: readonly string[], most: number): string {
  const widest = patterns.map((word) => ({ word, at: narrowness(patternShape(word)) })).sort((x, y) => x.at - y.at);
  const shown = widest.slice(0, most).map(({ word }) => `\`${wordText(word)}\``);
  return [...shown, ...(patterns.length > most ? [`${patterns.length - most} more`] : [])].join(" or ");
}

/** `uri "spiffe://corp.example/ops/*"` */
function wordText(word: string): string {
  const at = word.indexOf(":");
  return `${word.slice(0, at)} "${word.slice(at + 1)}"`;
}

function timesText(space: Space, ranges: readonly NumberRange[] | null): string | null {
  if (ranges === null) return null;
  const texts = ranges.flatMap(({ first, last }) => {
    const known = first === 0 ? 1 : first;
    const [start, end] = [space.times.startOf(known), space.times.endOf(last)];
    const when =
      last === 0 ? []
      : known === 1 && end === null ? ["at any known time"]
      : known === 1 && end !== null ? [`before ${timeText(end)}`]
      : start !== null && end !== null ? [`from ${timeText(start)} until ${timeText(end)}`]
      : start !== null ? [`from ${timeText(start)} on`]
      : [];
    return when;
  });
  return listText(ranges[0]?.first === 0 ? [...texts, "where no clock is known"] : texts);
}

/** A witness of the range that is shown first. */
export function firstWitness(space: Space, { row, source }: FirstRow, to: string, needsCertificate: boolean): string {
  return witnessText(space, row, to, needsCertificate, source);
}

/** A witness of a row in the same words. A listener that needs a certificate refuses a client without one, whatever its rules say. */
export function witnessText(space: Space, row: Row, to: string, needsCertificate: boolean, source: AddressWords | null = null): string {
  const facts = witnessOfRow(space, row, source);
  const words = needsCertificate ? certificateWords(space, facts.words) : facts.words;
  return requestText({ ...facts, words }, to, row.moments !== null);
}

/** The names of a certificate that is in the same sets: one without a name that matters has one all the same. */
export function certificateWords({ ids }: Space, words: readonly string[]): readonly string[] {
  if (words.length > 0) return words;
  for (let n = 0; ; n++) {
    const word = `dns:client${n === 0 ? "" : n}.example`;
    if (ids.atomsIn([word]).size === 0) return [word];
  }
}

/** A request as `explain` and test lines write it. */
export function requestText(facts: Facts, to: string, isTimed: boolean): string {
  const sni = facts.name === null ? "" : ` sni "${facts.name}"`;
  const client = facts.words.length === 0 ? "" : ` client ${facts.words.map(wordText).join(", ")}`;
  const moment = facts.wallSeconds === null ? "unknown" : timeText(facts.wallSeconds);
  return `from ${formatAddress(facts.source)} to ${to}${sni}${client}${isTimed ? ` at ${moment}` : ""}`;
}
