// The first flights of passthrough connections, which the transport reads along by row; see tls/first_flights.ts.
import type { TransportEvents } from "../connection/transport.ts";
import type { FirstFlights, FlightStep } from "../tls/first_flights.ts";

export class ReadFlights {
  readonly #events: Pick<TransportEvents, "secondHello">;
  readonly #rows: (FirstFlights | null)[] = [];

  constructor(events: Pick<TransportEvents, "secondHello">) {
    this.#events = events;
  }

  /** Null where nothing is read along. */
  set(row: number, flights: FirstFlights | null): void {
    this.#rows[row] = flights;
  }

  has(row: number): boolean {
    return (this.#rows[row] ?? null) !== null;
  }

  /** Of a chunk of one side, or of its end where that is null. Null where nothing is read along, or where that was the end of the connection. */
  step(row: number, isClient: boolean, chunk: Buffer | null): FlightStep | null {
    const flights = this.#rows[row] ?? null;
    if (flights === null) return null;
    const ofEnd = (): FlightStep => (isClient ? flights.clientEnded() : flights.backendEnded());
    const ofChunk = (bytes: Buffer): FlightStep => (isClient ? flights.fromClient(bytes) : flights.fromBackend(bytes));
    const step = chunk === null ? ofEnd() : ofChunk(chunk);
    if (step.fault !== null) {
      this.#events.secondHello(row, step.fault);
      return null;
    }
    if (step.over) this.#rows[row] = null;
    return step;
  }
}
