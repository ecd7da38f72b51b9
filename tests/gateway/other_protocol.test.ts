// Clients that speak another protocol than the socket does get an answer, in their own, that says so: byte frames at a gateway, and
// this package's client at a server of byte frames.
import { connect, createServer, type Socket } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { expose, ExposeError } from "../../gateway/client/expose.mjs";
import { beginsByteFrame } from "../../gateway/control/byte_frames.ts";
import { createFrames } from "../../gateway/control/frames.ts";
import { decodeExposeReply, decodeExposeRequest, encodeExposeReply, encodeExposeRequest } from "../../gateway/intents/expose_frame.ts";
import { decodeReply, encodeRequest } from "../../gateway/intents/lease_frame.ts";
import { CODE_BAD_INTENT, REASON_POLICY } from "../../runtime/abi/verdicts.ts";
import { atEnd, ownFolder, suite } from "../suite.ts";
import { freePort, running, temporaryFolder } from "./gateway_under_test.ts";
import { policy } from "./registering.ts";

const test = suite("other protocol");

const EXPOSE = encodeExposeRequest({ op: "expose", nonce: 0xa1b2c3d4, port: 8443, proto: "tcp" });
const RENEW = encodeRequest({ op: "renew", nonce: 77, lease: "00112233445566778899aabbccddeeff", ttlMs: 1_000 });

function opened(path: string): Socket {
  const socket = connect({ path });
  atEnd(() => socket.destroy());
  return socket;
}

/** All that the socket answers until it closes. */
async function answerTo(path: string, pieces: readonly Uint8Array[]): Promise<Buffer> {
  const socket = opened(path);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.on("error", () => undefined);
  const closed = once(socket, "close");
  for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve));
  await closed;
  return Buffer.concat(chunks);
}

/** The gateway answers at the eighth byte, and closes. */
const bytewise = (frame: Uint8Array): readonly Uint8Array[] => [...Array.from(frame.subarray(0, 7), (byte) => Uint8Array.of(byte)), frame.subarray(7)];

test("byte frames at the control and the registration socket are answered as frames, recorded, and end the connection", async () => {
  const port = await freePort();
  const registration = join(temporaryFolder(), "registration.sock");
  const gateway = await running({ policy: policy(port), config: `[intents]\nsocket = "${registration}"\n[policy]\nwatch = false` });
  const unsupported = { kind: "answer", op: 1, nonce: 0xa1b2c3d4, status: "unsupported", reason: "none" } as const;
  let sent = 0;
  for (const path of [gateway.daemon.controlPath, registration])
    for (const pieces of [[EXPOSE], bytewise(EXPOSE), [Buffer.concat([EXPOSE, EXPOSE])]]) {
      sent++;
      assert.equal(decodeExposeReply(await answerTo(path, pieces)), unsupported);
    }
  // A version that there isn't is malformed there, as the RFC has it.
  const later = Uint8Array.from(EXPOSE);
  later[2] = 2;
  assert.equal(decodeExposeReply(await answerTo(registration, [later])), { kind: "answer", op: 0, nonce: 0, status: "malformed", reason: "none" });
  for (const pieces of [[RENEW], bytewise(RENEW)])
    assert.equal(decodeReply(await answerTo(registration, pieces)), {
      op: "renew",
      nonce: 77,
      status: "unsupported",
      reason: REASON_POLICY,
      code: CODE_BAD_INTENT,
      lease: "0".repeat(32),
    });
  const records = gateway.records().filter(({ code }) => code === "bad_intent");
  assert.is(records.length, sent + 3);
  await gateway.stop();
});

test("after a request in JSON a byte frame is answered too, and text that begins alike is text", async () => {
  const gateway = await running({ policy: policy(await freePort()), config: "[policy]\nwatch = false" });
  const list = Buffer.from('{"jsonrpc":"2.0","id":1,"method":"list"}\n');
  const both = await answerTo(gateway.daemon.controlPath, [list, EXPOSE]);
  const end = both.indexOf("\n") + 1;
  assert.match(both.subarray(0, end).toString(), /^\{"jsonrpc":"2\.0","id":1,"result":/);
  assert.is(decodeExposeReply(both.subarray(end))?.kind, "answer");
  const text = await answerTo(gateway.daemon.controlPath, [Buffer.from("IGNORE\nIL\nI\n")]);
  assert.equal(
    text
      .toString()
      .trimEnd()
      .split("\n")
      .map((line) => /"code":(-\d+)/.exec(line)?.[1]),
    ["-32700", "-32700", "-32700"],
  );
  await gateway.stop();
});

test("what begins a byte frame", () => {
  const rows: readonly (readonly [bytes: readonly number[], due: "yes" | "no" | "perhaps"])[] = [
    [[], "no"],
    [[0x49], "perhaps"],
    [[0x49, 0x47], "perhaps"],
    [[0x49, 0x4c], "perhaps"],
    [[0x49, 0x47, 0], "yes"],
    [[0x49, 0x4c, 8], "yes"],
    [[0x49, 0x47, 9], "no"],
    [[0x49, 0x47, 10], "no"],
    [[0x49, 0x48], "no"],
    [[0x7b], "no"],
    [[0x20, 0x49, 0x47, 1], "no"],
  ];
  for (const [bytes, due] of rows) assert.is(beginsByteFrame(Uint8Array.from(bytes)), due, bytes.join());
  // One that is not whole counts as begun, so that it does not keep its connection.
  const frames = createFrames();
  for (const [i, byte] of EXPOSE.subarray(0, 7).entries()) {
    frames.push(Buffer.of(byte));
    assert.is(frames.next(), "none", `${i}`);
    assert.ok(frames.unfinished());
  }
  frames.push(Buffer.of(1));
  const found = frames.next();
  assert.ok(typeof found === "object" && "head" in found && found.head.length === 8);
});

test("the client of this package at a server of byte frames fails at once, and says what is spoken there", async () => {
  const path = join(ownFolder(), "nexus.sock");
  const heard: string[] = [];
  const server = createServer((socket) => {
    socket.on("data", (chunk) => {
      const request = decodeExposeRequest(chunk);
      heard.push("status" in request ? request.status : request.op);
      if ("status" in request)
        socket.write(encodeExposeReply({ kind: "answer", op: request.op, nonce: request.nonce, status: request.status, reason: "none" }));
    });
  });
  atEnd(() => server.close());
  server.listen(path);
  await once(server, "listening");
  const failure = await expose({ service: "web", port: 8443, backend: "127.0.0.1:1", socket: path }).then(
    () => null,
    (error: unknown) => error,
  );
  assert.instance(failure, ExposeError);
  if (!(failure instanceof ExposeError)) return;
  assert.is(failure.code, "other_protocol");
  assert.match(failure.message, /speaks byte frames \(RFC-0092 of Open Nexus OS\), and no JSON: name the socket/);
  assert.equal(heard, ["malformed"]);
});

test.run();
