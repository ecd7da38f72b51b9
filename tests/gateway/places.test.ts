// A place under `cap … per source` is free as soon as its client has closed: the next connection of the source waits
// undecided for the rest of the one before. Nobody else waits, nobody waits longer than 50 ms, and nobody is admitted above a cap.
import type { Socket } from "node:net";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { MOST_LOOKS, MOST_WAITS, Places, WAIT_MS } from "../../gateway/connection/places.ts";
import { CONNECTING, FREE, OPEN, PENDING } from "../../gateway/connection/states.ts";
import { records, helloWith, serverName } from "./hello_bytes.ts";
import { world, type World } from "./connections_under_test.ts";
import { backend, eventually, FORWARDERS, freePort, manualClock, moduleOf, probe, running, visit, type Under } from "./gateway_under_test.ts";
import { sharedPort, threeNames } from "./shared_port_under_test.ts";

const test = suite("places");
const PLAIN = 0;
const SERIAL = 300;

/** The policy's `cap 4 connections, 2 per source` is full for the source 10.0.0.1. */
async function full(): Promise<{ readonly w: World; readonly first: number; readonly second: number }> {
  const w = await world();
  const [first, second] = [w.peer(PLAIN, 1), w.peer(PLAIN, 1)];
  w.turn();
  for (const row of [first, second]) w.events.connected(row);
  assert.equal([w.table.state[first], w.table.state[second]], [OPEN, OPEN]);
  return { w, first, second };
}

function codes({ lines }: World): readonly string[] {
  return lines.flatMap((line) => /"code":"(\w+)"/.exec(line)?.[1] ?? []);
}

test("a source none of whose clients has closed is refused at once, and each of its connections was looked at", async () => {
  const { w, first, second } = await full();
  const third = w.peer(PLAIN, 1);
  w.turn();
  assert.is(w.table.state[third], FREE);
  assert.is(codes(w).at(-1), "cap_source");
  assert.equal(
    w.transport.calls.filter((call) => call.startsWith("look")),
    [`look ${first}`, `look ${second}`],
  );
  assert.is(w.places.waits, 0);
});

test("where a client has closed the next connection waits, is decided when that is over, and is recorded once", async () => {
  const { w, second } = await full();
  w.transport.closed.add(second);
  const third = w.peer(PLAIN, 1);
  w.turn();
  assert.equal([w.table.state[third], w.places.waits, codes(w).length], [PENDING, 1, 2], "not decided, not recorded");
  w.events.ended(second, null);
  w.turn();
  assert.equal([w.table.state[third], w.places.waits], [CONNECTING, 0]);
  assert.equal(codes(w), ["allowed", "allowed", "allowed"]);
  w.clock.advance(WAIT_MS);
  w.turn();
  assert.is(w.table.state[third], CONNECTING, "the end of the wait that was");
});

test("it waits 50 ms and no longer, and is then refused as it would have been", async () => {
  const { w, first } = await full();
  w.transport.closed.add(first);
  const third = w.peer(PLAIN, 1);
  w.turn();
  w.clock.advance(WAIT_MS - 1);
  w.turn();
  assert.is(w.table.state[third], PENDING);
  w.clock.advance(1);
  w.turn();
  assert.equal([w.table.state[third], w.places.waits, codes(w).at(-1)], [FREE, 0, "cap_source"]);
  assert.is(w.counters.denied, 1);
});

test("of a source one connection waits: the next is refused, and so is another source's that is only full", async () => {
  const { w, first } = await full();
  w.transport.closed.add(first);
  const third = w.peer(PLAIN, 1);
  w.turn();
  const fourth = w.peer(PLAIN, 1);
  w.turn();
  assert.equal([w.table.state[third], w.table.state[fourth]], [PENDING, FREE]);
  for (let i = 0; i < 2; i++) w.peer(PLAIN, 2);
  w.turn();
  const other = w.peer(PLAIN, 2);
  w.turn();
  assert.is(w.table.state[other], FREE, "the cap of the expose is full, which nobody waits for");
  assert.is(codes(w).at(-1), "cap_listener");
});

