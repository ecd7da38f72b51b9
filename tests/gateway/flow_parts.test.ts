// The parts of flows by themselves: the budget of `amplify`, lists of rows, keys of caps, and the rows of 100,000 sources.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { capKeysOf } from "../../gateway/admit/cap_key.ts";
import { newCounters } from "../../gateway/audit/counters.ts";
import { createSuppression } from "../../gateway/audit/suppressed.ts";
import { ConnectionTable } from "../../gateway/connection/table.ts";
import { mayAnswer, type Amplify } from "../../gateway/datagram/budget.ts";
import { FlowTable, PENDING_BYTES, PENDING_DATAGRAMS } from "../../gateway/datagram/flow_table.ts";
import { createFlows, PAUSED_FLOWS } from "../../gateway/datagram/flows.ts";
import { RowLists } from "../../gateway/datagram/row_lists.ts";
import type { DatagramEvents, FlowEnd } from "../../gateway/datagram/transport.ts";
import { CODE_ALLOWED, CODE_CAP_OVERALL } from "../../runtime/abi/verdicts.ts";
import { CODES } from "../../runtime/abi/names.ts";
import { denial, mintPermit } from "../../runtime/host/decision.ts";
import { fromV4, parseAddress, type Address } from "../../runtime/net/address.ts";
import { remoteBackend, tcpBackend } from "../../gateway/forward/backend.ts";
import { Backends, type Backend } from "../../gateway/forward/backends.ts";
import type { End } from "../../gateway/end.ts";
import { freshEngine } from "../../compiler/cli/policy_tests.ts";
import { loaded } from "../host/compiled.ts";
import { chance } from "../oracle/random.ts";
import { manualClock, moduleOf } from "./gateway_under_test.ts";

const test = suite("flow parts");

const BUDGETS: readonly (readonly [Amplify, bytesIn: number, datagramsIn: number, bytesOut: number, datagramsOut: number, bytes: number, due: boolean])[] = [
  [3, 10, 1, 0, 0, 65_507, true],
  [3, 10, 1, 10, 1, 20, true],
  [3, 10, 1, 10, 1, 21, false],
  [3, 10, 1, 30, 1, 0, true],
  [3, 10, 1, 31, 1, 0, false],
  [3, 0, 1, 0, 0, 1, true],
  [3, 0, 1, 1, 1, 1, false],
  [3, 0, 1, 0, 1, 0, true],
  [0, 10, 1, 0, 1, 1, false],
  [0, 10, 2, 9, 1, 1, true],
  ["any", 0, 0, 1e12, 1e6, 65_507, true],
  [1_000, 1, 0, 999, 5, 1, true],
  [1_000, 1, 0, 999, 5, 2, false],
];
for (const [amplify, bytesIn, datagramsIn, bytesOut, datagramsOut, bytes, due] of BUDGETS) {
  test(`amplify ${amplify}: ${bytesOut} of ${bytesIn} bytes in ${datagramsOut} of ${datagramsIn}, ${bytes} more: ${due}`, () => {
    assert.is(mayAnswer(amplify, { bytesIn, datagramsIn, bytesOut, datagramsOut }, bytes), due);
  });
}

test("lists of rows are what lists are", () => {
  const random = chance(7);
  const lists = new RowLists<number>();
  const model = new Map<number, number[]>();
  for (let step = 0; step < 20_000; step++) {
    const row = random.below(40);
    const key = [...model].find(([, rows]) => rows.includes(row))?.[0];
    assert.is(lists.has(row), key !== undefined);
    if (key === undefined) {
      const to = random.below(4);
      lists.add(row, to);
      model.set(to, [...(model.get(to) ?? []), row]);
    } else {
      lists.remove(row);
      model.set(
        key,
        (model.get(key) ?? []).filter((one) => one !== row),
      );
    }
    lists.remove(99);
    for (let k = 0; k < 4; k++) {
      assert.equal([...lists.all(k)], model.get(k) ?? []);
      assert.is(lists.oldest(k), model.get(k)?.[0] ?? null);
    }
  }
});

const at = (text: string): Address => {
  const address = parseAddress(text);
  if (address === null) throw new Error(text);
  return address;
};

