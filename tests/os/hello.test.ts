// The image's parser of the ClientHello: recorded hellos of real clients in segments of any size, the bounds, and the
// same answer as the gateway's parser for hellos that are damaged in many ways.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createHelloReader } from "../../gateway/tls/client_hello.ts";
import * as n from "../../runtime/os/net/layout.ts";
import { client } from "../../scripts/os/client.ts";
import { chance } from "../oracle/random.ts";
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
  u8,
  vector16,
  vector8,
} from "../gateway/hello_bytes.ts";
import { nodeMachine } from "./node_machine.ts";
import { PEER } from "./plain.ts";

const test = suite("hellos of the image");
const PORT = 8_443;
const POLICY = `edition 1
expose web on tcp ${PORT} as passthrough {
  cap 100 connections
  allow named site from any sni "**"
  deny named retired sni "old.example.com"
}
`;
const SEGMENT = 1_400;

const machine = nodeMachine({ policy: POLICY });
let port = 1_000;

/** The name that the machine checked for a stream sent in pieces of `cut` bytes, and the answer. */
async function answerOf(stream: Buffer, cut = SEGMENT): Promise<string> {
  port = port === 60_000 ? 1_000 : port + 1;
  const c = client(machine, PEER, port, PORT);
  if (!(await c.open())) throw new Error("no connection");
  machine.requests.length = 0;
  for (let at = 0; at < stream.length && !c.isReset; at += cut) await c.say(stream.subarray(at, at + cut));
  if (!c.isReset) await c.finish();
  const request = machine.requests.find((q) => q.startsWith("hello "));
  if (!c.isReset) await c.reset();
  return (request ?? "nothing").replace(/^hello /, "");
}

/** The same with the gateway's parser. */
function gateway(stream: Buffer): string {
  const reader = createHelloReader();
  const first = reader.feed(stream);
  const answer = first.kind === "more" ? reader.end() : first;
  if (answer.kind !== "hello" || answer.hello.nameFault !== null) return "unreadable 0";
  return `${answer.hello.serverName} ${answer.hello.serverName === null || answer.hello.serverName === "old.example.com" ? 0 : 1}`;
}

test("recorded hellos of real clients are parsed", async () => {
  const all = recorded();
  assert.ok(all.length >= 6);
  for (const { name, stream } of all) assert.is(await answerOf(stream), "www.example.com 1", name);
});

test("the answer does not depend on how the stream is split into segments", async () => {
  for (const { name, stream } of recorded()) {
    for (const cut of [1, 2, 5, 6, 9, 255, 536]) assert.is(await answerOf(stream, cut), "www.example.com 1", `${name} in pieces of ${cut}`);
  }
});

test("no byte reaches the service before the name is admitted, and then all bytes do", async () => {
  const [first] = recorded();
  if (first === undefined) throw new Error("no recorded hello");
  const c = client(machine, PEER, 61_000, PORT);
  await c.open();
  const half = first.stream.length >> 1;
  await c.say(first.stream.subarray(0, half));
  assert.is(machine.served.size, 0);
  await c.say(Buffer.concat([first.stream.subarray(half), Buffer.from("early")]));
  const [s] = machine.served.values();
  assert.equal(Buffer.concat(s?.received ?? []), Buffer.concat([first.stream, Buffer.from("early")]));
  await c.reset();
});

test("bytes that can't start a hello are refused at once, not at the timeout", async () => {
  const sni = serverName("a.example.com");
  const rows: readonly (readonly [name: string, stream: Buffer])[] = [
    ["HTTP", Buffer.from("G")],
    ["SSL 2", Buffer.from("802e01", "hex")],
    ["another version of records", Buffer.from("1602", "hex")],
    ["an alert", Buffer.from("15", "hex")],
    ["an empty record", Buffer.from("1603010000", "hex")],
    ["a record above 2^14", Buffer.from("1603014001", "hex")],
    ["a server's hello", Buffer.from("160301002002", "hex")],
    ["a byte behind the message in its record", record(bytes(helloWith(sni), u8(0)))],
    ["a message above the ring", Buffer.from("160301010001001000", "hex")],
    ["two names", record(helloWith(serverName("a.b", "c.d")))],
  ];
  for (const [i, [name, stream]] of rows.entries()) {
    const c = client(machine, PEER, 62_000 + i, PORT);
    await c.open();
    await c.say(stream);
    assert.ok(c.isReset, name);
  }
});

/** A hello of exactly `length` bytes on the wire. */
function sized(length: number): Buffer {
  const around = record(helloWith(serverName("a.example.com"), padding(0))).length;
  return record(helloWith(serverName("a.example.com"), padding(length - around)));
}

test("a hello of 4,096 bytes is accepted, and one of 4,097 bytes is refused", async () => {
  assert.is(sized(n.RING_BYTES).length, 4_096);
  assert.is(await answerOf(sized(n.RING_BYTES)), "a.example.com 1");
  assert.is(await answerOf(sized(n.RING_BYTES + 1)), "unreadable 0");
});

test("a hello in 64 records is accepted, and one in 65 records is refused", async () => {
  const content = helloWith(serverName("a.example.com"));
  const cuts = (count: number): readonly number[] => Array.from({ length: count - 1 }, (_, i) => i + 1);
  assert.is(await answerOf(records(content, ...cuts(64))), "a.example.com 1");
  assert.is(await answerOf(records(content, ...cuts(65))), "unreadable 0");
});

