// A connection whose backend can't serve it goes to the next one, without a socket: the transport is the test's own.
import * as assert from "uvu/assert";
import { SKIPPED_MS } from "../../gateway/admit/backend_choice.ts";
import { AGAIN } from "../../gateway/forward/backends.ts";
import { CLOSING, CONNECTING, FREE, OPEN } from "../../gateway/connection/states.ts";
import { suite } from "../suite.ts";
import { CAPS, LISTENERS, TIMERS, world, type World } from "./connections_under_test.ts";

const test = suite("tries of backends");
const SEVERAL = LISTENERS.indexOf("several");
const A = "127.0.0.1:51";
const B = "127.0.0.1:52";
const C = "127.0.0.1:53";

function admitted(w: World, host = 1): number {
  const row = w.peer(SEVERAL, host);
  w.turn();
  assert.is(w.table.state[row], CONNECTING);
  return row;
}

/** Fails the row's backend, and lets the next dial begin. */
function refused(w: World, row: number): void {
  w.events.connectFailed(row, "refused");
  w.clock.advance(0);
}

const backendOf = (w: World, row: number): string => w.table.backend[row]?.address.key ?? "";
const dials = (w: World): number => w.transport.calls.filter((word) => word.startsWith("dial")).length;
const loads = (w: World): readonly (readonly [number, number])[] => w.backends.slice(-3).map(({ load }) => [load.underWay, load.open]);

/** The `backend` of each record. */
function recorded(w: World): readonly (readonly [string, string])[] {
  return w.lines.map((line) => {
    const json: unknown = JSON.parse(line);
    const field = (name: string): string =>
      typeof json === "object" && json !== null && name in json ? String(Object.entries(json).find(([key]) => key === name)?.[1]) : "";
    return [field("op"), field("backend")];
  });
}

test("a refusal leads to the next one; the allow record has the first choice, the close record the one that served", async () => {
  const w = await world();
  const row = admitted(w);
  assert.is(backendOf(w, row), A);
  refused(w, row);
  assert.equal([backendOf(w, row), w.table.state[row], dials(w)], [B, CONNECTING, 2]);
  assert.equal(loads(w), [
    [0, 0],
    [1, 1],
    [0, 0],
  ]);
  w.events.connected(row);
  assert.is(w.table.state[row], OPEN);
  assert.equal(loads(w), [
    [0, 0],
    [0, 1],
    [0, 0],
  ]);
  w.events.ended(row, null);
  assert.equal(loads(w), [
    [0, 0],
    [0, 0],
    [0, 0],
  ]);
  const records = recorded(w);
  assert.equal(records[0], ["accept", A]);
  assert.equal([...w.counters.ends], [["done", 1]]);
  const pairs = new Map(w.counters.traffic.all().map((pair) => [pair.backend, pair]));
  assert.equal([...(pairs.get(A)?.failures ?? [])], [["refused", 1]]);
  assert.equal([pairs.get(B)?.ends.get("done"), pairs.get(A)?.ends.size], [1, 0]);
});

test("each is tried once, and then the connection ends with the last failure", async () => {
  const w = await world();
  const row = admitted(w);
  for (let i = 0; i < 2; i++) refused(w, row);
  assert.is(backendOf(w, row), C);
  w.events.connectFailed(row, "refused");
  assert.equal([w.table.state[row], dials(w)], [FREE, 3]);
  assert.equal([...w.counters.ends], [["backend_refused", 1]]);
  w.clock.advance(1_000);
  assert.is(dials(w), 3, "none is dialed later");
  // All have failed: the next client is not refused unheard, and tries the one whose pause ends first.
  assert.is(backendOf(w, admitted(w, 2)), A);
});

test("a failed one gets no client for 5 s, and then again", async () => {
  const w = await world();
  const row = admitted(w);
  refused(w, row);
  w.events.connected(row);
  w.events.ended(row, null);
  const next = (): string => {
    const one = admitted(w);
    const key = backendOf(w, one);
    w.events.connected(one);
    w.events.ended(one, null);
    return key;
  };
  w.clock.advance(SKIPPED_MS - 1);
  assert.equal([next(), next(), next()], [C, B, C]);
  w.clock.advance(1);
  assert.is(next(), A);
});

test("who is not the owner's is recorded and passed by, without a byte; where all are not, that is the end", async () => {
  const w = await world();
  w.transport.verdict = "another's";
  const row = admitted(w);
  w.events.connected(row);
  w.clock.advance(0);
  assert.equal([backendOf(w, row), w.table.state[row]], [B, CONNECTING]);
  assert.not.ok(w.transport.calls.some((word) => word.startsWith("relay") || word.startsWith("preface")));
  w.transport.verdict = null;
  w.events.connected(row);
  assert.is(w.table.state[row], OPEN);
  assert.equal(
    recorded(w).filter(([op]) => op === "backend"),
    [["backend", A]],
  );
  w.transport.verdict = "another's";
  const second = admitted(w, 2);
  for (let i = 0; i < 2; i++) {
    w.events.connected(second);
    w.clock.advance(0);
  }
  w.events.connected(second);
  assert.is(w.table.state[second], CLOSING);
  w.events.connectFailed(second, "refused");
  assert.is(w.counters.ends.get("backend_not_owned"), 1);
  assert.is(recorded(w).filter(([op]) => op === "backend").length, 4, "each is recorded");
});

