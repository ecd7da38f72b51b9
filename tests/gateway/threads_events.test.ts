// The main thread reads a worker's record only if it is about a row that the worker has, in this generation, and that waits for
// it; and a worker that reads nothing for 10 s is found, not a millisecond earlier.
import * as assert from "uvu/assert";
import type { TransportEvents } from "../../gateway/connection/transport.ts";
import * as m from "../../gateway/threads/messages.ts";
import { newRing, RingReader, RingWriter, type Message } from "../../gateway/threads/ring.ts";
import { LOOK_MS, STALL_MS, watchForStalls } from "../../gateway/threads/stalls.ts";
import { ThreadEvents } from "../../gateway/threads/thread_events.ts";
import { ThreadedRows, WAITS_CONNECTED, WAITS_DROPPED, WAITS_ENDED, WAITS_FAILED, WAITS_HANDSHAKE, WAITS_HELLO } from "../../gateway/threads/threaded_rows.ts";
import { suite } from "../suite.ts";
import { manualClock } from "./gateway_under_test.ts";

const test = suite("threads' events");
const ROW = 4;
const THREAD = 1;

function world(thrown: string | null = null) {
  const seen: string[] = [];
  const note = (text: string): void => {
    seen.push(text);
    if (text.split(" ")[0] === thrown) throw new Error("a bug");
  };
  const events: TransportEvents = {
    accepted: () => -1,
    clientBytes: (row, chunk) => {
      note(`bytes ${row} ${chunk.length}`);
      return 0;
    },
    clientEnded: (row) => note(`clientEnded ${row}`),
    clientGone: (row) => note(`clientGone ${row}`),
    handshaken: (row, outcome) => note(`handshaken ${row} ${"denial" in outcome ? outcome.denial.code : "done"}`),
    connected: (row) => note(`connected ${row}`),
    connectFailed: (row, failure) => note(`failed ${row} ${failure}`),
    fromClient: (row, bytes) => note(`in ${row} ${bytes}`),
    fromBackend: (row, bytes) => note(`out ${row} ${bytes}`),
    secondHello: (row, fault) => note(`hello ${row} ${fault}`),
    ended: (row, reset) => note(`ended ${row} ${reset}`),
    dropped: (row) => note(`dropped ${row}`),
    faulted: (row, detail) => seen.push(`faulted ${row} ${detail}`),
  };
  const rows = new ThreadedRows();
  rows.begin(ROW, 9);
  rows.give(ROW, THREAD);
  const reader = new ThreadEvents({
    rows,
    events,
    lateHellos: { due: (row) => note(`due ${row}`), over: () => undefined },
    lacked: () => note("lacked"),
    looked: (row, hasClosed) => note(`looked ${row} ${hasClosed}`),
    gone: (thread) => note(`gone ${thread}`),
  });
  const take = (kind: number, more: Partial<Message> = {}, thread = THREAD): void =>
    reader.take(thread, { kind, row: ROW, generation: rows.generation(ROW), a: 0, b: 0, c: 0, payload: null, ...more });
  return { seen, rows, take };
}

const RECORDS: readonly (readonly [kind: number, waits: number, more: Partial<Message>, seen: readonly string[]])[] = [
  [m.HELLO, WAITS_HELLO, { payload: Buffer.alloc(3) }, ["bytes 4 3"]],
  [m.HELLO, WAITS_HELLO, { a: m.CLIENT_ENDED }, ["clientEnded 4"]],
  [m.HELLO, WAITS_HELLO, { a: m.CLIENT_GONE }, ["clientGone 4"]],
  [m.HANDSHAKEN, WAITS_HANDSHAKE, {}, ["handshaken 4 done"]],
  [m.HANDSHAKEN, WAITS_HANDSHAKE, { a: 65_000 }, ["handshaken 4 tls_failed"]],
  [m.CONNECTED, WAITS_CONNECTED, { a: 7, b: 8 }, ["connected 4"]],
  [m.CONNECT_FAILED, WAITS_FAILED, { a: 99 }, ["failed 4 refused"]],
  [m.BYTES, WAITS_ENDED, { a: 5, b: -1 }, ["in 4 5", "out 4 4294967295"]],
  [m.SECOND_HELLO, WAITS_ENDED, { a: 99 }, ["hello 4 another_name"]],
  [m.HELLO_DUE, WAITS_ENDED, {}, ["due 4"]],
  [m.ENDED, WAITS_ENDED, { a: 1, c: m.BY_BACKEND }, ["in 4 1", "gone 1", "ended 4 backend"]],
];

