// How the first message of a backend is read: whether it is a HelloRetryRequest, however its bytes are cut.
import fc from "fast-check";
import * as assert from "uvu/assert";
import { createServerHelloReader } from "../../gateway/tls/server_hello.ts";
import { suite } from "../suite.ts";
import { bytes, records, u16, u8 } from "./hello_bytes.ts";
import { ALERT, CHANGE, early, FIRST, HELLO_RETRY, RETRY, SERVER_HELLO, serverHello } from "./second_hello_bytes.ts";

const test = suite("server hello");

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

test.run();
