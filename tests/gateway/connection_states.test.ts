// The states of a connection, without a socket: every event in every state, and any sequence of events. The transport
// is the test's own; table, charges, stages, admission and the policy module are the product's.
import fc from "fast-check";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { CODE_DRAINING } from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/decision.ts";
import { fromV4 } from "../../runtime/net/address.ts";
import {
  CHARGED_BACKEND,
  CHARGED_EVERYTHING,
  CHARGED_IDENTITY,
  CHARGED_LISTENER,
  CHARGED_NAME_WAIT,
  CHARGED_OPEN,
  CHARGED_OVERALL,
  charge,
  moveTo,
  release,
  type Account,
} from "../../gateway/connection/charges.ts";
import {
  CLOSING,
  CONNECTING,
  EVENT_NAMES,
  FREE,
  HEADING,
  ILLEGAL,
  OPEN,
  READING,
  SECURING,
  STATE_NAMES,
  stateAfter,
  PENDING,
} from "../../gateway/connection/states.ts";
import { ConnectionTable } from "../../gateway/connection/table.ts";
import { NO_ROW } from "../../gateway/connection/transport.ts";
import { tcpBackend } from "../../gateway/forward/backend.ts";
import { AGAIN, Backends } from "../../gateway/forward/backends.ts";
import { PAUSED_PEERS } from "../../gateway/connection/pending.ts";
import { isListenFailure } from "../../gateway/connection/forwarder.ts";
import { beginRecheck, type Recheck } from "../../gateway/reload/recheck.ts";
import { CAPS, FAILED, HELLO, KNOWN, LISTENERS, OTHER_HELLO, SHOWN, TIMERS, world, type World } from "./connections_under_test.ts";

const test = suite("connection states");
const [PLAIN, THROUGH, TLS, MTLS, BALANCED] = [0, 1, 2, 3, 4];
/** The peer in the `via` of `balanced`. */
const BALANCER = 77;
const HEADER = Buffer.from("PROXY TCP4 10.0.0.1 10.0.0.9 40000 1005\r\n");

/** By hand, and not from states.ts: where a state leads by each event that it has. */
const LEADS: Readonly<Record<(typeof STATE_NAMES)[number], Readonly<Record<string, string>>>> = {
  free: { accepted: "pending", adopted: "open" },
  pending: { header_due: "heading", hello_due: "reading", granted: "connecting", refused: "free" },
  heading: { read: "heading", hello_due: "reading", granted: "connecting", refused: "free" },
  reading: { read: "reading", handshake_due: "securing", granted: "connecting", refused: "free" },
  securing: { handshaken: "securing", granted: "connecting", refused: "free" },
  connecting: { connected: "open", connect_failed: "free", cut: "closing" },
  open: { second_hello: "open", cut: "closing", ended: "free" },
  closing: { connect_failed: "free", ended: "free" },
};

test("every event in every state leads where it must, and nowhere else", () => {
  assert.equal(Object.keys(LEADS).sort(), [...STATE_NAMES].sort());
  for (const [state, name] of STATE_NAMES.entries()) {
    for (const [event, word] of EVENT_NAMES.entries()) {
      const to = stateAfter(state, event);
      assert.is(to === ILLEGAL ? undefined : STATE_NAMES[to], LEADS[name][word], `${word} in ${name}`);
    }
  }
  for (const event of [-1, EVENT_NAMES.length, 0.5]) for (let state = 0; state < STATE_NAMES.length; state++) assert.is(stateAfter(state, event), ILLEGAL);
  for (const state of [-1, STATE_NAMES.length]) for (let event = 0; event < EVENT_NAMES.length; event++) assert.is(stateAfter(state, event), ILLEGAL);
});