const PAIRS: readonly (readonly [string, string, zones: readonly [number, number]])[] = [
  ["192.0.2.1", "192.0.2.254", [0, 0]],
  ["192.0.2.1", "192.0.3.1", [0, 0]],
  ["2001:db8::1", "2001:db8:0:ffff::1", [0, 0]],
  ["2001:db8::1", "2001:db8:1::1", [0, 0]],
  ["fe80::1", "fe80::2", [1, 1]],
  ["fe80::1", "fe80::1", [1, 1]],
  ["fe80::1", "fe80::1", [1, 2]],
  ["0.0.0.0", "::", [0, 0]],
  ["255.255.255.255", "255.255.255.0", [0, 0]],
];
for (const lengths of ["/24 /48", "/32 /128", "/8 /16", "/25 /33"]) {
  test(`keys of a cap per source ${lengths} are the engine's`, () => {
    const engine = freshEngine(
      loaded(moduleOf(`edition 1\nexpose e on udp 53 { backend 127.0.0.1:1 amplify 1 cap 9 connections, 1 per source ${lengths} allow from any }`)),
      null,
    );
    const [info] = engine.info.listeners;
    if (info === undefined) throw new Error("no listener");
    for (const [a, b, [zoneA, zoneB]] of PAIRS) {
      engine.setClock({ monoMs: 1, wallSeconds: 1 });
      const [first, second] = engine.admit([
        { listener: 0, source: at(a), zone: zoneA },
        { listener: 0, source: at(b), zone: zoneB },
      ]);
      assert.is(first?.allowed, true);
      assert.is(capKeysOf(info, at(a), zoneA)[0] === capKeysOf(info, at(b), zoneB)[0], second?.allowed === false, `${a} ${b}`);
      engine.release(0, at(a), zoneA);
      if (second?.allowed === true) engine.release(0, at(b), zoneB);
    }
  });
}

test("refusals are recorded N times a second for each listener and reason", () => {
  const counters = newCounters();
  const due = createSuppression(() => 2, counters);
  assert.equal(
    [0, 0, 0].map(() => due.recordDue("a", "cidr", 5)),
    [0, 0, null],
  );
  assert.equal([due.recordDue("b", "cidr", 5), due.recordDue("a", "rate", 5)], [0, 0]);
  assert.equal([due.recordDue("a", "cidr", 1_004), due.recordDue("a", "cidr", 1_005), due.recordDue("a", "cidr", 1_006)], [null, 2, 0]);
  assert.is(counters.auditSuppressed, 2);
  const none = createSuppression(() => 0, counters);
  assert.is(none.recordDue("a", "cidr", 5), null);
});

test("so many datagrams of a flow wait, and so many bytes of all", () => {
  const flows = new FlowTable<null>(new ConnectionTable());
  const row = flows.take("a", null);
  for (let i = 0; i < PENDING_DATAGRAMS; i++) assert.ok(flows.addPending(row, Buffer.alloc(1)));
  assert.not.ok(flows.addPending(row, Buffer.alloc(1)));
  assert.is(flows.takePending(row).length, PENDING_DATAGRAMS);
  assert.is(flows.pendingBytes, 0);
  const size = 65_536;
  const rows = Array.from({ length: PENDING_BYTES / size }, (_, i) => flows.take(`b${i}`, null));
  for (const one of rows) assert.ok(flows.addPending(one, Buffer.alloc(size)));
  assert.not.ok(flows.addPending(row, Buffer.alloc(1)));
  for (const one of rows) flows.give(one);
  assert.ok(flows.addPending(row, Buffer.alloc(1)));
});

const CAP = 50;

function onThisHost(): Backend {
  const address = tcpBackend("127.0.0.1", 53);
  if (typeof address === "string") throw new Error(address);
  return new Backends(() => null).udpAt(address, null);
}

