// `passthrough`: reads along until both sides have sent their first flight. A backend may answer the hello
// by asking for a second one (HelloRetryRequest), and it takes the second one's name. So that name has to be
// the one that was decided about, byte by byte.
//
//   client --hello--> backend                     decided before
//   client --[change of cipher, early data]--> backend    goes on as it comes
//   client <--ServerHello-- backend               both have sent their first flight: nothing more is read
//   client <--HelloRetryRequest-- backend         goes on; the next hello of the client is read first
//   client --second hello--> backend              whole, the same name: nothing more is read
//
// A client may send the second hello before it was asked for. It is read all the same; only where it can't be
// read is that no fault before a HelloRetryRequest has come, because then it may be something else.
import type { GatewayClock } from "../clock.ts";
import { createHelloReader, type ClientHello, type HelloReader } from "./client_hello.ts";
import type { HelloFault } from "./hello_faults.ts";
import { createServerHelloReader } from "./server_hello.ts";

/** What is wrong with a second hello: what may be wrong with a first, and these. */
export const SECOND_HELLO_FAULTS = ["another_name", "late"] as const;
export type SecondHelloFault = HelloFault | (typeof SECOND_HELLO_FAULTS)[number];

/** What goes on now. After a `fault` nothing does. */
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
  /** Whether a second hello was asked for, and its time is over. */
  isLate(): boolean;
  /** Bytes held in user space. */
  held(): number;
}

export interface FlightsSetup {
  /** What was decided about. */
  readonly hello: ClientHello;
  /** From the backend's request until the second hello must be whole. */
  readonly helloMs: number;
  readonly clock: Pick<GatewayClock, "monoMs">;
}

const NOTHING = Buffer.alloc(0);
const HANDSHAKE = 22;
/** A record of another type than a handshake's that a client may send between its two hellos. */
const BETWEEN: Readonly<Record<number, { readonly least: number; readonly most: number }>> = {
  // Change of cipher: one byte, for middleboxes.
  20: { least: 1, most: 1 },
  // An alert: the client leaves.
  21: { least: 2, most: 2 },
  // Early data, encrypted.
  23: { least: 0, most: (1 << 14) + 256 },
};
const RECORD_HEADER_BYTES = 5;

export function createFirstFlights({ hello: first, helloMs, clock }: FlightsSetup): FirstFlights {
  const server = createServerHelloReader();
  /** Since when the second hello is waited for. */
  let askedAt: number | null = null;
  let over = false;
  let isFirstCall = true;

  // The client's side.
  let reader: HelloReader | null = null;
  /** The second hello's bytes, which wait for their verdict. */
  let waiting: Buffer[] = [];
  let unreadable: HelloFault | null = null;
  let isRead = false;
  let header = 0;
  let type = 0;
  let left = 0;

  function answer(toBackend: Buffer, toClient: Buffer): FlightStep {
    return { toBackend, toClient, over, fault: null };
  }

  function refuse(fault: SecondHelloFault): FlightStep {
    waiting = [];
    return { toBackend: NOTHING, toClient: NOTHING, over: true, fault };
  }

  function isLate(): boolean {
    return askedAt !== null && !over && clock.monoMs() - askedAt >= helloMs;
  }

  /** How many bytes come before the next handshake record. */
  function between(chunk: Buffer): number | HelloFault {
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (header === 0) {
        if (byte === HANDSHAKE) return at;
        type = byte;
        if (BETWEEN[type] === undefined) return "record_type";
      } else if (header === 1 && byte !== 3) {
        return "record_version";
      } else if (header === 3) {
        left = byte << 8;
      } else if (header === 4) {
        left |= byte;
        const bounds = BETWEEN[type];
        if (bounds === undefined || left < bounds.least || left > bounds.most) return "record_length";
      }
      if (++header < RECORD_HEADER_BYTES) continue;
      const skipped = Math.min(left, chunk.length - at - 1);
      at += skipped;
      left -= skipped;
      header = left === 0 ? 0 : header;
      if (left > 0) return chunk.length;
    }
    return chunk.length;
  }

  function release(): Buffer {
    const all = waiting.length === 1 && waiting[0] !== undefined ? waiting[0] : Buffer.concat(waiting);
    waiting = [];
    return all;
  }

  function unread(fault: HelloFault): FlightStep {
    if (askedAt !== null) return refuse(fault);
    unreadable = fault;
    return answer(release(), NOTHING);
  }

  function fromClient(chunk: Buffer): FlightStep {
    if (isRead || unreadable !== null) return answer(chunk, NOTHING);
    let rest = chunk;
    let passed: Buffer = NOTHING;
    if (reader === null) {
      // What is left of a record that goes on as it comes.
      const skipped = header === RECORD_HEADER_BYTES ? Math.min(left, chunk.length) : 0;
      left -= skipped;
      if (header === RECORD_HEADER_BYTES && left === 0) header = 0;
      const found = between(chunk.subarray(skipped));
      if (typeof found === "string") {
        waiting.push(chunk);
        return unread(found);
      }
      passed = chunk.subarray(0, skipped + found);
      rest = chunk.subarray(skipped + found);
      if (rest.length === 0) return answer(passed, NOTHING);
      reader = createHelloReader();
    }
    waiting.push(rest);
    const read = reader.feed(rest);
    if (read.kind === "more") return answer(passed, NOTHING);
    if (isLate()) return refuse("late");
    if (read.kind === "malformed") {
      if (passed.length > 0) waiting.unshift(passed);
      return unread(read.fault);
    }
    if (read.hello.said !== first.said) return refuse("another_name");
    isRead = true;
    over = askedAt !== null;
    return answer(Buffer.concat([passed, release()]), NOTHING);
  }

  function fromBackend(chunk: Buffer): FlightStep {
    // What the backend says while the second hello is waited for is the client's.
    const found = askedAt === null ? server.feed(chunk) : "more";
    if (found === "retry" && unreadable !== null) return refuse(unreadable);
    if (found === "retry") {
      askedAt = clock.monoMs();
      over = isRead;
    } else if (found === "hello") {
      over = true;
    }
    return answer(found === "hello" ? release() : NOTHING, chunk);
  }

  return {
    fromClient(chunk) {
      if (!isFirstCall) return fromClient(chunk);
      isFirstCall = false;
      const behind = chunk.subarray(first.streamBytes);
      const step = behind.length === 0 ? answer(NOTHING, NOTHING) : fromClient(behind);
      return { ...step, toBackend: Buffer.concat([chunk.subarray(0, first.streamBytes), step.toBackend]) };
    },
    fromBackend,
    clientEnded() {
      // It is never whole.
      if (askedAt !== null && waiting.length > 0) return refuse("cut_short");
      if (waiting.length > 0) unreadable = "cut_short";
      return answer(release(), NOTHING);
    },
    backendEnded() {
      // It can't ask any more.
      over ||= askedAt === null;
      return answer(over ? release() : NOTHING, NOTHING);
    },
    isLate,
    held: () => waiting.reduce((sum, { length }) => sum + length, 0),
  };
}
