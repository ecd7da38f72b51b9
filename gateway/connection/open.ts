// Bytes go both ways. The transport moves and counts them; what ends a connection from here is one of its sides, a
// timer, or a second hello that can't be let through.
import type { SecondHelloFault } from "../tls/first_flights.ts";
import { cut } from "./closing.ts";
import { free, may, type Stage } from "./stage.ts";
import { ENDED, SECOND_HELLO } from "./states.ts";

export function fromClient(s: Stage, row: number, bytes: number): void {
  s.table.bytesIn[row] = (s.table.bytesIn[row] ?? 0) + bytes;
  s.table.activeMs[row] = s.clock.monoMs();
}

export function fromBackend(s: Stage, row: number, bytes: number): void {
  s.table.bytesOut[row] = (s.table.bytesOut[row] ?? 0) + bytes;
  s.table.activeMs[row] = s.clock.monoMs();
}

export function secondHello(s: Stage, row: number, fault: SecondHelloFault): void {
  if (!may(s, row, SECOND_HELLO)) return;
  s.decider.secondHello(row, fault);
  cut(s, row, "second_hello");
}

export function ended(s: Stage, row: number, reset: "client" | "backend" | null): void {
  free(s, row, ENDED, s.table.end[row] ?? (reset === null ? "done" : `${reset}_reset`));
}

export function sweep(s: Stage, row: number, ageMs: number, now: number): void {
  const { idle_ms: idleMs, lifetime_ms: lifetimeMs } = s.timers;
  s.transport.keepBackend(row);
  if (s.table.flights[row]?.isLate() === true) secondHello(s, row, "late");
  else if (idleMs > 0 && now - (s.table.activeMs[row] ?? now) >= idleMs) cut(s, row, "idle");
  else if (lifetimeMs > 0 && ageMs >= lifetimeMs) cut(s, row, "lifetime");
}
