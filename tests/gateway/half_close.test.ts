// Bytes are exact in both directions, half-close is kept, and a side that never reads can't
// make the gateway buffer more than its marks.
import { createHash, randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { HIGH_WATER_BYTES, READ_BYTES } from "../../gateway/forward/relay.ts";
import { PIPE_BYTES } from "../../gateway/kernel/pipes.ts";
import {
  backend,
  countedFor,
  eventually,
  FORWARDERS,
  freePort,
  running,
  visit,
  type BackendUnderTest,
  type ForwarderName,
  type Under,
} from "./gateway_under_test.ts";

const one = suite("half_close");

function test(name: string, body: (forwarder: ForwarderName) => Promise<void>): void {
  for (const forwarder of FORWARDERS) one(`${forwarder}: ${name}`, () => body(forwarder));
}

async function gatewayTo(forwarder: ForwarderName, behind: BackendUnderTest, config = ""): Promise<{ gateway: Under; port: number }> {
  const port = await freePort();
  const gateway = await running({
    config,
    forwarder,
    policy: `edition 1
expose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from any }`,
  });
  return { gateway, port };
}

/** Of one direction: Node's forwarder has its marks and one read in user space, the kernel's a read or what is in a pipe. */
function mostBuffered(forwarder: ForwarderName): number {
  return forwarder === "kernel" ? PIPE_BYTES : HIGH_WATER_BYTES + READ_BYTES;
}

function digest(chunks: readonly Buffer[]): string {
  return createHash("sha256").update(Buffer.concat(chunks)).digest("hex");
}

/** All that comes until the other side's end. */
function readAll(socket: Socket): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.once("end", () => resolve(chunks));
    socket.once("error", reject);
  });
}

test("the client ends first: the backend still answers, with exact bytes", async (forwarder) => {
  const sent = randomBytes(3_000_000);
  const answer = randomBytes(2_000_000);
  const received: string[] = [];
  const behind = await backend("", (socket) => {
    void readAll(socket).then((chunks) => {
      received.push(digest(chunks));
      // The client's end was seen while this direction is still open.
      socket.end(answer);
    });
  });
  const { gateway, port } = await gatewayTo(forwarder, behind);
  const { socket, closed } = visit(port);
  const reading = readAll(socket);
  socket.end(sent);
  assert.is(digest(await reading), digest([answer]));
  await closed;
  assert.equal(received, [digest([sent])]);
  await eventually(() => gateway.daemon.forwarder.live === 0, "it is gone");
  assert.is(gateway.daemon.counters.ends.get("done"), 1);
  assert.is(gateway.daemon.counters.bytesFromClients, sent.length);
  assert.is(gateway.daemon.counters.bytesFromBackends, answer.length);
  await gateway.stop();
  behind.close();
});

test("the backend ends first: the client may still send, with exact bytes", async (forwarder) => {
  const sent = randomBytes(2_500_000);
  const received: string[] = [];
  const behind = await backend("", (socket) => {
    socket.end("bye");
    void readAll(socket).then((chunks) => received.push(digest(chunks)));
  });
  const { gateway, port } = await gatewayTo(forwarder, behind);
  const { socket, closed } = visit(port);
  assert.is(Buffer.concat(await readAll(socket)).toString(), "bye");
  socket.end(sent);
  await closed;
  await eventually(() => received.length === 1, "the backend has all");
  assert.equal(received, [digest([sent])]);
  await gateway.stop();
  behind.close();
});

test("a reset is a reset on the other side, never a clean end of half the bytes", async (forwarder) => {
  const ends: string[] = [];
  const behind = await backend("hello", (socket) => {
    socket.resume();
    socket.once("end", () => ends.push("end"));
    socket.once("close", () => ends.push("close"));
  });
  const { gateway, port } = await gatewayTo(forwarder, behind);
  const { socket, first } = visit(port);
  await first;
  socket.resetAndDestroy();
  await eventually(() => ends.length > 0, "the backend hears of it");
  assert.equal(ends, ["close"]);
  await eventually(() => gateway.daemon.counters.ends.get("client_reset") === 1, "it is counted");
  await gateway.stop();
  behind.close();
});