test("a place that somebody else takes is not given twice", async () => {
  const { w, first } = await full();
  w.transport.closed.add(first);
  const third = w.peer(PLAIN, 1);
  w.turn();
  // Another source fills the expose's own cap meanwhile.
  for (let i = 0; i < 2; i++) w.peer(PLAIN, 2);
  w.turn();
  const late = w.peer(PLAIN, 2);
  w.events.ended(first, null);
  w.turn();
  assert.equal([w.table.state[third], w.table.state[late]], [CONNECTING, FREE], "who has waited comes first");
  assert.is(w.forwarder.live, 4);
});

test("a drain decides those that wait", async () => {
  const { w, first } = await full();
  w.transport.closed.add(first);
  const third = w.peer(PLAIN, 1);
  w.turn();
  w.places.wake();
  w.turn();
  assert.equal([w.table.state[third], w.places.waits], [FREE, 0]);
});

test("a bug at a row that waits ends its wait", async () => {
  const { w, first } = await full();
  w.transport.closed.add(first);
  const third = w.peer(PLAIN, 1);
  w.turn();
  w.events.faulted(third, "a bug");
  assert.equal([w.table.state[third], w.places.waits], [FREE, 0]);
  w.events.ended(first, null);
  w.clock.advance(WAIT_MS);
  w.turn();
  assert.is(w.table.state[third], FREE);
});

interface Bare {
  readonly places: Places;
  readonly looks: number[];
  readonly again: number[];
  readonly reports: ((hasClosed: boolean) => void)[];
}

/** Places whose looks are answered by the test, or at once. */
function bare(answer: boolean | null): Bare {
  const made: Bare = { places: new Places(manualClock()), looks: [], again: [], reports: [] };
  made.places.connect({
    look(row, report) {
      made.looks.push(row);
      if (answer === null) made.reports.push(report);
      else report(answer);
    },
    again: (row) => made.again.push(row),
  });
  return made;
}

test(`${MOST_WAITS} wait at a listener, one more does not, and another listener has its own`, () => {
  const { places } = bare(true);
  for (let i = 0; i <= MOST_WAITS; i++) places.take(i, [`${i}`]);
  const waits = Array.from({ length: MOST_WAITS + 1 }, (_, i) => places.waitsFor(1000 + i, 7, [`${i}`]));
  assert.equal([waits.filter(Boolean).length, waits.at(-1)], [MOST_WAITS, false]);
  places.decided(1000);
  assert.ok(places.waitsFor(2000, 7, [`${MOST_WAITS}`]), "one has ended");
  places.take(5000, ["other"]);
  assert.ok(places.waitsFor(5001, 8, ["other"]));
});

test(`a decision looks at ${MOST_LOOKS} connections of its source, the next one at the others`, () => {
  const { places, looks } = bare(false);
  for (let i = 0; i < MOST_LOOKS + 2; i++) places.take(i, ["s"]);
  assert.not.ok(places.waitsFor(1000, 7, ["s"]));
  assert.equal(
    looks,
    Array.from({ length: MOST_LOOKS }, (_, i) => i),
  );
  places.waitsFor(1001, 7, ["s"]);
  assert.equal(looks.slice(MOST_LOOKS, MOST_LOOKS + 3), [MOST_LOOKS, MOST_LOOKS + 1, 0]);
});

test("looks that are answered later: the last no ends the wait, one yes keeps it, and what comes after its end counts for nothing", () => {
  const one = bare(null);
  one.places.take(1, ["s"]);
  one.places.take(2, ["s"]);
  assert.ok(one.places.waitsFor(10, 7, ["s"]));
  one.reports[0]?.(false);
  assert.equal(one.again, []);
  one.reports[1]?.(false);
  assert.equal(one.again, [10]);
  assert.not.ok(one.places.waitsFor(10, 7, ["s"]), "it is over");
  assert.is(one.places.waits, 0);
  const two = bare(null);
  two.places.take(1, ["s"]);
  two.places.take(2, ["s"]);
  assert.ok(two.places.waitsFor(10, 7, ["s"]));
  two.reports[0]?.(true);
  two.reports[1]?.(false);
  assert.equal(two.again, []);
  two.places.decided(10);
  for (const report of two.reports) report(false);
  two.places.give(1);
  assert.equal(two.again, []);
});

