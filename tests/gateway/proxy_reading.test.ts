// The headers that a trusted peer may send, and every one that it may not, as the specification of the PROXY protocol has them: however they
// are cut into segments, and not a byte behind them is used.
import fc from "fast-check";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { crc32c } from "../../gateway/forward/crc32c.ts";
import { proxyHeader } from "../../gateway/forward/proxy_header.ts";
import { HEADER_FAULTS, HEADER_MOST_BYTES, HeaderReading, LINE_MOST_BYTES, type HeaderFault, type ReadHeader } from "../../gateway/forward/proxy_reading.ts";
import { formatEndpoint, parseAddress, type Address } from "../../runtime/net/address.ts";
import { bytes, u16 } from "./hello_bytes.ts";
import { castagnoli, four, groups, head, line, LOCAL, quad, SIGNATURE, six, summed, tlv } from "./proxy_bytes.ts";

const test = suite("PROXY headers of peers");

const C = "203.0.113.9";
const D = "198.51.100.1";
const C6 = "2001:db8:0:0:0:0:0:9";
const D6 = "2001:db8:0:0:0:0:0:1";
const MAPPED = "0:0:0:0:0:ffff:cb00:7109";
const MAPPED_D = "0:0:0:0:0:ffff:c633:6401";
const ADDRESSES = bytes(quad(C), quad(D), u16(40_000), u16(443));
const EMPTY = Buffer.alloc(0);

const LONG = "2fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
const V4 = `${C}:40000 ${D}:443`;
const V6 = "[2001:db8::9]:40000 [2001:db8::1]:443";
const PEER = "the peer";

const GOOD: readonly (readonly [what: string, header: Buffer, means: string])[] = [
  ["a line for IPv4", line("TCP4", C, D, 40_000, 443), V4],
  ["a line for IPv6", line("TCP6", "2001:db8::9", "2001:db8::1", 40_000, 443), V6],
  ["a line with capitals and all groups", line("TCP6", "2001:0DB8:0:0:0:0:0:9", "2001:db8::1", 40_000, 443), V6],
  ["a line with the highest ports", line("TCP4", C, D, 65_535, 65_535), `${C}:65535 ${D}:65535`],
  ["a line with mapped addresses", line("TCP6", `::ffff:${C}`, `::ffff:${D}`, 40_000, 443), V4],
  ["the longest line of IPv6", line("TCP6", LONG, LONG, 65_535, 65_535), `[${LONG}]:65535 [${LONG}]:65535`],
  ["an unknown line", line("UNKNOWN"), PEER],
  ["an unknown line with words to be ignored", line("UNKNOWN", "ffff:ffff::1", "x", 65_536, "y z"), PEER],
  ["an unknown line of 107 bytes", line("UNKNOWN", "x".repeat(LINE_MOST_BYTES - "PROXY UNKNOWN \r\n".length)), PEER],
  ["bytes for IPv4", four(C, D, 40_000, 443), V4],
  ["bytes for IPv6", six(C6, D6, 40_000, 443), V6],
  ["bytes with mapped addresses", six(MAPPED, MAPPED_D, 40_000, 443), V4],
  ["bytes with fields", four(C, D, 40_000, 443, tlv(0x02, Buffer.from("www.example.com")), tlv(0x04, Buffer.alloc(5)), tlv(0xe0, EMPTY)), V4],
  ["bytes with a field that nobody knows", four(C, D, 40_000, 443, tlv(0xff, Buffer.from("x"))), V4],
  ["bytes with a checksum", summed((sum) => four(C, D, 40_000, 443, sum)), V4],
  ["bytes with a checksum before another field", summed((sum) => six(C6, D6, 40_000, 443, sum, tlv(0x05, Buffer.from("id")))), V6],
  ["4,096 bytes", four(C, D, 40_000, 443, tlv(0x04, Buffer.alloc(HEADER_MOST_BYTES - 16 - 12 - 3))), V4],
  ["LOCAL", LOCAL, PEER],
  ["LOCAL with addresses", head(0x20, 0x11, ADDRESSES), PEER],
  ["LOCAL with a family and bytes that nobody knows", head(0x20, 0xff, Buffer.from("anything")), PEER],
  ["LOCAL with too few bytes for its family", head(0x20, 0x11, Buffer.from("few")), PEER],
  ["LOCAL with a checksum", summed((sum) => head(0x20, 0x00, sum)), PEER],
  ["LOCAL with addresses and a checksum", summed((sum) => head(0x20, 0x11, bytes(ADDRESSES, sum))), PEER],
  ["LOCAL with IPv6 addresses, a field and a checksum", summed((sum) => head(0x20, 0x21, bytes(Buffer.alloc(36), tlv(0x05, Buffer.from("id")), sum))), PEER],
  ["LOCAL with paths and a checksum", summed((sum) => head(0x20, 0x31, bytes(Buffer.alloc(216), sum))), PEER],
  ["LOCAL with a checksum, and a byte that is no field", summed((sum) => head(0x20, 0x00, bytes(sum, Buffer.from([0])))), PEER],
  ["LOCAL with fields that are none", head(0x20, 0x00, Buffer.from([1])), PEER],
  ["LOCAL of a family that nobody knows, with what would be a wrong checksum", head(0x20, 0x41, tlv(0x03, Buffer.alloc(4))), PEER],
  ["AF_UNSPEC", head(0x21, 0x00, EMPTY), PEER],
  ["AF_UNSPEC with a checksum", summed((sum) => head(0x21, 0x00, sum)), PEER],
];