test("a backend that never reads can't grow memory", async (forwarder) => {
  const behind = await backend("", (socket) => socket.pause());
  const { gateway, port } = await gatewayTo(forwarder, behind);
  const { socket } = visit(port);
  const block = Buffer.alloc(1024 * 1024);
  let taken = 0;
  const more = (): void =>
    void socket.write(block, () => {
      taken += block.length;
      if (taken < 64 * block.length) more();
    });
  more();
  // The kernel's buffers fill first; then nothing moves for many turns of the event loop.
  let still = 0;
  let last = -1;
  await eventually(() => {
    const now = gateway.daemon.forwarder.table.bytesIn[0] ?? 0;
    still = now === last && now > 0 ? still + 1 : 0;
    last = now;
    assert.ok(gateway.daemon.forwarder.buffered(0) <= mostBuffered(forwarder), "one direction");
    return still > 3000;
  }, "the flow stops");
  assert.ok(taken < 64 * block.length, "the client was made to wait");
  assert.ok(gateway.daemon.forwarder.buffered(0) > 0);
  socket.destroy();
  await gateway.stop();
  behind.close();
});

test("a client that never reads can't grow memory either", async (forwarder) => {
  const behind = await backend("", (socket) => {
    const block = Buffer.alloc(1024 * 1024);
    const more = (): void =>
      void socket.write(block, (error) => {
        if (!error) more();
      });
    more();
  });
  const { gateway, port } = await gatewayTo(forwarder, behind);
  const { socket } = visit(port);
  socket.pause();
  let still = 0;
  let last = -1;
  await eventually(() => {
    const now = gateway.daemon.forwarder.table.bytesOut[0] ?? 0;
    still = now === last && now > 0 ? still + 1 : 0;
    last = now;
    assert.ok(gateway.daemon.forwarder.buffered(0) <= mostBuffered(forwarder), "one direction");
    return still > 3000;
  }, "the flow stops");
  socket.destroy();
  await gateway.stop();
  behind.close();
});

test("idle, lifetime and backend timers", async (forwarder) => {
  const behind = await backend("hello");
  const { gateway, port } = await gatewayTo(forwarder, behind, "[timers]\nidle_ms = 5000\nlifetime_ms = 20000");
  const idle = visit(port);
  const busy = visit(port);
  await Promise.all([idle.first, busy.first]);
  await eventually(() => [idle, busy].every(({ socket }) => countedFor(gateway, socket) === "hello".length), "the count of the greetings");
  for (let second = 0; second < 19; second++) {
    gateway.clock.advance(1000);
    const heard = new Promise((resolve) => busy.socket.once("data", resolve));
    busy.socket.write("x");
    await heard;
    await eventually(() => countedFor(gateway, busy.socket) === "hello".length + second + 1, "the count of the byte");
    if (second === 3) assert.is(gateway.daemon.forwarder.live, 2, "five seconds have not passed");
    if (second === 5) await idle.closed;
  }
  assert.is(gateway.daemon.counters.ends.get("idle"), 1);
  assert.is(gateway.daemon.forwarder.live, 1);
  gateway.clock.advance(1000);
  await busy.closed;
  // A thread reports its end some milliseconds later.
  await eventually(() => gateway.daemon.counters.ends.get("lifetime") === 1, "the end by its lifetime");
  await gateway.stop();
  behind.close();
});

test("a backend that refuses closes the client; the decision stays an allow", async (forwarder) => {
  const behind = await backend("hello");
  behind.close();
  const { gateway, port } = await gatewayTo(forwarder, behind);
  const { first, closed } = visit(port);
  assert.is(await first, "");
  await closed;
  assert.is(gateway.records().at(-1)?.decision, "allow");
  assert.is(gateway.daemon.counters.ends.get("backend_refused"), 1);
  assert.is(gateway.daemon.forwarder.live, 0);
  await gateway.stop();
});

one.run();
