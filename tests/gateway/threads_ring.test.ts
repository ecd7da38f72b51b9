// The queue of records between two threads loses nothing, keeps its order and reads nothing twice.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { MOST_PAYLOAD, newRing, RingReader, RingWriter, type Message } from "../../gateway/threads/ring.ts";

const test = suite("ring of two threads");

/** Of the room of small rings, in bytes; a record without payload has 32. */
const SMALL = 256;
const RECORD = 32;
const CONTROL_BYTES = 64;
/** Of the test with two threads. */
const COUNT = 20_000;

const urlOf = (path: string): string => pathToFileURL(resolve(path)).href;

function pair(bytes?: number) {
  const memory = newRing(bytes);
  const woken = { reader: 0, writer: 0 };
  const writer = new RingWriter(memory, () => woken.reader++);
  const reader = new RingReader(memory, () => woken.writer++);
  const all = (most = 1000): Message[] => {
    const got: Message[] = [];
    reader.read(most, (message) => got.push(message));
    return got;
  };
  return { memory, woken, writer, reader, all };
}

test("a record comes out as it went in, with numbers of both signs and a payload of any length", () => {
  const { writer, all } = pair();
  writer.write(1, 2, -3, 4, -5, 2 ** 31 - 1);
  for (const length of [0, 1, 3, 4, 5, 31, 32, 33, 4096, MOST_PAYLOAD]) writer.write(9, -1, length, 0, 0, 0, Buffer.alloc(length, length & 255));
  const [first, ...others] = all();
  assert.equal(first, { kind: 1, row: 2, generation: -3, a: 4, b: -5, c: 2 ** 31 - 1, payload: null });
  for (const { row, generation, payload } of others) assert.equal([row, payload], [-1, Buffer.alloc(generation, generation & 255)]);
  assert.is(others.length, 10);
  assert.equal(all(), []);
});

test("a payload is the reader's own", () => {
  const { memory, writer, all } = pair();
  writer.write(1, 1, 1, 0, 0, 0, Buffer.from("text"));
  const [message] = all();
  new Uint8Array(memory).fill(0xff);
  assert.is(message?.payload?.toString(), "text");
});

test("the largest payload goes, and one byte more is refused, and the ring is as it was", () => {
  const { writer, all } = pair();
  assert.throws(() => writer.write(1, 1, 1, 0, 0, 0, Buffer.alloc(MOST_PAYLOAD + 1)), /too large/);
  writer.write(2, 2, 2, 0, 0, 0, Buffer.alloc(MOST_PAYLOAD));
  assert.equal(
    all().map(({ kind }) => kind),
    [2],
  );
});