test("where several caps are full it waits as long as a client of each has closed", () => {
  const [full, wide] = ["s", "w"];
  const { places, reports, again } = bare(null);
  places.take(1, [full, wide]);
  places.take(2, ["", wide]);
  assert.ok(places.waitsFor(10, 7, [full, "", wide]));
  assert.not.ok(places.waitsFor(11, 7, [full]), "one for each key");
  assert.not.ok(places.waitsFor(12, 7, ["", wide]));
  const [first, ofWide, other] = reports;
  first?.(true);
  ofWide?.(false);
  assert.equal(again, [], "the second may have");
  other?.(false);
  assert.equal(again, [10]);
  assert.not.ok(places.waitsFor(10, 7, [full, wide]), "nobody has under the wide one");
  assert.equal([places.waits, places.count(full), places.count(wide), places.count("x")], [0, 1, 2, 0]);
});

test("who waits under several keys is decided again by the end of a connection under any of them, and waits on for the others alone", () => {
  const { places, again } = bare(true);
  places.take(1, ["s", "w"]);
  places.take(2, ["", "w"]);
  assert.ok(places.waitsFor(10, 7, ["s", "w"]));
  places.give(1);
  assert.equal(again, [10], "once");
  assert.ok(places.waitsFor(10, 7, ["", "w"]));
  assert.not.ok(places.waitsFor(10, 7, ["t", "w"]), "a cap that was not full before");
  places.take(3, ["s"]);
  assert.ok(places.waitsFor(11, 7, ["s"]), "its keys are free again");
});

test("no wait: no such cap, no connection of the source, nothing to look with", () => {
  const { places } = bare(true);
  assert.not.ok(places.waitsFor(1, 7, [""]));
  places.take(2, [""]);
  assert.not.ok(places.waitsFor(1, 7, ["s"]));
  places.take(2, ["s"]);
  places.give(2);
  places.give(2);
  assert.not.ok(places.waitsFor(1, 7, ["s"]));
  const unconnected = new Places(manualClock());
  unconnected.take(1, ["s"]);
  assert.not.ok(unconnected.waitsFor(2, 7, ["s"]));
});

test("under another policy all places are counted anew, and those that wait are decided by it", () => {
  const { places, again } = bare(true);
  places.take(1, ["s"]);
  assert.ok(places.waitsFor(2, 7, ["s"]));
  places.clear();
  assert.equal(again, [2]);
  places.take(1, ["t"]);
  assert.not.ok(places.waitsFor(2, 8, ["t"]), "it has waited before");
  assert.ok(places.waitsFor(3, 8, ["t"]));
});

/** Opens one connection after the other, without a pause, and gives how many were refused. */
async function serial(port: number, over: (socket: Socket) => Promise<void> | void): Promise<number> {
  let refused = 0;
  for (let i = 0; i < SERIAL; i++) {
    const { socket, first } = visit(port);
    if ((await first) !== "hello") refused++;
    await over(socket);
  }
  return refused;
}

/** A place is never free by time: the clock of the gateway moves only where a test moves it. */
async function capped(
  serve: ((socket: Socket) => void) | undefined,
  setup: Omit<Parameters<typeof running>[0], "policy">,
  perSource = "1 per source",
): Promise<{ gateway: Under; port: number }> {
  const behind = serve === undefined ? await backend("hello") : await backend("hello", serve);
  const port = await freePort();
  const policy = `edition 1
expose web on tcp ${port} { backend 127.0.0.1:${behind.port} cap 1000 connections, ${perSource} allow from any }`;
  return { gateway: await running({ ...setup, policy }), port };
}

