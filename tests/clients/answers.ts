// A thousand deterministic answers to a registration, from valid to malformed and of another protocol, and the expected result of a
// client for each, by JSON.parse and the documented bounds of the clients.
import { encodeExposeReply, encodeExposeRequest } from "../../gateway/intents/expose_frame.ts";
import { encodeReply } from "../../gateway/intents/lease_frame.ts";
import { CODE_BAD_INTENT, REASON_POLICY } from "../../runtime/abi/verdicts.ts";

/** The client's result: the endpoints, or a code with its message (empty for the client's own codes). */
export type Outcome = { readonly open: readonly string[] } | { readonly code: string; readonly message: string };

export interface Answer {
  readonly line: Buffer;
  readonly expected: Outcome;
}

const MOST_LINE_BYTES = 64 * 1024;
const MOST_DEPTH = 32;

/** Numbers from 0 to below 1, deterministic for a seed. */
function numbersFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const GOOD = `{"jsonrpc":"2.0","id":1,"result":{"lease":"00112233445566778899aabbccddeeff","open":["0.0.0.0:8443","[::]:8443"],"ttl_ms":null}}`;
const REFUSED = `{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"the policy exposes no tcp port 8443 of \\"web\\"","data":{"reason":"policy","code":"not_exposed"}}}`;

/** One of each kind of input that a JSON parser can get wrong. */
const ODD: readonly string[] = [
  GOOD,
  REFUSED,
  "",
  " ",
  "null",
  "true",
  "[]",
  "{}",
  "1",
  '"x"',
  "{",
  "}",
  "[1,]",
  '{"a":1,}',
  "{'id':1}",
  '{"id":1}',
  '{"id":1,"result":null}',
  '{"id":1,"result":[]}',
  '{"id":1,"result":{}}',
  '{"id":1,"result":{"lease":"a"}}',
  '{"id":1,"result":{"lease":1,"open":[]}}',
  '{"id":1,"result":{"lease":"a","open":{}}}',
  '{"id":1,"result":{"lease":"a","open":[1]}}',
  '{"id":1,"result":{"lease":"a","open":["b",null]}}',
  '{"id":1,"result":{"lease":"a","open":[]}}',
  '{"id":2,"result":{"lease":"a","open":[]}}',
  '{"id":"1","result":{"lease":"a","open":[]}}',
  '{"id":true,"result":{"lease":"a","open":[]}}',
  '{"id":null,"result":{"lease":"a","open":[]}}',
  '{"id":1.0,"result":{"lease":"a","open":["x"]}}',
  '{"id":1e0,"result":{"lease":"a","open":["x"]}}',
  '{"id":10e-1,"result":{"lease":"a","open":["x"]}}',
  '{"id":01,"result":{"lease":"a","open":["x"]}}',
  '{"id":+1,"result":{"lease":"a","open":["x"]}}',
  '{"id":1e999,"result":{"lease":"a","open":["x"]}}',
  '{"id":-1e999,"result":{}}',
  `{"id":${"1".repeat(5000)},"result":{}}`,
  '{"id":1.,"result":{}}',
  '{"id":.1,"result":{}}',
  '{"id":1e,"result":{}}',
  '{"id":-,"result":{}}',
  '{"id":0x1,"result":{}}',
  '{"id":NaN}',
  '{"id":Infinity}',
  '{"id":-Infinity}',
  '{"id":1,"error":null}',
  '{"id":1,"error":{}}',
  '{"id":1,"error":"x"}',
  '{"id":1,"error":{"message":1,"data":[]}}',
  '{"id":1,"error":{"message":"m","data":{"code":"c"}},"result":{"lease":"a","open":[]}}',
  '{"ID":1,"Result":{"lease":"a","open":[]}}',
  '{"id":1,"result":{"Lease":"a","OPEN":[]}}',
  '{"id":2,"id":1,"result":{"lease":"a","open":["last"]}}',
  '{"id":1,"result":{"lease":"a","open":["first"],"open":["last"]}}',
  '{"method":"lease_ended","params":{"because":"gone"}}',
  '{"method":"lease_ended"}',
  '{"method":"other","id":1,"result":{"lease":"a","open":[]}}',
  '{"method":1,"id":1,"result":{"lease":"a","open":["x"]}}',
  '{"id":1,"result":{"lease":"a","open":["\\u0041\\n\\t\\/\\\\\\""]}}',
  '{"id":1,"result":{"lease":"a","open":["\\ud83d\\ude00"]}}',
  '{"id":1,"result":{"lease":"a","open":["\\ud83d"]}}',
  '{"id":1,"result":{"lease":"a","open":["\\ude00\\ud83d"]}}',
  '{"id":1,"result":{"lease":"a","open":["\\ud83d\\u0041"]}}',
  '{"id":1,"result":{"lease":"a","open":["\\ud83d\\ud83d\\ude00"]}}',
  '{"id":1,"result":{"lease":"a","open":["\\uD83D\\uDE0"]}}',
  '{"id":1,"result":{"lease":"a","open":["\\x41"]}}',
  '{"id":1,"result":{"lease":"a","open":["\t"]}}',
  '{"id":1,"result":{"lease":"a","open":["é€😀"]}}',
  "\ufeff{}",
  `${GOOD} x`,
  `${GOOD}${GOOD}`,
  `  ${GOOD}\t\r`,
  `${GOOD}\u00a0`,
  `\u000c${GOOD}`,
  "// c",
  '{"id":1 /* c */}',
  "tru",
  "nulll",
  '"',
  '"\\',
  "[[",
  '{"a"',
  '{"a":',
  "{1:2}",
  "\u0000",
  `${GOOD}\u0000`,
  `${"[".repeat(MOST_DEPTH)}${"]".repeat(MOST_DEPTH)}`,
  `{"id":1,"result":{"lease":"a","open":[],"x":${"[".repeat(MOST_DEPTH - 2)}${"]".repeat(MOST_DEPTH - 2)}}}`,
  `{"id":1,"result":{"lease":"a","open":[],"x":${"[".repeat(MOST_DEPTH - 1)}${"]".repeat(MOST_DEPTH - 1)}}}`,
  `{"id":1,"result":{"lease":"a","open":["[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["]}}`,
  "[".repeat(60_000),
  `{"a":`.repeat(10_000),
  `{"id":1,"result":{"lease":"a","open":["${"x".repeat(MOST_LINE_BYTES - 47)}"]}}`,
  `{"id":1,"result":{"lease":"a","open":["${"x".repeat(MOST_LINE_BYTES - 45)}"]}}`,
];

