// An admitted connection: its backend is dialed, and what accepts there is looked at before a byte is forwarded. Where the
// expose has several, the next one is tried if that fails; all tries have `timers.backend_connect_ms` together. No socket
// to a backend exists before a Permit does.
//
// INVARIANT: another backend is tried only while none has got a byte of the connection.
import type { Permit } from "../../runtime/host/decision.ts";
import type { BackendFailure } from "../end.ts";
import { AGAIN } from "../forward/backends.ts";
import { cut } from "./closing.ts";
import { free, may, moved, type Stage } from "./stage.ts";
import { CONNECT_FAILED, CONNECTED, GRANTED } from "./states.ts";
import type { DialFailure } from "./transport.ts";

/** Waits between tries at a unix socket whose queue is full: one more unit each time, up to the second. */
const RETRY_MS = 10;
const MOST_RETRY_MS = 250;
/** Connections that are given up because the backend's listening socket has just changed. */
const MOST_CHECKS = 3;

export function begin(s: Stage, row: number, permit: Permit): void {
  if (!moved(s, row, GRANTED)) return;
  const { table } = s;
  const now = s.clock.monoMs();
  table.permit[row] = permit;
  table.openedMs[row] = now;
  table.activeMs[row] = now;
  shareTime(s, row);
  dial(s, row);
}

function dial(s: Stage, row: number): void {
  const backend = s.table.backend[row];
  if (backend === undefined) free(s, row, CONNECT_FAILED, "backend_refused");
  else s.transport.dial(row, backend.address);
}

/** A backend has an equal share of the time that is left for all that can still be tried. */
function shareTime({ table, clock, timers }: Stage, row: number): void {
  const now = clock.monoMs();
  const left = timers.backend_connect_ms - (now - (table.openedMs[row] ?? now));
  table.tryUntilMs[row] = now + left / Math.max(1, table.choices[row] ?? 1);
}

/** The backend failed before it got a byte. True where another one is dialed now. */
function triesNext(s: Stage, row: number, because: BackendFailure): boolean {
  const { table, clock, timers, decider } = s;
  decider.backendFailed(row, because);
  const now = clock.monoMs();
  if (now - (table.openedMs[row] ?? now) >= timers.backend_connect_ms || !decider.nextBackend(row)) return false;
  table.redials[row] = 0;
  shareTime(s, row);
  dialAgain(s, row, 0);
  return true;
}

export function connected(s: Stage, row: number): void {
  if (!may(s, row, CONNECTED)) return;
  const { table } = s;
  const found = look(s, row);
  if (found === AGAIN && (table.redials[row] ?? 0) < MOST_CHECKS) {
    table.redials[row] = (table.redials[row] ?? 0) + 1;
    dialAgain(s, row, 0);
    return;
  }
  const wrong = found === AGAIN ? "its listening socket changes from one connection to the next" : found;
  if (wrong !== null) {
    s.decider.notOwned(row, wrong);
    if (!triesNext(s, row, "not_owned")) cut(s, row, "backend_not_owned");
    return;
  }
  const permit = table.permit[row];
  if (permit === undefined) {
    cut(s, row, "fault");
    return;
  }
  // INVARIANT: a backend that expects a PROXY header gets no byte before it.
  const proxy = table.backend[row]?.proxy ?? null;
  if (proxy !== null && !s.transport.preface(row, (local) => s.decider.preface(row, local))) {
    cut(s, row, "backend_reset");
    return;
  }
  if (!moved(s, row, CONNECTED)) return;
  s.decider.connected(row);
  table.activeMs[row] = s.clock.monoMs();
  const first = table.reading[row]?.bytes() ?? null;
  table.reading[row] = undefined;
  s.transport.relay(row, permit, first, table.flights[row] ?? null);
}

/** INVARIANT: a check that fails inside is a refusal. */
function look(s: Stage, row: number): string | typeof AGAIN | null {
  const backend = s.table.backend[row];
  if (backend === undefined) return "there is none";
  try {
    return s.transport.verify(row, backend);
  } catch (error) {
    return `it could not be looked at (${error instanceof Error ? error.message : String(error)})`;
  }
}

export function connectFailed(s: Stage, row: number, failure: DialFailure): void {
  if (!may(s, row, CONNECT_FAILED)) return;
  const { table } = s;
  const end = table.end[row];
  // A full queue of a unix socket may have room soon. It is waited for where no other backend is left.
  if (failure === "busy" && table.backend[row]?.address.kind === "unix" && end === undefined && (table.choices[row] ?? 1) <= 1) {
    table.redials[row] = (table.redials[row] ?? 0) + 1;
    dialAgain(s, row, Math.min(RETRY_MS * (table.redials[row] ?? 0), MOST_RETRY_MS));
    return;
  }
  if (end === undefined && failure !== "no_descriptor" && triesNext(s, row, "refused")) return;
  free(s, row, CONNECT_FAILED, end ?? (failure === "no_descriptor" ? "no_descriptor" : "backend_refused"));
}

/** Gives the socket up and makes another; `cut` ends the wait, at the latest when the backend's time is over. */
function dialAgain(s: Stage, row: number, ms: number): void {
  s.transport.hangUp(row);
  s.table.redial[row]?.();
  s.table.redial[row] = s.clock.after(ms, () => {
    s.table.redial[row] = undefined;
    dial(s, row);
  });
}

export function sweep(s: Stage, row: number, ageMs: number, now: number): void {
  if (ageMs < s.timers.backend_connect_ms && now < (s.table.tryUntilMs[row] ?? Infinity)) return;
  // One that is dialed next has not failed.
  if (s.table.redial[row] !== undefined && (s.table.redials[row] ?? 0) === 0) {
    if (ageMs >= s.timers.backend_connect_ms) cut(s, row, "backend_timeout");
  } else if (!triesNext(s, row, "timeout")) cut(s, row, "backend_timeout");
}