/** The way of a connection into each state; returns its row. */
const WAYS: readonly (readonly [state: number, way: (w: World) => number])[] = [
  [FREE, () => 0],
  [PENDING, (w) => w.peer(PLAIN, 1)],
  [HEADING, (w) => decided(w, BALANCED, BALANCER)],
  [READING, (w) => decided(w, THROUGH)],
  [
    SECURING,
    (w) => {
      const row = decided(w, MTLS);
      w.events.clientBytes(row, HELLO);
      return row;
    },
  ],
  [CONNECTING, (w) => decided(w, PLAIN)],
  [
    OPEN,
    (w) => {
      const row = decided(w, PLAIN);
      w.events.connected(row);
      return row;
    },
  ],
  [
    CLOSING,
    (w) => {
      const row = decided(w, PLAIN);
      w.forwarder.cut(row, "cut");
      return row;
    },
  ],
];

function decided(w: World, listener: number, host = 1): number {
  const row = w.peer(listener, host);
  w.turn();
  return row;
}

/** The reports of a transport about a row, and the states in which it may make them. */
const REPORTS: readonly (readonly [what: string, may: readonly number[], report: (w: World, row: number) => void])[] = [
  ["bytes", [HEADING, READING], (w, row) => w.events.clientBytes(row, HELLO)],
  ["a header", [HEADING, READING], (w, row) => w.events.clientBytes(row, HEADER)],
  ["the client's end", [HEADING, READING], (w, row) => w.events.clientEnded(row)],
  ["the client's close", [HEADING, READING], (w, row) => w.events.clientGone(row)],
  ["a handshake", [SECURING], (w, row) => w.events.handshaken(row, KNOWN)],
  ["a failed handshake", [SECURING], (w, row) => w.events.handshaken(row, FAILED)],
  ["a connect", [CONNECTING], (w, row) => w.events.connected(row)],
  ["a failed connect", [CONNECTING, CLOSING], (w, row) => w.events.connectFailed(row, "refused")],
  ["a second hello", [OPEN], (w, row) => w.events.secondHello(row, "another_name")],
  ["both ends", [OPEN, CLOSING], (w, row) => w.events.ended(row, null)],
];

for (const [state, way] of WAYS) {
  for (const [what, may, report] of REPORTS) {
    test(`${what} while ${STATE_NAMES[state]}: ${may.includes(state) ? "continues" : "ends it, with one record"}`, async () => {
      const w = await world();
      const row = way(w);
      assert.is(w.table.state[row], state);
      const before = w.lines.length;
      report(w, row);
      const faults = w.lines.slice(before).filter((line) => / in the state /.test(line));
      if (may.includes(state)) {
        assert.equal(faults, []);
        return;
      }
      assert.is(faults.length, 1);
      assert.match(faults[0] ?? "", /"decision":"deny".*"code":"internal"/);
      assert.match(faults[0] ?? "", ` in the state ${STATE_NAMES[state]}"`);
      assert.is(w.table.state[row], FREE);
      assert.is(w.table.charged[row] ?? 0, 0);
      assert.is(w.forwarder.live, 0);
      if (state !== FREE) assert.is(w.transport.calls.at(-1), `drop ${row}`);
      // Its batch passes it by, and its place is another's.
      w.turn();
      assert.is(w.table.state[row], FREE);
      balanced(w);
    });
  }
}

