// The first flights of a passthrough connection, which are read along and passed on: tables of both sides' bytes.
import * as assert from "uvu/assert";
import { createHelloReader } from "../../gateway/tls/client_hello.ts";
import { createFirstFlights, type FirstFlights } from "../../gateway/tls/first_flights.ts";
import { suite } from "../suite.ts";
import { bytes, helloWith, message, padding, record, records, serverName, u16, u24, u8, vector16 } from "./hello_bytes.ts";
import { ALERT, CHANGE, DATA, early, FIRST, HELLO_RETRY, helloOf, NAME, OTHER, SERVER_HELLO } from "./second_hello_bytes.ts";

const test = suite("first flights");

/** One step of a table: who says what. */
type Said = readonly ["client" | "backend", Buffer] | readonly ["client ends" | "backend ends" | "wait", number];

interface Played {
  readonly toBackend: Buffer;
  readonly toClient: Buffer;
  readonly fault: string | null;
  readonly over: boolean;
  readonly kept: number;
}

const HELLO_MS = 1_000;

function flightsOf(first: Buffer, now: () => number): FirstFlights {
  const answer = createHelloReader().feed(first);
  if (answer.kind !== "hello") throw new Error("no hello");
  return createFirstFlights({ hello: answer.hello, helloMs: HELLO_MS, clock: { monoMs: now } });
}

/** Each chunk is given in pieces of `piece` bytes. */
function play(first: Buffer, said: readonly Said[], piece: number): Played {
  let now = 0;
  const flights = flightsOf(first, () => now);
  const out: Output = { toBackend: [], toClient: [], fault: null, over: false };
  const take = (step: ReturnType<FirstFlights["fromClient"]>): void => {
    if (out.fault !== null) return;
    out.fault = step.fault;
    if (step.fault !== null) return;
    out.toBackend.push(step.toBackend);
    out.toClient.push(step.toClient);
    out.over = step.over;
  };
  take(flights.fromClient(first));
  for (const [who, what] of said) {
    if (typeof what === "number") {
      if (who === "wait") now += what;
      else if (!out.over) take(who === "client ends" ? flights.clientEnded() : flights.backendEnded());
      continue;
    }
    for (let at = 0; at < what.length && out.fault === null; at += piece) {
      const chunk = what.subarray(at, at + piece);
      // Nothing more is read once it is over.
      if (out.over) (who === "client" ? out.toBackend : out.toClient).push(chunk);
      else take(who === "client" ? flights.fromClient(chunk) : flights.fromBackend(chunk));
    }
  }
  return {
    toBackend: Buffer.concat(out.toBackend),
    toClient: Buffer.concat(out.toClient),
    fault: out.fault,
    over: out.over,
    kept: out.over ? 0 : flights.bufferedBytes(),
  };
}

interface Output {
  readonly toBackend: Buffer[];
  readonly toClient: Buffer[];
  fault: string | null;
  over: boolean;
}

