// The answer depends on the bytes alone: not on segments, not on records, and for every mutation
// it is the one of a second strict reader. The cost of a hello is linear.
import fc from "fast-check";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { BUFFERED_BYTES, HELLO_BYTES, HELLO_RECORDS, createHelloReader } from "../../gateway/tls/client_hello.ts";
import { atLength } from "../at_length.ts";
import { decidedByName, type DecidedByName } from "./decided_by_name.ts";
import {
  alpn,
  body,
  bytes,
  extension,
  helloWith,
  message,
  padding,
  record,
  recorded,
  records,
  serverName,
  u16,
  u24,
  u8,
  vector16,
  vector8,
} from "./hello_bytes.ts";
import { oracle } from "./hello_oracle.ts";

const test = suite("hello segments");

const small = record(
  helloWith(extension(0x0a0a, Buffer.alloc(0)), alpn("h2", "http/1.1"), serverName("www.example.com"), extension(43, Buffer.from([2, 3, 4]))),
);
const streams: readonly (readonly [name: string, stream: Buffer])[] = [
  ["small", small],
  ["in three records", records(small.subarray(5), 2, 70)],
  ["with early data", bytes(small, u8(20), u16(0x0303), vector16(u8(1)), u8(23), u16(0x0303), vector16(Buffer.alloc(40)))],
  ...recorded().map(({ name, stream }) => [name, stream] as const),
];

function feedAll(chunks: readonly Uint8Array[]): { answer: DecidedByName; kept: Buffer } {
  const reader = createHelloReader();
  let answer: DecidedByName = { kind: "more" };
  for (const chunk of chunks) answer = decidedByName(reader.feed(chunk));
  return { answer, kept: reader.bytes() };
}

const oneByOne = (stream: Buffer): Buffer[] => Array.from(stream.keys(), (i) => stream.subarray(i, i + 1));

/** The answer of a reader to the whole stream, compared with the second reader. */
function agrees(stream: Buffer, what: string): DecidedByName {
  const { answer } = feedAll([stream]);
  const second = oracle(stream);
  if (second === null) assert.is.not(answer.kind, "hello", what);
  else assert.equal(answer, { kind: "hello", hello: second }, what);
  return answer;
}

test("every cut in two segments, and byte by byte", () => {
  for (const [name, stream] of streams) {
    const whole = agrees(stream, name);
    assert.ok(whole.kind === "hello", name);
    for (let at = 0; at <= stream.length; at++) {
      const { answer, kept } = feedAll([stream.subarray(0, at), stream.subarray(at)]);
      assert.equal(answer, whole, `${name} cut at ${at}`);
      assert.ok(kept.equals(stream), `${name} cut at ${at}`);
    }
    const { answer, kept } = feedAll(oneByOne(stream));
    assert.equal(answer, whole, name);
    assert.ok(kept.equals(stream), name);
  }
});

test("every truncation needs more", () => {
  for (const [name, stream] of streams) {
    const whole = agrees(stream, name);
    assert.ok(whole.kind === "hello");
    const reader = createHelloReader();
    for (let at = 0; at < whole.hello.streamBytes; at++) {
      assert.equal(feedAll([stream.subarray(0, at)]).answer, { kind: "more" }, `${name} to ${at}`);
      assert.is(reader.feed(stream.subarray(at, at + 1)).kind === "more", at + 1 < whole.hello.streamBytes, `${name} at ${at}`);
    }
  }
});

test("every cut in two records", () => {
  for (const { name, stream } of recorded()) {
    const content = stream.subarray(5);
    const { answer: whole } = feedAll([stream]);
    assert.ok(whole.kind === "hello");
    for (let at = 1; at < content.length; at++) {
      const cut = records(content, at);
      assert.equal(feedAll([cut]).answer, { kind: "hello", hello: { ...whole.hello, streamBytes: stream.length + 5 } }, `${name} at ${at}`);
    }
  }
});

/** Lengths whose first bytes look like a count of the header bytes seen so far. */
test("a header cut between records says nothing before it is whole", () => {
  for (const length of [0x0200, 0x0300, 0x0301, 0x0303, 0x0400]) {
    const spare = helloWith(serverName("a.example"), padding(0)).length - 4;
    const hello = helloWith(serverName("a.example"), padding(length - spare));
    assert.equal(hello.subarray(1, 4), u24(length));
    for (const cuts of [[1], [2], [3], [4], [1, 2], [1, 3], [2, 3], [1, 2, 3, 4]]) {
      const { answer } = feedAll([records(hello, ...cuts)]);
      assert.ok(answer.kind === "hello" && answer.hello.serverName === "a.example", `${length} ${cuts.join()}`);
    }
  }
});