/** The counters equal the charges of all rows. */
function balanced(w: World): void {
  const { table, inForce, forwarder, backends } = w;
  const rows = Array.from({ length: table.rows }, (_, row) => row);
  const charged = (bit: number): number[] => rows.filter((row) => ((table.charged[row] ?? 0) & bit) !== 0);
  for (const row of rows) if (table.state[row] === FREE || table.state[row] === PENDING) assert.is(table.charged[row], 0, `row ${row}`);
  assert.is(forwarder.live, rows.filter((row) => table.state[row] !== FREE && table.state[row] !== PENDING).length);
  // A peer whose header is to come counts in `caps.waiting` alone.
  const headings = rows.filter((row) => table.state[row] === HEADING);
  assert.equal(charged(CHARGED_NAME_WAIT), headings);
  for (const row of headings) assert.is(table.charged[row], CHARGED_NAME_WAIT);
  assert.is(charged(CHARGED_OVERALL).length, forwarder.live - headings.length);
  LISTENERS.forEach((name) => {
    const id = inForce.engine?.info.listeners.find((one) => one.name === name)?.id ?? -1;
    assert.is(inForce.engine?.connections(id), charged(CHARGED_LISTENER).filter((row) => table.listener[row] === id).length, name);
  });
  for (const one of backends) {
    const at = (bit: number): number => charged(bit).filter((row) => table.backend[row] === one).length;
    assert.equal([one.load.underWay, one.load.open], [at(CHARGED_BACKEND), at(CHARGED_OPEN)], `under way to ${one.address.key}, and open there`);
  }
  // The backend has accepted an open connection, and not one that is under way.
  for (const row of charged(CHARGED_BACKEND)) assert.ok(table.state[row] === CONNECTING || table.state[row] === CLOSING);
  assert.is(w.counters.allowed + w.counters.denied, w.counters.auditRecords + w.counters.auditDropped + w.counters.auditSuppressed);
}

/** One step; rows are taken modulo the rows that there are. */
type Step = readonly [what: string, act: (w: World) => void];

const anyRow = fc.nat({ max: 9 });
const at = (row: number, w: World): number => row % Math.max(1, w.table.rows);
const reports = fc.tuple(fc.constantFrom(...REPORTS), anyRow).map(([[what, , report], row]): Step => [`${what} of ${row}`, (w) => report(w, at(row, w))]);
/** Only what the row's state may have, so that connections come far. */
const fitting = fc.tuple(fc.nat({ max: 20 }), anyRow).map(([n, row]): Step => [
  `the fitting report ${n} of ${row}`,
  (w) => {
    const fit = REPORTS.filter(([, may]) => may.includes(w.table.state[at(row, w)] ?? FREE));
    fit[n % Math.max(1, fit.length)]?.[2](w, at(row, w));
  },
]);
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.nat({ max: LISTENERS.length - 1 }), fc.integer({ min: 1, max: 3 }))
      .map(([listener, host]): Step => [`peer ${host} at ${listener}`, (w) => void w.peer(listener, host)]),
  },
  { weight: 2, arbitrary: fc.constant<Step>(["a balancer", (w) => void w.peer(BALANCED, BALANCER)]) },
  { weight: 2, arbitrary: anyRow.map((row): Step => [`half a header of ${row}`, (w) => w.events.clientBytes(at(row, w), HEADER.subarray(0, 20))]) },
  { weight: 6, arbitrary: fc.constant<Step>(["turn", (w) => w.turn()]) },
  { weight: 12, arbitrary: fitting },
  { weight: 1, arbitrary: reports },
  { weight: 1, arbitrary: anyRow.map((row): Step => [`another hello of ${row}`, (w) => w.events.clientBytes(at(row, w), OTHER_HELLO)]) },
  { weight: 1, arbitrary: anyRow.map((row): Step => [`no identity of ${row}`, (w) => w.events.handshaken(at(row, w), SHOWN)]) },
  { weight: 1, arbitrary: anyRow.map((row): Step => [`half a hello of ${row}`, (w) => w.events.clientBytes(at(row, w), HELLO.subarray(0, 20))]) },
  {
    weight: 2,
    arbitrary: fc.tuple(anyRow, fc.constantFrom("busy" as const, "no_descriptor" as const)).map(([row, failure]): Step => [
      `${failure} of ${row}`,
      (w) => {
        if (w.table.state[at(row, w)] === CONNECTING && w.table.redial[at(row, w)] === undefined) w.events.connectFailed(at(row, w), failure);
      },
    ]),
  },
  { weight: 1, arbitrary: anyRow.map((row): Step => [`cut ${row}`, (w) => w.forwarder.cut(at(row, w), "cut")]) },
  { weight: 1, arbitrary: anyRow.map((row): Step => [`refuse ${row}`, (w) => w.forwarder.refuse(at(row, w), { denial: denial(CODE_DRAINING), by: null })]) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(1, 300, TIMERS.hello_ms, TIMERS.backend_connect_ms).map((ms): Step => [
      `${ms} ms`,
      (w) => {
        w.clock.advance(ms);
        w.forwarder.sweep(w.clock.monoMs());
      },
    ]),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(null, "another's", AGAIN, new Error("trap"))
      .map((verdict): Step => [`verdict ${String(verdict)}`, (w) => void (w.transport.verdict = verdict)]),
  },
  { weight: 1, arbitrary: fc.boolean().map((full): Step => [full ? "the disk is full" : "the disk has room", (w) => void (w.isFull = full)]) },
  { weight: 1, arbitrary: fc.constant<Step>(["a reload", (w) => void reload(w)]) },
);