test("what is passed on, and what is refused, in any pieces", () => {
  const passes: readonly (readonly [what: string, first: Buffer, said: readonly Said[]])[] = [
    [
      "no retry",
      FIRST,
      [
        ["backend", bytes(SERVER_HELLO, DATA)],
        ["client", DATA],
      ],
    ],
    [
      "no retry, then another hello: it is no hello to anybody",
      FIRST,
      [
        ["backend", SERVER_HELLO],
        ["client", OTHER],
      ],
    ],
    [
      "a backend that is no TLS",
      FIRST,
      [
        ["client", DATA],
        ["backend", DATA],
        ["client", DATA],
      ],
    ],
    [
      "the same name again",
      FIRST,
      [
        ["backend", HELLO_RETRY],
        ["client", FIRST],
        ["backend", SERVER_HELLO],
        ["client", DATA],
      ],
    ],
    [
      "no name, twice",
      helloOf(),
      [
        ["backend", HELLO_RETRY],
        ["client", helloOf()],
        ["client", DATA],
      ],
    ],
    [
      "an address, twice",
      helloOf("192.0.2.7"),
      [
        ["backend", HELLO_RETRY],
        ["client", helloOf("192.0.2.7")],
      ],
    ],
    [
      "a change of cipher and early data between",
      FIRST,
      [
        ["client", bytes(CHANGE, early(500), early(0))],
        ["backend", bytes(HELLO_RETRY, CHANGE)],
        ["client", bytes(early(16_640), FIRST, DATA)],
      ],
    ],
    [
      "the second hello in records, behind more than its name",
      FIRST,
      [
        ["backend", HELLO_RETRY],
        ["client", records(helloWith(padding(2_000), serverName(NAME)), 1, 2, 600)],
      ],
    ],
    [
      "the second hello before a retry request",
      FIRST,
      [
        ["client", FIRST],
        ["backend", HELLO_RETRY],
        ["client", DATA],
      ],
    ],
    [
      "the client ends with an alert",
      FIRST,
      [
        ["backend", HELLO_RETRY],
        ["client", ALERT],
        ["client ends", 0],
      ],
    ],
    [
      "the client ends without one",
      FIRST,
      [
        ["backend", HELLO_RETRY],
        ["client ends", 0],
      ],
    ],
    [
      "half of a record, and the backend answers",
      FIRST,
      [
        ["client", FIRST.subarray(0, 20)],
        ["backend", SERVER_HELLO],
        ["client", DATA],
      ],
    ],
    [
      "half of a record, and the client ends",
      FIRST,
      [
        ["client", FIRST.subarray(0, 20)],
        ["client ends", 0],
      ],
    ],
    [
      "half of a record, and the backend ends",
      FIRST,
      [
        ["client", FIRST.subarray(0, 20)],
        ["backend ends", 0],
      ],
    ],
    [
      "another handshake message, and no retry",
      FIRST,
      [
        ["client", record(message(Buffer.alloc(3)).fill(16, 0, 1))],
        ["backend", SERVER_HELLO],
      ],
    ],
    [
      "a millisecond before its time is over",
      FIRST,
      [
        ["backend", HELLO_RETRY],
        ["wait", HELLO_MS - 1],
        ["client", FIRST],
      ],
    ],
  ];
  const ofOne = (said: readonly Said[], who: string): Buffer => Buffer.concat(said.flatMap(([w, b]) => (w === who && typeof b !== "number" ? [b] : [])));
  for (const piece of [1, 2, 7, 100_000]) {
    for (const [what, first, said] of passes) {
      const { toBackend, toClient, fault, kept } = play(first, said, piece);
      assert.is(fault, null, `${what}, by ${piece}`);
      assert.ok(toBackend.equals(bytes(first, ofOne(said, "client"))), `${what}, by ${piece}: every byte to the backend`);
      assert.ok(toClient.equals(ofOne(said, "backend")), `${what}, by ${piece}: every byte to the client`);
      assert.is(kept, 0, what);
    }
  }
  const refused: readonly (readonly [what: string, first: Buffer, said: readonly Said[], fault: string])[] = [
    [
      "another name",
      FIRST,
      [
        ["backend", HELLO_RETRY],
        ["client", OTHER],
      ],
      "another_name",
    ],
    ["another name before a retry request", FIRST, [["client", OTHER]], "another_name"],
    [
      "another name behind early data",
      FIRST,
      [
        ["client", bytes(CHANGE, early(70))],
        ["backend", HELLO_RETRY],
        ["client", bytes(early(9), OTHER)],
      ],
      "another_name",
    ],
    [
      "no name",
      FIRST,
      [
        ["backend", HELLO_RETRY],
        ["client", helloOf()],
      ],
      "another_name",
    ],
    [
      "a name after none",
      helloOf(),
      [
        ["backend", HELLO_RETRY],
        ["client", FIRST],
      ],
      "another_name",
    ],
    [
      "the same in capitals, which the backend may distinguish",
      FIRST,
      [
        ["backend", HELLO_RETRY],
        ["client", helloOf("A.example")],
      ],
      "another_name",
    ],
    [
      "a dot more",
      FIRST,
      [
        ["backend", HELLO_RETRY],
        ["client", helloOf(`${NAME}.`)],
      ],
      "another_name",
    ],
    [
      "another address",
      helloOf("192.0.2.7"),
      [
        ["backend", HELLO_RETRY],
        ["client", helloOf("192.0.2.8")],
      ],
      "another_name",
    ],
    [
      "two names",
      FIRST,
      [
        ["backend", HELLO_RETRY],
        ["client", helloOf(NAME, "b.example")],
      ],
      "two_names",
    ],
    [
      "data",
      FIRST,
      [
        ["backend", HELLO_RETRY],
        ["client", DATA],
      ],
      "record_type",
    ],
    [
      "a change of cipher of two bytes",
      FIRST,
      [
        ["backend", HELLO_RETRY],
        ["client", bytes(u8(20), u16(0x0303), vector16(u16(1)))],
      ],
      "record_length",
    ],
    [
      "early data that is too long",
      FIRST,
      [
        ["backend", HELLO_RETRY],
        ["client", bytes(u8(23), u16(0x0303), u16(16_641))],
      ],
      "record_length",
    ],
    [
      "a record of another version",
      FIRST,
      [
        ["backend", HELLO_RETRY],
        ["client", bytes(u8(23), u8(2))],
      ],
      "record_version",
    ],
    [
      "another handshake message",
      FIRST,
      [
        ["backend", HELLO_RETRY],
        ["client", record(message(Buffer.alloc(3)).fill(16, 0, 1))],
      ],
      "not_client_hello",
    ],
    [
      "something unreadable before the retry",
      FIRST,
      [
        ["client", bytes(DATA, OTHER)],
        ["backend", HELLO_RETRY],
      ],
      "record_type",
    ],
    [
      "another message before the retry",
      FIRST,
      [
        ["client", record(message(Buffer.alloc(3)).fill(16, 0, 1))],
        ["backend", HELLO_RETRY],
      ],
      "not_client_hello",
    ],
    [
      "more behind the hello in its record",
      FIRST,
      [
        ["backend", HELLO_RETRY],
        ["client", record(bytes(helloWith(serverName(NAME)), u8(0)))],
      ],
      "after_hello",
    ],
    [
      "too large",
      FIRST,
      [
        ["backend", HELLO_RETRY],
        ["client", bytes(u8(22), u16(0x0301), u16(4), u8(1), u24(16_381))],
      ],
      "too_large",
    ],
    [
      "half a hello and the end",
      FIRST,
      [
        ["backend", HELLO_RETRY],
        ["client", FIRST.subarray(0, 30)],
        ["client ends", 0],
      ],
      "cut_short",
    ],
    [
      "half a hello, the end, and then the retry",
      FIRST,
      [
        ["client", FIRST.subarray(0, 30)],
        ["client ends", 0],
        ["backend", HELLO_RETRY],
      ],
      "cut_short",
    ],
    [
      "at the end of its time",
      FIRST,
      [
        ["backend", HELLO_RETRY],
        ["wait", HELLO_MS],
        ["client", FIRST],
      ],
      "late",
    ],
  ];
  for (const piece of [1, 3, 100_000]) {
    for (const [what, first, said, expected] of refused) assert.is(play(first, said, piece).fault, expected, `${what}, by ${piece}`);
  }
});

test.run();
