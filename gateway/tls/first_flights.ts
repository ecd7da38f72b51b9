// `passthrough`: reads along until both sides have sent their first flight. A backend may answer the hello
// with a request for a second one (HelloRetryRequest), and it takes the second one's name. So that name has to be
// the one that was decided about, byte by byte.
//
//   client --hello--> backend                     decided before
//   client --[change of cipher, early data]--> backend    passed on unchanged
//   client <--ServerHello-- backend               both have sent their first flight: nothing more is read
//   client <--HelloRetryRequest-- backend         passed on; the next hello of the client is read first
//   client --second hello--> backend              whole, the same name: nothing more is read
//
// A client may send the second hello before it was requested. It is read all the same; only where it can't be
// read is that no fault before a HelloRetryRequest has come, because then it may be something else.
import type { GatewayClock } from "../clock.ts";
import { createHelloReader, type ClientHello, type HelloReader } from "./client_hello.ts";
import { HELLO_FAULTS, type HelloFault } from "./hello_faults.ts";
import { RecordsBetween } from "./records_between.ts";
import { createServerHelloReader } from "./server_hello.ts";

/** The faults of a second hello: those of a first, and these. */
export const SECOND_HELLO_FAULTS = [...HELLO_FAULTS, "another_name", "late"] as const;
export type SecondHelloFault = (typeof SECOND_HELLO_FAULTS)[number];

/** The state of the exchange. `fault` is final. */
export interface FlightStep {
  readonly toBackend: Buffer;
  readonly toClient: Buffer;
  /** Nothing more is to be read. */
  readonly over: boolean;
  readonly fault: SecondHelloFault | null;
}

export interface FirstFlights {
  /** The first call has the hello that was decided about, and what came behind it. */
  fromClient(chunk: Buffer): FlightStep;
  fromBackend(chunk: Buffer): FlightStep;
  clientEnded(): FlightStep;
  backendEnded(): FlightStep;
  /** Whether a second hello was requested, and is not whole yet. */
  isDue(): boolean;
  /** The same, and its time is over. */
  isLate(): boolean;
  /** Bytes buffered in user space. */
  bufferedBytes(): number;
}

export interface FlightsSetup {
  /** The name that was decided about. */
  readonly hello: ClientHello;
  /** From the backend's request until the second hello must be whole. */
  readonly helloMs: number;
  readonly clock: Pick<GatewayClock, "monoMs">;
}

const NOTHING = Buffer.alloc(0);

export function createFirstFlights(setup: FlightsSetup): FirstFlights {
  return new Flights(setup);
}

class Flights implements FirstFlights {
  readonly #setup: FlightsSetup;
  readonly #server = createServerHelloReader();
  /** Since when the second hello is due. */
  #askedAt: number | null = null;
  #over = false;
  #isFirstCall = true;

  // The client's side.
  readonly #between = new RecordsBetween();
  #reader: HelloReader | null = null;
  /** The second hello's bytes, kept until their verdict. */
  #kept: Buffer[] = [];
  #unreadable: HelloFault | null = null;
  #isRead = false;

  constructor(setup: FlightsSetup) {
    this.#setup = setup;
  }

  fromClient(chunk: Buffer): FlightStep {
    if (!this.#isFirstCall) return this.#readClient(chunk);
    this.#isFirstCall = false;
    const { streamBytes } = this.#setup.hello;
    const behind = chunk.subarray(streamBytes);
    const step = behind.length === 0 ? this.#passes(NOTHING, NOTHING) : this.#readClient(behind);
    return { ...step, toBackend: Buffer.concat([chunk.subarray(0, streamBytes), step.toBackend]) };
  }

  fromBackend(chunk: Buffer): FlightStep {
    // Bytes from the backend while the second hello is due are the client's.
    const found = this.#askedAt === null ? this.#server.feed(chunk) : "more";
    if (found === "retry" && this.#unreadable !== null) return this.#refuse(this.#unreadable);
    if (found === "retry") {
      this.#askedAt = this.#setup.clock.monoMs();
      this.#over = this.#isRead;
    } else if (found === "hello") {
      this.#over = true;
    }
    return this.#passes(found === "hello" ? this.#release() : NOTHING, chunk);
  }

  clientEnded(): FlightStep {
    // It is never whole.
    if (this.#askedAt !== null && this.#kept.length > 0) return this.#refuse("cut_short");
    if (this.#kept.length > 0) this.#unreadable = "cut_short";
    return this.#passes(this.#release(), NOTHING);
  }

  backendEnded(): FlightStep {
    // It can't request a second one any more.
    this.#over ||= this.#askedAt === null;
    return this.#passes(this.#over ? this.#release() : NOTHING, NOTHING);
  }

  isDue(): boolean {
    return this.#askedAt !== null && !this.#over;
  }

  isLate(): boolean {
    return this.#askedAt !== null && !this.#over && this.#setup.clock.monoMs() - this.#askedAt >= this.#setup.helloMs;
  }

  bufferedBytes(): number {
    return this.#kept.reduce((sum, { length }) => sum + length, 0);
  }

  #passes(toBackend: Buffer, toClient: Buffer): FlightStep {
    return { toBackend, toClient, over: this.#over, fault: null };
  }

  #refuse(fault: SecondHelloFault): FlightStep {
    this.#kept = [];
    return { toBackend: NOTHING, toClient: NOTHING, over: true, fault };
  }

  #release(): Buffer {
    const all = this.#kept.length === 1 && this.#kept[0] !== undefined ? this.#kept[0] : Buffer.concat(this.#kept);
    this.#kept = [];
    return all;
  }

  #unread(fault: HelloFault): FlightStep {
    if (this.#askedAt !== null) return this.#refuse(fault);
    this.#unreadable = fault;
    return this.#passes(this.#release(), NOTHING);
  }

  #readClient(chunk: Buffer): FlightStep {
    if (this.#isRead || this.#unreadable !== null) return this.#passes(chunk, NOTHING);
    let rest = chunk;
    let passed: Buffer = NOTHING;
    if (this.#reader === null) {
      const found = this.#between.pass(chunk);
      if (typeof found === "string") {
        this.#kept.push(chunk);
        return this.#unread(found);
      }
      passed = chunk.subarray(0, found);
      rest = chunk.subarray(found);
      if (rest.length === 0) return this.#passes(passed, NOTHING);
      this.#reader = createHelloReader();
    }
    this.#kept.push(rest);
    const read = this.#reader.feed(rest);
    if (read.kind === "more") return this.#passes(passed, NOTHING);
    if (this.isLate()) return this.#refuse("late");
    if (read.kind === "malformed") {
      if (passed.length > 0) this.#kept.unshift(passed);
      return this.#unread(read.fault);
    }
    if (read.hello.said !== this.#setup.hello.said) return this.#refuse("another_name");
    this.#isRead = true;
    this.#over = this.#askedAt !== null;
    return this.#passes(Buffer.concat([passed, this.#release()]), NOTHING);
  }
}