const BAD: readonly (readonly [what: string, header: Buffer, fault: HeaderFault])[] = [
  ["a request of HTTP", bytes("GET / HTTP/1.1\r\n"), "not_a_header"],
  ["a ClientHello", bytes("\x16\x03\x01"), "not_a_header"],
  ["small letters", bytes("proxy TCP4 "), "not_a_header"],
  ["a blank before it", bytes(" PROXY TCP4 "), "not_a_header"],
  ["a tab for a blank", bytes("PROXY\tTCP4"), "not_a_header"],
  ["another word", bytes("PROXIED"), "not_a_header"],
  ["a broken signature", bytes("\r\n\r\n\0\r\nQUIT\r"), "not_a_header"],
  ["a signature without its zero", bytes("\r\n\r\n\r\nQUIT\n"), "not_a_header"],
  ["a line of 108 bytes", bytes(line("UNKNOWN", "x".repeat(LINE_MOST_BYTES + 1 - "PROXY UNKNOWN \r\n".length))), "line_too_long"],
  ["a line without an end", bytes("PROXY TCP4 ", "1".repeat(200)), "line_too_long"],
  ["a bare line feed", bytes(`PROXY TCP4 ${C} ${D} 1 2\n`), "line_form"],
  ["a bare carriage return", bytes(`PROXY TCP4 ${C} ${D} 1 2\rx`), "line_form"],
  ["a line feed within an unknown line", bytes("PROXY UNKNOWN a\nb\r\n"), "line_form"],
  ["no family", bytes("PROXY \r\n"), "family"],
  ["an unknown family", line("TCP5", C, D, 1, 2), "family"],
  ["UDP4", line("UDP4", C, D, 1, 2), "family"],
  ["UNKNOWN with a letter more", line("UNKNOWNS"), "family"],
  ["small letters of a family", line("tcp4", C, D, 1, 2), "family"],
  ["three words", line("TCP4", C, D, 1), "line_form"],
  ["five words", line("TCP4", C, D, 1, 2, 3), "line_form"],
  ["two blanks", line("TCP4", "", C, D, 1, 2), "line_form"],
  ["a blank at the end", line("TCP4", C, D, 1, 2, ""), "line_form"],
  ["IPv6 in TCP4", line("TCP4", "2001:db8::9", "2001:db8::1", 1, 2), "address"],
  ["IPv4 in TCP6", line("TCP6", C, D, 1, 2), "address"],
  ["a mapped address in TCP4", line("TCP4", `::ffff:${C}`, D, 1, 2), "address"],
  ["leading zeros", line("TCP4", "203.0.113.09", D, 1, 2), "address"],
  ["three numbers", line("TCP4", "203.0.113", D, 1, 2), "address"],
  ["a number of 256", line("TCP4", "203.0.113.256", D, 1, 2), "address"],
  ["a hexadecimal number", line("TCP4", "0xcb.0.113.9", D, 1, 2), "address"],
  ["a host name", line("TCP4", "localhost", D, 1, 2), "address"],
  ["a zone", line("TCP6", "fe80::1%eth0", "2001:db8::1", 1, 2), "address"],
  ["brackets", line("TCP6", "[2001:db8::9]", "2001:db8::1", 1, 2), "address"],
  ["two double colons", line("TCP6", "2001::db8::9", "2001:db8::1", 1, 2), "address"],
  ["nine groups", line("TCP6", "1:2:3:4:5:6:7:8:9", "2001:db8::1", 1, 2), "address"],
  ["a destination that is no address", line("TCP4", C, "web", 1, 2), "address"],
  ["a source port of 65536", line("TCP4", C, D, 65_536, 2), "port"],
  ["a destination port of 65536", line("TCP4", C, D, 1, 65_536), "port"],
  ["a source port of 0", line("TCP4", C, D, 0, 2), "port"],
  ["a destination port of 0", line("TCP4", C, D, 1, 0), "port"],
  ["a port with a leading zero", line("TCP4", C, D, "01", 2), "port"],
  ["a port with a sign", line("TCP4", C, D, "+1", 2), "port"],
  ["a port that is no number", line("TCP4", C, D, "http", 2), "port"],
  ["no source port", line("TCP4", C, D, "", 2), "port"],
  ["an unspecified source", line("TCP4", "0.0.0.0", D, 1, 2), "source"],
  ["an unspecified source of IPv6", line("TCP6", "::", "2001:db8::1", 1, 2), "source"],
  ["a mapped unspecified source", line("TCP6", "::ffff:0.0.0.0", `::ffff:${D}`, 1, 2), "source"],
  ["a multicast source", line("TCP4", "224.0.0.1", D, 1, 2), "source"],
  ["the last multicast source", line("TCP4", "239.255.255.255", D, 1, 2), "source"],
  ["a multicast source of IPv6", line("TCP6", "ff02::1", "2001:db8::1", 1, 2), "source"],
  ["a mapped source and a destination of IPv6", line("TCP6", `::ffff:${C}`, "2001:db8::1", 1, 2), "two_families"],
  ["version 1 in bytes", head(0x11, 0x11, ADDRESSES), "version"],
  ["version 3", head(0x31, 0x11, ADDRESSES), "version"],
  ["an unknown command", head(0x22, 0x11, ADDRESSES), "command"],
  ["the last command", head(0x2f, 0x11, ADDRESSES), "command"],
  ["AF_INET without a transport", head(0x21, 0x10, ADDRESSES), "transport"],
  ["AF_INET with datagrams", head(0x21, 0x12, ADDRESSES), "transport"],
  ["AF_INET6 with datagrams", head(0x21, 0x22, Buffer.alloc(36)), "transport"],
  ["AF_UNSPEC with a stream", head(0x21, 0x01, EMPTY), "family"],
  ["AF_UNSPEC with datagrams", head(0x21, 0x02, EMPTY), "transport"],
  ["AF_UNIX", head(0x21, 0x31, Buffer.alloc(216)), "family"],
  ["AF_UNIX with datagrams", head(0x21, 0x32, Buffer.alloc(216)), "transport"],
  ["an unknown family", head(0x21, 0x41, ADDRESSES), "family"],
  ["an unknown transport", head(0x21, 0x1f, ADDRESSES), "transport"],
  ["no addresses", head(0x21, 0x11, EMPTY), "too_short"],
  ["11 bytes of addresses", head(0x21, 0x11, ADDRESSES.subarray(0, 11)), "too_short"],
  ["35 bytes of addresses", head(0x21, 0x21, Buffer.alloc(35, 1)), "too_short"],
  ["4,097 bytes", four(C, D, 40_000, 443, tlv(0x04, Buffer.alloc(HEADER_MOST_BYTES - 16 - 12 - 3 + 1))), "too_large"],
  ["LOCAL of 4,097 bytes", head(0x20, 0x00, Buffer.alloc(HEADER_MOST_BYTES - 16 + 1)), "too_large"],
  ["65,535 bytes", head(0x21, 0x11, ADDRESSES, 0xffff), "too_large"],
  ["a field of one byte", four(C, D, 1, 2, Buffer.from([4])), "fields"],
  ["a field of two bytes", four(C, D, 1, 2, Buffer.from([4, 0])), "fields"],
  ["a field that is longer than the header", four(C, D, 1, 2, tlv(0x04, Buffer.from("ab"), 3)), "fields"],
  ["a byte behind the last field", four(C, D, 1, 2, tlv(0x04, EMPTY), Buffer.from([0])), "fields"],
  ["fields of AF_UNSPEC that are none", head(0x21, 0x00, Buffer.from([1])), "fields"],
  ["a wrong checksum", summed((sum) => four(C, D, 1, 2, sum), 1), "checksum"],
  ["a wrong checksum of AF_UNSPEC", summed((sum) => head(0x21, 0x00, sum), 1), "checksum"],
  ["a wrong checksum of LOCAL", summed((sum) => head(0x20, 0x00, sum), 1), "checksum"],
  ["a wrong checksum of LOCAL with addresses", summed((sum) => head(0x20, 0x11, bytes(ADDRESSES, sum)), 1), "checksum"],
  ["a wrong checksum of LOCAL with datagrams of IPv6", summed((sum) => head(0x20, 0x22, bytes(Buffer.alloc(36), sum)), 1), "checksum"],
  ["a wrong checksum of LOCAL with paths", summed((sum) => head(0x20, 0x31, bytes(Buffer.alloc(216), sum)), 1), "checksum"],
  ["a wrong checksum of LOCAL before a byte that is no field", summed((sum) => head(0x20, 0x00, bytes(sum, Buffer.from([0]))), 1), "checksum"],
  ["two checksums of LOCAL", summed((sum) => head(0x20, 0x00, bytes(sum, sum))), "checksum"],
  ["a checksum of LOCAL of three bytes", head(0x20, 0x00, tlv(0x03, Buffer.alloc(3))), "checksum"],
  ["a checksum of three bytes", four(C, D, 1, 2, tlv(0x03, Buffer.alloc(3))), "checksum"],
  ["two checksums", summed((sum) => four(C, D, 1, 2, sum, sum)), "checksum"],
  ["an unspecified source in bytes", four("0.0.0.0", D, 1, 2), "source"],
  ["a multicast source in bytes", four("224.0.0.1", D, 1, 2), "source"],
  ["a multicast source of IPv6 in bytes", six("ff02:0:0:0:0:0:0:1", D6, 1, 2), "source"],
  ["an unspecified source of IPv6 in bytes", head(0x21, 0x21, bytes(Buffer.alloc(16), groups(D6), u16(1), u16(2))), "source"],
  ["a source port of 0 in bytes", four(C, D, 0, 2), "port"],
  ["a destination port of 0 in bytes", four(C, D, 1, 0), "port"],
  ["a mapped source and a destination of IPv6 in bytes", six(MAPPED, D6, 1, 2), "two_families"],
];