/** The turn of a swap: all that live on are counted in the new policy. */
function reload(w: World, engine = w.newEngine()): Recheck {
  const generation = w.inForce.generation + 1;
  const recheck = beginRecheck({
    forwarder: w.forwarder,
    recorder: { record: () => [], count: () => undefined, end: () => undefined, flush: () => undefined, handOver: () => undefined },
    engine,
    generation,
    onReload: "keep",
    blocks: w.blocks,
    numbered: (n) => w.ports.numbered(n),
    nameWaits: { count: () => undefined, give: () => undefined },
    places: w.places,
    isRevoked: () => false,
    isOutside: () => false,
  });
  w.inForce.engine = engine;
  w.inForce.generation = generation;
  return recheck;
}

test("whom a cap of a new policy refuses hears that also where the hello comes before the turn of the recheck", async () => {
  for (const comesFirst of [true, false]) {
    const w = await world();
    const id = w.ports.numbered(w.sockets[THROUGH] ?? -1)?.serves.number ?? -1;
    const row = w.peer(THROUGH, 1);
    w.turn();
    assert.is(w.table.state[row], READING);
    // As one that has waited for its name at a port that exposes share.
    w.table.charged[row] = CHARGED_OVERALL | CHARGED_NAME_WAIT;
    const engine = w.newEngine();
    engine.setClock({ monoMs: 0, wallSeconds: 0 });
    for (let other = 0; other < 4; other++) engine.recount(id, fromV4(0x0a000063), 0);
    const recheck = reload(w, engine);
    if (comesFirst) w.events.clientBytes(row, HELLO);
    await recheck();
    assert.equal([w.table.state[row], w.lines.length], [FREE, 1]);
    assert.match(w.lines[0] ?? "", /"reason":"rate","code":"cap_listener"/);
    assert.is(w.counters.byCode.get("cap_listener"), 1);
    const next = w.peer(TLS, 1);
    w.turn();
    w.events.clientBytes(next, OTHER_HELLO);
    assert.match(w.lines[1] ?? "", /"code":"(?!cap)/, "the next one with this row was refused nothing");
  }
});

test("any sequence of events gives back exactly what was charged, once, and ends with every row free", async () => {
  let most = 0;
  const reached = new Set<number>();
  let faults = 0;
  let reused = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 20, maxLength: 150, size: "max" }), async (sequence) => {
      const w = await world();
      for (const [what, act] of sequence) {
        act(w);
        try {
          balanced(w);
        } catch (error) {
          throw new Error(`after ${what}: ${String(error)}`);
        }
        most = Math.max(most, w.table.state.subarray(0, w.table.rows).filter((state) => state !== FREE && state !== PENDING && state !== HEADING).length);
        for (let row = 0; row < w.table.rows; row++) reached.add(w.table.state[row] ?? FREE);
      }
      faults += w.lines.filter((line) => / in the state /.test(line)).length;
      reused += w.table.rows < w.counters.allowed ? 1 : 0;
      w.isFull = false;
      w.turn();
      for (let row = 0; row < w.table.rows; row++) w.forwarder.cut(row, "cut");
      for (let row = 0; row < w.table.rows; row++) if (w.table.state[row] === CLOSING) w.events.ended(row, null);
      balanced(w);
      for (let row = 0; row < w.table.rows; row++) assert.is(w.table.state[row], FREE, `row ${row}`);
      assert.is(w.forwarder.live, 0);
      await w.forwarder.drained();
      // All places are free again: as many are admitted as at the start.
      w.transport.verdict = null;
      for (let i = 0; i < 3; i++) w.peer(PLAIN, i + 1);
      w.turn();
      assert.is(w.forwarder.live, 3);
    }),
    { numRuns: 300 },
  );
  assert.equal([...reached].sort(), [FREE, PENDING, CONNECTING, OPEN, CLOSING, READING, SECURING, HEADING]);
  assert.ok(most > CAPS.connections / 2 && most <= CAPS.connections, `at most ${most} were live`);
  assert.ok(faults > 0 && reused > 0, `${faults} faults, ${reused} runs in which a row was used again`);
});