/** Frames of a server of byte frames, and texts that begin alike. A nonce may have a line's end in it. */
const FRAMES: readonly Uint8Array[] = [
  encodeExposeReply({ kind: "answer", op: 0, nonce: 0, status: "malformed", reason: "none" }),
  ...(["expose", "unexpose"] as const).flatMap((_, i) =>
    (["allow", "deny", "malformed", "unsupported"] as const).map((status) =>
      encodeExposeReply({ kind: "answer", op: i + 1, nonce: 0x0a0d220a, status, reason: status === "deny" ? "policy" : "none" }),
    ),
  ),
  encodeExposeReply({ kind: "status", nonce: 7, open: true, accepted: 10, deniedByCidr: 1, deniedByRate: 0 }),
  encodeExposeRequest({ op: "expose", nonce: 1, port: 8443, proto: "tcp" }),
  encodeReply({ op: "register", nonce: 77, status: "unsupported", reason: REASON_POLICY, code: CODE_BAD_INTENT, lease: "0".repeat(32) }),
  Buffer.from("IG\0"),
  Buffer.from("IL\b"),
  Buffer.from("IG\t"),
  Buffer.from("IL\v"),
  Buffer.from("IG"),
  Buffer.from("IL"),
  Buffer.from("I"),
  Buffer.from("IH\x01\x01"),
  Buffer.from(" IG\x01\x01"),
  Buffer.from("ig\x01\x01"),
  Buffer.from(`IG\x01${GOOD}`),
  Buffer.from(`IGNORE ${GOOD}`),
];

