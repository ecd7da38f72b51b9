// Leases in their three forms: JSON Schemas, Cap'n Proto, and byte frames. The schema
// of Cap'n Proto is read by the real compiler where there is one.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  FRAME_MOST_BYTES,
  type FrameReply,
  type FrameRequest,
} from "../../gateway/intents/lease_frame.ts";
import { skip } from "../skip.ts";

const test = suite("idl");
const read = (name: string): string => readFileSync(new URL(`../../schemas/${name}`, import.meta.url), "utf8");
const capnp = read("lease_request.capnp").replace(/#.*$/gm, "");

/** The words of a struct or enum of the schema, in the order of their numbers. */
function members(kind: "struct" | "enum", name: string): readonly string[] {
  const body = new RegExp(`${kind} ${name} \\{([^}]*)\\}`).exec(capnp)?.[1] ?? "";
  const found = [...body.matchAll(/(\w+) @(\d+)/g)].map((m) => [m[1] ?? "", Number(m[2])] as const);
  found.forEach(([word, number], i) => assert.is(number, i, `${name}.${word}`));
  return found.map(([word]) => word);
}

interface Property {
  readonly enum?: readonly string[];
}

function properties(schema: string): Readonly<Record<string, Property>> {
  const document: unknown = JSON.parse(read(`intents/${schema}.schema.json`));
  if (!isSchema(document)) throw new Error(`${schema} has no properties`);
  return document.properties;
}

const isSchema = (value: unknown): value is { properties: Record<string, Property> } => typeof value === "object" && value !== null && "properties" in value;

const snake = (word: string): string => word.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

for (const [struct, schema] of [
  ["LeaseRequest", "register"],
  ["Unregister", "unregister"],
  ["Renew", "renew"],
] as const) {
  test(`${struct} has the fields of ${schema}.schema.json`, () => {
    assert.equal([...members("struct", struct)].map(snake).sort(), Object.keys(properties(schema)).sort());
  });
}

test("no struct has a name of Open Nexus OS's ingress.capnp", () => {
  const names = [...capnp.matchAll(/struct (\w+)/g)].map(([, name]) => name);
  assert.equal(names, ["LeaseRequest", "Unregister", "Renew", "Outcome", "Granted", "Refused"]);
});

test("Proto and Mode have the words of register.schema.json", () => {
  assert.equal(members("enum", "Proto"), properties("register")["proto"]?.enum);
  assert.equal(members("enum", "Mode"), properties("register")["mode"]?.enum);
  assert.equal(members("enum", "Proxy").slice(1), properties("register")["proxy"]?.enum);
});

if (spawnSync("capnp", ["--version"]).status === 0) {
  test("the compiler of Cap'n Proto accepts the schema, and encodes and decodes a message of it", () => {
    const path = fileURLToPath(new URL("../../schemas/lease_request.capnp", import.meta.url));
    const message = '(service = "web", proto = tcp, port = 8443, bind = "", mode = passthrough, backend = "127.0.0.1:8080", ttlMs = 0)';
    const encoded = spawnSync("capnp", ["encode", path, "LeaseRequest"], { input: message });
    assert.is(encoded.status, 0, encoded.stderr.toString());
    const decoded = spawnSync("capnp", ["decode", "--short", path, "LeaseRequest"], { input: encoded.stdout });
    assert.match(decoded.stdout.toString(), /service = "web", proto = tcp, port = 8443, .*mode = passthrough, backend = "127\.0\.0\.1:8080"/);
    const wrong = spawnSync("capnp", ["encode", path, "LeaseRequest"], { input: '(service = "web", uid = 0)' });
    assert.is.not(wrong.status, 0);
  });
} else skip("idl the compiler of Cap'n Proto", "no capnp");

interface Vectors {
  readonly requests: readonly { readonly hex: string; readonly request: FrameRequest }[];
  readonly replies: readonly { readonly hex: string; readonly reply: FrameReply }[];
  readonly refused: readonly { readonly hex: string; readonly status: string; readonly why: string }[];
}

const isVectors = (value: unknown): value is Vectors =>
  typeof value === "object" && value !== null && "requests" in value && "replies" in value && "refused" in value;

const document: unknown = JSON.parse(read("intents/lease_frames.json"));
if (!isVectors(document)) throw new Error("lease_frames.json has no vectors");
const vectors = document;
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const hex = (frame: Uint8Array): string => Buffer.from(frame).toString("hex");

test("frames: the vectors, both ways", () => {
  assert.ok(vectors.requests.length >= 4 && vectors.replies.length >= 3 && vectors.refused.length >= 10);
  for (const { hex: text, request } of vectors.requests) {
    assert.is(hex(encodeRequest(request)), text.replaceAll(" ", ""));
    assert.equal(decodeRequest(bytes(text)), request);
  }
  for (const { hex: text, reply } of vectors.replies) {
    assert.is(hex(encodeReply(reply)), text.replaceAll(" ", ""));
    assert.equal(decodeReply(bytes(text)), reply);
  }
  for (const { hex: text, status, why } of vectors.refused) assert.is(decodeRequest(bytes(text)), status, why);
});

test("frames: cut anywhere, one byte longer, and with each bit flipped, it is another or none", () => {
  for (const { hex: text } of vectors.requests) {
    const frame = bytes(text);
    for (let n = 0; n < frame.length; n++) assert.type(decodeRequest(frame.subarray(0, n)), "string", `cut at ${n}`);
    assert.is(decodeRequest(Uint8Array.from([...frame, 0])), "malformed");
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const flipped = Uint8Array.from(frame);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const read = decodeRequest(flipped);
      if (typeof read !== "string") assert.is(hex(encodeRequest(read)), hex(flipped), "one form for one meaning");
    }
  }
});

test("frames: each bound at N and N + 1", () => {
  const whole = { op: "register", nonce: 0xffffffff, proto: "tcp", mode: "tcp", port: 65535, ttlMs: 0xffffffff } as const;
  const most = { ...whole, service: "s".repeat(48), bind: "f".repeat(45), backend: "b".repeat(256) };
  const frame = encodeRequest(most);
  assert.ok(frame.length <= FRAME_MOST_BYTES);
  assert.equal(decodeRequest(frame), most);
  const bad: readonly (readonly [string, Partial<typeof most>])[] = [
    ["service 49", { service: "s".repeat(49) }],
    ["service 0", { service: "" }],
    ["bind 46", { bind: "f".repeat(46) }],
    ["backend 257", { backend: "b".repeat(257) }],
    ["backend 0", { backend: "" }],
    ["not ASCII", { service: "wéb" }],
    ["a space", { service: "w b" }],
  ];
  for (const [name, change] of bad) assert.throws(() => encodeRequest({ ...most, ...change }), RangeError, name);
  for (const port of [-1, 65536, 1.5, NaN]) assert.throws(() => encodeRequest({ ...most, ...{ port } }), RangeError);
  assert.is(decodeRequest(new Uint8Array(FRAME_MOST_BYTES + 1)), "malformed");
});

test.run();