test("mutations of one byte are read as the second reader reads them", () => {
  const every = Array.from({ length: 256 }, (_, value) => () => value);
  // Zero, the other case, one up and one down.
  const some = [() => 0, (byte: number) => byte ^ 0x20, (byte: number) => byte + 1, (byte: number) => byte - 1];
  for (const [name, stream] of streams) {
    const mutant = Buffer.from(stream);
    for (const [at, byte] of stream.entries()) {
      if (at % atLength(1, 4) !== 0) continue;
      for (const change of name === "small" ? every : some) {
        mutant[at] = change(byte);
        agrees(mutant, `${name}: byte ${at} is ${mutant[at]}`);
      }
      mutant[at] = byte;
    }
  }
});

test("a byte taken out or put in", () => {
  for (const at of small.keys()) {
    agrees(bytes(small.subarray(0, at), small.subarray(at + 1)), `without byte ${at}`);
    for (const value of [0, 1, 0xff]) agrees(bytes(small.subarray(0, at), u8(value), small.subarray(at)), `${value} before byte ${at}`);
  }
});

test("any bytes, with a likely start or without", () => {
  const tail = fc.uint8Array({ maxLength: 300 }).map((a) => Buffer.from(a));
  const starts = [Buffer.alloc(0), bytes("\x16\x03\x01"), bytes("\x16\x03\x01\x00\x40\x01\x00\x00\x3c\x03\x03"), small.subarray(0, 80)];
  fc.assert(
    fc.property(fc.constantFrom(...starts), tail, fc.nat(300), (start, rest, at) => {
      const stream = bytes(start, rest);
      const whole = agrees(stream, stream.toString("hex"));
      // A fault in the first segment is the answer, whatever follows.
      assert.equal(feedAll([stream.subarray(0, at), stream.subarray(at)]).answer, whole);
      assert.equal(feedAll(oneByOne(stream)).answer, whole);
    }),
    { numRuns: 800 },
  );
});

test("built hellos, in any records and any segments", () => {
  const label = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9-]{0,20}$/);
  const name = fc.option(
    fc.array(label, { minLength: 1, maxLength: 5 }).map((l) => l.join(".")),
    { nil: null },
  );
  const protocols = fc.array(fc.stringMatching(/^[ -~]{1,12}$/), { maxLength: 4 });
  const others = fc.uniqueArray(fc.tuple(fc.integer({ min: 17, max: 0xffff }), fc.nat(40)), { selector: ([type]) => type, maxLength: 6 });
  const cuts = fc.array(fc.nat(400), { maxLength: 8 });
  const input = fc.record({ name, protocols, others, session: fc.nat(32), records: cuts, segments: cuts, tail: fc.uint8Array({ maxLength: 30 }) });
  fc.assert(
    fc.property(input, (given) => {
      const list = [
        ...given.others.map(([type, length]) => extension(type, Buffer.alloc(length, type))),
        ...(given.protocols.length > 0 ? [alpn(...given.protocols)] : []),
        ...(given.name === null ? [] : [serverName(given.name)]),
      ];
      const content = message(body({ session: vector8(Buffer.alloc(given.session)), extensions: vector16(bytes(...list)) }));
      const inside = (list: readonly number[], end: number): number[] => [...new Set(list)].filter((n) => n > 0 && n < end).sort((a, b) => a - b);
      const hello = records(content, ...inside(given.records, content.length));
      const stream = bytes(hello, Buffer.from(given.tail));
      const edges = [0, ...inside(given.segments, stream.length), stream.length];
      const { answer, kept } = feedAll(edges.slice(1).map((end, i) => stream.subarray(edges[i], end)));
      assert.equal(answer, {
        kind: "hello",
        hello: { serverName: given.name?.toLowerCase() ?? null, alpn: given.protocols, streamBytes: hello.length },
      });
      assert.equal(kept, stream);
    }),
    { numRuns: 300 },
  );
});

