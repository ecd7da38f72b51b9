// Everything that two policies say of a listener beside who is admitted: its name, backend, mode, certificates, caps and limits. Caps and
// limits are compared as numbers; any other change may hand clients to another service, so it counts as an opening.
import type { ListenerModel } from "./model.ts";

export type Effect = "opens" | "closes";

/** Instead of a clause: what becomes of a client whose server name is an address, empty, or no host name. */
export const INVALID_NAMES = "invalid names";

/** Instead of a clause: limits whose debts no limit of the second policy takes over, and those that begin without debts in their place. */
export const NEW_BUDGETS = "new budgets";

export interface FactChange {
  /** The clause: `backend`, `cap`, `limit`, or a key that a later release made. */
  readonly what: string;
  /** Null: of dryrun caps and limits, which bound nothing. */
  readonly effect: Effect | null;
  /** As JSON; null: not written. */
  readonly before: unknown;
  readonly after: unknown;
}

export function factChanges(before: ListenerModel, after: ListenerModel): readonly FactChange[] {
  const [x, y] = [factsOf(before), factsOf(after)];
  const changed = [...new Set([...x.keys(), ...y.keys()])].flatMap((what): readonly FactChange[] => {
    const [was, is] = [x.get(what) ?? null, y.get(what) ?? null];
    if (same(was, is)) return [];
    return effectsOf(what, was, is).map((effect) => ({ what, effect, before: was, after: is }));
  });
  const budgets = newBudgets(before, after);
  return budgets === null ? changed : [...changed, budgets];
}

/** A limit takes over the debts of one of the same listener's name, key and window; in place of any other it begins with full budgets. */
function newBudgets(before: ListenerModel, after: ListenerModel): FactChange | null {
  const [was, is, tried] = [debtsOf(before, before.rest.get("limits")), debtsOf(after, after.rest.get("limits")), debtsOf(before, dryrunLimits(before))];
  if (was === null || is === null) return null;
  const fresh = is.filter(({ debts }) => [...was, ...(tried ?? [])].every((other) => other.debts !== debts));
  const gone = was.filter(({ debts, kind }) => is.every((other) => other.debts !== debts) && fresh.some((other) => other.kind === kind));
  if (gone.length === 0) return null;
  const started = fresh.filter(({ kind }) => gone.some((other) => other.kind === kind));
  return { what: NEW_BUDGETS, effect: "opens", before: gone.map(({ limit }) => limit), after: started.map(({ limit }) => limit) };
}

interface Debts {
  readonly limit: unknown;
  readonly kind: string;
  /** Limits with equal ones have the same debts. */
  readonly debts: string;
}

function dryrunLimits({ rest }: ListenerModel): unknown {
  const dryrun = rest.get("dryrun");
  return isObject(dryrun) ? (dryrun["limits"] ?? null) : null;
}

/** Null where a limit has another form than this release writes. */
function debtsOf({ name, proto }: ListenerModel, limits: unknown): readonly Debts[] | null {
  if (!Array.isArray(limits)) return limits === null || limits === undefined ? [] : null;
  const all = (limits as readonly unknown[]).map((limit): Debts | null => {
    const key = isObject(limit) ? limit["key"] : null;
    if (!isObject(limit) || !isObject(key) || typeof key["kind"] !== "string") return null;
    const { kind, v4 = null, v6 = null } = key;
    return { limit, kind: key["kind"], debts: canonical({ name, proto, kind, v4, v6, periodMs: limit["periodMs"] ?? null }) };
  });
  return all.every((one) => one !== null) ? all : null;
}

function factsOf({ name, mode, rest }: ListenerModel): ReadonlyMap<string, unknown> {
  return new Map<string, unknown>([["name", name], ["mode", mode], ...rest]);
}

/** Both, where a change loosens one thing and tightens another. */
function effectsOf(what: string, before: unknown, after: unknown): readonly FactChange["effect"][] {
  if (what === "dryrun") return [null];
  if (what === "cap") return compared(capBounds(before), capBounds(after));
  if (what === "limits") return compared(limitBounds(before), limitBounds(after));
  if (what === "amplify") return compared(amplifyBounds(before), amplifyBounds(after));
  return ["opens"];
}

/** A bound on what may pass. Two are comparable where `of` is equal; the lower the numbers, the stricter. Null: not comparable. */
interface Bound {
  readonly of: string;
  /** The net whose sources alone it counts; null: every source. */
  readonly from: string | null;
  readonly numbers: readonly number[];
}

type Bounds = readonly Bound[] | null;

/** It loosens where some old bound has no new one that is as strict, and tightens where some new bound has no such old one. */
function compared(before: Bounds, after: Bounds): readonly Effect[] {
  if (before === null || after === null) return ["opens"];
  const covered = (bound: Bound, by: readonly Bound[]): boolean =>
    by.some(
      (other) => other.of === bound.of && (other.from === null || other.from === bound.from) && other.numbers.every((n, i) => n <= (bound.numbers[i] ?? 0)),
    );
  const opens = before.some((bound) => !covered(bound, after));
  const closes = after.some((bound) => !covered(bound, before));
  return [...(opens ? (["opens"] as const) : []), ...(closes ? (["closes"] as const) : [])];
}

const CAP_KEYS = new Set(["connections", "perSource", "perIdentity"]);

function capBounds(value: unknown): Bounds {
  if (!isObject(value) || Object.keys(value).some((key) => !CAP_KEYS.has(key))) return null;
  const { connections, perSource, perIdentity } = value;
  if (typeof connections !== "number") return null;
  const bounds: Bound[] = [{ of: "all", from: null, numbers: [connections] }];
  if (typeof perIdentity === "number") bounds.push({ of: "identity", from: null, numbers: [perIdentity] });
  for (const one of Array.isArray(perSource) ? (perSource as readonly unknown[]) : [perSource ?? null]) {
    if (one === null) continue;
    if (!isObject(one)) return null;
    const { connections: each, v4, v6, from = null, ...other } = one;
    // A shorter prefix has more sources share a place, so it is stricter.
    if (typeof each !== "number" || typeof v4 !== "number" || typeof v6 !== "number" || Object.keys(other).length > 0) return null;
    bounds.push({ of: "source", from: netOf(from), numbers: [each, v4, v6] });
  }
  return bounds;
}

function netOf(from: unknown): string | null {
  return from === null ? null : canonical(from);
}

function limitBounds(value: unknown): Bounds {
  if (!Array.isArray(value)) return value === null ? [] : null;
  const bounds: Bound[] = [];
  for (const limit of value as readonly unknown[]) {
    if (!isObject(limit) || !isObject(limit["key"])) return null;
    const { count, periodMs, burst, key, ...other } = limit;
    const { v4 = 0, v6 = 0, from = null, ...kind } = isObject(key) ? key : {};
    if (typeof count !== "number" || typeof periodMs !== "number" || typeof burst !== "number" || typeof v4 !== "number" || typeof v6 !== "number") return null;
    // A key that a later release adds to a limit makes it another one.
    bounds.push({ of: canonical({ other, kind }), from: netOf(from), numbers: [count / periodMs, burst, v4, v6] });
  }
  return bounds;
}

function amplifyBounds(value: unknown): Bounds {
  if (value === null || value === "any") return [];
  return typeof value === "number" ? [{ of: "amplify", from: null, numbers: [value] }] : null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function same(x: unknown, y: unknown): boolean {
  return canonical(x) === canonical(y);
}

/** Equal texts for equal values. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isObject(value)) return JSON.stringify(value ?? null);
  return `{${Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`)
    .join()}}`;
}