/** Flows over a transport that does nothing, under one cap. */
async function silent({
  refusesAgain = (): boolean => false,
  backend = onThisHost(),
  nearEnd = (): FlowEnd | null => null,
}: { refusesAgain?: () => boolean; backend?: Backend; nearEnd?: () => FlowEnd | null } = {}) {
  const table = new ConnectionTable();
  const clock = manualClock();
  const flushes: (() => void)[] = [];
  const found: DatagramEvents<Address>[] = [];
  const ends = new Map<End | null, number>();
  const sent: string[] = [];
  let admitted = 0;
  const flows = createFlows<Address>({
    table,
    clock,
    timers: { udp_fresh_ms: 3_000, udp_idle_ms: 30_000, lifetime_ms: 0 },
    dropped: () => undefined,
    afterTurn: (flush) => void flushes.push(flush),
    decider: {
      flows: (_socket, rows, makeRoom) =>
        rows.map((row) => {
          if (admitted >= CAP && !makeRoom("cap_overall", 0, [])) return denial(CODE_CAP_OVERALL);
          admitted++;
          table.backend[row] = backend;
          return mintPermit(CODES[CODE_ALLOWED].name, 0);
        }),
      again: () => (refusesAgain() ? denial(CODE_CAP_OVERALL) : mintPermit(CODES[CODE_ALLOWED].name, 0)),
      adopted(row) {
        admitted++;
        table.backend[row] = backend;
      },
      capKeys: () => [],
      amplify: () => 1,
      fault: () => undefined,
      notOwned: () => undefined,
      backendFailed: () => undefined,
      nextBackend: () => false,
      generation: () => 1,
      closed(_row, end) {
        ends.set(end, (ends.get(end) ?? 0) + 1);
        if (end !== null) admitted--;
      },
    },
    transport: (events) => {
      found.push(events);
      return {
        udpPlaces: "wildcards",
        bind: () => Promise.resolve(null),
        unbind: () => void sent.push("unbound"),
        suspend: () => undefined,
        resume: () => null,
        descriptorOf: () => null,
        localOf: () => "7f000001",
        peerOf: (source) => ({ source, port: 1, zone: "" }),
        connect: (row) => events.connected(row),
        toBackend: (row) => void sent.push(`in ${row}`),
        toClient: () => void sent.push("out"),
        close: () => undefined,
        nearEnd,
        shut: () => undefined,
        buffered: () => 0,
      };
    },
  });
  const [events] = found;
  if (events === undefined) throw new Error("no transport");
  const turn = (): void => {
    for (const flush of flushes.splice(0)) flush();
  };
  return { table, flows, events, turn, ends, sent, clock };
}

test("100,000 sources have no more flows than the cap has room for", async () => {
  const { table, flows, events, turn, ends } = await silent();
  await flows.open(7, { host: "0.0.0.0", port: 53, proto: "udp" }, false);
  for (let i = 0; i < 100_000; i++) {
    events.received(7, String(i), () => fromV4(i), Buffer.alloc(20));
    if (i % 40 === 39) turn();
  }
  turn();
  assert.equal([flows.live, flows.fresh, ends.get("made_room")], [CAP, CAP, 100_000 - CAP]);
  assert.ok(table.rows <= CAP + 40, `${table.rows} rows`);
  flows.sweep(1e9);
  assert.is(flows.live, 0);
});

test("a paused socket keeps a bounded number of flows, and decides them when it is released", async () => {
  const { flows, events, turn, ends } = await silent();
  const socket = await flows.open(7, { host: "0.0.0.0", port: 53 }, true);
  for (let i = 0; i <= PAUSED_FLOWS; i++) events.received(7, String(i), () => fromV4(i), Buffer.alloc(1));
  turn();
  assert.equal([flows.live, ends.size], [0, 0]);
  if ("release" in socket) socket.release();
  turn();
  assert.is(flows.live + (ends.get(null) ?? 0) + (ends.get("made_room") ?? 0), PAUSED_FLOWS);
});

test("a flow to another host whose near end can't be looked at ends, when it begins and in a sweep, and no other one", async () => {
  const there = remoteBackend("10.0.3.7", 53);
  if (typeof there === "string") throw new Error(there);
  const nearEnd = { fails: false };
  const { flows, events, turn, ends, sent } = await silent({
    backend: new Backends(() => null).udpAt(there, () => null),
    nearEnd: () => {
      if (nearEnd.fails) throw new Error("EBADF");
      return { host: "10.0.3.1", port: 1 };
    },
  });
  await flows.open(7, { host: "0.0.0.0", port: 53 }, false);
  events.received(7, "x", () => fromV4(1), Buffer.alloc(1));
  turn();
  assert.equal([flows.live, sent], [1, ["in 0"]]);
  nearEnd.fails = true;
  events.received(7, "y", () => fromV4(2), Buffer.alloc(1));
  turn();
  assert.equal([flows.live, sent, ends.get("backend_not_owned")], [1, ["in 0"], 1]);
  flows.sweep(1_000_000);
  assert.equal([flows.live, ends.get("backend_not_owned")], [0, 2]);
});

test("what happens to a flow that is not there, or not yet, does nothing", async () => {
  const { flows, events, turn, sent } = await silent();
  await flows.open(7, { host: "0.0.0.0", port: 53 }, false);
  events.received(8, "x", () => fromV4(1), Buffer.alloc(1));
  events.received(7, "y", () => fromV4(1), Buffer.alloc(1));
  for (const row of [0, 1, 99]) {
    events.answered(row, Buffer.alloc(1));
    events.connected(row);
    events.connectFailed(row, "refused");
    events.unreachable(row);
    flows.cut(row, "cut");
  }
  assert.equal(sent, []);
  turn();
  assert.equal([flows.live, sent], [1, ["in 0"]]);
});

