// The hellos that a worker reads: the main thread reads the same bytes, and decides.
import type { FirstFlights, FlightStep } from "../tls/first_flights.ts";
import { HelloReading } from "../tls/hello_reading.ts";

/** A hello that is being read, with its bytes. */
export class HelloWithBytes {
  readonly reading = new HelloReading();
  #chunks: Uint8Array[] = [];

  /** True if more makes no difference, because it is whole or has a fault. */
  take(chunk: Uint8Array): boolean {
    this.#chunks.push(chunk);
    return this.reading.take(chunk) !== null;
  }

  bytes(): Buffer {
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }
}

/** First flights that say once when a second hello is due: its time is the main thread's. */
export class ReportedFlights implements FirstFlights {
  readonly #flights: FirstFlights;
  readonly #due: () => void;
  #isReported = false;

  constructor(flights: FirstFlights, due: () => void) {
    this.#flights = flights;
    this.#due = due;
  }

  fromClient(chunk: Buffer): FlightStep {
    return this.#flights.fromClient(chunk);
  }

  fromBackend(chunk: Buffer): FlightStep {
    const step = this.#flights.fromBackend(chunk);
    if (!this.#isReported && this.#flights.isDue()) {
      this.#isReported = true;
      this.#due();
    }
    return step;
  }

  clientEnded(): FlightStep {
    return this.#flights.clientEnded();
  }

  backendEnded(): FlightStep {
    return this.#flights.backendEnded();
  }

  isDue(): boolean {
    return this.#flights.isDue();
  }

  isLate(): boolean {
    return this.#flights.isLate();
  }

  bufferedBytes(): number {
    return this.#flights.bufferedBytes();
  }
}
