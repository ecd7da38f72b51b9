// The charges of a connection, as bits of the table's `charged` column, and the one function that gives any of them
// back. A bit is set when the charge is made and cleared when it is given back, so nothing is given back twice.
import type { PolicyEngine } from "../../runtime/host/module.ts";
import type { Backend } from "../forward/backends.ts";
import type { PlaceKeys } from "./places.ts";
import type { ConnectionTable } from "./table.ts";

/** Counts in the gateway's own `caps.connections`. */
export const CHARGED_OVERALL = 1;
/** Counts in the caps of its listener in the policy module (phase 1), under source and zone. */
export const CHARGED_LISTENER = 2;
/** Counts in the caps of its client's identity in the policy module (phase 4). */
export const CHARGED_IDENTITY = 4;
/** Counts among the connections that its backend has not yet accepted. */
export const CHARGED_BACKEND = 8;
/** Counts among the connections of its port that wait for their name. */
export const CHARGED_NAME_WAIT = 16;
/** Counts among the connections, or flows, that have gone to its backend. */
export const CHARGED_OPEN = 32;
export const CHARGED_EVERYTHING = 63;

/** The counters that charges are made in. */
export interface Account {
  readonly table: ConnectionTable;
  /** The policy in force; it counts the connections that it admitted, and those that were counted again in it at a reload. */
  readonly inForce: { readonly engine: PolicyEngine | null };
  /** Connections that are charged CHARGED_OVERALL. */
  overall: number;
  /** Of connections that are charged CHARGED_NAME_WAIT: gives a row's place back. */
  readonly nameWaits: { give(row: number): void };
  /** Of connections that are charged CHARGED_LISTENER: their places under `cap … per source`. */
  readonly places: { take(row: number, keys: readonly string[]): void; give(row: number): void };
  readonly placeKeys: PlaceKeys;
}

/**
 * Notes charges; the policy module made its own when it decided, and who waits was counted then, too. `backend` of the row
 * is set before CHARGED_BACKEND and CHARGED_OPEN, and stays as long as one of them does.
 */
export function charge(account: Account, row: number, charges: number): void {
  const { table } = account;
  const made = charges & ~(table.charged[row] ?? 0);
  table.charged[row] = (table.charged[row] ?? 0) | charges;
  if ((made & CHARGED_OVERALL) !== 0) account.overall++;
  const backend = table.backend[row];
  if ((made & CHARGED_BACKEND) !== 0 && backend !== undefined) backend.load.underWay++;
  if ((made & CHARGED_OPEN) !== 0 && backend !== undefined) backend.load.open++;
  if ((made & CHARGED_LISTENER) !== 0) account.places.take(row, placesOf(account, row));
}

function placesOf({ table, placeKeys }: Account, row: number): readonly string[] {
  const source = table.sourceOf(row);
  return typeof source === "number" ? [] : placeKeys(table.listener[row] ?? -1, source, table.zone[row] ?? 0);
}

/** The row goes to another backend than before, if to any, with the charges for it. */
export function moveTo(account: Account, row: number, backend: Backend | undefined, charges: number): void {
  release(account, row, CHARGED_BACKEND | CHARGED_OPEN);
  account.table.backend[row] = backend;
  if (backend !== undefined) charge(account, row, charges);
}

/**
 * Gives back those of `which` that the connection was charged. A listener of -1 says that the policy in force does
 * not count the connection: then its module is not called.
 */
export function release(account: Account, row: number, which: number): void {
  const { table } = account;
  const charges = (table.charged[row] ?? 0) & which;
  if (charges === 0) return;
  table.charged[row] = (table.charged[row] ?? 0) & ~charges;
  if ((charges & CHARGED_OVERALL) !== 0) account.overall--;
  const backend = table.backend[row];
  if ((charges & CHARGED_BACKEND) !== 0 && backend !== undefined) backend.load.underWay--;
  if ((charges & CHARGED_OPEN) !== 0 && backend !== undefined) backend.load.open--;
  if ((charges & CHARGED_NAME_WAIT) !== 0) account.nameWaits.give(row);
  if ((charges & CHARGED_LISTENER) !== 0) account.places.give(row);
  const { engine } = account.inForce;
  const listener = table.listener[row] ?? -1;
  if (engine === null || listener < 0) return;
  const source = table.sourceOf(row);
  if ((charges & CHARGED_LISTENER) !== 0 && typeof source !== "number") engine.release(listener, source, table.zone[row] ?? 0);
  const known = table.identity[row];
  if ((charges & CHARGED_IDENTITY) !== 0 && known !== undefined) engine.releaseIdentity(listener, known.identity);
}