test("a trap in the look at one is a refusal of that one alone", async () => {
  const w = await world();
  w.transport.verdict = new Error("trap");
  const row = admitted(w);
  w.events.connected(row);
  w.clock.advance(0);
  w.transport.verdict = null;
  w.events.connected(row);
  assert.equal([backendOf(w, row), w.table.state[row]], [B, OPEN]);
});

test("the tries at one whose listening socket changes are counted for each", async () => {
  const w = await world();
  w.transport.verdict = AGAIN;
  const row = admitted(w);
  for (let backend = 1; backend <= 3; backend++)
    for (let i = 0; i < 4; i++) {
      assert.is(w.table.state[row], CONNECTING, `${backend} ${i}`);
      w.events.connected(row);
      w.clock.advance(0);
    }
  assert.is(w.table.state[row], CLOSING);
});

test("a silent one has its share of the time: a third, then a half of what is left, then all", async () => {
  const w = await world();
  const row = admitted(w);
  const share = TIMERS.backend_connect_ms / 3;
  const passes = (ms: number): void => {
    w.clock.advance(ms);
    w.forwarder.sweep(w.clock.monoMs());
    w.clock.advance(0);
  };
  passes(Math.floor(share));
  assert.is(backendOf(w, row), A, "not a millisecond too early");
  passes(1);
  assert.is(backendOf(w, row), B);
  assert.is(w.transport.calls.at(-1), `dial ${row}`);
  passes(Math.ceil(share));
  assert.is(backendOf(w, row), C);
  const spent = w.clock.monoMs() - (w.table.openedMs[row] ?? 0);
  passes(TIMERS.backend_connect_ms - spent - 1);
  assert.is(w.table.state[row], CONNECTING);
  passes(1);
  assert.is(w.table.state[row], CLOSING, "all tries together have backend_connect_ms");
  w.events.connectFailed(row, "refused");
  assert.equal([...w.counters.ends], [["backend_timeout", 1]]);
  const failures = w.counters.traffic.all().map(({ backend, failures: of }) => [backend, ...of]);
  assert.equal(failures, [
    [A, ["timeout", 1]],
    [B, ["timeout", 1]],
    [C, ["timeout", 1]],
  ]);
});

test("no backend is tried when the time of all is over", async () => {
  const w = await world();
  const row = admitted(w);
  w.clock.advance(TIMERS.backend_connect_ms);
  w.events.connectFailed(row, "refused");
  assert.equal([w.table.state[row], dials(w)], [FREE, 1]);
});

test("an only backend has all the time, as ever", async () => {
  const w = await world();
  const row = w.peer(LISTENERS.indexOf("plain"), 1);
  w.turn();
  w.clock.advance(TIMERS.backend_connect_ms - 1);
  w.forwarder.sweep(w.clock.monoMs());
  assert.is(w.table.state[row], CONNECTING);
  w.clock.advance(1);
  w.forwarder.sweep(w.clock.monoMs());
  assert.is(w.table.state[row], CLOSING);
});

test("a lack of descriptors is no backend's fault: nothing else is tried, and none is left out", async () => {
  const w = await world();
  const row = admitted(w);
  w.events.connectFailed(row, "no_descriptor");
  assert.equal([w.table.state[row], dials(w)], [FREE, 1]);
  assert.equal([...w.counters.ends], [["no_descriptor", 1]]);
  assert.equal(
    w.backends.map(({ pause }) => pause.untilMs),
    w.backends.map(() => 0),
  );
});

test("once bytes may have gone there is no other try: what ends an open connection ends it", async () => {
  const w = await world();
  const row = admitted(w);
  w.events.connected(row);
  w.events.ended(row, "backend");
  assert.equal([w.table.state[row], dials(w)], [FREE, 1]);
  assert.equal([...w.counters.ends], [["backend_reset", 1]]);
});

test("a connection that is cut between two tries is gone, and no backend is dialed for it", async () => {
  const w = await world();
  const row = admitted(w);
  w.events.connectFailed(row, "refused");
  w.forwarder.cut(row, "cut");
  assert.is(w.table.state[row], FREE);
  w.clock.advance(1_000);
  assert.is(dials(w), 1);
  assert.equal(loads(w), [
    [0, 0],
    [0, 0],
    [0, 0],
  ]);
});