function meaning(read: ReadHeader | null): string | null {
  if (read === null || "fault" in read) return read === null ? null : `fault ${read.fault}`;
  if (read.named === null) return PEER;
  const { source, destination } = read.named;
  return `${formatEndpoint(source.address, source.port)} ${formatEndpoint(destination.address, destination.port)}`;
}

/** In pieces of these lengths, again and again; the answer and the length of what is the header's. */
function fed(all: Buffer, ...lengths: readonly number[]): { readonly answer: ReadHeader | null; readonly fed: number } {
  const reading = new HeaderReading();
  let at = 0;
  for (let i = 0; at < all.length; i++) {
    const chunk = all.subarray(at, at + (lengths[i % lengths.length] ?? 1));
    const due = reading.bytesDue();
    at += chunk.length;
    const answer = reading.take(chunk);
    assert.is(reading.bytesRead, at);
    if (answer !== null) return { answer, fed: at };
    assert.ok(due >= 1);
  }
  return { answer: null, fed: at };
}

const BEHIND = Buffer.from("PROXY TCP4 what comes behind it is nobody's here\r\n");

for (const [what, header, means] of GOOD)
  test(`accepted: ${what}`, () => {
    for (const lengths of [[header.length + BEHIND.length], [header.length], [1], [7, 1], [16]]) {
      const { answer } = fed(Buffer.concat([header, BEHIND]), ...lengths);
      assert.is(meaning(answer), means, lengths.join());
      assert.is(answer !== null && !("fault" in answer) ? answer.bytes : -1, header.length);
    }
    // No part of it is a header, and none is a fault.
    for (let length = 0; length < header.length; length++) assert.is(meaning(fed(header.subarray(0, length), 64).answer), null, `${length} bytes`);
  });

