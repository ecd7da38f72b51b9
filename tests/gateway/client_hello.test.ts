// Hand-built hellos: what is read from good ones, and the one word for each thing that is wrong.
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { HELLO_BYTES, HELLO_RECORDS, RECORD_BYTES, createHelloReader } from "../../gateway/tls/client_hello.ts";
import { SESSION_ID_BYTES } from "../../gateway/tls/hello_body.ts";
import { HELLO_FAULTS, type HelloFault } from "../../gateway/tls/hello_faults.ts";
import { LABEL_BYTES, NAME_BYTES } from "../../gateway/tls/server_name.ts";
import { decidedByName, type DecidedByName } from "./decided_by_name.ts";
import {
  alpn,
  body,
  bytes,
  extension,
  helloWith,
  hostName,
  message,
  padding,
  record,
  records,
  serverName,
  u16,
  u24,
  u8,
  vector16,
  vector8,
} from "./hello_bytes.ts";

const test = suite("client hello");
const site = serverName("www.example.com");
const good = helloWith(site);

function read(stream: Buffer): DecidedByName {
  return decidedByName(createHelloReader().feed(stream));
}

function words(answer: DecidedByName): string {
  if (answer.kind === "malformed") return answer.fault;
  if (answer.kind === "more") return "more";
  return `${answer.hello.serverName ?? "(none)"} [${answer.hello.alpn.join(",")}]`;
}

test("what is read from a good hello", () => {
  const plain = body();
  const table: readonly (readonly [what: string, stream: Buffer, expected: string])[] = [
    ["name alone", record(good), "www.example.com []"],
    ["name and ALPN", record(helloWith(alpn("h2", "http/1.1"), site)), "www.example.com [h2,http/1.1]"],
    ["ALPN alone", record(helloWith(alpn("acme-tls/1"))), "(none) [acme-tls/1]"],
    ["no extension block", record(message(plain)), "(none) []"],
    ["an empty extension block", record(helloWith()), "(none) []"],
    ["capitals and a last dot", record(helloWith(serverName("WWW.EXAMPLE.com."))), "www.example.com []"],
    ["unknown and empty extensions", record(helloWith(extension(0xaaaa, Buffer.alloc(0)), site, extension(0xfe0d, Buffer.alloc(9)))), "www.example.com []"],
    ["no session id", record(message(body({ session: u8(0) }))), "(none) []"],
    ["SSL 3.0 requested", record(message(body({ version: u16(0x0300) }))), "(none) []"],
    ["record version 3.0", bytes(u8(22), u16(0x0300), vector16(good)), "www.example.com []"],
    ["record version 3.255", bytes(u8(22), u16(0x03ff), vector16(good)), "www.example.com []"],
    ["two records", records(good, 60), "www.example.com []"],
    ["a header in four records", records(good, 1, 2, 3, 4), "www.example.com []"],
    ["bytes of other records behind it", bytes(record(good), u8(20), u16(0x0303), vector16(u8(1)), "\x17\x03\x03"), "www.example.com []"],
    ["any bytes behind it", bytes(record(good), "\0\0\0\0\0\0"), "www.example.com []"],
    ["an alert behind it", bytes(record(good), u8(21), u16(0x0303), vector16(u16(0))), "www.example.com []"],
  ];
  for (const [what, stream, expected] of table) assert.is(words(read(stream)), expected, what);
});

const inner = (...parts: readonly (Buffer | string)[]): Buffer => record(helloWith(extension(0, bytes(...parts))));
const short = body().subarray(0, 20);

