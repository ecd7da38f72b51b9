// The conditions of a rule: `{ "match": { "op": "==", "left": …, "right": … } }`, as questions about a cell. A field that a policy does not
// know, or a value of no known form, is a condition that is not known.
import { intersects, union } from "../../check/sets/intervals.ts";
import type { AddressSet } from "../../policy/policy.ts";
import { entry, itemsOf, numberOf, single, textOf, type Doc } from "../draft/document.ts";
import { ALL, NONE, UNKNOWN, anyOf, both, exactly, not, whether, type Bounds, type Cell, type Condition } from "../draft/bounds.ts";
import { addressesOf, portsOf, valuesOf, type Scope } from "./values.ts";

type Field =
  | { readonly kind: "source" | "local"; readonly family: 4 | 6 }
  | { readonly kind: "port"; readonly protocol: "tcp" | "udp" | null }
  | { readonly kind: "protocol"; readonly family: 4 | null }
  | { readonly kind: "family" }
  | { readonly kind: "state" }
  | { readonly kind: "other"; readonly protocol: string | null };

/** Conditions that match whatever packet begins a connection. */
export const KNOWN = { unknown: null, never: null } as const;

/** Where answers change: the first ports of ranges, and sets of local addresses. */
export interface Edges {
  readonly ports: Set<number>;
  readonly locals: AddressSet[];
}

export interface Reading {
  readonly scope: Scope;
  readonly edges: Edges;
  readonly joined: Map<readonly Doc[], AddressSet | null>;
  /** Some rule lets packets pass without a state, so `ct state` says nothing. */
  readonly isUntracked: boolean;
}

export function unknown(why: string): Condition {
  return { of: () => UNKNOWN, unknown: why, never: null };
}

export function matchCondition(match: Doc, reading: Reading): Condition {
  const [left, right, op] = [entry(match, "left"), entry(match, "right"), textOf(entry(match, "op")) ?? "=="];
  if (left === null || right === null) return unknown("a match without its two sides");
  const flags = tcpFlags(left, right, op);
  if (flags !== null) return flags;
  const parts = entry(left, "concat");
  const condition = parts === null ? fieldCondition(fieldOf(left), right, op, reading, nameOf(left)) : tupleCondition(itemsOf(parts), right, reading);
  if (op === "==" || op === "in") return condition;
  if (op === "!=") {
    const fields = (parts === null ? [left] : itemsOf(parts)).map(fieldOf);
    const foreign = fields.map(foreignProtocol).find((protocol) => protocol !== null) ?? null;
    return {
      of: (cell) => (fields.every((field) => hasField(field, cell)) ? not(condition.of(cell)) : NONE),
      unknown: condition.unknown,
      never: foreign === null ? null : `it is about ${foreign}`,
    };
  }
  return condition.unknown === null && fieldOf(left).kind === "port" ? condition : unknown(`\`${op}\``);
}

/** Whether packets of a cell may have the field: `tcp dport != 22` is a condition about tcp too, and `ip saddr != 10.0.0.1` about IPv4. */
function hasField(field: Field, cell: Cell): boolean {
  switch (field.kind) {
    case "source":
    case "local":
      return field.family === cell.family;
    case "port":
      return field.protocol === null || field.protocol === cell.protocol;
    case "protocol":
      return field.family === null || field.family === cell.family;
    case "family":
    case "state":
      return true;
    case "other":
      if (field.protocol === "tcp" || field.protocol === "udp") return field.protocol === cell.protocol;
      if (field.protocol === "ip" || field.protocol === "ip6") return (field.protocol === "ip" ? 4 : 6) === cell.family;
      return foreignProtocol(field) === null;
  }
}

/** The protocol beside tcp and udp that a field is of. */
function foreignProtocol(field: Field): string | null {
  return field.kind === "other" && field.protocol !== null && OTHER_PROTOCOLS.has(field.protocol) ? field.protocol : null;
}

/** The name of a left side in a reason. */
export function nameOf(left: Doc): string {
  const form = single(left);
  const payload = form?.key === "payload" ? form.value : null;
  if (payload !== null) return `\`${textOf(entry(payload, "protocol")) ?? "payload"} ${textOf(entry(payload, "field")) ?? "bytes"}\``;
  const key = textOf(entry(form?.value, "key"));
  return form === null ? "an expression" : `\`${form.key}${key === null ? "" : ` ${key}`}\``;
}

function fieldOf(left: Doc): Field {
  const form = single(left);
  if (form?.key === "meta") {
    const key = textOf(entry(form.value, "key"));
    if (key === "l4proto") return { kind: "protocol", family: null };
    if (key === "nfproto" || key === "protocol") return { kind: "family" };
  }
  if (form?.key === "ct" && textOf(entry(form.value, "key")) === "state") return { kind: "state" };
  // With `tunnel` it is a field of the packet inside.
  if (form?.key !== "payload" || entry(form.value, "tunnel") !== null) return { kind: "other", protocol: null };
  const [protocol, field] = [textOf(entry(form.value, "protocol")), textOf(entry(form.value, "field"))];
  if (protocol === "ip" || protocol === "ip6") {
    const family = protocol === "ip" ? 4 : 6;
    if (field === "saddr") return { kind: "source", family };
    if (field === "daddr") return { kind: "local", family };
    if (field === "protocol") return { kind: "protocol", family: 4 };
  }
  if (protocol === "ether" && field === "type") return { kind: "family" };
  if (field === "dport" && (protocol === "tcp" || protocol === "udp" || protocol === "th"))
    return { kind: "port", protocol: protocol === "th" ? null : protocol };
  return { kind: "other", protocol };
}

