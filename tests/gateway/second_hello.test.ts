// After a HelloRetryRequest of the backend the client's second hello is read before the backend gets it, and
// must have the name that was decided about. Hellos byte by byte, and real TLS that needs a second one.
import fc from "fast-check";
import { once } from "node:events";
import { connect as connectPlain, createServer, type Socket } from "node:net";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { createHelloReader } from "../../gateway/tls/client_hello.ts";
import { createFirstFlights, type FirstFlights } from "../../gateway/tls/first_flights.ts";
import { createServerHelloReader } from "../../gateway/tls/server_hello.ts";
import { authority, dns, leaf } from "../tls/certificates.ts";
import { countedFor, eventually, freePort, listening, running, type Record, type Under } from "./gateway_under_test.ts";
import { bytes, helloWith, message, padding, record, records, serverName, u16, u24, u8, vector16, vector8 } from "./hello_bytes.ts";

const test = suite("second hello");
const RETRY = Buffer.from("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c", "hex");
const NAME = "a.example";
const helloOf = (...names: readonly string[]): Buffer => record(helloWith(...(names.length === 0 ? [] : [serverName(...names)])));
const FIRST = helloOf(NAME);

/** A ServerHello with this random value. */
function serverHello(random: Buffer): Buffer {
  const content = bytes(u16(0x0303), random, vector8(Buffer.alloc(32, 7)), u16(0x1301), u8(0), vector16(Buffer.alloc(6)));
  return bytes(u8(2), u24(content.length), content);
}
const HELLO_RETRY = record(serverHello(RETRY));
const SERVER_HELLO = record(serverHello(Buffer.alloc(32, 5)));
const CHANGE = bytes(u8(20), u16(0x0303), vector16(u8(1)));
const early = (length: number): Buffer => bytes(u8(23), u16(0x0303), vector16(Buffer.alloc(length, 9)));
const ALERT = bytes(u8(21), u16(0x0303), vector16(bytes(u8(2), u8(40))));

/** Reads a server's stream by slices of the whole, without a look at the gateway's: the handshake bytes are put together first. */
function oracle(stream: Buffer): "more" | "hello" | "retry" {
  let handshake = Buffer.alloc(0);
  for (let rest = stream; ;) {
    const random = handshake.subarray(6, 38);
    if (handshake.length > 0 && handshake[0] !== 2) return "hello";
    if (!RETRY.subarray(0, random.length).equals(random)) return "hello";
    if (random.length === 32) return "retry";
    if (rest.length === 0) return "more";
    const [type, major] = rest;
    if (type !== 20 && type !== 21 && type !== 22) return "hello";
    if (major !== undefined && major !== 3) return "hello";
    if (rest.length < 5) return "more";
    const length = rest.readUInt16BE(3);
    if (length === 0 || length > 16384) return "hello";
    const content = rest.subarray(5, 5 + length);
    if (type === 22) handshake = Buffer.concat([handshake, content]);
    rest = rest.subarray(5 + length);
  }
}

function readAt(stream: Buffer, cuts: readonly number[]): string {
  const reader = createServerHelloReader();
  const edges = [0, ...cuts.filter((n) => n < stream.length).sort((a, b) => a - b), stream.length];
  let answer = "more";
  edges.slice(1).forEach((end, i) => {
    answer = reader.feed(stream.subarray(edges[i], end));
  });
  return answer;
}

test("a HelloRetryRequest is known, however it is cut", () => {
  const table: readonly (readonly [what: string, stream: Buffer, expected: string])[] = [
    ["a HelloRetryRequest", HELLO_RETRY, "retry"],
    ["a ServerHello", SERVER_HELLO, "hello"],
    ["in records of a byte", records(serverHello(RETRY), ...Array.from({ length: 60 }, (_, i) => i + 1)), "retry"],
    ["behind a warning", bytes(ALERT, HELLO_RETRY), "retry"],
    ["behind a change of cipher", bytes(CHANGE, HELLO_RETRY), "retry"],
    ["all but the last byte that counts", HELLO_RETRY.subarray(0, 5 + 37), "more"],
    ["up to the last byte that counts", HELLO_RETRY.subarray(0, 5 + 38), "retry"],
    ["the last byte is another", bytes(HELLO_RETRY.subarray(0, 5 + 37), u8(0)), "hello"],
    ["a client's hello", FIRST, "hello"],
    ["plain text", Buffer.from("HTTP/1.1"), "hello"],
    ["data", early(40), "hello"],
    ["nothing", Buffer.alloc(0), "more"],
    ["an empty record", bytes(u8(22), u16(0x0303), u16(0), HELLO_RETRY), "hello"],
    ["an alert alone", ALERT, "more"],
  ];
  for (const [what, stream, expected] of table) {
    assert.is(oracle(stream), expected, `${what}, the second reader`);
    assert.is(readAt(stream, []), expected, what);
    assert.is(
      readAt(
        stream,
        Array.from({ length: stream.length }, (_, i) => i),
      ),
      expected,
      `${what}, byte by byte`,
    );
    for (let at = 0; at <= Math.min(stream.length, 60); at++) assert.is(readAt(stream, [at]), expected, `${what}, cut at ${at}`);
  }
});