/** Runs `work` and counts the bytes that it has Buffer allocate and the fields that it reads. */
function counted(work: () => void): { readonly allocated: number; readonly fields: number; readonly types: number } {
  const count = { allocated: 0, fields: 0, types: 0 };
  const every = Buffer.prototype as Buffer;
  const { alloc, allocUnsafe, allocUnsafeSlow, concat } = Buffer;
  const { readUIntBE, readUInt8 } = every;
  const size = (n: number): number => {
    count.allocated += n;
    return n;
  };
  try {
    Buffer.alloc = (n: number) => alloc(size(n));
    Buffer.allocUnsafe = (n: number) => allocUnsafe(size(n));
    Buffer.allocUnsafeSlow = (n: number) => allocUnsafeSlow(size(n));
    Buffer.concat = (list) => {
      size(list.reduce((n, part) => n + part.length, 0));
      return concat.call(Buffer, list);
    };
    every.readUIntBE = function (at: number, width: number) {
      count.fields++;
      return readUIntBE.call(this, at, width);
    };
    every.readUInt8 = function (at?: number) {
      count.types++;
      return readUInt8.call(this, at);
    };
    work();
  } finally {
    Object.assign(Buffer, { alloc, allocUnsafe, allocUnsafeSlow, concat });
    Object.assign(every, { readUIntBE, readUInt8 });
  }
  return count;
}

test("the costliest hello, byte by byte, is read once", () => {
  // As many empty extensions as fit, in as many records as are allowed.
  const many = Array.from({ length: 4000 }, (_, i) => extension(17 + i, Buffer.alloc(0)));
  const rest = HELLO_BYTES - helloWith(...many, padding(0), serverName("a.example")).length;
  const hello = helloWith(...many.filter((_, i) => i !== 4), padding(rest + 4), serverName("a.example"));
  assert.is(hello.length, HELLO_BYTES);
  const stream = records(hello, ...Array.from({ length: HELLO_RECORDS - 1 }, (_, i) => (i + 1) * 256));
  assert.is(stream.length, BUFFERED_BYTES);
  const chunks = oneByOne(stream);
  const reader = createHelloReader();
  let last: DecidedByName = { kind: "more" };
  const cost = counted(() => {
    for (const chunk of chunks) last = decidedByName(reader.feed(chunk));
  });
  assert.equal(last, { kind: "hello", hello: { serverName: "a.example", alpn: [], streamBytes: BUFFERED_BYTES } });
  assert.ok(cost.allocated > BUFFERED_BYTES && cost.allocated < 6 * BUFFERED_BYTES, `${cost.allocated} bytes`);
  // A type and a length for each extension, and the few fields around them.
  assert.ok(cost.fields > 8000 && cost.fields < 8020, `${cost.fields} fields`);
  // The first bytes of a record's header are looked at once for each of its five bytes.
  assert.ok(cost.types > 0 && cost.types <= 2 * 5 * HELLO_RECORDS, `${cost.types} record types`);
});

test("a hello in one record is read in place, whatever its segments are", () => {
  const chunks = oneByOne(small);
  const reader = createHelloReader();
  const cost = counted(() => chunks.forEach((chunk) => reader.feed(chunk)));
  assert.is(cost.allocated, 512);
});

test("announced lengths allocate nothing", () => {
  const reader = createHelloReader();
  const start = bytes(u8(22), u16(0x0301), u16(1 << 14), u8(1), u24(HELLO_BYTES - 4), u16(0x0303), Buffer.alloc(32), vector8(Buffer.alloc(0)), u16(0xfffe));
  const cost = counted(() => assert.is(reader.feed(start).kind, "more"));
  assert.ok(cost.allocated > 0 && cost.allocated <= 1024, `${cost.allocated} bytes`);
});

test("a reader that has not answered keeps no more than its bound", () => {
  // 64 full records are impossible, because the hello's first four bytes have its length.
  const hello = helloWith(padding(HELLO_BYTES - helloWith(padding(0)).length));
  const stream = records(hello, ...Array.from({ length: HELLO_RECORDS - 1 }, (_, i) => i + 1));
  assert.is(stream.length, BUFFERED_BYTES);
  const reader = createHelloReader();
  assert.is(reader.feed(stream.subarray(0, -1)).kind, "more");
  assert.is(reader.bytes().length, BUFFERED_BYTES - 1);
  assert.is(reader.feed(stream.subarray(-1)).kind, "hello");
});

test.run();