/** Protocols beside tcp and udp: a rule about their fields matches no connection and no datagram that ingressd can serve. */
const OTHER_PROTOCOLS: ReadonlySet<string> = new Set(["icmp", "icmpv6", "igmp", "sctp", "dccp", "udplite", "esp", "ah", "comp", "gre", "arp"]);

function fieldCondition(field: Field, right: Doc, op: string, reading: Reading, name: string): Condition {
  switch (field.kind) {
    case "source":
    case "local":
      return addressCondition(field, right, reading, name);
    case "port":
      return portCondition(field.protocol, right, op, reading, name);
    case "protocol":
      return protocolCondition(field.family, right, reading, name);
    case "family": {
      const values = valuesOf(right, reading.scope);
      const words = values?.items.map(textOf) ?? [null];
      if (!words.every((word) => word === "ip" || word === "ip6" || word === "ipv4" || word === "ipv6")) return unknown(name);
      return { of: ({ family }) => whether(words.includes(family === 4 ? "ip" : "ip6") || words.includes(family === 4 ? "ipv4" : "ipv6")), ...KNOWN };
    }
    case "state":
      return stateCondition(right, op, reading);
    case "other":
      if (field.protocol === "tcp" || field.protocol === "udp")
        return { of: ({ protocol }) => (protocol === field.protocol ? UNKNOWN : NONE), unknown: name, never: null };
      if (field.protocol !== null && OTHER_PROTOCOLS.has(field.protocol)) return { of: () => NONE, unknown: null, never: `it is about ${field.protocol}` };
      return unknown(name);
  }
}

/** The union of values; a named set is read once, however many rules use it. Null where one of them is no address. */
function joined(items: readonly Doc[], family: 4 | 6, known: Map<readonly Doc[], AddressSet | null>): AddressSet | null {
  const before = known.get(items);
  if (before !== undefined) return before;
  const sets = items.map((value) => addressesOf(value, family));
  const set = sets.every((one) => one !== null) ? union(sets) : null;
  known.set(items, set);
  return set;
}

function addressCondition(field: Extract<Field, { readonly kind: "source" | "local" }>, right: Doc, reading: Reading, name: string): Condition {
  const values = valuesOf(right, reading.scope);
  const set = values === null ? null : joined(values.items, field.family, reading.joined);
  if (values === null || set === null) return unknown(name);
  const bounds = exactly(set);
  const certain: Bounds = values.changes ? { lower: NONE.lower, upper: bounds.upper } : bounds;
  const why = values.changes ? `the members of ${textOf(right) ?? "a set"} at that time` : null;
  if (field.kind === "local") reading.edges.locals.push(bounds.upper);
  return {
    of: (cell) => {
      if (cell.family !== field.family) return NONE;
      if (field.kind === "source") return certain;
      if (!intersects(cell.local, bounds.upper)) return NONE;
      return values.changes ? UNKNOWN : ALL;
    },
    unknown: why,
    never: null,
  };
}

function portCondition(protocol: "tcp" | "udp" | null, right: Doc, op: string, reading: Reading, name: string): Condition {
  const values = valuesOf(right, reading.scope);
  const read = values?.items.map(portsOf) ?? [null];
  if (values === null || !read.every((range) => range !== null)) return unknown(name);
  const ranges = read.map((range) => compared(range, op));
  for (const { first, last } of ranges) {
    reading.edges.ports.add(first);
    reading.edges.ports.add(last + 1);
  }
  const inside = ranges.length > 8 ? portBits(ranges) : null;
  const has = (port: number): boolean => (inside === null ? ranges.some(({ first, last }) => first <= port && port <= last) : inside[port] === 1);
  return {
    of: (cell) => {
      if (protocol !== null && protocol !== cell.protocol) return NONE;
      if (!has(cell.port)) return NONE;
      return values.changes ? UNKNOWN : ALL;
    },
    unknown: values.changes ? `the members of ${textOf(right) ?? "a set"} at that time` : null,
    never: null,
  };
}

function portBits(ranges: readonly { readonly first: number; readonly last: number }[]): Uint8Array {
  const bits = new Uint8Array(65_536);
  for (const { first, last } of ranges) bits.fill(1, first, last + 1);
  return bits;
}

