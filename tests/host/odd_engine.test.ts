// Whatever an engine does, a question ends in a Denial: traps, answers out of range and answers
// that contradict themselves end it for good.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as v from "../../runtime/abi/verdicts.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import type { Answer } from "../../runtime/host/decision.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import { address, loaded, moduleOf } from "./compiled.ts";
import { oddEngine } from "./odd_engine.ts";
import type { Odd } from "./odd_engine.ts";

const test = suite("odd engines");
const { info } = loaded(moduleOf("edition 1\nexpose web on tcp 8443 { backend 127.0.0.1:80 allow from any4 }"));
const V4 = address("192.0.2.1");
const V6 = address("2001:db8::1");

const open = (odd: Odd): PolicyEngine => openEngine(oddEngine(info, odd), new Uint8Array(16));
const word = (d: Answer | undefined): string =>
  d === undefined ? "nothing"
  : !d.allowed && d.later ? "later"
  : d.allowed ? `allow ${d.code}`
  : `${d.reason} ${d.code}`;
const accept = (e: PolicyEngine): Answer => e.accept(0, V4);
const accept6 = (e: PolicyEngine): Answer => e.accept(0, V6);
const bind = (e: PolicyEngine): Answer => e.bind({ subject: "ingressd", proto: "tcp", address: V4, port: 8443 });
const admit = (e: PolicyEngine): Answer | undefined => e.admit([{ listener: 0, source: V4 }])[0];
const allowed = [1, v.REASON_NONE, v.CODE_ALLOWED, 0] as const;
const batchAllowed = [1, v.CODE_ALLOWED, 0] as const;

type Call = (e: PolicyEngine) => Answer | undefined;
const rows: readonly (readonly [name: string, odd: Odd, call: Call, due: string])[] = [
  // The first rows show that the rest fail for the reason they name.
  ["an allow that is one", { results: { accept4: 1 }, detail: allowed }, accept, "allow allowed"],
  ["a batch that is one", { batch: batchAllowed }, admit, "allow allowed"],
  ["a trap", { results: { accept4: "trap" }, detail: allowed }, accept, "policy module_trap"],
  ["a trap for IPv6", { results: { accept6: "trap" }, detail: allowed }, accept6, "policy module_trap"],
  ["a trap in bind", { results: { bind: "trap" }, detail: allowed }, bind, "policy module_trap"],
  ["a trap in a batch", { results: { batch: "trap" }, batch: batchAllowed }, admit, "policy module_trap"],
  ["a verdict of 2", { results: { accept4: 2 }, detail: [2, 0, 1, 0] }, accept, "policy module_result"],
  ["a verdict of -1", { results: { accept4: -1 }, detail: [-1, 0, 1, 0] }, accept, "policy module_result"],
  ["an allow whose detail denies", { results: { accept4: 1 }, detail: [0, 1, 8, -1] }, accept, "policy module_result"],
  ["a deny whose detail allows", { results: { accept4: 0 }, detail: allowed }, accept, "policy module_result"],
  ["an allow with a reason", { results: { accept4: 1 }, detail: [1, v.REASON_CIDR, v.CODE_ALLOWED, 0] }, accept, "policy module_result"],
  ["an allow with a refusal's code", { results: { accept4: 1 }, detail: [1, 0, v.CODE_NO_MATCH, 0] }, accept, "policy module_result"],
  ["a deny with an allow's code", { detail: [0, v.REASON_CIDR, v.CODE_ALLOWED, 0] }, accept, "policy module_result"],
  ["a deny with another code's reason", { detail: [0, v.REASON_RATE, v.CODE_NO_MATCH, -1] }, accept, "policy module_result"],
  ["a code that nobody has", { results: { accept4: 1 }, detail: [1, 0, 77, 0] }, accept, "policy module_result"],
  ["a rule that is not there", { results: { accept4: 1 }, detail: [1, 0, v.CODE_ALLOWED, 1] }, accept, "policy module_result"],
  ["a rule of -2", { results: { accept4: 1 }, detail: [1, 0, v.CODE_ALLOWED, -2] }, accept, "policy module_result"],
  ["a batch that did nothing", { results: { batch: 0 }, batch: batchAllowed }, admit, "policy module_result"],
  ["a batch that did more", { results: { batch: 2 }, batch: batchAllowed }, admit, "policy module_result"],
  ["a batch verdict of 256", { batch: [256, v.CODE_ALLOWED, 0] }, admit, "policy module_result"],
  ["a batch allow with a reason", { batch: [1, (v.REASON_RATE << 16) | v.CODE_ALLOWED, 0] }, admit, "policy module_result"],
  ["a batch that says what a dryrun cap would have refused", { batch: [1, (v.CODE_CAP_SOURCE << 24) | v.CODE_ALLOWED, 0] }, admit, "allow allowed"],
  ["the same with a code of no cap or limit", { batch: [1, (v.CODE_NO_MATCH << 24) | v.CODE_ALLOWED, 0] }, admit, "policy module_result"],
  ["the same with a code that nobody has", { batch: [1, (77 << 24) | v.CODE_ALLOWED, 0] }, admit, "policy module_result"],
  ["a refusal that says it", { batch: [0, (v.CODE_CAP_SOURCE << 24) | (v.REASON_RATE << 16) | v.CODE_LIMIT_SOURCE, 0] }, admit, "policy module_result"],
  ["a scratch behind the memory", { results: { scratch: 0x7fffffff }, batch: batchAllowed }, admit, "policy module_trap"],
  ["no scratch at all", { results: { scratchBytes: 0 }, batch: batchAllowed }, admit, "policy module_result"],
  ["tables that do not validate", { results: { validate: 3, accept4: 1 }, detail: allowed }, accept, "policy bad_tables"],
];