test("the hello times out after 5 s, and not one millisecond earlier", async () => {
  const late = nodeMachine({ policy: POLICY });
  const c = client(late, PEER, 1_000, PORT);
  await c.open();
  await late.advance(n.HELLO_MS - 1);
  assert.is(late.connections(), 1);
  await late.advance(1);
  assert.equal([late.connections(), late.requests.at(-1), late.engine.connections(0)], [0, "hello unreadable 0", 0]);
});

test("names in every form are read as by the gateway", async () => {
  const label = "a".repeat(63);
  const longest = `${label}.${label}.${label}.${"a".repeat(61)}`;
  const names = [
    "www.example.com",
    "WWW.Example.COM",
    "www.example.com.",
    "www.example.com..",
    "old.example.com",
    "OLD.EXAMPLE.COM.",
    ".",
    "",
    "a",
    "a.",
    ".a",
    "a..b",
    "xn--bcher-kva.example",
    "a_b.c-d",
    label,
    `${label}a`,
    longest,
    `${longest}.`,
    `${longest}a`,
    "127.0.0.1",
    "127.1",
    "1",
    "0x7f",
    "0x",
    "0x7g",
    "a.0xff",
    "a.1",
    "1.a",
    "a.1.",
    "::1",
    "[::1]",
    "*.example.com",
    "a b",
    "a\0b",
    "a/b",
    "\u00e9.com",
    "[a",
    "a`b",
    "a{b",
    "A@b",
  ];
  for (const name of names) {
    const stream = record(helloWith(serverName(name)));
    assert.is(await answerOf(stream), gateway(stream), JSON.stringify(name));
  }
});

test("bodies with one error are read as by the gateway", async () => {
  const sni = serverName("a.example.com");
  const contents = [
    message(body()),
    message(body({ extensions: vector16(Buffer.alloc(0)) })),
    message(body({ version: u16(0x0200), extensions: vector16(sni) })),
    message(body({ version: u16(0x03ff), extensions: vector16(sni) })),
    message(body({ session: vector8(Buffer.alloc(33)), extensions: vector16(sni) })),
    message(body({ suites: vector16(Buffer.alloc(0)) })),
    message(body({ suites: vector16(Buffer.alloc(3)) })),
    message(body({ compression: vector8(Buffer.alloc(0)) })),
    message(bytes(body({ extensions: vector16(sni) }), u8(0))),
    message(body({ extensions: bytes(u16(sni.length + 1), sni) })),
    message(body({ extensions: bytes(u16(sni.length - 1), sni) })),
    helloWith(sni, sni),
    helloWith(sni, extension(64, Buffer.alloc(1)), extension(128, Buffer.alloc(1))),
    helloWith(extension(64, Buffer.alloc(0)), sni, extension(64, Buffer.alloc(0))),
    helloWith(extension(0, Buffer.alloc(0))),
    helloWith(extension(0, vector16(Buffer.alloc(0)))),
    helloWith(serverName("a.example.com", "b.example.com")),
    helloWith(extension(0, vector16(bytes(u8(1), vector16(bytes("a.b")))))),
    helloWith(extension(0, bytes(vector16(bytes(u8(0), vector16(bytes("a.b")))), u8(0)))),
    helloWith(alpn("h2", "http/1.1"), sni),
    helloWith(extension(16, vector16(Buffer.alloc(0)))),
    helloWith(alpn("")),
    helloWith(alpn("h2", "")),
    helloWith(extension(16, bytes(vector16(vector8(bytes("h2"))), u8(0)))),
    helloWith(extension(16, vector16(bytes(u8(9), "h2")))),
    helloWith(sni, extension(1, Buffer.alloc(0)), extension(2, Buffer.alloc(0))),
  ];
  for (const [i, content] of contents.entries()) assert.is(await answerOf(record(content)), gateway(record(content)), `content ${i}`);
});

test("five thousand damaged hellos are read as by the gateway", async () => {
  const r = chance(8_443);
  const seeds = [
    ...recorded().map(({ stream }) => stream),
    record(helloWith(serverName("a.example.com"), alpn("h2"), extension(43, Buffer.alloc(3)))),
    records(helloWith(alpn("x"), serverName("b.example.com")), 3, 40, 90),
  ];
  let readable = 0;
  for (let i = 0; i < 5_000; i++) {
    let stream = Buffer.from(r.pick(seeds));
    for (let times = r.below(4); times > 0; times--) {
      const at = r.below(r.oneIn(2) ? Math.min(stream.length, 160) : stream.length);
      const kind = r.below(4);
      if (kind === 0) stream[at] = r.below(256);
      else if (kind === 1) stream[at] = (stream[at] ?? 0) + (r.oneIn(2) ? 1 : -1);
      else if (kind === 2) stream = Buffer.concat([stream.subarray(0, at), Buffer.alloc(r.below(4), r.below(256)), stream.subarray(at)]);
      else stream = Buffer.concat([stream.subarray(0, at), stream.subarray(at + r.below(4))]);
    }
    if (r.oneIn(8)) stream = stream.subarray(0, r.below(stream.length));
    if (r.oneIn(8)) stream = Buffer.concat([stream, Buffer.alloc(r.below(30), r.pick([0, 20, 22, 23]))]);
    if (stream.length === 0) continue;
    const due = gateway(stream);
    if (due !== "unreadable 0") readable++;
    assert.is(await answerOf(stream), due, `hello ${i}: ${stream.toString("hex")}`);
  }
  assert.ok(readable > 1_000 && readable < 4_500, `${readable} readable`);
});

test.run();