for (const [what, header, fault] of BAD)
  test(`refused: ${what}`, () => {
    for (const lengths of [[5000], [1], [3], [16]]) assert.is(meaning(fed(header, ...lengths).answer), `fault ${fault}`, lengths.join());
    // Bytes behind it do not make it a header.
    assert.is(meaning(fed(Buffer.concat([header, BEHIND]), 5000).answer), `fault ${fault}`);
  });

test("every fault but a client's end has a row", () => {
  assert.equal([...new Set(BAD.map(([, , fault]) => fault))].sort(), HEADER_FAULTS.filter((fault) => fault !== "cut_short").sort());
});

test("a peer that says how long its header is may be woken up when it is there, and not later", () => {
  const header = four(C, D, 1, 2, tlv(0x04, Buffer.alloc(300)));
  const reading = new HeaderReading();
  assert.is(reading.bytesDue(), 1);
  assert.is(reading.take(header.subarray(0, 1)), null);
  assert.is(reading.bytesDue(), 15);
  assert.is(reading.take(header.subarray(1, 16)), null);
  assert.is(reading.bytesDue(), header.length - 16);
  const text = new HeaderReading();
  text.take(Buffer.from("PROXY TCP4 "));
  assert.is(text.bytesDue(), 1, "a line may end at any byte");
});

