// Floods of sources against a keyed limit: what an abuser spent never comes back because of
// others, honest new sources are served, and places for caps end with a refusal.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fromV4 } from "../../runtime/net/address.ts";
import { connect, engineOf, visit } from "../host/compiled.ts";

const test = suite("floods");
const TABLE = 65_536;
const abuser = fromV4(0xc6336401);
const honest = (i: number): ReturnType<typeof fromV4> => fromV4(0x0b000000 + i * 7);
const flood = (i: number): ReturnType<typeof fromV4> => fromV4(0x40000000 + i * 13);

const policy = (limit: string): string => `edition 1
expose web on tcp 8443 { backend 127.0.0.1:80 cap 1000000 connections limit ${limit} per source allow from any }`;

interface Flood {
  readonly name: string;
  readonly limit: string;
  readonly sources: number;
  readonly hitsEach: number;
  /** The flood is spread evenly over this time. */
  readonly windowMs: number;
}

const floods: readonly Flood[] = [
  { name: "ten tables of new sources in a burst window, one hit each", limit: "5/m burst 5", sources: 10 * TABLE, hitsEach: 1, windowMs: 60_000 },
  { name: "a table of sources at their full debt, six hits each", limit: "5/m burst 5", sources: TABLE, hitsEach: 6, windowMs: 1_000 },
];

for (const { name, limit, sources, hitsEach, windowMs } of floods) {
  test(name, () => {
    const engine = engineOf(policy(limit));
    let spent = 0;
    for (let i = 0; i < 8; i++) if (visit(engine, abuser) === "allowed") spent++;
    assert.is(spent, 5);
    let regained = 0;
    let served = 0;
    const probes = 1000;
    for (let i = 0; i < sources; i++) {
      if (i % 1024 === 0) engine.setClock({ monoMs: Math.floor((i / sources) * windowMs), wallSeconds: null });
      for (let hit = 0; hit < hitsEach; hit++) visit(engine, flood(i));
      if (i % 4096 === 0 && visit(engine, abuser) === "allowed") regained++;
    }
    for (let i = 0; i < probes; i++) if (visit(engine, honest(i)) === "allowed") served++;
    // 5 a minute is one for each 12 s, whatever others do.
    assert.ok(regained <= Math.floor(windowMs / 12_000), `the abuser got ${regained} more`);
    assert.ok(served >= probes * 0.95, `${served} of ${probes} honest new sources were served`);
  });
}

test("a source that was charged to the sketch keeps its debt when a place is free again", () => {
  const engine = engineOf(policy("2/h burst 2"));
  for (let i = 0; i < 2 * TABLE; i++) visit(engine, flood(i));
  const fresh = honest(1);
  const before = [visit(engine, fresh), visit(engine, fresh), visit(engine, fresh)];
  assert.is(before[2], "limit_source");
  // The flood's single hits are worth half an hour each: then every place is free.
  engine.setClock({ monoMs: 1_800_000, wallSeconds: null });
  assert.is(engine.limiterFill().used, 0);
  const after = [visit(engine, fresh), visit(engine, fresh)];
  assert.equal(after, ["allowed", "limit_source"]);
});

test("a table of caps that is full refuses and forgets nothing", () => {
  const engine = engineOf(`edition 1
expose web on tcp 8443 { backend 127.0.0.1:80 cap 4096 connections, 1 per source allow from any }`);
  for (let i = 0; i < 4096; i++) assert.is(connect(engine, flood(i)), "allowed");
  assert.is(connect(engine, flood(5000)), "cap_listener");
  engine.release(0, flood(0));
  assert.is(connect(engine, flood(1)), "cap_source");
  assert.is(connect(engine, flood(0)), "allowed");
});

test("connections that outlive a reload to smaller caps block new ones until they are gone", () => {
  const engine = engineOf(`edition 1
expose web on tcp 8443 { backend 127.0.0.1:80 cap 20000 connections allow from any }
expose small on tcp 8444 { backend 127.0.0.1:80 cap 10 connections, 2 per source allow from any }`);
  const small = engine.listenerAt("tcp", 8444, fromV4(0));
  assert.is(small, 0);
  const alive = 10_000;
  for (let i = 0; i < alive; i++) engine.recount(small, flood(i));
  assert.is(engine.connections(small), alive);
  for (let i = 0; i < alive - 1; i++) engine.release(small, flood(i));
  assert.is(connect(engine, flood(0), small), "allowed");
  // The last survivor still counts for its own source.
  engine.recount(small, flood(alive - 1));
  assert.is(connect(engine, flood(alive - 1), small), "cap_source");
  engine.release(small, flood(alive - 1));
  assert.is(connect(engine, flood(alive - 1), small), "allowed");
  assert.is(connect(engine, flood(alive - 1), small), "cap_source");
});

test.run();