test("damaged, put together and cut at random, it is what a second reader reads", () => {
  const part = fc.constantFrom(
    HELLO_RETRY,
    SERVER_HELLO,
    ALERT,
    CHANGE,
    early(3),
    records(serverHello(RETRY), 1, 4, 20),
    HELLO_RETRY.subarray(0, 30),
    bytes("\x16\x03"),
  );
  const turned = fc.record({ at: fc.nat(90), to: fc.nat(255) });
  const counts = { more: 0, hello: 0, retry: 0 };
  fc.assert(
    fc.property(fc.array(part, { maxLength: 4 }), fc.array(turned, { maxLength: 2 }), fc.array(fc.nat(200), { maxLength: 6 }), (parts, turns, cuts) => {
      const stream = Buffer.concat(parts);
      for (const { at, to } of turns) if (at < stream.length) stream[at] = to;
      const expected = oracle(stream);
      counts[expected]++;
      assert.is(readAt(stream, cuts), expected, stream.toString("hex"));
    }),
    { numRuns: 4_000 },
  );
  assert.ok(counts.more > 100 && counts.hello > 100 && counts.retry > 100, JSON.stringify(counts));
});

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

const DATA = Buffer.from("anything at all");
const OTHER = helloOf("b.example");

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

const lastRecord = (gateway: Under): Record | undefined => gateway.records().at(-1);

test("another name in the second hello resets both sides, and the backend gets none of it", async () => {
  const got: Buffer[] = [];
  let ends = 0;
  let backend: Socket | null = null;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    backend = socket;
    socket.on("error", () => undefined);
    socket.on("end", () => ends++);
    socket.on("data", (chunk) => {
      if (got.push(chunk) === 1) socket.write(HELLO_RETRY);
    });
  });
  const port = await freePort();
  const gateway = await running({
    config: "[timers]\nhello_ms = 1000",
    policy: `edition 1\nexpose web on tcp ${port} as passthrough { backend 127.0.0.1:${await listening(server)} allow from any sni "${NAME}" }`,
  });
  const rows: readonly (readonly [what: string, second: Buffer, detail: string])[] = [
    ["another name", OTHER, "another_name"],
    ["half a hello", OTHER.subarray(0, -1), "late"],
    ["no hello", DATA, "record_type"],
  ];
  for (const [i, [what, second, detail]] of rows.entries()) {
    got.length = 0;
    const socket = connectPlain({ port, host: "127.0.0.1" });
    let isEnded = false;
    socket
      .on("error", () => undefined)
      .on("end", () => {
        isEnded = true;
      });
    socket.write(FIRST);
    await once(socket, "data");
    socket.write(second);
    if (detail === "late") {
      await eventually(() => gateway.daemon.forwarder.buffered(0) === second.length && countedFor(gateway, socket) === HELLO_RETRY.length, "it is kept");
      gateway.clock.advance(999);
      assert.is(gateway.daemon.forwarder.live, 1, "a millisecond is left");
      gateway.clock.advance(251);
    }
    await eventually(() => socket.closed, "the client's side");
    await eventually(() => backend?.destroyed === true && gateway.daemon.forwarder.live === 0, "the backend's side");
    assert.not(isEnded, what);
    assert.is(ends, 0, `${what}: a reset, not an end`);
    assert.ok(Buffer.concat(got).equals(FIRST), `${what}: the first hello alone`);
    const said = lastRecord(gateway);
    assert.equal([said?.op, said?.decision, said?.reason, said?.code, said?.detail, said?.sni], ["second_hello", "deny", "sni", "second_hello", detail, NAME]);
    assert.is(gateway.daemon.counters.ends.get("second_hello"), i + 1);
  }
  await gateway.stop();
  server.close();
});

test("real TLS that needs a second hello, with one name and with none", async () => {
  const site = authority("site root");
  const { pem, key } = leaf(site, { names: [dns(NAME)] });
  const server = createTlsServer({ cert: pem, key, ecdhCurve: "P-384", minVersion: "TLSv1.3" }, (socket) => {
    socket.on("error", () => undefined);
    socket.end(`you requested ${socket.servername || "nothing"}`);
  });
  const port = await freePort();
  const behind = await listening(server);
  const gateway = await running({ policy: `edition 1\nexpose web on tcp ${port} as passthrough { backend 127.0.0.1:${behind} allow from any }` });
  // The server has one curve: a client that guesses another gets a retry request.
  for (const [curves, hellos] of [
    ["P-256:P-384", 2],
    ["P-384", 1],
  ] as const) {
    for (const name of [NAME, ""]) {
      const socket = connectPlain({ port, host: "127.0.0.1" });
      const secured = connectTls({
        socket,
        ca: pem,
        ecdhCurve: curves,
        checkServerIdentity: () => undefined,
        rejectUnauthorized: false,
        ...(name !== "" && { servername: name }),
      });
      const said: readonly unknown[] = await once(secured, "data");
      assert.is(String(said[0]), `you requested ${name === "" ? "nothing" : name}`, `${hellos} hellos, ${name}`);
      secured.destroy();
    }
  }
  await eventually(() => gateway.daemon.forwarder.live === 0, "their ends");
  assert.is(gateway.daemon.counters.ends.get("second_hello"), undefined);
  await gateway.stop();
  server.close();
});

test.run();
