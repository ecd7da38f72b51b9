// Reports to the rows of the kernel transport each read and each end that the pump has at a descriptor.
import type { TransportEvents } from "../connection/transport.ts";
import type { FlightStep } from "../tls/first_flights.ts";
import type { PumpOwner } from "./pump.ts";
import type { ReadFlights } from "./read_flights.ts";
import type { Rows } from "./rows.ts";

export class PumpReports implements PumpOwner {
  readonly #events: Pick<TransportEvents, "fromClient" | "fromBackend">;
  readonly #rows: Rows;
  readonly #flights: ReadFlights;
  readonly #finished: PumpOwner["finished"];

  constructor(events: Pick<TransportEvents, "fromClient" | "fromBackend">, rows: Rows, flights: ReadFlights, finished: PumpOwner["finished"]) {
    this.#events = events;
    this.#rows = rows;
    this.#flights = flights;
    this.#finished = finished;
  }

  took(source: number, bytes: number): void {
    const row = this.#rows.of(source);
    if (this.isClient(source)) this.#events.fromClient(row, bytes);
    else this.#events.fromBackend(row, bytes);
  }

  isClient(fd: number): boolean {
    return this.#rows.isClient(fd);
  }

  readsAlong(source: number): boolean {
    return this.#flights.has(this.#rows.of(source));
  }

  step(source: number, chunk: Buffer | null): FlightStep | null {
    return this.#flights.step(this.#rows.of(source), this.isClient(source), chunk);
  }

  finished(source: number, broken: number): void {
    this.#finished(source, broken);
  }
}
