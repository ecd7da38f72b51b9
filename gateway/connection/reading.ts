// The ClientHello of a connection that phase 1 did not refuse is read, within `timers.hello_ms`; then its name decides.
import { CODE_HELLO_LATE } from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/decision.ts";
import { createFirstFlights } from "../tls/first_flights.ts";
import { UNRECOGNIZED_NAME } from "../tls/alert.ts";
import { HelloReading, type ReadHello } from "../tls/hello_reading.ts";
import { begin as beginConnecting } from "./connecting.ts";
import { isContext, WAITS_FOR_PLACE, type HelloOutcome, type Refusal } from "./decider.ts";
import { WAIT_MS } from "./places.ts";
import { begin as beginSecuring } from "./securing.ts";
import { free, may, moved, type Stage } from "./stage.ts";
import { HELLO_DUE, READ, REFUSED } from "./states.ts";

const TOO_LATE: Refusal = { denial: denial(CODE_HELLO_LATE), by: null };

export function begin(s: Stage, row: number): void {
  if (!moved(s, row, HELLO_DUE)) return;
  // A PROXY header and the hello behind it have one deadline.
  if (s.table.via[row] === undefined) s.table.openedMs[row] = s.clock.monoMs();
  s.table.reading[row] = new HelloReading();
  s.transport.read(row);
}

/** Gives the bytes that are due at least before more is known; 0 where nothing is read any more. */
export function clientBytes(s: Stage, row: number, chunk: Uint8Array): number {
  if (!may(s, row, READ)) return 0;
  const reading = s.table.reading[row];
  const read = reading?.take(chunk) ?? null;
  answered(s, row, read);
  return read === null ? (reading?.bytesDue() ?? 0) : 0;
}

export function clientEnded(s: Stage, row: number): void {
  if (may(s, row, READ)) answered(s, row, s.table.reading[row]?.end() ?? null);
}

export function clientGone(s: Stage, row: number): void {
  if (may(s, row, READ)) answered(s, row, s.table.reading[row]?.gone() ?? null);
}

function answered(s: Stage, row: number, read: ReadHello | null): void {
  if (read === null) return;
  if ("denial" in read) {
    named(s, row, { ...read, by: null });
    return;
  }
  // A hello that is whole too late is refused, also where the sweep has not come by yet.
  const now = s.clock.monoMs();
  named(s, row, now - (s.table.openedMs[row] ?? now) >= s.timers.hello_ms ? TOO_LATE : read);
}

/** Decides a row again that waited for a place of its source. */
export function again(s: Stage, row: number): void {
  const hello = s.table.reading[row]?.hello ?? null;
  if (hello !== null) named(s, row, { hello });
}

/** The end of this stage, unless the row waits for a place of its source; also a refusal from outside. */
export function named(s: Stage, row: number, outcome: HelloOutcome): void {
  const { table, transport, clock, timers } = s;
  transport.pause(row);
  const answer = s.decider.named(row, outcome);
  if (answer === WAITS_FOR_PLACE) return;
  const reading = table.reading[row];
  const hello = reading?.hello ?? null;
  if (hello === null || reading === undefined) free(s, row, REFUSED, null);
  else if (isContext(answer)) beginSecuring(s, row, answer, hello.said, reading.bytes());
  else if (answer.allowed) {
    table.flights[row] = createFirstFlights({ hello, helloMs: timers.hello_ms, clock });
    beginConnecting(s, row, answer);
  } else {
    // INVARIANT: only a client that has sent a whole hello gets a byte. Where TLS ends at the backend nobody speaks in its place.
    if ("hello" in outcome && answer.reason === "sni" && table.expose[row]?.mode !== "passthrough") transport.alert(row, UNRECOGNIZED_NAME, reading.bytesRead);
    free(s, row, REFUSED, null);
  }
}

/** A row whose hello has come in time waits for a place, which has a bound of its own. */
export function sweep(s: Stage, row: number, ageMs: number): void {
  const waits = (s.table.reading[row]?.hello ?? null) !== null;
  if (ageMs >= s.timers.hello_ms + (waits ? 2 * WAIT_MS : 0)) named(s, row, TOO_LATE);
}