test("of one turn each goes to the backend with the fewest, and the cap of those under way fills all before it refuses", async () => {
  const w = await world();
  const most = Math.min(3 * CAPS.backend_connecting, CAPS.connections);
  const rows = Array.from({ length: most + 1 }, (_, i) => w.peer(SEVERAL, i + 1));
  w.turn();
  assert.equal(loads(w), [
    [3, 3],
    [3, 3],
    [3, 3],
  ]);
  assert.equal(
    rows.map((row) => w.table.state[row] === CONNECTING),
    rows.map((_, i) => i < most),
  );
  assert.is(w.counters.byCode.get("cap_backend"), 1);
  // One that is full is passed by on a retry, too.
  const [first = 0] = rows;
  w.events.connectFailed(first, "refused");
  w.clock.advance(0);
  assert.is(w.table.state[first], FREE, "the others are full");
  assert.ok(
    (w.counters.traffic
      .all()
      .find(({ backend }) => backend === B)
      ?.failures.get("full") ?? 0) > 0,
  );
});

test("a record that can't be written gives the chosen backend's place back", async () => {
  const w = await world();
  w.isFull = true;
  w.peer(SEVERAL, 1);
  w.turn();
  assert.equal(loads(w), [
    [0, 0],
    [0, 0],
    [0, 0],
  ]);
});

test("what may be handed over, or is, goes to no other backend; a gateway that stops, or serves on, tries the next one", async () => {
  const rows: readonly (readonly [steps: readonly ("suspend" | "resume" | "drain")[], triesNext: boolean])[] = [
    [[], true],
    [["drain"], true],
    [["suspend"], false],
    [["suspend", "drain"], false],
    [["suspend", "resume"], true],
    [["drain", "suspend", "resume"], true],
  ];
  for (const [steps, triesNext] of rows) {
    for (const fail of ["refused", "timeout", "not_owned"] as const) {
      const w = await world();
      const row = admitted(w);
      for (const step of steps) w.admitter[step]();
      if (fail === "refused") w.events.connectFailed(row, fail);
      else if (fail === "timeout") {
        w.clock.advance(TIMERS.backend_connect_ms / 3);
        w.forwarder.sweep(w.clock.monoMs());
      } else {
        w.transport.verdict = "another's";
        w.events.connected(row);
      }
      w.clock.advance(0);
      const name = `${steps.join()} ${fail}`;
      assert.equal([w.table.state[row] === CONNECTING, dials(w)], triesNext ? [true, 2] : [false, 1], name);
      if (!triesNext) assert.is(counted(w), w.table.state[row] === FREE ? 0 : 1, name);
    }
  }
});

/** Connections that the policy counts at the expose. */
function counted({ inForce: { engine } }: World): number | undefined {
  return engine?.connections(engine.info.listeners.find(({ name }) => name === "several")?.id ?? -1);
}

/** From its call `from` on, the look whether a backend leads back to the gateway fails. */
function failsFrom(w: World, from: number): void {
  let calls = 0;
  w.ports.isOwn = () => {
    if (++calls >= from) throw new Error("no descriptor is left");
    return false;
  };
}

test("where the choice fails inside in the middle of a batch, all that the policy has counted is given back", async () => {
  const PEERS = 3 * CAPS.backend_connecting;
  // One look for the socket and three for its room, then one for each of the three backends of a row.
  for (const from of [1, 2, 5, 6, 8, 3 * PEERS + 4]) {
    const w = await world();
    failsFrom(w, from);
    const rows = Array.from({ length: PEERS }, (_, host) => w.peer(SEVERAL, host + 1));
    w.turn();
    assert.equal(
      rows.map((row) => [w.table.state[row], w.table.charged[row]]),
      rows.map(() => [FREE, 0]),
    );
    assert.is(counted(w), 0, `${from}`);
    assert.equal(loads(w), [
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
    assert.is(w.counters.byCode.get("internal"), PEERS);
  }
});

test("where the choice of the next one fails inside, there is none, in the sweep too", async () => {
  for (const fail of [
    (w: World, row: number): void => w.events.connectFailed(row, "refused"),
    (w: World): void => w.clock.advance(TIMERS.backend_connect_ms / 3),
  ]) {
    const w = await world();
    const row = admitted(w);
    failsFrom(w, 1);
    fail(w, row);
    w.forwarder.sweep(w.clock.monoMs());
    if (w.table.state[row] === CLOSING) w.events.ended(row, null);
    assert.equal([w.table.state[row], dials(w), counted(w)], [FREE, 1, 0]);
  }
});

test("what is thrown at one row in the sweep ends that row alone", async () => {
  const w = await world();
  const [first, second] = [admitted(w), admitted(w, 2)];
  const cut = w.transport.hangUp;
  w.transport.hangUp = (row) => {
    if (row === first) throw new Error("no descriptor is left");
    cut(row);
  };
  w.clock.advance(TIMERS.backend_connect_ms / 3);
  w.forwarder.sweep(w.clock.monoMs());
  w.clock.advance(0);
  assert.equal([w.table.state[first], w.table.state[second], counted(w)], [FREE, CONNECTING, 1]);
  assert.equal([...w.counters.ends], [["fault", 1]]);
});

test.run();
