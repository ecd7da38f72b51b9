// A peer in the `via` of its port begins with a PROXY header, within `timers.hello_ms`; then phase 1 decides about the source that it names.
// A hello behind the header has the same deadline.
import { CODE_PROXY_GONE, CODE_PROXY_LATE, CODE_PROXY_MALFORMED } from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/decision.ts";
import { HeaderReading } from "../forward/proxy_reading.ts";
import { WAITS_FOR_PLACE, type HeaderOutcome, type Refusal } from "./decider.ts";
import { WAIT_MS } from "./places.ts";
import { settle } from "./settling.ts";
import { may, moved, type Stage } from "./stage.ts";
import { HEADER_DUE, READ } from "./states.ts";

const TOO_LATE: Refusal = { denial: denial(CODE_PROXY_LATE), by: null };
const GONE: Refusal = { denial: denial(CODE_PROXY_GONE), by: null };

export function begin(s: Stage, row: number): void {
  if (!moved(s, row, HEADER_DUE)) return;
  s.table.openedMs[row] = s.clock.monoMs();
  s.table.header[row] = new HeaderReading();
  s.transport.keep(row);
  s.transport.readHeader(row);
}

/** Gives the bytes that are due at least before more is known; 0 where nothing is read any more. */
export function clientBytes(s: Stage, row: number, chunk: Uint8Array): number {
  if (!may(s, row, READ)) return 0;
  const reading = s.table.header[row];
  const read = reading?.take(chunk) ?? null;
  if (reading === undefined) return 0;
  if (read === null) return reading.bytesDue();
  if ("fault" in read) {
    headed(s, row, { denial: denial(CODE_PROXY_MALFORMED), by: null, detail: read.fault });
    return 0;
  }
  const now = s.clock.monoMs();
  if (now - (s.table.openedMs[row] ?? now) >= s.timers.hello_ms) {
    headed(s, row, TOO_LATE);
    return 0;
  }
  // INVARIANT: the header's bytes and no others are taken; what came behind them is the hello's, or the backend's.
  s.transport.pause(row);
  s.transport.take(row, read.bytes, chunk.subarray(chunk.length - (reading.bytesRead - read.bytes)));
  headed(s, row, { header: read });
  return 0;
}

export function clientEnded(s: Stage, row: number): void {
  if (may(s, row, READ)) headed(s, row, hasBytes(s, row) ? { ...GONE, detail: "cut_short" } : "gone");
}

export function clientGone(s: Stage, row: number): void {
  if (may(s, row, READ)) headed(s, row, hasBytes(s, row) ? GONE : "gone");
}

function hasBytes({ table }: Stage, row: number): boolean {
  return (table.header[row]?.bytesRead ?? 0) > 0;
}

/** The end of this stage, unless the row waits for a place of its source; also a refusal from outside. */
export function headed(s: Stage, row: number, outcome: HeaderOutcome): void {
  s.transport.pause(row);
  s.table.header[row] = undefined;
  const answer = s.decider.headed(row, outcome);
  if (answer !== WAITS_FOR_PLACE) settle(s, row, answer);
}

/** Decides a row again that waited for a place of its source. INVARIANT: a header that is still to come is not skipped. */
export function again(s: Stage, row: number): void {
  if (s.table.header[row] === undefined) headed(s, row, "again");
}

/** A row whose header has come in time waits for a place, which has a bound of its own. */
export function sweep(s: Stage, row: number, ageMs: number): void {
  if (ageMs >= s.timers.hello_ms + (s.table.header[row] === undefined ? 2 * WAIT_MS : 0)) headed(s, row, TOO_LATE);
}
