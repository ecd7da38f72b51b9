// Full tables of keyed limits and caps: debts in the sketch are not forgotten, and a source without an entry is
// refused. flood.test.ts has the floods themselves.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { EXACT_SHARE } from "../../compiler/emit/state.ts";
import { fromV4 } from "../../runtime/net/address.ts";
import { connect, engineOf, visit } from "../host/compiled.ts";

const test = suite("places");
const TABLE = 65_536;
const honest = (i: number): ReturnType<typeof fromV4> => fromV4(0x0b000000 + i * 7);
const flood = (i: number): ReturnType<typeof fromV4> => fromV4(0x40000000 + i * 13);

const policy = (limit: string): string => `edition 1
expose web on tcp 8443 { backend 127.0.0.1:80 cap 1000000 connections limit ${limit} per source allow from any }`;

test("a source that was charged to the sketch keeps its debt when a place is free again", () => {
  const engine = engineOf(policy("2/h burst 2"));
  for (let i = 0; i < 2 * TABLE; i++) visit(engine, flood(i));
  const fresh = honest(1);
  const before = [visit(engine, fresh), visit(engine, fresh), visit(engine, fresh)];
  assert.is(before[2], "limit_source");
  // Each single hit of the flood expires after half an hour; then nearly every entry is free.
  engine.setClock({ monoMs: 1_800_000, wallSeconds: null });
  assert.ok(engine.limiterFill().used < TABLE / 20);
  const after = [visit(engine, fresh), visit(engine, fresh)];
  assert.equal(after, ["allowed", "limit_source"]);
});

test("of as many sources as `build` says 99 in 100 have a place of their own, and of twice as many fewer", () => {
  const sources = Math.floor(EXACT_SHARE * TABLE);
  const engine = engineOf(policy("1/d"));
  for (let i = 0; i < sources; i++) visit(engine, flood(i));
  assert.ok(engine.limiterFill().used >= 0.99 * sources, `${engine.limiterFill().used} of ${sources}`);
  for (let i = sources; i < 2 * sources; i++) visit(engine, flood(i));
  assert.ok(engine.limiterFill().used < 0.99 * 2 * sources, `${engine.limiterFill().used} of ${2 * sources}`);
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
  // The last survivor has no entry, so no source's count is known until it closes.
  assert.is(connect(engine, flood(0), small), "cap_table");
  engine.release(small, flood(alive - 1));
  assert.is(engine.connections(small), 0);
  assert.equal(
    [1, 2, 3].map(() => connect(engine, flood(0), small)),
    ["allowed", "allowed", "cap_source"],
  );
});

test("a recounted connection counts only for its own source", () => {
  const engine = engineOf(`edition 1
expose web on tcp 8443 { backend 127.0.0.1:80 cap 100 connections, 2 per source allow from any }`);
  engine.recount(0, honest(1));
  assert.equal(
    [honest(2), honest(1), honest(1), honest(2), honest(2)].map((source) => connect(engine, source)),
    ["allowed", "allowed", "cap_source", "allowed", "cap_source"],
  );
  engine.release(0, honest(1));
  assert.is(connect(engine, honest(1)), "allowed");
});

test.run();
