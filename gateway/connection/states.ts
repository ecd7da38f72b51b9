// The states of a connection, and which event leads from which state to which. The table below is the whole truth:
// what it has no entry for is a bug of ours, and the connection that it happened to is refused, recorded and ended
// (`endFaulty` in stage.ts). docs/architecture.md has it as a drawing.
//
//   FREE --adopted--> OPEN
//   FREE --accepted--> PENDING --hello_due--> READING --handshake_due--> SECURING
//                         |                      |                          |
//                         +------- granted ------+-------- granted ---------+
//                     header_due
//                         v
//                      HEADING -- hello_due, granted, as PENDING
//                                                |
//                                           CONNECTING --connected--> OPEN
//                                                |                      |
//                                                +-- cut --> CLOSING <--+-- cut
//
// Every state leads back to FREE, and only FREE has nothing charged: see charges.ts.

/** The row is not used. */
export const FREE = 0;
/** Accepted, not yet decided; no byte of it was read. */
export const PENDING = 1;
/** Admitted; its backend has not yet accepted. */
export const CONNECTING = 2;
/** Bytes go both ways. */
export const OPEN = 3;
/** Broken off by the gateway; counted until both sides are gone. */
export const CLOSING = 4;
/** Not refused in phase 1, charged, and not admitted: its ClientHello is being read. */
export const READING = 5;
/** Its hello was not refused: the TLS handshake is under way. */
export const SECURING = 6;
/** Accepted, and not yet decided: the PROXY header of a peer that names its client is being read. */
export const HEADING = 7;

/** By number of the state. */
export const STATE_NAMES = ["free", "pending", "connecting", "open", "closing", "reading", "securing", "heading"] as const;

/** A peer was accepted. */
export const ACCEPTED = 0;
/** Not refused in phase 1: its ClientHello comes next. */
export const HELLO_DUE = 1;
/** Bytes of the header or the hello, or the client's end before it is whole. */
export const READ = 2;
/** Its name is not refused: the gateway does the TLS handshake. */
export const HANDSHAKE_DUE = 3;
/** The handshake is over, well or not. */
export const HANDSHAKEN = 4;
/** Admitted. */
export const GRANTED = 5;
/** Refused before it was admitted. */
export const REFUSED = 6;
/** The backend accepted. */
export const CONNECTED = 7;
/** The backend did not accept, or its socket is gone before it did. */
export const CONNECT_FAILED = 8;
/** The backend requested a second hello, and the client's can't be let through. */
export const SECOND_HELLO = 9;
/** The gateway breaks both sides off. */
export const CUT = 10;
/** Both sides are gone. */
export const ENDED = 11;

/** Another process moves its bytes, and admitted it before this one took over. */
export const ADOPTED = 12;
/** The peer begins with a PROXY header. */
export const HEADER_DUE = 13;

/** By number of the event. */
export const EVENT_NAMES = [
  "accepted",
  "hello_due",
  "read",
  "handshake_due",
  "handshaken",
  "granted",
  "refused",
  "connected",
  "connect_failed",
  "second_hello",
  "cut",
  "ended",
  "adopted",
  "header_due",
] as const;

/** Instead of a state: the event can't happen there. */
export const ILLEGAL = -1;

const EVENTS = EVENT_NAMES.length;

/** [state, event, next state] */
const TRANSITIONS: readonly (readonly [number, number, number])[] = [
  [FREE, ACCEPTED, PENDING],
  [FREE, ADOPTED, OPEN],
  [PENDING, HEADER_DUE, HEADING],
  [PENDING, HELLO_DUE, READING],
  [PENDING, GRANTED, CONNECTING],
  [PENDING, REFUSED, FREE],
  [HEADING, READ, HEADING],
  [HEADING, HELLO_DUE, READING],
  [HEADING, GRANTED, CONNECTING],
  [HEADING, REFUSED, FREE],
  [READING, READ, READING],
  [READING, HANDSHAKE_DUE, SECURING],
  [READING, GRANTED, CONNECTING],
  [READING, REFUSED, FREE],
  [SECURING, HANDSHAKEN, SECURING],
  [SECURING, GRANTED, CONNECTING],
  [SECURING, REFUSED, FREE],
  [CONNECTING, CONNECTED, OPEN],
  [CONNECTING, CONNECT_FAILED, FREE],
  [CONNECTING, CUT, CLOSING],
  [OPEN, SECOND_HELLO, OPEN],
  [OPEN, CUT, CLOSING],
  [OPEN, ENDED, FREE],
  [CLOSING, CONNECT_FAILED, FREE],
  [CLOSING, ENDED, FREE],
];

const next = new Int8Array(STATE_NAMES.length * EVENTS).fill(ILLEGAL);
for (const [state, event, to] of TRANSITIONS) next[state * EVENTS + event] = to;

/** The state after `event` in `state`, or ILLEGAL; also for numbers that are no state or no event. */
export function stateAfter(state: number, event: number): number {
  if (event < 0 || event >= EVENTS) return ILLEGAL;
  return next[state * EVENTS + event] ?? ILLEGAL;
}
