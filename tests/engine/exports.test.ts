// The engine's own exports, without the host. For any arguments, everything that is not explicitly allowed is denied
// with its code, and nothing is charged.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fnv1a64 } from "../../runtime/abi/fnv.ts";
import * as abi from "../../runtime/abi/layout.ts";
import * as v from "../../runtime/abi/verdicts.ts";
import { instantiate, type EngineExports } from "../../runtime/host/instance.ts";
import { compileText, load } from "../oracle/ask.ts";

const exports = suite("exports");

const policy = load(
  compileText(`edition 1
expose a on tcp 1000-1001 { cap 5 connections, 2 per source allow from any }
expose b on tcp 65535 bind 10.0.0.0/8 { allow from 10.0.0.0/8 }
`),
);

interface Detail {
  readonly verdict: number;
  readonly reason: number;
  readonly code: number;
  readonly rule: number;
}

const BAD_LISTENER: Detail = { verdict: v.VERDICT_DENY, reason: v.REASON_POLICY, code: v.CODE_BAD_LISTENER, rule: abi.NO_RULE };
const NOT_VALID: Detail = { verdict: v.VERDICT_DENY, reason: v.REASON_POLICY, code: v.CODE_BAD_TABLES, rule: abi.NO_RULE };
const BAD_REQUEST: Detail = { verdict: v.VERDICT_DENY, reason: v.REASON_POLICY, code: v.CODE_BAD_REQUEST, rule: abi.NO_RULE };
const NOT_EXPOSED: Detail = { verdict: v.VERDICT_DENY, reason: v.REASON_POLICY, code: v.CODE_NOT_EXPOSED, rule: abi.NO_RULE };

const OUTSIDE = [2, 3, 65_536, 2 ** 31 - 1, -1, -(2 ** 31)];
const ID = fnv1a64("ingressd");
const [HIGH, LOW] = [Number(ID >> 32n) | 0, Number(ID & 0xffffffffn) | 0];

function fresh(): EngineExports {
  const engine = instantiate(policy.module);
  assert.is(engine.validate(), 0);
  return engine;
}

function detail(engine: EngineExports): Detail {
  const view = new DataView(engine.memory.buffer);
  const at = (field: number): number => view.getInt32(abi.DETAIL_BASE + field, true);
  return { verdict: at(abi.DETAIL_VERDICT), reason: at(abi.DETAIL_REASON), code: at(abi.DETAIL_CODE), rule: at(abi.DETAIL_RULE) };
}

/** The engine's answer in memory after one call; its verdict must equal the call's result. */
function said(engine: EngineExports, call: (e: EngineExports) => number): Detail {
  const verdict = call(engine);
  const answer = detail(engine);
  assert.is(verdict, answer.verdict);
  return answer;
}

exports("before the first request, memory says deny", () => {
  assert.equal(detail(instantiate(policy.module)).verdict, v.VERDICT_DENY);
});

exports("with tables that were not validated, every request is denied", () => {
  const engine = instantiate(policy.module);
  assert.equal(
    said(engine, (e) => e.accept4(0, 0x0a000001)),
    NOT_VALID,
  );
  assert.equal(
    said(engine, (e) => e.accept6(0, 0, 0, 0xffff, 1)),
    NOT_VALID,
  );
  assert.equal(
    said(engine, (e) => e.charge(0, 0, 0, 0xffff, 1)),
    NOT_VALID,
  );
  assert.equal(
    said(engine, (e) => e.bind(HIGH, LOW, abi.PROTO_TCP, 1000, 0, 0, 0, 0)),
    NOT_VALID,
  );
  // This includes a bind of loopback, which tables can't change.
  assert.equal(
    said(engine, (e) => e.bind(HIGH, LOW, abi.PROTO_TCP, 1000, 0, 0, 0, 1)),
    NOT_VALID,
  );
  assert.is(engine.listenerAt(abi.PROTO_TCP, 1000, 0, 0, 0, 0), -1);
  assert.equal([engine.batch(3), engine.scratchBytes(), engine.exportState(0), engine.connections(0), engine.limiterUsed()], [0, 0, 0, 0, 0]);
});

exports("a shadow has its own verdict, and a listener without one has none", () => {
  const tried = instantiate(
    load(
      compileText(`edition 1
expose a on tcp 1 as passthrough { backend 127.0.0.1:80 allow from any dryrun deny sni "x.example" }
expose b on tcp 2 { backend 127.0.0.1:80 allow from any }
`),
    ).module,
  );
  assert.is(tried.shadow?.(0, 0, 0, 0xffff, 1, -1, -1), -1);
  assert.is(tried.validate(), 0);
  assert.equal(
    [-1, 0].map((length) => tried.shadow?.(0, 0, 0, 0xffff, 1, length, -1)),
    [v.VERDICT_OPEN, v.VERDICT_ALLOW],
  );
  new Uint8Array(tried.memory.buffer).set(new TextEncoder().encode("x.example"), tried.scratch());
  assert.equal(
    [9, 8].map((length) => tried.shadow?.(0, 0, 0, 0xffff, 1, length, -1)),
    [v.VERDICT_DENY, v.VERDICT_ALLOW],
  );
  assert.equal(
    [1, 2].map((listener) => tried.shadow?.(listener, 0, 0, 0xffff, 1, 0, -1)),
    [-1, -1],
  );
});