const refused: readonly (readonly [what: string, stream: Buffer, fault: HelloFault])[] = [
  ["HTTP", bytes("GET / HTTP/1.1\r\n"), "not_tls"],
  ["SSH", bytes("SSH-2.0-x\r\n"), "not_tls"],
  ["a PROXY header", bytes("PROXY TCP4 "), "not_tls"],
  ["a zero byte", u8(0), "not_tls"],
  ["the type below", u8(19), "not_tls"],
  ["the type above", u8(25), "not_tls"],
  ["high bytes", bytes("\xff\xff\xff"), "not_tls"],
  ["an SSL 2.0 hello", bytes(u16(0x8000 | 46), u8(1), u16(0x0301), u16(21)), "ssl2"],
  ["a change of cipher first", bytes(u8(20), u16(0x0303), vector16(u8(1)), record(good)), "record_type"],
  ["an alert first", bytes(u8(21), u16(0x0303), vector16(u16(0x0100))), "record_type"],
  ["application data first", u8(23), "record_type"],
  ["a heartbeat first", u8(24), "record_type"],
  ["a change of cipher between", bytes(record(good.subarray(0, 9)), u8(20), u16(0x0303), vector16(u8(1))), "record_type"],
  ["an alert between", bytes(record(good.subarray(0, 9)), u8(21)), "record_type"],
  ["text between", bytes(record(good.subarray(0, 9)), "G"), "record_type"],
  ["record version 2", bytes(u8(22), u8(2)), "record_version"],
  ["record version 4", bytes(u8(22), u8(4)), "record_version"],
  ["another version between", bytes(record(good.subarray(0, 9)), u8(22), u8(4)), "record_version"],
  ["DTLS", bytes(u8(22), u16(0xfeff)), "record_version"],
  ["a record of zero bytes", bytes(u8(22), u16(0x0301), u16(0)), "record_length"],
  ["a record of zero bytes between", bytes(record(good.subarray(0, 9)), u8(22), u16(0x0301), u16(0)), "record_length"],
  ["a record above 2^14", bytes(u8(22), u16(0x0301), u16(RECORD_BYTES + 1)), "record_length"],
  ["a server's hello", record(bytes(u8(2), u24(70))), "not_client_hello"],
  ["a hello request", record(bytes(u8(0), u24(0))), "not_client_hello"],
  ["a hello of 16 MiB", record(bytes(u8(1), u24(0xffffff))), "too_large"],
  ["a byte behind the hello in its record", record(bytes(good, "\0")), "after_hello"],
  ["a second hello in its record", record(bytes(good, good)), "after_hello"],
  ["a second record that is too long", bytes(record(good.subarray(0, 60)), record(bytes(good.subarray(60), "\0"))), "after_hello"],
  ["an announced length that is one short", record(bytes(u8(1), u24(good.length - 5), good.subarray(4))), "after_hello"],
  ["an empty hello", record(bytes(u8(1), u24(0))), "hello_length"],
  ["a hello that ends in its random", record(message(short)), "hello_length"],
  ["a hello that ends before its session id", record(message(body().subarray(0, 34))), "hello_length"],
  ["a session id that ends late", record(message(body().subarray(0, 50))), "hello_length"],
  ["suites that end late", record(message(body().subarray(0, 69))), "hello_length"],
  ["no compression methods at all", record(message(body({ compression: Buffer.alloc(0) }))), "hello_length"],
  ["compression methods that end late", record(message(body({ compression: u8(2) }))), "hello_length"],
  ["version 2", record(message(body({ version: u16(0x0002) }))), "hello_version"],
  ["version 4", record(message(body({ version: u16(0x0403) }))), "hello_version"],
  ["no suites", record(message(body({ suites: u16(0) }))), "cipher_suites"],
  ["half a suite", record(message(body({ suites: vector16(Buffer.alloc(3)) }))), "cipher_suites"],
  ["no compression method", record(message(body({ compression: u8(0) }))), "compression_methods"],
  ["half a block length", record(message(body({ extensions: u8(0) }))), "extensions_length"],
  ["a block that ends late", record(message(body({ extensions: bytes(u16(site.length + 1), site) }))), "extensions_length"],
  ["a byte behind the block", record(message(body({ extensions: bytes(vector16(site), "\0") }))), "extensions_length"],
  ["half an extension's type", record(helloWith(site, u8(0))), "extension_length"],
  ["an extension without a length", record(helloWith(site, u16(5))), "extension_length"],
  ["an extension that ends late", record(helloWith(site, u16(5), u16(1))), "extension_length"],
  ["two server names", record(helloWith(site, site)), "duplicate_extension"],
  ["two ALPN", record(helloWith(alpn("h2"), site, alpn("h2"))), "duplicate_extension"],
  ["two unknown", record(helloWith(extension(0xaaaa, Buffer.alloc(0)), extension(0xaaaa, u8(1)))), "duplicate_extension"],
  ["an empty server_name", inner(), "server_name_length"],
  ["an empty list", inner(u16(0)), "server_name_length"],
  ["a list that ends late", inner(u16(9), hostName("a")), "server_name_length"],
  ["a byte behind the list", inner(vector16(hostName("a")), "\0"), "server_name_length"],
  ["a name without a length", inner(vector16(u8(0))), "server_name_length"],
  ["a name that ends late", inner(vector16(bytes(u8(0), u16(2), "a"))), "server_name_length"],
  ["another type of name", inner(vector16(bytes(u8(1), vector16(bytes("a"))))), "name_type"],
  ["two names", record(helloWith(serverName("a.example", "b.example"))), "two_names"],
  ["one name twice", record(helloWith(serverName("a.example", "a.example"))), "two_names"],
  ["a name and another type", inner(vector16(bytes(hostName("a"), u8(1)))), "two_names"],
  ["an empty name", record(helloWith(serverName(""))), "name_empty"],
  ["a name that is a dot", record(helloWith(serverName("."))), "name_empty_label"],
  ["a name with NUL", record(helloWith(serverName("www.example.com\0"))), "name_nul"],
  ["a wildcard", record(helloWith(serverName("*.example.com"))), "name_wildcard"],
  ["a name in UTF-8", record(helloWith(serverName(Buffer.from("bücher.example").toString("latin1")))), "name_byte"],
  ["a name in Latin-1", record(helloWith(serverName("b\xfccher.example"))), "name_byte"],
  ["an address", record(helloWith(serverName("192.0.2.1"))), "name_ip_literal"],
  ["a label of 64", record(helloWith(serverName("a".repeat(LABEL_BYTES + 1)))), "name_label_too_long"],
  ["a name of 254", record(helloWith(serverName("a.".repeat(127).slice(0, -1) + "b"))), "name_too_long"],
  ["a name of 9,000", record(helloWith(serverName("a".repeat(9000)))), "name_too_long"],
  ["an empty ALPN", record(helloWith(extension(16, Buffer.alloc(0)))), "alpn_length"],
  ["an empty ALPN list", record(helloWith(alpn())), "alpn_length"],
  ["an empty protocol", record(helloWith(alpn("h2", ""))), "alpn_length"],
  ["a protocol that ends late", record(helloWith(extension(16, vector16(bytes(u8(3), "h2"))))), "alpn_length"],
  ["a byte behind the ALPN list", record(helloWith(extension(16, bytes(vector16(vector8(bytes("h2"))), "\0")))), "alpn_length"],
];