for (const [name, odd, call, due] of rows)
  test(name, () => {
    assert.is(word(call(open(odd))), due);
  });

test("a failed engine never answers again", () => {
  const engine = open({ results: { accept4: 1, bind: 1, accept6: "trap" }, detail: allowed, batch: batchAllowed });
  assert.is(word(accept(engine)), "allow allowed");
  assert.is(word(admit(engine)), "allow allowed");
  assert.not(engine.poisoned);
  accept6(engine);
  assert.ok(engine.poisoned);
  for (const call of [accept, accept6, bind, admit]) assert.is(word(call(engine)), "policy module_trap");
  assert.is(engine.listenerAt("tcp", 8443, V4), -1);
  assert.is(engine.connections(0), 0);
  assert.is(engine.exportState().length, 0);
});

test("a failure in the middle of a batch allows nobody of it", () => {
  const engine = open({ results: { batch: 1 }, batch: batchAllowed });
  const decisions = engine.admit([
    { listener: 0, source: V4 },
    { listener: 0, source: V4 },
  ]);
  assert.equal(decisions.map(word), ["policy module_result", "policy module_result"]);
});

for (const call of ["clock", "release", "recount", "importState", "connections", "limiterUsed", "exportState", "listenerAt"] as const) {
  test(`a trap in ${call} ends the engine and throws nothing`, () => {
    const engine = open({ results: { [call]: "trap", accept4: 1 }, detail: allowed });
    engine.setClock({ monoMs: 1, wallSeconds: 1 });
    engine.release(0, V4);
    engine.recount(0, V4);
    engine.importState(new Uint8Array(32));
    engine.connections(0);
    engine.limiterFill();
    engine.exportState();
    engine.listenerAt("tcp", 1, V4);
    assert.ok(engine.poisoned);
    assert.is(word(accept(engine)), "policy module_trap");
  });
}

test("a listener that is not one of the policy's is none", () => {
  for (const listenerAt of [1, 99, -7]) assert.is(open({ results: { listenerAt } }).listenerAt("tcp", 8443, V4), -1);
  assert.is(open({ results: { listenerAt: 0 } }).listenerAt("tcp", 8443, V4), 0);
});

test("numbers that would wrap to a listener or port are none", () => {
  const engine = open({ results: { accept4: 1, bind: 1, listenerAt: 0 }, detail: allowed, batch: batchAllowed });
  for (const listener of [1, -1, 0.5, NaN, 2 ** 32, -(2 ** 32)]) assert.is(word(engine.accept(listener, V4)), "policy bad_listener", String(listener));
  for (const port of [-1, 65_536, 2 ** 32 + 8443, 8443.5, NaN]) {
    assert.is(word(engine.bind({ subject: "ingressd", proto: "tcp", address: V4, port })), "policy bad_request", String(port));
    assert.is(engine.listenerAt("tcp", port, V4), -1, String(port));
  }
  const real = openEngine(loaded(moduleOf("edition 1\nexpose web on tcp 8443 { allow from any }")), new Uint8Array(16));
  for (const listener of [1, -1, 0.5, NaN, 2 ** 32]) assert.is(word(real.admit([{ listener, source: V4 }])[0]), "policy bad_listener", String(listener));
});

test("a clock that is no number is none", () => {
  const engine = openEngine(
    loaded(moduleOf("edition 1\nexpose web on tcp 8443 { backend 127.0.0.1:80 limit 1/s per source allow from any }")),
    new Uint8Array(16),
  );
  const visit = (): string => {
    const answer = word(admit(engine));
    engine.release(0, V4);
    return answer;
  };
  engine.setClock({ monoMs: 5_000, wallSeconds: null });
  assert.is(visit(), "allow allowed");
  for (const monoMs of [NaN, -1, Infinity, 0]) {
    engine.setClock({ monoMs, wallSeconds: NaN });
    assert.is(visit(), "rate limit_source", String(monoMs));
  }
});

test.run();
