// A flood of local users at the gateway's own sockets costs it little, and takes no place of other users.
import { once } from "node:events";
import { statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { Budgets, MOST_PEERS } from "../../gateway/control/budgets.ts";
import { BYTES_PER_TURN, createDesk, FRAMES_PER_TURN, TOKENS_BURST } from "../../gateway/control/desk.ts";
import { createFrames, FRAME_BYTES } from "../../gateway/control/frames.ts";
import { createPlaces, MOST_CONNECTIONS, MOST_OF_USER } from "../../gateway/control/http_places.ts";
import { ARRIVALS, EVICT_IDLE_MS } from "../../gateway/control/server.ts";
import { MALFORMED_FRAMES } from "../../gateway/control/served_client.ts";
import { RECORDS_PER_PEER } from "../../gateway/control/refusals.ts";
import { backend, eventually, freePort, manualClock, probe, running, temporaryFolder, type Under } from "./gateway_under_test.ts";
import { tokenFile } from "./token_file.ts";

const test = suite("flood");
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const LIST = '{"jsonrpc":"2.0","id":1,"method":"list"}\n';

/** `once` would take an error for the end. */
const closeOf = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once("close", () => resolve()));

/** The answers that a client of the control socket gets until the gateway closes it. */
async function until(path: string, bytes: string | Buffer): Promise<{ answers: string[]; socket: Socket }> {
  const socket = connect(path);
  let out = "";
  socket.on("error", () => undefined);
  socket.on("data", (chunk: Buffer) => (out += chunk.toString()));
  socket.write(bytes);
  await closeOf(socket);
  return { answers: out.split("\n").slice(0, -1), socket };
}