exports("abiVersion returns the version of the layout", () => assert.is(fresh().abiVersion(), abi.ABI_VERSION));

for (const listener of OUTSIDE) {
  exports(`listener ${listener} is refused and charges nothing`, () => {
    const engine = fresh();
    assert.equal(
      said(engine, (e) => e.accept4(listener, 0x0a000001)),
      BAD_LISTENER,
    );
    assert.equal(
      said(engine, (e) => e.accept6(listener, 0, 0, 0, 1)),
      BAD_LISTENER,
    );
    assert.equal(
      said(engine, (e) => e.charge(listener, 0, 0, 0xffff, 1)),
      BAD_LISTENER,
    );
    assert.equal(
      said(engine, (e) => e.hello?.(listener, 0, 0, 0xffff, 1, 0) ?? -1),
      BAD_LISTENER,
    );
    assert.is(engine.shadow?.(listener, 0, 0, 0xffff, 1, 0, -1), -1);
    const before = Buffer.from(new Uint8Array(engine.memory.buffer)).toString("base64");
    engine.release(listener, 0, 0, 0xffff, 1);
    engine.recount(listener, 0, 0, 0xffff, 1);
    assert.is(Buffer.from(new Uint8Array(engine.memory.buffer)).toString("base64"), before);
    assert.is(engine.connections(listener), 0);
  });
}

for (const port of [0, 65_536, -1, -(2 ** 31), 2 ** 31 - 1]) {
  exports(`port ${port} has no listener`, () => {
    const engine = fresh();
    assert.is(engine.listenerAt(abi.PROTO_TCP, port, 0, 0, 0, 0), -1);
    assert.is(said(engine, (e) => e.bind(HIGH, LOW, abi.PROTO_TCP, port, 0, 0, 0, 0)).verdict, v.VERDICT_DENY);
  });
}

for (const proto of [0, 1, 7, 132, 255, 256 + 6, -1, 2 ** 31 - 1]) {
  exports(`protocol ${proto} is denied`, () => {
    const engine = fresh();
    assert.is(engine.listenerAt(proto, 1000, 0, 0, 0, 0), -1);
    assert.equal(
      said(engine, (e) => e.bind(HIGH, LOW, proto, 1000, 0, 0, 0, 1)),
      BAD_REQUEST,
    );
  });
}

exports("a wildcard address is only theirs who bind any", () => {
  const engine = fresh();
  for (const [c, d] of [
    [0, 0],
    [0xffff, 0],
  ] as const) {
    assert.is(engine.listenerAt(abi.PROTO_TCP, 1000, 0, 0, c, d), 0);
    assert.equal(
      said(engine, (e) => e.bind(HIGH, LOW, abi.PROTO_TCP, 65_535, 0, 0, c, d)),
      NOT_EXPOSED,
    );
  }
  assert.is(engine.listenerAt(abi.PROTO_TCP, 65_535, 0, 0, 0xffff, 0x0a000000), 1);
});

exports("a subject with half of ingressd's number is not ingressd", () => {
  const engine = fresh();
  for (const [high, low] of [
    [HIGH, 0],
    [0, LOW],
    [HIGH, LOW + 1],
    [HIGH + 1, LOW],
    [LOW, HIGH],
  ] as const) {
    assert.is(said(engine, (e) => e.bind(high, low, abi.PROTO_TCP, 1000, 0, 0, 0, 0)).code, v.CODE_NOT_GATEWAY);
  }
  assert.is(said(engine, (e) => e.bind(HIGH, LOW, abi.PROTO_TCP, 1000, 0, 0, 0, 0)).code, v.CODE_GATEWAY_BIND);
});

exports("a batch is limited to scratch, and each of its records is answered", () => {
  const engine = fresh();
  const room = Math.floor(engine.scratchBytes() / abi.BATCH_BYTES);
  assert.ok(room >= 2);
  const view = new DataView(engine.memory.buffer);
  const at = (i: number, field: number): number => engine.scratch() + i * abi.BATCH_BYTES + field;
  for (let i = 0; i < room; i++) {
    view.setInt32(at(i, abi.R_BATCH_LISTENER), OUTSIDE[i % OUTSIDE.length] ?? -1, true);
    view.setInt32(at(i, abi.R_BATCH_VERDICT), v.VERDICT_ALLOW, true);
  }
  for (const count of [room + 1, 2 ** 31 - 1, -1]) assert.is(engine.batch(count), room, String(count));
  for (let i = 0; i < room; i++) {
    assert.is(view.getInt32(at(i, abi.R_BATCH_VERDICT), true), v.VERDICT_DENY);
    assert.is(view.getUint32(at(i, abi.R_BATCH_CODE), true), (v.REASON_POLICY << 16) | v.CODE_BAD_LISTENER);
    assert.is(view.getInt32(at(i, abi.R_BATCH_RULE), true), abi.NO_RULE);
  }
});

exports("an import stops at the end of scratch", () => {
  const engine = fresh();
  for (const count of [2 ** 31 - 1, -1]) engine.importState(count);
  for (const cursor of [2 ** 31 - 1, -1]) assert.is(engine.exportState(cursor), 0);
  assert.is(engine.exportNext(), 0);
});

exports.run();