test("a record is read where the row waits for it, and an unknown number in it refuses", () => {
  for (const [kind, waits, more, seen] of RECORDS) {
    const w = world();
    w.rows.await(ROW, waits);
    w.take(kind, more);
    assert.equal(w.seen, seen, String(kind));
  }
});

test("what is reported of a dial that was given up is not taken for the next one", () => {
  for (const [kind, waits, more, seen] of RECORDS.filter(([kind]) => kind === m.CONNECTED || kind === m.CONNECT_FAILED)) {
    const w = world();
    assert.equal([w.rows.nextDial(ROW), w.rows.nextDial(ROW)], [1, 2]);
    w.rows.await(ROW, waits);
    for (const c of [0, 1, 3]) w.take(kind, { ...more, c });
    assert.equal(w.seen, [], String(kind));
    w.take(kind, { ...more, c: 2 });
    assert.equal(w.seen, seen, String(kind));
    w.rows.begin(ROW, 9);
    assert.is(w.rows.dial(ROW), 0);
  }
});

test("a record of an old generation, of another thread, of another row, that nothing waits for, or after a drop is not read", () => {
  for (const [kind, waits, more] of RECORDS) {
    const w = world();
    w.take(kind, more);
    w.rows.await(ROW, waits);
    w.take(kind, { ...more, generation: w.rows.generation(ROW) - 1 });
    w.take(kind, { ...more, generation: w.rows.generation(ROW) + 1 });
    w.take(kind, more, THREAD - 1);
    w.take(kind, { ...more, row: ROW + 1 });
    w.take(kind, { ...more, row: 1 << 30 });
    w.rows.await(ROW, WAITS_DROPPED);
    w.take(kind, more);
    assert.equal(w.seen, [], String(kind));
  }
});

test("what is said once is heard once: a second end, handshake or connection is not read", () => {
  for (const [kind, waits, more, seen] of RECORDS.filter(([kind]) => [m.HANDSHAKEN, m.CONNECTED, m.CONNECT_FAILED, m.ENDED].includes(kind))) {
    const w = world();
    w.rows.await(ROW, waits);
    w.take(kind, more);
    w.take(kind, more);
    assert.equal(w.seen, seen, String(kind));
  }
});

test("an exception at one record ends that row alone, and the next record is read", () => {
  const w = world("bytes");
  w.rows.await(ROW, WAITS_HELLO);
  w.take(m.HELLO, { payload: Buffer.alloc(1) });
  assert.equal(w.seen, ["bytes 4 1", "faulted 4 a bug"]);
  w.rows.await(ROW, WAITS_DROPPED);
  w.take(m.DROPPED);
  assert.equal(w.seen.slice(2), ["gone 1", "dropped 4"]);
});

interface Watch {
  readonly clock: ReturnType<typeof manualClock>;
  readonly stalled: number[];
  readonly readers: readonly RingReader[];
  look(times: number): void;
}

function watch(): Watch {
  const clock = manualClock();
  const stalled: number[] = [];
  const memories = [newRing(), newRing()];
  watchForStalls({ commands: memories.map((one) => new RingWriter(one, () => undefined)), clock, stalled: (thread) => stalled.push(thread) });
  return {
    clock,
    stalled,
    readers: memories.map((one) => new RingReader(one, () => undefined)),
    look(times) {
      for (let i = 0; i < times; i++) clock.advance(LOOK_MS);
    },
  };
}

const readAll = (reader: RingReader | undefined): number => reader?.read(1_000, () => undefined) ?? 0;

test("a worker that reads nothing for 10 s is found, and the other one that reads is not", () => {
  const w = watch();
  // The first look writes what is then not read.
  for (let i = 0; i < STALL_MS / LOOK_MS; i++) {
    w.look(1);
    readAll(w.readers[0]);
  }
  assert.equal(w.stalled, [], "10 s are not over");
  w.look(1);
  assert.equal(w.stalled, [1]);
});

test("a worker that reads one record in time is not found, however many are behind it", () => {
  const w = watch();
  for (let i = 0; i < 5; i++) {
    w.look(STALL_MS / LOOK_MS);
    for (const reader of w.readers) reader.read(1, () => undefined);
  }
  assert.equal(w.stalled, []);
});

test("a machine that slept for an hour has one look more, and nobody is found", () => {
  const w = watch();
  w.look(3);
  const { monoMs } = w.clock;
  w.clock.monoMs = () => monoMs() + 3_600_000;
  w.look(1);
  assert.equal(w.stalled, []);
  for (const reader of w.readers) assert.ok(readAll(reader) > 0);
});

test.run();