async function openClient(gateway: Under): Promise<Socket> {
  const socket = connect(gateway.daemon.controlPath);
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

test("the third malformed frame ends a connection; blank lines and whole requests do not", async () => {
  const gateway = await running({ policy: "edition 1" });
  const { answers } = await until(gateway.daemon.controlPath, "1\n".repeat(32_768));
  assert.is(answers.length, MALFORMED_FRAMES);
  const client = await gateway.control();
  assert.match(JSON.stringify(await client.call("list")), /"result":\[\]/);
  const kept = connect(gateway.daemon.controlPath);
  kept.write(`${"1\n".repeat(MALFORMED_FRAMES - 1)}\n\n${LIST}`);
  let out = "";
  kept.on("data", (chunk: Buffer) => (out += chunk.toString()));
  await eventually(() => out.includes('"result":[]'), "the answer after fewer");
  kept.destroy();
  client.close();
  await gateway.stop();
});

test("frames: one at a time, the longest and one byte more, cut anywhere", () => {
  const frames = createFrames();
  frames.push(Buffer.from("a\nb\n\nc"));
  assert.equal(
    [frames.next(), frames.next(), frames.next(), frames.next()],
    [{ text: "a", bytes: 2 }, { text: "b", bytes: 2 }, { text: "", bytes: 1 }, "none"],
  );
  assert.is(frames.unfinished(), true);
  frames.push(Buffer.from("d\n"));
  assert.equal([frames.next(), frames.unfinished()], [{ text: "cd", bytes: 3 }, false]);
  for (const [length, expected] of [
    [FRAME_BYTES - 1, FRAME_BYTES],
    [FRAME_BYTES, "too_long"],
  ] as const) {
    const one = createFrames();
    for (let at = 0; at < length; at += 1000) {
      one.push(Buffer.alloc(Math.min(1000, length - at), "x"));
      if (one.next() !== "none") assert.unreachable();
    }
    one.push(Buffer.from("\n"));
    const found = one.next();
    assert.is(typeof found === "string" ? found : found.bytes, expected);
  }
  const endless = createFrames();
  endless.push(Buffer.alloc(FRAME_BYTES + 1, "x"));
  assert.is(endless.next(), "too_long");
});

test("a turn handles a bounded number of frames and bytes, one a client at a time", async () => {
  for (const [size, each] of [
    [1, FRAMES_PER_TURN],
    [BYTES_PER_TURN, 1],
    [BYTES_PER_TURN / 2, 2],
  ] as const) {
    const desk = createDesk(manualClock());
    const done: string[] = [];
    for (const peer of ["a", "b", "c"]) {
      const work = { peer, step: () => (done.push(peer), desk.add(work), size) };
      desk.add(work);
    }
    const counts: number[] = [];
    for (let i = 0; i < 4; i++) {
      await turn();
      counts.push(done.length);
    }
    // The desk's own turn comes before or after ours, and always by the same number.
    assert.ok(
      counts.every((count, i) => i === 0 || count - (counts[i - 1] ?? 0) <= Math.min(each, 3)),
      `${size}: ${counts.join()}`,
    );
    assert.equal(done.slice(0, 3), ["a", "b", "c"]);
  }
});

test("a peer that has used up its budget waits, and others do not", async () => {
  const clock = manualClock();
  const desk = createDesk(clock);
  const count = { greedy: 0, other: 0 };
  const work = (peer: "greedy" | "other"): { peer: string; step(): number } => {
    const self = { peer, step: () => (count[peer]++, peer === "greedy" && desk.add(self), 0) };
    return self;
  };
  desk.add(work("greedy"));
  await eventually(() => count.greedy >= TOKENS_BURST, "the whole burst");
  for (let i = 0; i < 10; i++) await turn();
  assert.is(count.greedy, TOKENS_BURST);
  desk.add(work("other"));
  await eventually(() => count.other === 1, "another peer's turn");
  assert.is(count.greedy, TOKENS_BURST);
  clock.advance(2);
  await eventually(() => count.greedy === TOKENS_BURST + 1, "one more token");
});

test("budgets: each at N and N + 1, in bounded memory, and nobody is forgotten into new tokens", () => {
  const budgets = new Budgets({ perSecond: 10, burst: 2 });
  assert.equal([budgets.take("a", 0), budgets.take("a", 0), budgets.take("a", 0)], [true, true, false]);
  assert.is(budgets.waitMs("a", 0), 100);
  assert.equal([budgets.take("a", 99), budgets.take("a", 100)], [false, true]);
  for (let i = 0; i < MOST_PEERS - 1; i++) assert.ok(budgets.take(`peer ${i}`, 100));
  assert.equal([budgets.take("late", 100), budgets.take("later", 100), budgets.take("latest", 100)], [true, true, false], "they share one bucket");
  assert.is(budgets.take("a", 100), false);
  assert.ok(budgets.take("late", 10_000), "places of those that are full come free");
});

test("refusals are recorded up to a bound, and the next record has the count of the rest", async () => {
  const gateway = await running({ policy: "edition 1" });
  const client = await gateway.control();
  const renew = (): Promise<unknown> => client.call("renew", { lease: "0".repeat(32), ttl_ms: 5000 });
  const records = (): number => gateway.records().length;
  for (let i = 0; i < RECORDS_PER_PEER.burst; i++) await renew();
  assert.is(records(), RECORDS_PER_PEER.burst);
  for (let i = 0; i < 9; i++) await renew();
  assert.is(records(), RECORDS_PER_PEER.burst);
  const { counters } = gateway.daemon;
  assert.is(counters.refusalsUnrecorded, 9);
  assert.is(counters.allowed + counters.denied, counters.auditRecords + counters.auditDropped + counters.refusalsUnrecorded);
  assert.is(counters.byCode.get("no_lease"), RECORDS_PER_PEER.burst + 9);
  gateway.clock.advance(1000 / RECORDS_PER_PEER.perSecond);
  await renew();
  const last: unknown = gateway.records().at(-1);
  assert.match(JSON.stringify(last), /"unrecorded":9/);
  client.close();
  await gateway.stop();
});

test("a frame that has begun has a deadline, whatever drips in", async () => {
  const gateway = await running({ policy: "edition 1", config: "[timers]\ncontrol_idle_ms = 1000" });
  const socket = await openClient(gateway);
  let closed = false;
  socket.once("close", () => (closed = true));
  for (let i = 0; i < 3; i++) {
    socket.write("{");
    gateway.clock.advance(300);
    for (let n = 0; n < 20; n++) await turn();
    assert.is(closed, false);
  }
  gateway.clock.advance(100);
  await eventually(() => closed, "the end of the connection");
  await gateway.stop();
});

test("a client that is being ended and reads nothing loses its place", async () => {
  const gateway = await running({ policy: "edition 1", config: "[timers]\ncontrol_idle_ms = 1000\n[caps]\ncontrol_connections = 1" });
  const socket = await openClient(gateway);
  socket.pause();
  // More answers than the kernel keeps for a reader, fewer than those at which it is closed at once; then what ends it.
  socket.write(`${LIST.repeat(1_500)}${"x\n".repeat(MALFORMED_FRAMES)}`);
  await eventually(() => {
    gateway.clock.advance(5);
    return gateway.records().filter(({ code }) => code === "bad_intent").length >= MALFORMED_FRAMES;
  }, "the third malformed frame");
  gateway.clock.advance(1_000);
  const client = await gateway.control();
  let answer = "";
  void client.call("list").then(
    (got) => {
      answer = JSON.stringify(got);
    },
    (error: unknown) => {
      answer = String(error);
    },
  );
  await eventually(() => {
    // The flood has used up the requests of this peer.
    gateway.clock.advance(5);
    return answer !== "";
  }, "the answer of another client");
  assert.match(answer, /"result"/);
  client.close();
  await gateway.stop();
});

test("a silent client makes room once it has been silent long enough", async () => {
  const gateway = await running({ policy: "edition 1", config: "[caps]\ncontrol_connections = 2" });
  const [first] = [await openClient(gateway), await openClient(gateway)];
  let gone = false;
  first.once("close", () => (gone = true));
  const { answers } = await until(gateway.daemon.controlPath, LIST);
  assert.match(answers.join(), /too many clients/);
  gateway.clock.advance(EVICT_IDLE_MS - 1);
  assert.match((await until(gateway.daemon.controlPath, LIST)).answers.join(), /too many clients/);
  assert.is(gone, false);
  gateway.clock.advance(1);
  const client = await gateway.control();
  assert.match(JSON.stringify(await client.call("list")), /"result"/);
  await eventually(() => gone, "the end of the one that was silent longest");
  assert.is(gateway.daemon.counters.clientsTurnedAway, 2);
  client.close();
  await gateway.stop();
});

test("connections that come too often are closed unheard", async () => {
  const gateway = await running({ policy: "edition 1", config: "[caps]\ncontrol_connections = 4096" });
  for (let i = 0; i < ARRIVALS.burst; i++) (await openClient(gateway)).destroy();
  assert.is(gateway.daemon.counters.clientsTurnedAway, 0);
  assert.equal((await until(gateway.daemon.controlPath, LIST)).answers, []);
  assert.is(gateway.daemon.counters.clientsTurnedAway, 1);
  gateway.clock.advance(1000 / ARRIVALS.perSecond);
  const client = await gateway.control();
  assert.match(JSON.stringify(await client.call("list")), /"result"/);
  client.close();
  await gateway.stop();
});

test("silent connections do not keep HTTP from answering", async () => {
  const http = await freePort();
  const gateway = await running({ policy: "edition 1", config: `[metrics]\nlisten = "127.0.0.1:${http}"\ntoken_file = "${tokenFile("0123456789abcdef")}"` });
  const silent = await Promise.all(
    Array.from({ length: MOST_CONNECTIONS + 8 }, async () => {
      const socket = connect(http, "127.0.0.1");
      socket.on("error", () => undefined);
      await once(socket, "connect");
      return socket;
    }),
  );
  const response = await fetch(`http://127.0.0.1:${http}/healthz`, { headers: { authorization: "Bearer 0123456789abcdef" } });
  assert.is(response.status, 200);
  assert.ok(gateway.daemon.counters.clientsTurnedAway >= 8);
  for (const socket of silent) socket.destroy();
  await gateway.stop();
});

test("HTTP's places: of a user and of all, at N and N + 1; the most silent goes first", async () => {
  const server = await backend("");
  for (const [user, most] of [
    [1001, MOST_OF_USER],
    [null, MOST_CONNECTIONS],
  ] as const) {
    let away = 0;
    const takeIn = createPlaces({ clock: manualClock(), userOf: () => user, turnedAway: () => away++ });
    const sockets: Socket[] = [];
    const one = (): void => {
      const socket = connect(server.port, "127.0.0.1");
      socket.on("error", () => undefined);
      sockets.push(socket);
      takeIn(socket);
    };
    for (let i = 0; i < most; i++) one();
    assert.equal([away, sockets.some(({ destroyed }) => destroyed)], [0, false]);
    one();
    assert.equal([away, sockets.findIndex(({ destroyed }) => destroyed)], [1, 0]);
    for (const socket of sockets) socket.destroy();
  }
  server.close();
});

test("a client is served while a socket is flooded", async () => {
  const [behind, port] = [await backend("hello"), await freePort()];
  const folder = temporaryFolder();
  const gateway = await running({ folder, policy: `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from any }` });
  const kinds = ["1\n".repeat(32_768), LIST.repeat(1_500), `${"[".repeat(60_000)}\n`, "\n".repeat(65_536), "x".repeat(70_000)];
  let over = false;
  let attacks = 0;
  const attack = async (payload: string): Promise<void> => {
    while (!over) {
      const socket = connect(gateway.daemon.controlPath);
      socket.on("error", () => undefined);
      socket.resume();
      socket.write(payload, () => attacks++);
      await closeOf(socket);
    }
  };
  const attackers = kinds.map(attack);
  await eventually(() => attacks > 3, "the attack");
  const times: number[] = [];
  for (let i = 0; i < 40; i++) {
    const from = performance.now();
    assert.is(await probe(port), "allow");
    times.push(performance.now() - from);
    gateway.clock.advance(50);
  }
  over = true;
  times.sort((a, b) => a - b);
  assert.ok((times[20] ?? Infinity) < 250, `median ${times[20]} ms`);
  assert.ok(statSync(join(folder, "audit.jsonl")).size < 200_000);
  const stopping = gateway.stop();
  await Promise.all([stopping, ...attackers]);
  behind.close();
});

test.run();
