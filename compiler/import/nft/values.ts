// The right side of a match: one value, a prefix, a range, a set in place or a named one, for each kind of field.
import { ANY4, ANY6 } from "../../check/sets/builtin_nets.ts";
import { union } from "../../check/sets/intervals.ts";
import type { AddressSet, PortRange } from "../../policy/policy.ts";
import { parseAddress } from "../../../runtime/net/address.ts";
import { blockSet, intersect, prefixSet, rangeSet } from "../draft/addresses.ts";
import { entry, itemsOf, numberOf, single, textOf, type Doc } from "../draft/document.ts";

/** The values of a named set or map, without their state, and whether they change while the kernel runs. */
export interface NamedSet {
  readonly values: readonly Doc[];
  readonly changes: boolean;
}

/** `isDynamic`: rules add members. */
export function namedSetOf(members: readonly Doc[], isDynamic: boolean): NamedSet {
  return { values: members.map(withoutState), changes: isDynamic || members.some(expires) };
}

export type Sets = ReadonlyMap<string, NamedSet>;

/** The table whose sets `@name` means. */
export interface Scope {
  readonly sets: Sets;
  /** `inet filter` */
  readonly table: string;
}

/** The values of a right side; null: it is of no kind that is known. `changes`: members come and go, so none is certain. */
export interface Values {
  readonly items: readonly Doc[];
  readonly changes: boolean;
}

export function valuesOf(right: Doc, scope: Scope): Values | null {
  const text = textOf(right);
  if (text?.startsWith("@") === true) {
    const named = scope.sets.get(`${scope.table} ${text.slice(1)}`);
    return named === undefined ? null : { items: named.values, changes: named.changes };
  }
  const inPlace = entry(right, "set");
  if (inPlace?.kind === "list") return { items: inPlace.items.map(withoutState), changes: false };
  if (inPlace !== null) return { items: [inPlace], changes: false };
  return right.kind === "list" ? { items: right.items, changes: false } : { items: [right], changes: false };
}

/** `{ "elem": { "val": … } }` has counters, timeouts and comments beside the value. */
export function withoutState(member: Doc): Doc {
  return entry(entry(member, "elem"), "val") ?? member;
}

function expires(member: Doc): boolean {
  return entry(entry(member, "elem"), "expires") !== null || entry(entry(member, "elem"), "timeout") !== null;
}

/** Null: not an address, a prefix or a range of `family`. */
export function addressesOf(value: Doc, family: 4 | 6): AddressSet | null {
  const whole = family === 4 ? ANY4 : ANY6;
  const set = anyAddresses(value);
  if (set === null) return null;
  const inside = intersect(set, whole);
  // A value of the other family is a mistake in the file.
  return inside.bounds.length === set.bounds.length ? inside : null;
}

function anyAddresses(value: Doc): AddressSet | null {
  const text = textOf(value);
  if (text !== null) return text === "*" ? null : prefixSet(text);
  const form = single(value);
  if (form === null) return null;
  if (form.key === "prefix") {
    const address = parseAddress(textOf(entry(form.value, "addr")) ?? "");
    const length = numberOf(entry(form.value, "len"));
    return address === null || length === null ? null : blockSet(address, length);
  }
  if (form.key === "range") {
    const [first, last] = itemsOf(form.value).map((item) => parseAddress(textOf(item) ?? ""));
    return first === undefined || last === undefined || first === null || last === null ? null : rangeSet(first, last);
  }
  if (form.key === "set") {
    const parts = itemsOf(form.value).map((item) => anyAddresses(withoutState(item)));
    return parts.every((part) => part !== null) ? union(parts) : null;
  }
  return null;
}

/** Null: neither a port nor a range of ports. */
export function portsOf(value: Doc): PortRange | null {
  const port = numberOf(value);
  if (port !== null) return isPort(port) ? { first: port, last: port } : null;
  const form = single(value);
  if (form?.key !== "range") return null;
  const [first, last] = itemsOf(form.value).map(numberOf);
  if (first === undefined || last === undefined || first === null || last === null) return null;
  return isPort(first) && isPort(last) && first <= last ? { first, last } : null;
}

function isPort(n: number): boolean {
  return Number.isInteger(n) && n >= 0 && n <= 65_535;
}
