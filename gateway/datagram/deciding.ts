// Decides new flows in batches, after the events of a turn. Where a cap is full, the oldest fresh flow makes room.
import type { Code } from "../../runtime/abi/names.ts";
import type { Decision } from "../../runtime/host/decision.ts";
import { CONNECTING, PENDING } from "../connection/states.ts";
import { isRemote, type Backend } from "../forward/backends.ts";
import type { MakeRoom } from "./decider.ts";
import { free, type Bound, type Desk } from "./desk.ts";

/** Flows decided by one call. */
const BATCH_FLOWS = 256;

export function queue<A>(d: Desk<A>, bound: Bound): void {
  if (d.queued.size === 0) d.afterTurn(() => flush(d));
  d.queued.add(bound);
}

function flush<A>(d: Desk<A>): void {
  const turn = [...d.queued];
  d.queued.clear();
  const makeRoom: MakeRoom = (code, listener, full) => roomFor(d, code, listener, full);
  for (const bound of turn) {
    const rows = bound.queued;
    bound.queued = [];
    for (let i = 0; i < rows.length; i += BATCH_FLOWS) {
      const batch = rows.slice(i, i + BATCH_FLOWS).filter((row) => d.table.state[row] === PENDING && d.table.socket[row] === bound.number);
      const decisions = d.decider.flows(bound.number, batch, makeRoom);
      batch.forEach((row, j) => settle(d, row, decisions[j]));
    }
  }
}

function roomFor<A>(d: Desk<A>, code: Code, listener: number, full: readonly string[]): boolean {
  refile(d);
  const { flows } = d;
  switch (code) {
    case "cap_overall":
    case "cap_table":
      return evict(d, flows.oldestFresh());
    case "cap_listener":
      return evict(d, flows.oldestFreshOfListener(listener));
    case "cap_source":
      return evictEach(d, full);
    default:
      return false;
  }
}

function refile<A>(d: Desk<A>): void {
  const generation = d.decider.generation();
  if (d.filed === generation) return;
  d.filed = generation;
  d.flows.refile((row) => d.decider.capKeys(row));
}

/** One flow under each key; one that is under several makes room in all of them. */
function evictEach<A>(d: Desk<A>, full: readonly string[]): boolean {
  const { flows } = d;
  const rows = new Set<number>();
  for (const [cap, key] of full.entries()) {
    if (key === "" || [...rows].some((row) => flows.capKeys[row]?.[cap] === key)) continue;
    const oldest = flows.oldestFreshOfSource(cap, key);
    if (oldest === null) return false;
    rows.add(oldest);
  }
  for (const row of rows) evict(d, row);
  return rows.size > 0;
}

export function evict<A>(d: Desk<A>, row: number | null): boolean {
  if (row === null) return false;
  free(d, row, "made_room");
  return true;
}

function settle<A>(d: Desk<A>, row: number, decision: Decision | undefined): void {
  const { table, decider } = d;
  if (decision === undefined || !decision.allowed) {
    free(d, row, null);
    return;
  }
  const now = d.clock.monoMs();
  table.state[row] = CONNECTING;
  table.permit[row] = decision;
  table.openedMs[row] = now;
  table.activeMs[row] = now;
  d.live++;
  d.flows.capKeys[row] = decider.capKeys(row);
  refile(d);
  d.flows.addFresh(row);
  dial(d, row);
}

export function dial<A>(d: Desk<A>, row: number): void {
  let backend = d.table.backend[row];
  for (let wrong = ownerFault(backend, null); wrong !== null; wrong = ownerFault(backend, null)) {
    if (!passBy(d, row, wrong)) return;
    backend = d.table.backend[row];
  }
  if (backend === undefined) free(d, row, "backend_refused");
  else d.transport.connect(row, backend.address);
}

/** The row has another backend to try; false where there is none, and the flow has ended. */
export function passBy<A>(d: Desk<A>, row: number, because: string): boolean {
  d.decider.notOwned(row, because);
  d.decider.backendFailed(row, "not_owned");
  if (d.decider.nextBackend(row)) return true;
  free(d, row, "backend_not_owned");
  return false;
}

/** Where a route leads is known only from the socket of a flow; it is looked at where the backend is on another host. */
export function nearFault<A>({ transport }: Desk<A>, row: number, backend: Backend | undefined): string | null {
  return backend === undefined || !isRemote(backend.address) ? null : faultAt(backend, () => transport.nearEnd(row)?.host ?? "");
}

export function ownerFault(backend: Backend | undefined, near: string | null): string | null {
  return backend === undefined ? null : faultAt(backend, () => near);
}

/** INVARIANT: a check that fails inside is a refusal. */
function faultAt(backend: Backend, nearEnd: () => string | null): string | null {
  if (backend.owner === null) return null;
  try {
    return backend.owner(backend.address, nearEnd());
  } catch (error) {
    return `it could not be looked at (${error instanceof Error ? error.message : String(error)})`;
  }
}