test("a header's bytes alone are taken, what came behind them is left, and its deadline is that of the hello", async () => {
  for (const [ms, due] of [
    [TIMERS.hello_ms - 1, CONNECTING],
    [TIMERS.hello_ms, FREE],
  ] as const) {
    const w = await world();
    const row = decided(w, BALANCED, BALANCER);
    w.events.clientBytes(row, HEADER.subarray(0, 30));
    w.clock.advance(ms);
    w.events.clientBytes(row, Buffer.concat([HEADER.subarray(30), Buffer.from("behind")]));
    assert.is(w.table.state[row], due, `${ms} ms`);
    const takes = w.transport.calls.filter((call) => call.startsWith("take"));
    assert.equal(takes, due === FREE ? [] : [`take ${row} ${HEADER.length} 6`]);
    if (due === FREE) assert.match(w.lines.at(-1) ?? "", /"code":"proxy_late"/);
    balanced(w);
  }
});

/** Nothing is charged yet, and no policy is in force. */
const emptyAccount = (table: ConnectionTable): Account => ({
  table,
  inForce: { engine: null },
  overall: 0,
  nameWaits: { give: () => undefined },
  places: { take: () => undefined, give: () => undefined },
  placeKeys: () => [],
});

test("a charge is given back once, and only that which was made", () => {
  const table = new ConnectionTable();
  const account = emptyAccount(table);
  const row = table.take();
  charge(account, row, CHARGED_OVERALL | CHARGED_LISTENER);
  charge(account, row, CHARGED_OVERALL);
  assert.is(account.overall, 1, "charged twice, counted once");
  release(account, row, CHARGED_IDENTITY | CHARGED_BACKEND);
  assert.is(table.charged[row], CHARGED_OVERALL | CHARGED_LISTENER);
  release(account, row, CHARGED_OVERALL);
  assert.is(account.overall, 0);
  release(account, row, CHARGED_EVERYTHING);
  release(account, row, CHARGED_EVERYTHING);
  assert.equal([account.overall, table.charged[row]], [0, 0]);
});

test("a connection that moves to another backend is counted there, and no more where it was", () => {
  const table = new ConnectionTable();
  const account = emptyAccount(table);
  const pool = new Backends(() => null);
  const [a, b] = [1, 2].map((port) => {
    const address = tcpBackend("127.0.0.1", port);
    if (typeof address === "string") throw new Error(address);
    return pool.at(address, null);
  });
  const row = table.take();
  const counts = (): (number | undefined)[] => [a?.load.underWay, a?.load.open, b?.load.underWay, b?.load.open];
  moveTo(account, row, a, CHARGED_BACKEND | CHARGED_OPEN);
  assert.equal(counts(), [1, 1, 0, 0]);
  moveTo(account, row, b, CHARGED_BACKEND | CHARGED_OPEN);
  assert.equal(counts(), [0, 0, 1, 1]);
  release(account, row, CHARGED_BACKEND);
  assert.equal(counts(), [0, 0, 0, 1]);
  moveTo(account, row, b, CHARGED_OPEN);
  assert.equal(counts(), [0, 0, 0, 1], "to the same");
  moveTo(account, row, undefined, CHARGED_OPEN);
  assert.equal([...counts(), table.charged[row]], [0, 0, 0, 0, 0], "to none");
});