test("a ring takes as many records as there is room for; one more is kept, and comes behind them", () => {
  const { writer, all } = pair(SMALL);
  for (let i = 0; i < SMALL / RECORD; i++) writer.write(1, i, 1);
  assert.is(writer.kept, 0);
  writer.write(1, 8, 1);
  writer.write(1, 9, 1);
  assert.is(writer.kept, 2);
  assert.equal(
    all().map(({ row }) => row),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
  assert.equal(all(), [], "what is kept is not there before it was written");
  writer.flush();
  assert.is(writer.kept, 0);
  assert.equal(
    all().map(({ row }) => row),
    [8, 9],
  );
});

test("what is kept goes first, also where there is room for a smaller record behind it", () => {
  const { writer, all } = pair(SMALL);
  for (let i = 0; i < 7; i++) writer.write(1, i, 1);
  writer.write(1, 7, 1, 0, 0, 0, Buffer.alloc(8));
  writer.write(1, 8, 1);
  assert.is(writer.kept, 2);
  all();
  writer.flush();
  assert.equal(
    all().map(({ row }) => row),
    [7, 8],
  );
});

test("records of every size go round the end of the memory", () => {
  const { writer, all } = pair(SMALL);
  const wrote: number[] = [];
  const read: number[] = [];
  for (let i = 0; i < 5000; i++) {
    const length = (i * 7) % 60;
    writer.write(i & 31, i, 1, 0, 0, 0, Buffer.alloc(length, i & 255));
    wrote.push(length);
    if (i % 3 !== 0) continue;
    for (let more = true; more;) {
      const got = all();
      for (const { row, payload } of got) {
        assert.equal(payload, Buffer.alloc((row * 7) % 60, row & 255));
        assert.is(row, read.length);
        read.push(payload?.length ?? -1);
      }
      writer.flush();
      more = got.length > 0;
    }
  }
  assert.equal(read, wrote.slice(0, read.length));
  assert.ok(wrote.length - read.length < 3);
});

test("a reader takes at most as many as it is allowed, and the rest the next time", () => {
  const { writer, all } = pair();
  for (let i = 0; i < 5; i++) writer.write(1, i, 1);
  assert.is(all(2).length, 2);
  assert.equal(
    all(9).map(({ row }) => row),
    [2, 3, 4],
  );
});

test("a reader that sleeps is woken once, one that is awake never, and nobody without something new", () => {
  const { writer, reader, woken, all } = pair();
  writer.write(1, 1, 1);
  writer.wake();
  assert.is(woken.reader, 0, "it did not sleep");
  assert.not(reader.sleeps(), "there is something to read");
  all();
  assert.ok(reader.sleeps());
  writer.wake();
  assert.is(woken.reader, 0, "there is nothing new");
  writer.write(1, 2, 1);
  writer.write(1, 3, 1);
  writer.wake();
  writer.wake();
  assert.is(woken.reader, 1);
});

test("a writer that keeps records is woken when there is room, and no other", () => {
  const { writer, woken, all } = pair(SMALL);
  writer.write(1, 0, 1);
  all();
  assert.is(woken.writer, 0);
  for (let i = 0; i < 9; i++) writer.write(1, i, 1);
  all(1);
  assert.is(woken.writer, 1);
  writer.flush();
  assert.is(writer.kept, 0);
  all();
  assert.is(woken.writer, 1);
});

test("memory in which no record is throws, and gives nothing", () => {
  for (const spoil of [
    (words: Int32Array) => (words[0] = 3),
    (words: Int32Array) => (words[0] = 900),
    (words: Int32Array) => (words[0] = -8),
    (words: Int32Array) => (words[7] = 2 ** 30),
  ]) {
    const { memory, writer, all } = pair(SMALL);
    writer.write(1, 1, 1);
    spoil(new Int32Array(memory, CONTROL_BYTES));
    assert.throws(() => all(), /no record/);
  }
});

test("two threads lose nothing at a small ring", async () => {
  const [there, back] = [newRing(SMALL), newRing(SMALL)];
  const worker = new Worker(
    `const { workerData } = require("node:worker_threads");
     import(workerData.register).then(() => import(workerData.ring)).then(({ RingReader, RingWriter }) => {
       const reader = new RingReader(workerData.there, () => 0);
       const writer = new RingWriter(workerData.back, () => 0);
       for (let done = 0; done < workerData.count || writer.kept > 0;) {
         reader.read(5, ({ row, payload }) => { writer.write(1, row, 1, 0, 0, 0, payload); done++; });
         writer.flush();
       }
     });`,
    {
      eval: true,
      execArgv: [],
      workerData: { there, back, count: COUNT, register: urlOf("runtime/host/register.mjs"), ring: urlOf("gateway/threads/ring.ts") },
    },
  );
  const failed = new Promise<never>((_, reject) => worker.once("error", reject));
  const writer = new RingWriter(there, () => undefined);
  const reader = new RingReader(back, () => undefined);
  let next = 0;
  let sent = 0;
  const run = async (): Promise<void> => {
    while (next < COUNT) {
      for (let i = 0; i < 50 && sent < COUNT && writer.kept < 100; i++, sent++) writer.write(1, sent, 1, 0, 0, 0, Buffer.from(String(sent)));
      writer.flush();
      reader.read(50, ({ row, payload }) => {
        assert.is(row, next++);
        assert.is(payload?.toString(), String(row));
      });
      await new Promise((done) => setImmediate(done));
    }
  };
  await Promise.race([run(), failed]);
  await worker.terminate();
});

test.run();
