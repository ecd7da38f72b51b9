// The records of the rings between the main thread and a worker (ring.ts). Each is about a row and the generation of that
// row; a record of an earlier generation is dropped by its reader. `a`, `b` and `c` are 0 if nothing else is said.
import { CODE_TLS_FAILED } from "../../runtime/abi/verdicts.ts";
import { CODES, isCode, type CodeNumber } from "../../runtime/abi/names.ts";
import { denial } from "../../runtime/host/decision.ts";
import { identityOf } from "../../runtime/host/identity.ts";
import type { DialFailure, Handshake } from "../connection/transport.ts";
import { SECOND_HELLO_FAULTS, type SecondHelloFault } from "../tls/first_flights.ts";
import type { Message } from "./ring.ts";

/** Instead of a row: the record is about the whole thread. */
export const NO_ROW = -1;

// To a worker.

/** The client's descriptor is `a`; from now on it is the worker's. */
export const ADOPT = 1;
/** The hello is to be read, and reported by HELLO. */
export const READ = 2;
export const PAUSE = 3;
/** Context `a`; the payload is the server name of the hello, where `b` is 1. */
export const SECURE = 4;
/** The payload is the backend's address, as the policy writes it. `a` numbers the dials of a row: CONNECTED and CONNECT_FAILED have it in `c`. */
export const DIAL = 5;
export const HANG_UP = 6;
/** The permit to move bytes. `a` bytes were read before; where `b` is 1 a second hello is looked at. */
export const RELAY = 7;
export const BREAK_OFF = 8;
/** Answered by DROPPED in any case. */
export const DROP = 9;
/** The next message of the thread's port is the context `a`. */
export const CONTEXT = 10;
export const RETIRE = 11;
/** The worker closes what it has, and ends. */
export const STOP = 12;
/** The payload is the keys of tickets that the context `a` has from now on. */
export const TICKETS = 13;
/** Nothing: whether a worker reads it shows whether it runs (stalls.ts). */
export const TICK = 14;
/** The alert `a` of TLS ends the client, of which `b` bytes were read. */
export const ALERT = 15;
/** Answered by LOOKED, unless the row is over. */
export const LOOK = 18;

/** The PROXY header is to be read, and reported by HELLO. */
export const READ_HEADER = 16;
/** The first `a` bytes of the client are a PROXY header, and nobody's any more. */
export const TAKE = 17;

// From a worker.

/** The payload is all that was read of the client: a whole header, a whole hello, a fault, or with `a` = 1 its end, 2 a broken socket. */
export const HELLO = 32;
/** `a` is the code of a refusal, with its detail as payload where there is one; 0: done, and the payload has the certificate's key and the words of an identity. */
export const HANDSHAKEN = 33;
/**
 * The near end of the backend's side: descriptor `a`, which stays open until the main thread says RELAY, hangs up or gives the
 * row up, and port `b`. `c` is the number of the dial: the main thread may have hung up meanwhile, and dialed another backend.
 */
export const CONNECTED = 34;
/** `a`: see `failureOf`; `c` as above. */
export const CONNECT_FAILED = 35;
/** Since the last record: `a` bytes from the client, `b` from the backend. */
export const BYTES = 36;
/** `a`: see `faultOf`. */
export const SECOND_HELLO = 37;
/** The backend has requested a second hello. */
export const HELLO_DUE = 38;
/** Nothing of the row is open any more. `a` and `b` as of BYTES; `c` is 1 where the client broke off, 2 the backend. */
export const ENDED = 39;
export const FAULTED = 40;
export const DROPPED = 41;
/** There was no descriptor for a backend's side. */
export const LACKED = 42;
/** `a` is 1 where the client has closed its side. */
export const LOOKED = 43;

export const BY_CLIENT = 1;
export const BY_BACKEND = 2;
export const CLIENT_ENDED = 1;
export const CLIENT_GONE = 2;

const FAILURES: readonly DialFailure[] = ["busy", "no_descriptor", "refused"];

export function failureNumber(failure: DialFailure): number {
  return FAILURES.indexOf(failure);
}

export function failureOf(number: number): DialFailure {
  return FAILURES[number] ?? "refused";
}

export function faultNumber(fault: SecondHelloFault): number {
  return SECOND_HELLO_FAULTS.indexOf(fault);
}

/** INVARIANT: an unknown number is a fault. */
export function faultOf(number: number): SecondHelloFault {
  return SECOND_HELLO_FAULTS[number] ?? "another_name";
}

const codeNumbers: ReadonlyMap<string, CodeNumber> = new Map(
  Object.keys(CODES)
    .map(Number)
    .flatMap((number) => (isCode(number) ? [[CODES[number].name, number] as const] : [])),
);

/** The `a` and the payload of HANDSHAKEN. */
export function handshakeRecord(outcome: Handshake): { readonly a: number; readonly payload: Buffer | null } {
  if ("denial" in outcome) {
    const { denial: refusal, detail } = outcome;
    return { a: codeNumbers.get(refusal.code) ?? CODE_TLS_FAILED, payload: detail === undefined ? null : Buffer.from(detail) };
  }
  return { a: 0, payload: outcome.identity === null ? null : Buffer.from([outcome.certificate ?? "", ...outcome.identity.words].join("\0")) };
}

/** INVARIANT: an unknown code is a refusal. The identity is made anew of its words. */
export function handshakeOf({ a, payload }: Message): Handshake {
  if (a === 0 && payload === null) return { identity: null };
  if (a === 0 && payload !== null) {
    const [certificate = "", ...words] = payload.toString().split("\0");
    return { identity: identityOf(words), certificate };
  }
  return { denial: denial(isCode(a) ? a : CODE_TLS_FAILED), ...(payload !== null && { detail: payload.toString() }) };
}