test("a client's identity is charged with its connection and given back with it, at N and N + 1", async () => {
  const w = await world();
  const rows: number[] = [];
  for (let host = 1; host <= 3; host++) {
    const row = w.peer(MTLS, host);
    w.turn();
    w.events.clientBytes(row, HELLO);
    w.events.handshaken(row, KNOWN);
    rows.push(row);
  }
  const [first = NO_ROW, second = NO_ROW] = rows;
  assert.equal([w.table.state[first], w.table.state[second]], [CONNECTING, CONNECTING]);
  assert.is(w.forwarder.live, 2, "2 per identity");
  w.events.connectFailed(first, "refused");
  const again = w.peer(MTLS, 9);
  w.turn();
  w.events.clientBytes(again, HELLO);
  w.events.handshaken(again, KNOWN);
  assert.is(w.table.state[again], CONNECTING, "its place was free");
  balanced(w);
});

test("a prepared socket keeps a bounded number of peers, and decides them when it is released", async () => {
  const w = await world();
  const prepared = await w.forwarder.open({ host: "0.0.0.0", port: 1 }, true);
  assert.ok(!isListenFailure(prepared));
  if (isListenFailure(prepared)) return;
  const source = { source: [0, 0, 0xffff, 1] as const, port: 1, zone: "" };
  for (let i = 0; i < PAUSED_PEERS; i++) assert.not.equal(w.events.accepted(prepared.number, source), NO_ROW);
  assert.is(w.events.accepted(prepared.number, source), NO_ROW);
  w.turn();
  assert.is(w.counters.denied, 0, "nobody was decided");
  prepared.release();
  w.turn();
  assert.is(w.counters.denied, PAUSED_PEERS, "nothing is served there");
  prepared.close();
  assert.is(w.events.accepted(prepared.number, source), NO_ROW, "a socket that is closed takes nobody");
});

test("a backend is looked at before a byte goes to it, again where it has just changed, and never for longer than its time", async () => {
  const w = await world();
  const row = decided(w, TLS);
  w.events.clientBytes(row, HELLO);
  w.events.handshaken(row, SHOWN);
  w.transport.verdict = AGAIN;
  for (let i = 0; i < 3; i++) {
    w.events.connected(row);
    assert.is(w.table.state[row], CONNECTING);
    w.clock.advance(0);
  }
  w.events.connected(row);
  assert.is(w.table.state[row], CLOSING, "the fourth time it is refused");
  assert.not.ok(w.transport.calls.some((word) => word.startsWith("relay")));
  w.events.connectFailed(row, "refused");
  assert.equal([...w.counters.ends], [["backend_not_owned", 1]]);
  w.transport.verdict = null;
  const busy = decided(w, PLAIN);
  w.events.connectFailed(busy, "busy");
  w.clock.advance(TIMERS.backend_connect_ms);
  w.events.connectFailed(busy, "busy");
  w.forwarder.sweep(w.clock.monoMs());
  assert.is(w.table.state[busy], FREE, "between two tries nothing is awaited");
  assert.is(w.counters.ends.get("backend_timeout"), 1);
  const dials = w.transport.calls.filter((word) => word.startsWith("dial")).length;
  w.clock.advance(1000);
  assert.is(w.transport.calls.filter((word) => word.startsWith("dial")).length, dials, "and none is made later");
  balanced(w);
});

test.run();