/** `tcp dport < 1024` */
function compared({ first, last }: { readonly first: number; readonly last: number }, op: string): { readonly first: number; readonly last: number } {
  switch (op) {
    case "<":
      return { first: 0, last: first - 1 };
    case "<=":
      return { first: 0, last };
    case ">":
      return { first: last + 1, last: 65_535 };
    case ">=":
      return { first, last: 65_535 };
    default:
      return { first, last };
  }
}

const NUMBERS: ReadonlyMap<number, string> = new Map([
  [1, "icmp"],
  [6, "tcp"],
  [17, "udp"],
  [58, "icmpv6"],
]);

function protocolCondition(family: 4 | null, right: Doc, reading: Reading, name: string): Condition {
  const values = valuesOf(right, reading.scope);
  const words = values?.items.map((item) => textOf(item) ?? NUMBERS.get(numberOf(item) ?? -1) ?? null) ?? [null];
  if (values === null || values.changes || !words.every((word) => word !== null)) return unknown(name);
  const served = words.includes("tcp") || words.includes("udp");
  return {
    of: (cell) => whether((family === null || family === cell.family) && words.includes(cell.protocol)),
    unknown: null,
    never: served ? null : `it is about ${words.join(", ")}`,
  };
}

/** The packet that begins a connection is `new`, and so is the first datagram of a flow. */
function stateCondition(right: Doc, op: string, reading: Reading): Condition {
  if (reading.isUntracked) return unknown("`ct state` beside a `notrack`");
  const words = valuesOf(right, reading.scope)?.items.map(textOf) ?? [null];
  if (!words.every((word) => word !== null && ["new", "established", "related", "invalid", "untracked"].includes(word))) return unknown("`ct state`");
  const isNew = words.includes("new");
  return { of: () => whether(isNew), unknown: null, never: isNew || op === "!=" ? null : "silent" };
}

const FLAGS: ReadonlyMap<string, number> = new Map([
  ["fin", 1],
  ["syn", 2],
  ["rst", 4],
  ["psh", 8],
  ["ack", 16],
  ["urg", 32],
  ["ecn", 64],
  ["cwr", 128],
]);
const SYN = 2;
/** A first packet may have these or not. */
const OPTIONAL = 64 | 128;

/** `tcp flags & (fin|syn|rst|ack) == syn`, `tcp flags syn`; null for any other match. */
function tcpFlags(left: Doc, right: Doc, op: string): Condition | null {
  const masked = entry(left, "&");
  const field = masked === null ? left : itemsOf(masked)[0];
  if (field === undefined || nameOf(field) !== "`tcp flags`") return null;
  const mask = masked === null ? 255 : flagsOf(itemsOf(masked)[1]);
  const value = flagsOf(right);
  const name = "`tcp flags`";
  const isKnown = mask !== null && value !== null && (op === "in" ? (value & OPTIONAL) === 0 : (mask & OPTIONAL) === 0) && ["==", "!=", "in"].includes(op);
  if (!isKnown) return { of: ({ protocol }) => (protocol === "tcp" ? UNKNOWN : NONE), unknown: name, never: null };
  const isMet = op === "in" ? (SYN & value) !== 0 : ((SYN & mask) === value) === (op === "==");
  return { of: ({ protocol }) => whether(protocol === "tcp" && isMet), unknown: null, never: isMet ? null : "silent" };
}

function flagsOf(value: Doc | undefined): number | null {
  if (value === undefined) return null;
  const number = numberOf(value);
  if (number !== null) return number;
  const word = textOf(value);
  if (word !== null) return FLAGS.get(word) ?? null;
  const items = value.kind === "list" ? value.items : itemsOf(entry(value, "|"));
  const bits = items.map(flagsOf);
  return items.length > 0 && bits.every((bit) => bit !== null) ? bits.reduce((all, bit) => all | bit, 0) : null;
}

/** `ip saddr . tcp dport { 10.0.0.1 . 22 }` */
function tupleCondition(lefts: readonly Doc[], right: Doc, reading: Reading): Condition {
  const values = valuesOf(right, reading.scope);
  const name = lefts.map(nameOf).join(" . ");
  if (values === null) return unknown(name);
  const tuples = values.items.map((item) => itemsOf(entry(item, "concat")));
  if (!tuples.every((tuple) => tuple.length === lefts.length)) return unknown(name);
  const fields = lefts.map((left) => ({ field: fieldOf(left), name: nameOf(left) }));
  const rows = tuples.map((tuple) =>
    tuple.flatMap((value, i) => {
      const of = fields[i];
      return of === undefined ? [] : [fieldCondition(of.field, value, "==", reading, of.name)];
    }),
  );
  const unknownPart = rows.flat().find((part) => part.unknown !== null)?.unknown ?? null;
  const change = values.changes ? `the members of ${textOf(right) ?? "a set"} at that time` : null;
  return {
    of: (cell) => {
      const found = anyOf(rows.map((parts) => parts.reduce((all, part) => (all === NONE ? NONE : both(all, part.of(cell))), ALL)));
      return values.changes ? { lower: NONE.lower, upper: found.upper } : found;
    },
    unknown: unknownPart ?? change,
    never: null,
  };
}
