// The frames of Open Nexus OS's ingressd: the vectors both ways, every bound, each bit flipped, and random bytes with a fixed seed.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  decodeExposeReply,
  decodeExposeRequest,
  encodeExposeReply,
  encodeExposeRequest,
  REPLY_BYTES,
  REQUEST_BYTES,
  STATUS_REPLY_BYTES,
  type ExposeReply,
  type ExposeRequest,
  type NoRequest,
} from "../../gateway/intents/expose_frame.ts";
import { decodeRequest, encodeRequest } from "../../gateway/intents/lease_frame.ts";
import { chance } from "../oracle/random.ts";

const test = suite("expose frames");

interface Vectors {
  readonly requests: readonly { readonly hex: string; readonly request: ExposeRequest }[];
  readonly replies: readonly { readonly hex: string; readonly reply: ExposeReply }[];
  readonly refused: readonly ({ readonly hex: string; readonly why: string } & NoRequest)[];
  readonly noReplies: readonly { readonly hex: string; readonly why: string }[];
}

const vectors = JSON.parse(readFileSync(new URL("../../schemas/intents/expose_frames.json", import.meta.url), "utf8")) as Vectors;
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (frame: Uint8Array): string => Buffer.from(frame).toString("hex");

test("the vectors, both ways", () => {
  assert.equal([vectors.requests.length, vectors.replies.length, vectors.refused.length, vectors.noReplies.length], [5, 14, 14, 13]);
  for (const { hex: text, request } of vectors.requests) {
    assert.is(hex(encodeExposeRequest(request)), text);
    assert.equal(decodeExposeRequest(bytes(text)), request);
  }
  for (const { hex: text, reply } of vectors.replies) {
    assert.is(hex(encodeExposeReply(reply)), text);
    assert.equal(decodeExposeReply(bytes(text)), reply);
  }
  for (const { hex: text, why, ...due } of vectors.refused) assert.equal(decodeExposeRequest(bytes(text)), due, why);
  for (const { hex: text, why } of vectors.noReplies) assert.is(decodeExposeReply(bytes(text)), null, why);
});

test("by hand: a request of 11 bytes, a reply of 10 without 0x80, counters of 22", () => {
  assert.is(hex(encodeExposeRequest({ op: "expose", nonce: 0x01020304, port: 0x1f90, proto: "udp" })), "494701010403020" + "1901f01");
  assert.is(hex(encodeExposeReply({ kind: "answer", op: 2, nonce: 1, status: "deny", reason: "identity" })), "49470102010000000102");
  const counters = encodeExposeReply({ kind: "status", nonce: 1, open: true, accepted: 2, deniedByCidr: 3, deniedByRate: 4 });
  assert.is(hex(counters), "494701030100000000010200000003000000" + "04000000");
  assert.equal([REQUEST_BYTES, REPLY_BYTES, STATUS_REPLY_BYTES, counters.length], [11, 10, 22, 22]);
});

test("each bound at N and N + 1", () => {
  const request = { op: "expose", nonce: 0, port: 1, proto: "tcp" } as const;
  for (const more of [{ port: 65_535 }, { nonce: 0xffffffff }, {}])
    assert.equal(decodeExposeRequest(encodeExposeRequest({ ...request, ...more })), { ...request, ...more });
  for (const more of [{ port: 0 }, { port: 65_536 }, { port: 1.5 }, { port: NaN }, { nonce: -1 }, { nonce: 2 ** 32 }])
    assert.throws(() => encodeExposeRequest({ ...request, ...more }), RangeError, JSON.stringify(more));
  const status = { kind: "status", nonce: 0, open: false, accepted: 0, deniedByCidr: 0, deniedByRate: 0 } as const;
  for (const key of ["nonce", "accepted", "deniedByCidr", "deniedByRate"]) {
    assert.equal(decodeExposeReply(encodeExposeReply({ ...status, [key]: 0xffffffff })), { ...status, [key]: 0xffffffff });
    assert.throws(() => encodeExposeReply({ ...status, [key]: 2 ** 32 }), RangeError, key);
  }
  const answer = { kind: "answer", op: 255, nonce: 0, status: "unsupported", reason: "none" } as const;
  assert.equal(decodeExposeReply(encodeExposeReply(answer)), answer);
  assert.throws(() => encodeExposeReply({ ...answer, op: 256 }), RangeError);
  assert.throws(() => encodeExposeReply({ ...answer, op: 3, status: "allow" }), RangeError);
});

test("cut anywhere, one byte longer, and with each bit flipped, a frame is another one or none", () => {
  const isRequest = (read: ExposeRequest | NoRequest): read is ExposeRequest => !("status" in read);
  const all = [
    ...vectors.requests.map(({ hex: text }) => ({ text, again: (frame: Uint8Array) => again(decodeExposeRequest(frame)) })),
    ...vectors.replies.map(({ hex: text }) => ({ text, again: (frame: Uint8Array) => againReply(decodeExposeReply(frame)) })),
  ];
  function again(read: ExposeRequest | NoRequest): string | null {
    return isRequest(read) ? hex(encodeExposeRequest(read)) : null;
  }
  function againReply(read: ExposeReply | null): string | null {
    return read === null ? null : hex(encodeExposeReply(read));
  }
  for (const { text, again: encoded } of all) {
    const frame = bytes(text);
    assert.is(encoded(frame), text);
    for (let n = 0; n < frame.length; n++) assert.is(encoded(frame.subarray(0, n)), null, `${text} cut at ${n}`);
    assert.is(encoded(Uint8Array.from([...frame, 0])), null, text);
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const flipped = Uint8Array.from(frame);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const found = encoded(flipped);
      if (found !== null) assert.is(found, hex(flipped), "one form for one meaning");
    }
  }
});

test("200,000 random frames: decoded and encoded again to the same bytes, or refused, and the head of a refusal is the frame's", () => {
  const c = chance(92);
  const seen = { requests: 0, unsupported: 0, malformed: 0, replies: 0, none: 0 };
  for (let i = 0; i < 200_000; i++) {
    const frame = Uint8Array.from({ length: c.pick([10, 11, 11, 22, c.below(30)]) }, () => c.below(c.oneIn(2) ? 4 : 256));
    if (!c.oneIn(8)) frame.set([0x49, 0x47, 1].slice(0, frame.length));
    const read = decodeExposeRequest(frame);
    if (!("status" in read)) {
      seen.requests++;
      assert.is(hex(encodeExposeRequest(read)), hex(frame));
    } else {
      seen[read.status]++;
      const head = read.status === "unsupported" ? [frame[3], Buffer.from(frame).readUInt32LE(4)] : [0, 0];
      assert.equal([read.op, read.nonce], head);
    }
    const reply = decodeExposeReply(frame);
    seen[reply === null ? "none" : "replies"]++;
    if (reply !== null) assert.is(hex(encodeExposeReply(reply)), hex(frame));
  }
  assert.ok(
    Object.values(seen).every((n) => n > 1_000),
    JSON.stringify(seen),
  );
});

test("neither protocol reads a frame of the other", () => {
  const lease = encodeRequest({ op: "renew", nonce: 3, lease: "00112233445566778899aabbccddeeff", ttlMs: 1_000 });
  assert.equal(decodeExposeRequest(lease), { status: "malformed", op: 0, nonce: 0 });
  for (const { hex: text } of vectors.requests) assert.is(decodeRequest(bytes(text)), "unsupported");
});

test.run();