/** A connection waits undecided, also after the turns in which a refusal would have come. */
async function stillWaits({ daemon: { forwarder, counters } }: Under): Promise<void> {
  await eventually(() => forwarder.table.state.includes(PENDING) || counters.denied > 0, "it has come");
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal([forwarder.table.state.includes(PENDING), counters.denied], [true, 0]);
}

const WAYS = [...FORWARDERS.map((forwarder) => ({ forwarder })), ...(FORWARDERS.includes("kernel") ? [{ forwarder: "kernel" as const, threads: 2 }] : [])];

for (const setup of WAYS) {
  const name = "threads" in setup ? "threads" : setup.forwarder;

  test(`${name}: 0 of ${SERIAL} serial connections are refused where the client closes first`, async () => {
    const { port } = await capped(undefined, setup);
    assert.is(await serial(port, (socket) => void socket.destroy()), 0);
  });

  test(`${name}: 0 of ${SERIAL} where the second of two caps is full`, async () => {
    const { port } = await capped(undefined, setup, "1 per source from 192.0.2.0/24, 2 per source, 1 per source /24 /48 from any except 192.0.2.0/24");
    assert.is(await serial(port, (socket) => void socket.destroy()), 0);
  });

  test(`${name}: 0 of ${SERIAL} where the client ends and the backend ends after it`, async () => {
    const { port } = await capped(undefined, setup);
    const ended = (socket: Socket): Promise<void> =>
      new Promise((resolve) => {
        socket.once("close", () => resolve());
        socket.end();
        socket.resume();
      });
    assert.is(await serial(port, ended), 0);
  });

  test(`${name}: 0 of ${SERIAL} where the backend closes first`, async () => {
    const { port } = await capped((socket) => void socket.end(), setup);
    const answered = (socket: Socket): Promise<void> =>
      new Promise((resolve) => {
        socket.once("end", () => {
          socket.destroy();
          resolve();
        });
        socket.resume();
      });
    assert.is(await serial(port, answered), 0);
  });

  test(`${name}: a half-close keeps its place: the source's next connection is refused after ${WAIT_MS} ms, and the stream continues`, async () => {
    const { gateway, port } = await capped((socket) => void socket.on("data", (chunk) => void socket.write(chunk)), setup);
    const one = visit(port);
    assert.is(await one.first, "hello");
    one.socket.end("last");
    await new Promise<void>((resolve) => one.socket.once("data", () => resolve()));
    const two = visit(port);
    let over = false;
    void two.closed.then(() => (over = true));
    await eventually(() => gateway.daemon.forwarder.table.state.includes(PENDING), "it waits");
    assert.not.ok(over);
    // Time passes in steps until the turn that decides has come.
    await eventually(() => {
      gateway.clock.advance(WAIT_MS);
      return over;
    }, "refused");
    assert.is(gateway.records().at(-1)?.code, "cap_source");
    assert.is(gateway.daemon.forwarder.live, 1);
  });

  test(`${name}: a client that closed while its backend took nothing is seen to have closed`, async () => {
    const paused: Socket[] = [];
    const { gateway, port } = await capped((socket) => void paused.push(socket.pause()), setup);
    const one = visit(port);
    assert.is(await one.first, "hello");
    const chunk = Buffer.alloc(64 * 1024);
    const { forwarder } = gateway.daemon;
    const row = forwarder.table.state.indexOf(OPEN);
    let quiet = 0;
    // Until the gateway reads no more of it, though it has all that the client sent.
    await eventually(() => {
      const isStill = one.socket.writableLength > 0 && forwarder.buffered(row) > 0;
      quiet = isStill ? quiet + 1 : 0;
      if (one.socket.writableLength === 0) one.socket.write(chunk);
      return quiet > 20;
    }, "the gateway reads no more");
    one.socket.resetAndDestroy();
    const two = visit(port);
    await stillWaits(gateway);
    for (const socket of paused) socket.destroy();
    assert.is(await two.first, "hello");
  });

  test(`${name}: a client that has not closed keeps its place, and no time passes until the refusal`, async () => {
    const { gateway, port } = await capped(undefined, setup);
    const one = visit(port);
    assert.is(await one.first, "hello");
    for (let i = 0; i < 5; i++) assert.is(await probe(port), "deny");
    assert.is(gateway.daemon.counters.byCode.get("cap_source"), 5);
    assert.is(await probe(port, "127.0.0.2"), "allow");
  });

  test(`${name}: the same of exposes that share a port, where a name leads to the cap`, async () => {
    const oneEach = "as passthrough { cap 9 connections, 1 per source";
    const s = await sharedPort((words) => threeNames({ ...words, shop: words.www }).replace("as passthrough {", oneEach), setup);
    const hello = records(helloWith(serverName("a.shop.example.com")));
    for (let i = 0; i < 50; i++) {
      const { socket, first } = visit(s.port);
      socket.write(hello);
      assert.match(await first, /^www /, `connection ${i}`);
      socket.destroy();
    }
    const kept = visit(s.port);
    kept.socket.write(hello);
    assert.match(await kept.first, /^www /);
    const refused = visit(s.port);
    refused.socket.write(hello);
    await refused.closed;
    assert.is(s.lastAccept().code, "cap_source");
  });

  test(`${name}: the same of a source that a PROXY header names, whose peer closes`, async () => {
    const behind = await backend("hello");
    const port = await freePort();
    const policy = `edition 1
expose web on tcp ${port} via 127.0.0.5 { backend 127.0.0.1:${behind.port} cap 1000 connections, 1 per source allow from any }`;
    const gateway = await running({ ...setup, policy });
    const header = "PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n";
    for (let i = 0; i < 50; i++) {
      const { socket, first } = visit(port, { from: "127.0.0.5" });
      socket.write(header);
      assert.is(await first, "hello", `connection ${i}`);
      socket.destroy();
    }
    const kept = visit(port, { from: "127.0.0.5" });
    kept.socket.write(header);
    assert.is(await kept.first, "hello");
    const refused = visit(port, { from: "127.0.0.5" });
    refused.socket.write(header);
    await refused.closed;
    assert.is(gateway.records().at(-1)?.code, "cap_source");
  });

  test(`${name}: after a reload the places are those of the new policy`, async () => {
    const { gateway, port } = await capped(undefined, setup);
    const behind = await backend("hello");
    const one = visit(port);
    assert.is(await one.first, "hello");
    gateway.place(
      moduleOf(`edition 1
expose aaa on tcp ${await freePort()} { backend 127.0.0.1:${behind.port} allow from any }
expose web on tcp ${port} { backend 127.0.0.1:${behind.port} cap 1000 connections, 1 per source allow from any }`),
    );
    assert.ok((await gateway.daemon.reload()).ok);
    assert.is(await probe(port), "deny");
    one.socket.destroy();
    for (let i = 0; i < 20; i++) {
      const { socket, first } = visit(port);
      assert.is(await first, "hello");
      socket.destroy();
    }
  });
}

/** On the kernel's forwarder the kernel is queried in any case, and an idle splice keeps nothing in this process. */
test("node: a client that sent its end while its backend took nothing is seen to have closed", async () => {
  const paused: Socket[] = [];
  const { gateway, port } = await capped((socket) => void paused.push(socket.pause()), { forwarder: "node" });
  const one = visit(port);
  assert.is(await one.first, "hello");
  const { forwarder } = gateway.daemon;
  const row = forwarder.table.state.indexOf(OPEN);
  const chunk = Buffer.alloc(64 * 1024);
  await eventually(() => {
    if (forwarder.buffered(row) === 0 && one.socket.writableLength === 0) one.socket.write(chunk);
    return forwarder.buffered(row) > 0;
  }, "the backend takes no more");
  one.socket.end("last");
  const two = visit(port);
  await stillWaits(gateway);
  for (const socket of paused) socket.destroy();
  assert.is(await two.first, "hello");
});

test.run();
