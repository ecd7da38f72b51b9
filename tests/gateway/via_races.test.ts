// A reload comes between a PROXY header and what follows it: a source is not believed once its peer may name none, and no peer
// of `via` skips its header. The transport and the swap of ports are the test's, so that each order of events can be had.
import * as assert from "uvu/assert";
import { WAIT_MS } from "../../gateway/connection/places.ts";
import { CONNECTING, FREE, HEADING, PENDING, READING } from "../../gateway/connection/states.ts";
import { fromV4 } from "../../runtime/net/address.ts";
import { suite } from "../suite.ts";
import { HELLO, TIMERS, world, type World } from "./connections_under_test.ts";

const test = suite("via, races");
const [PLAIN, THROUGH, , , BALANCED] = [0, 1, 2, 3, 4];
const BALANCER = 77;
const HEADER = Buffer.from("PROXY TCP4 10.0.0.1 10.0.0.9 40000 1005\r\n");
const PEER = { address: fromV4((10 << 24) | BALANCER), port: 40_000 };
const DESTINATION = { address: fromV4((10 << 24) | 9), port: 1005 };

/** Changes the `via` of a port, as a reload does. */
function setVia(w: World, listener: number, via: readonly string[] | null): void {
  const open = w.ports.numbered(w.sockets[listener] ?? -1);
  if (open === undefined) throw new Error("the port is not open");
  open.serves = { ...open.serves, exposes: open.serves.exposes.map((one) => ({ ...one, info: { ...one.info, via } })) };
}

const last = (w: World): string => w.lines.at(-1) ?? "";

/** Two connections of one source are open, and their clients have closed; a third one waits for a place. */
function waiting(w: World, listener: number, peer: number, header: Buffer | null): number {
  const rows = [0, 1, 2].map(() => {
    const row = w.peer(listener, peer);
    w.turn();
    if (header !== null) w.events.clientBytes(row, header);
    w.transport.closed.add(row);
    return row;
  });
  assert.is(w.places.waits, 1);
  return rows[2] ?? -1;
}

test("a hello behind a header whose peer may name no source any more is refused, before the recheck has come to it", async () => {
  for (const [what, via, state] of [
    ["the peer itself", { peer: PEER, destination: null }, CONNECTING],
    ["a named source", { peer: PEER, destination: DESTINATION }, FREE],
  ] as const) {
    const w = await world();
    const row = w.peer(THROUGH, 1);
    w.turn();
    assert.is(w.table.state[row], READING, what);
    w.table.via[row] = via;
    w.events.clientBytes(row, HELLO);
    assert.is(w.table.state[row], state, what);
    assert.match(last(w), state === FREE ? /"code":"bad_peer"/ : /"decision":"allow"/, what);
  }
});

test("a named source that waits for a place is refused once its peer may name none", async () => {
  const w = await world();
  const row = waiting(w, BALANCED, BALANCER, HEADER);
  assert.is(w.table.state[row], HEADING);
  setVia(w, BALANCED, ["10.9.9.9/32"]);
  w.places.clear();
  w.turn();
  assert.is(w.table.state[row], FREE);
  assert.match(last(w), /"code":"bad_peer"/);
  assert.is(w.places.waits, 0);
});

test("the same wait, while the peer may name sources: it ends with the refusal that was due", async () => {
  const w = await world();
  const row = waiting(w, BALANCED, BALANCER, HEADER);
  w.clock.advance(WAIT_MS);
  w.turn();
  assert.is(w.table.state[row], FREE);
  assert.match(last(w), /"code":"cap_source"/);
});

test("a client that waits for a place, and is a peer of `via` after a reload, does not skip its header", async () => {
  const w = await world();
  const row = waiting(w, PLAIN, 1, null);
  assert.is(w.table.state[row], PENDING);
  setVia(w, PLAIN, ["10.0.0.1/32"]);
  w.places.clear();
  w.turn();
  assert.is(w.table.state[row], HEADING);
  assert.is(w.places.waits, 0, "it waits for its header alone");
  for (const ms of [WAIT_MS, TIMERS.hello_ms - WAIT_MS - 1]) {
    w.clock.advance(ms);
    w.turn();
    assert.is(w.table.state[row], HEADING, `${ms} ms`);
  }
  w.clock.advance(1);
  w.forwarder.sweep(w.clock.monoMs());
  assert.is(w.table.state[row], FREE);
  assert.match(last(w), /"code":"proxy_late"/);
});

test("a header that came in time is not late because its connection waits for a place", async () => {
  const w = await world();
  for (let i = 0; i < 2; i++) {
    const open = w.peer(BALANCED, BALANCER);
    w.turn();
    w.events.clientBytes(open, HEADER);
    w.transport.closed.add(open);
  }
  const row = w.peer(BALANCED, BALANCER);
  w.turn();
  w.clock.advance(TIMERS.hello_ms - 1);
  w.events.clientBytes(row, HEADER);
  assert.is(w.places.waits, 1);
  w.clock.advance(WAIT_MS - 1);
  w.forwarder.sweep(w.clock.monoMs());
  assert.is(w.table.state[row], HEADING, "it waits");
  w.clock.advance(1);
  w.turn();
  assert.is(w.table.state[row], FREE);
  assert.match(last(w), /"code":"cap_source"/);
});

test.run();