test("what is refused, and how it is called", () => {
  for (const [what, stream, fault] of refused) assert.is(words(read(stream)), fault, what);
});

/** These have their rows at the bounds, at the end of the stream, and where a mode has them (server_name.test.ts). */
const otherRows: readonly HelloFault[] = ["session_id", "too_many_records", "cut_short", "name_dot"];

test("the table of refusals has every word", () => {
  const shown = new Set<string>([...otherRows, ...refused.map(([, , fault]) => fault)]);
  assert.equal(
    HELLO_FAULTS.filter((word) => !shown.has(word)),
    [],
  );
});

test("each bound at N and N + 1", () => {
  const name = (n: number): Buffer => record(helloWith(serverName(`${"a.".repeat(126)}${"b".repeat(n - 252)}`)));
  const label = (n: number): Buffer => record(helloWith(serverName(`${"a".repeat(n)}.example`)));
  const session = (n: number): Buffer => record(message(body({ session: vector8(Buffer.alloc(n)) })));
  const sized = (n: number): Buffer => {
    const empty = helloWith(site, padding(0)).length;
    const whole = helloWith(site, padding(n - empty));
    assert.is(whole.length, n);
    return records(whole, ...(n > RECORD_BYTES ? [RECORD_BYTES] : []));
  };
  const inRecords = (n: number): Buffer => records(good, ...Array.from({ length: n - 1 }, (_, i) => i + 1));
  const table: readonly (readonly [bound: number, make: (n: number) => Buffer, fits: RegExp, fault: HelloFault])[] = [
    [NAME_BYTES, name, /^(a\.){126}b \[\]$/, "name_too_long"],
    [LABEL_BYTES, label, /^a{63}\.example \[\]$/, "name_label_too_long"],
    [SESSION_ID_BYTES, session, /^\(none\) \[\]$/, "session_id"],
    [HELLO_BYTES, sized, /^www\.example\.com \[\]$/, "too_large"],
    [HELLO_RECORDS, inRecords, /^www\.example\.com \[\]$/, "too_many_records"],
  ];
  for (const [bound, make, fits, fault] of table) {
    assert.match(words(read(make(bound))), fits, `${fault} at ${bound}`);
    assert.is(words(read(make(bound + 1))), fault, `${fault} at ${bound + 1}`);
  }
});