const LOCAL = { host: "0.0.0.0", port: 53, proto: "udp" } as const;
const HANDED = { host: "0.0.0.0", port: 53, source: fromV4(9), sourcePort: 1, zone: "", to: "7f000001", fresh: false, backend: "127.0.0.1:53" };

test("a flow that was handed over counts and waits, and its next datagram is decided again and passed on", async () => {
  const { flows, events, turn, ends, sent } = await silent();
  await flows.open(7, LOCAL, false);
  flows.adopt([HANDED, HANDED]);
  assert.equal([flows.live, flows.fresh], [1, 0], "one flow, once");
  assert.equal(flows.handed(), [HANDED], "the next takeover hands it over as it came");
  events.received(7, "key", () => fromV4(9), Buffer.alloc(20));
  assert.is(sent.length, 1, "in the same turn, because nothing is charged");
  events.received(7, "key", () => fromV4(9), Buffer.alloc(20));
  turn();
  assert.equal([flows.live, sent.length, ends.size], [1, 2, 0]);
  assert.equal(flows.handed(), [HANDED]);
});

const OTHERS: readonly (readonly [what: string, other: Partial<typeof HANDED>])[] = [
  ["source", { source: fromV4(8) }],
  ["source port", { sourcePort: 2 }],
  ["zone", { zone: "eth0" }],
  ["local address", { to: "7f000002" }],
];
for (const [what, other] of OTHERS) {
  test(`a datagram with another ${what} than the flow that waits begins a flow of its own`, async () => {
    const { flows, events, turn } = await silent();
    await flows.open(7, LOCAL, false);
    flows.adopt([{ ...HANDED, ...other }]);
    events.received(7, "key", () => fromV4(9), Buffer.alloc(20));
    turn();
    assert.is(flows.live, 2);
  });
}

test("a flow of a socket that is not here is no flow, and one whose client stays silent ends when it would have", async () => {
  const { flows, ends, clock } = await silent();
  await flows.open(7, LOCAL, false);
  flows.adopt([{ ...HANDED, port: 54 }, { ...HANDED, host: "127.0.0.1" }, HANDED, { ...HANDED, sourcePort: 2, fresh: true }]);
  assert.equal([flows.live, flows.fresh], [2, 1]);
  clock.advance(2_999);
  flows.sweep(clock.monoMs());
  assert.is(flows.live, 2);
  clock.advance(1);
  flows.sweep(clock.monoMs());
  assert.equal([flows.live, ends.get("unanswered")], [1, 1]);
  clock.advance(26_999);
  flows.sweep(clock.monoMs());
  assert.is(flows.live, 1);
  clock.advance(1);
  flows.sweep(clock.monoMs());
  assert.equal([flows.live, ends.get("idle")], [0, 1]);
});

test("a flow that is refused when it is decided again ends, gives its place back, and sends nothing on", async () => {
  const { flows, events, turn, ends, sent } = await silent({ refusesAgain: () => true });
  await flows.open(7, LOCAL, false);
  flows.adopt([HANDED]);
  events.received(7, "key", () => fromV4(9), Buffer.alloc(20));
  turn();
  assert.equal([flows.live, ends.get("rechecked"), sent], [0, 1, []]);
});

test("a fresh flow that waits makes room like any other", async () => {
  const { flows, events, turn, ends } = await silent();
  await flows.open(7, LOCAL, false);
  flows.adopt(Array.from({ length: CAP }, (_, i) => ({ ...HANDED, sourcePort: 100 + i, fresh: true })));
  events.received(7, "key", () => fromV4(9), Buffer.alloc(20));
  turn();
  assert.equal([flows.live, ends.get("made_room")], [CAP, 1]);
});

test("once another gateway receives, flows get answers for udp_fresh_ms and then end", async () => {
  const { flows, events, turn, ends, sent, clock } = await silent();
  await flows.open(7, LOCAL, false);
  events.received(7, "key", () => fromV4(9), Buffer.alloc(20));
  turn();
  flows.retire();
  clock.advance(2_999);
  events.answered(0, Buffer.alloc(1));
  flows.sweep(clock.monoMs() - 1);
  assert.equal([flows.live, sent.at(-1)], [1, "out"]);
  clock.advance(1);
  flows.sweep(clock.monoMs());
  assert.equal([flows.live, ends.get("done")], [0, 1]);
});

test.run();