test("CRC-32C has the value of its definition, and the other one of this test's", () => {
  assert.is(crc32c(Buffer.from("123456789")), 0xe3069283);
  assert.is(crc32c(EMPTY), 0);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (some) => assert.is(crc32c(some), castagnoli(Buffer.from(some)))));
});

const address = (v4: boolean): fc.Arbitrary<Address> =>
  v4 ?
    fc.integer({ min: 0x01000000, max: 0xdfffffff }).map((bits): Address => [0, 0, 0xffff, bits])
  : fc.tuple(fc.integer({ min: 0x20000000, max: 0x3fffffff }), fc.nat(), fc.nat(), fc.nat()).map(([a, b, c, d]): Address => [a, b, c, d]);
const port = fc.integer({ min: 1, max: 65_535 });
const written = fc.boolean().chain((v4) =>
  fc.record({
    version: fc.constantFrom("v1" as const, "v2" as const),
    source: fc.record({ address: address(v4), port }),
    local: fc.record({ address: address(v4), port }),
    name: fc.option(fc.constant("www.example.com")),
    protocol: fc.option(fc.constant("h2")),
  }),
);

test("what the gateway writes to a backend it reads of a peer, in any segments", () => {
  fc.assert(
    fc.property(written, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }), ({ version, ...client }, lengths) => {
      const header = proxyHeader(version, { ...client, certified: null });
      assert.ok(header !== null);
      if (header === null) return;
      const { answer } = fed(Buffer.concat([header, BEHIND]), ...lengths);
      const { source, local } = client;
      assert.is(meaning(answer), `${formatEndpoint(source.address, source.port)} ${formatEndpoint(local.address, local.port)}`);
    }),
  );
});

const seeds = [...GOOD, ...BAD].map(([, header]) => header);
/** A header with some bytes changed, taken out or put in, or bytes that are none. */
const damaged = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((some) => Buffer.from(some)),
  fc.uint8Array({ maxLength: 80 }).map((some) => bytes(SIGNATURE, Buffer.from(some))),
  fc.tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 }), fc.nat({ max: 2 })), { maxLength: 4 })).map(([seed, edits]) => {
    let all = Buffer.from(seed);
    for (const [place, byte, edit] of edits) {
      const i = place % Math.max(1, all.length);
      if (edit === 0 && all.length > 0) all[i] = byte;
      else if (edit === 1) all = Buffer.concat([all.subarray(0, i), all.subarray(i + 1)]);
      else all = Buffer.concat([all.subarray(0, i), Buffer.from([byte]), all.subarray(i)]);
    }
    return all;
  }),
);

test("whatever a peer sends, the answer is the same in any segments, and a source that is named is a client's", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(damaged, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 }), (all, lengths) => {
      const whole = fed(all, Math.max(1, all.length)).answer;
      const pieces = fed(all, ...lengths).answer;
      assert.is(meaning(pieces), meaning(whole));
      seen.add(meaning(whole)?.split(" ")[0] ?? "more");
      if (whole === null || "fault" in whole) return;
      assert.ok(whole.bytes <= Math.min(all.length, HEADER_MOST_BYTES));
      if (whole.named === null) return;
      const { source } = whole.named;
      assert.ok(source.port > 0);
      for (const none of ["0.0.0.0", "::"]) assert.not.equal([...source.address], [...(parseAddress(none) ?? [])]);
    }),
    { numRuns: 4_000 },
  );
  assert.ok(seen.has("fault") && seen.has("more") && seen.size > 3, [...seen].join());
});

test.run();