test("a fault is reported at the first byte that shows it", () => {
  const early: readonly (readonly [stream: Buffer, at: number])[] = [
    [bytes("GET / HTTP/1.1\r\n"), 1],
    [bytes(u8(22), u8(2), "abc"), 2],
    [bytes("\x80\x2e\x01\x03\x01"), 3],
    [bytes(u8(22), u16(0x0301), u16(0), "abc"), 5],
    [record(bytes(u8(2), u24(70))), 6],
    [record(bytes(u8(1), u24(HELLO_BYTES - 3), "abc")), 9],
  ];
  for (const [stream, at] of early) {
    assert.is(read(stream.subarray(0, at - 1)).kind, "more", stream.toString("hex"));
    assert.is(read(stream.subarray(0, at)).kind, "malformed", stream.toString("hex"));
  }
});

test("the end of the stream", () => {
  for (const stream of [Buffer.alloc(0), record(good).subarray(0, -1), u8(22), records(good, 9).subarray(0, 14)]) {
    const reader = createHelloReader();
    assert.equal(reader.feed(stream), { kind: "more" });
    assert.is(words(reader.end()), "cut_short");
    assert.is(words(reader.feed(record(good))), "cut_short", "an answer stays");
    assert.is(reader.bytes().length, 0);
  }
  const whole = createHelloReader();
  whole.feed(record(good));
  assert.is(words(whole.end()), "www.example.com []", "a client may close its half after the hello");
  assert.equal(whole.bytes(), record(good));
});

test("all bytes are kept as they came, and streamBytes marks the hello's end", () => {
  const stream = records(good, 3, 50);
  const tail = Buffer.alloc(70_000, 0x17);
  const reader = createHelloReader();
  const answer = reader.feed(bytes(stream, tail));
  assert.ok(answer.kind === "hello");
  assert.is(answer.hello.streamBytes, stream.length);
  assert.equal(reader.bytes(), bytes(stream, tail));
  assert.is(reader.feed(bytes("more")), answer);
  assert.equal(reader.bytes(), bytes(stream, tail, "more"));
});

test("the reader keeps copies: what the caller does with its chunk afterwards is its own", () => {
  const stream = record(good);
  const reader = createHelloReader();
  for (const at of stream.keys()) {
    const chunk = Buffer.from(stream.subarray(at, at + 1));
    reader.feed(chunk);
    chunk.fill(0xff);
  }
  assert.equal(reader.bytes(), stream);
});

test("an answer of malformed keeps nothing and stays", () => {
  const reader = createHelloReader();
  reader.feed(record(good).subarray(0, 20));
  reader.feed(Buffer.alloc(200, 0xff));
  const first = reader.feed(Buffer.alloc(50_000, 0xff));
  assert.is(first.kind, "malformed");
  assert.is(reader.bytes().length, 0);
  assert.is(reader.feed(record(good)), first);
  assert.is(reader.end(), first);
  assert.is(reader.bytes().length, 0);
});

test.run();