const OTHER_PROTOCOL = "the other side speaks byte frames (RFC-0092 of Open Nexus OS), and no JSON: name the socket of an ingressd of this package";

export function thousandAnswers(): readonly Answer[] {
  const random = numbersFrom(20261128);
  const below = (n: number): number => Math.floor(random() * n);
  const lines: Buffer[] = ODD.map((line) => Buffer.from(line, "utf8"));
  // Bytes that are not UTF-8, at a position that a parser could skip.
  for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]]) {
    lines.push(Buffer.concat([Buffer.from('{"id":1,"result":{"lease":"a","open":["'), Buffer.from(bytes), Buffer.from('"]}}')]));
  }
  lines.push(...FRAMES.map((frame) => Buffer.from(frame)));
  const short = lines.filter((line) => line.length < 400 && line.length > 2);
  while (lines.length < 1000) {
    const line = Buffer.from(short[below(short.length)] ?? GOOD);
    for (let times = below(3); times >= 0; times--) {
      const at = below(line.length);
      const ways = [below(256), (line[at] ?? 0) ^ (1 << below(8)), '{}[]",:0123456789\\u'.charCodeAt(below(19))];
      line[at] = ways[below(ways.length)] ?? 0;
    }
    const cut = below(4) === 0 ? line.subarray(0, below(line.length)) : line;
    // A line end would split the message in two, but not a frame.
    if (!cut.includes(0x0a) || beginsFrame(cut)) lines.push(cut);
  }
  return lines.map((line) => ({ line, expected: outcome(line) }));
}

const UNREACHABLE: Outcome = { code: "unreachable", message: "" };
const BAD: Outcome = { code: "bad_answer", message: "" };

/** The expected result for request 1 from the gateway's first line, if the connection ends after it. */
function outcome(line: Buffer): Outcome {
  if (beginsFrame(line)) return { code: "other_protocol", message: OTHER_PROTOCOL };
  const message = parsed(line);
  if (!isObject(message)) return BAD;
  if (typeof message["method"] === "string") return message["method"] === "lease_ended" ? BAD : UNREACHABLE;
  if (message["id"] !== 1) return UNREACHABLE;
  if ("error" in message) {
    const error = isObject(message["error"]) ? message["error"] : {};
    const data = isObject(error["data"]) ? error["data"] : {};
    return { code: textOr(data["code"], "refused"), message: textOr(error["message"], "the gateway refuses it") };
  }
  const result = message["result"];
  if (!isObject(result) || typeof result["lease"] !== "string" || !Array.isArray(result["open"])) return BAD;
  const open: readonly unknown[] = result["open"];
  return open.every((item) => typeof item === "string") ? { open: open.map((item) => whole(String(item))) } : BAD;
}

/** The documented begin of a frame: a magic, and a version of 0 to 8. */
function beginsFrame([first, second, version]: Buffer): boolean {
  return first === 0x49 && (second === 0x47 || second === 0x4c) && version !== undefined && version <= 8;
}

function parsed(line: Buffer): unknown {
  if (line.length > MOST_LINE_BYTES) return undefined;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(line);
    return depth(text) > MOST_DEPTH ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function depth(text: string): number {
  let [now, most] = [0, 0];
  for (const bracket of text.replaceAll(/"(?:[^"\\]|\\.)*"?/gs, "")) {
    if (bracket === "[" || bracket === "{") most = Math.max(most, ++now);
    if (bracket === "]" || bracket === "}") now--;
  }
  return most;
}

/** Unpaired surrogates are U+FFFD. */
const whole = (text: string): string => Buffer.from(text, "utf8").toString("utf8");
const textOr = (value: unknown, otherwise: string): string => (typeof value === "string" ? whole(value) : otherwise);

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
