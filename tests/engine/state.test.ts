// State of limits across a reload: the same policy, a changed one, other seeds, and the records compared with an
// independent SipHash.
import { createHash } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as abi from "../../runtime/abi/layout.ts";
import { fnv1a64 } from "../../runtime/abi/fnv.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import { address, engineOf, loaded, moduleOf, visit } from "../host/compiled.ts";

const test = suite("state");
const A = address("203.0.113.9");
const B = address("2001:db8:1:2:3:4:5:6");

const policy = (body: string, name = "web"): string => `edition 1
expose ${name} on tcp 8443 { backend 127.0.0.1:80 ${body} allow from any }`;

function spend(engine: PolicyEngine, times: number, source = A): void {
  for (let i = 0; i < times; i++) visit(engine, source);
}

/** Number of further connections that the source gets now. */
function left(engine: PolicyEngine, source = A): number {
  for (let n = 0; n < 1000; n++) if (visit(engine, source) !== "allowed") return n;
  throw new Error("no limit in 1000 connections");
}

function reloaded(from: PolicyEngine, text: string, monoMs = 0): PolicyEngine {
  const next = openEngine(loaded(moduleOf(text)), new Uint8Array(16));
  from.setClock({ monoMs, wallSeconds: null });
  next.setClock({ monoMs, wallSeconds: null });
  next.importState(from.exportState());
  return next;
}

const perSource = "limit 10/m burst 10 per source";
const rows: readonly (readonly [name: string, before: string, after: string, spent: number, due: number])[] = [
  ["the same limit keeps its debt", policy(perSource), policy(perSource), 7, 3],
  ["a spent limit stays spent", policy(perSource), policy(perSource), 10, 0],
  ["a limit per listener keeps its debt", policy("limit 10/m per listener"), policy("limit 10/m per listener"), 4, 6],
  ["a faster rate makes the same debt in time worth more connections", policy(perSource), policy("limit 20/m burst 20 per source"), 5, 10],
  ["a slower rate never owes more than its burst", policy(perSource), policy("limit 2/m burst 2 per source"), 10, 0],
  ["other prefix lengths are another key", policy(perSource), policy("limit 10/m burst 10 per source /24 /48"), 7, 10],
  ["another period is another limit", policy(perSource), policy("limit 10/h burst 10 per source"), 7, 10],
  ["another listener starts afresh", policy(perSource), policy(perSource, "other"), 7, 10],
  ["a key of a listener is not a key of a source", policy("limit 10/m per listener"), policy("limit 10/m per source"), 7, 10],
];

for (const [name, before, after, spent, due] of rows) {
  test(name, () => {
    const old = engineOf(before);
    spend(old, spent);
    assert.is(left(reloaded(old, after)), due);
  });
}

test("debts continue to shrink across a reload", () => {
  const old = engineOf(policy(perSource));
  spend(old, 10);
  assert.is(left(reloaded(old, policy(perSource), 5_999)), 0);
  assert.is(left(reloaded(old, policy(perSource), 6_000)), 1);
  assert.is(left(reloaded(old, policy(perSource), 12_000)), 2);
});

// The set is no part of a limit's identity, and neither is its place: a debt is found again under each limit of the same listener, key and window.
const OFFICE = "203.0.113.0/24";
const CHANGES: readonly (readonly [name: string, before: string, after: string, spent: number, due: number])[] = [
  ["its set is gone", `limit 10/m per source from ${OFFICE}`, "limit 10/m per source", 7, 3],
  ["it has a set now", "limit 10/m per source", `limit 10/m per source from ${OFFICE}`, 7, 3],
  ["its set is another", `limit 10/m per source from ${OFFICE}`, "limit 10/m per source from 203.0.113.9", 7, 3],
  ["its set no longer has the source", `limit 10/m per source from ${OFFICE}`, "limit 10/m per source from 203.0.113.8", 7, 1000],
  ["a smaller limit comes before it", "limit 10/m per source", `limit 5/m per source from 192.0.2.1 limit 10/m per source from ${OFFICE}`, 7, 3],
  ["it is divided into two", "limit 10/m per source", `limit 12/m per source from any except ${OFFICE} limit 10/m per source from ${OFFICE}`, 7, 3],
  [
    "two become one, which takes the larger debt",
    `limit 10/m per source from ${OFFICE} limit 100/m per source from 0.0.0.0/1, 128.0.0.0/1`,
    "limit 10/m per source",
    7,
    3,
  ],
  [
    "two change places",
    `limit 10/m per source from ${OFFICE} limit 20/m per source from 192.0.2.0/24`,
    `limit 10/m per source from 192.0.2.0/24 limit 20/m per source from ${OFFICE}`,
    7,
    6,
  ],
  ["another window is another limit", `limit 10/m per source from ${OFFICE}`, `limit 10/2m per source from ${OFFICE}`, 7, 10],
];

for (const [name, before, after, spent, due] of CHANGES) {
  for (const way of ["records", "copied"] as const) {
    test(`a limit keeps its debts where ${name} (${way})`, () => {
      const [old, text] = [engineOf(policy(`cap 1000000 connections ${before}`)), policy(`cap 1000000 connections ${after}`)];
      spend(old, spent);
      const next = openEngine(loaded(moduleOf(text)), new Uint8Array(16));
      next.setClock({ monoMs: 0, wallSeconds: null });
      if (way === "records") next.importState(old.exportState());
      else next.takeState(old);
      let n = 0;
      while (n < 1000 && visit(next, A) === "allowed") n++;
      assert.is(n, due);
    });
  }
}

/** Six connections cost the first limit 6 s, and the second one 60 s, which is all that the first one can owe. */
const TWINS = `limit 60/m burst 60 per source limit 6/m burst 30 per source from ${OFFICE}`;
const TWIN_CHANGES: readonly (readonly [name: string, next: string, due: number])[] = [
  ["nothing changed", policy(TWINS), 24],
  ["their order changed", policy(`limit 6/m burst 30 per source from ${OFFICE} limit 60/m burst 60 per source`), 24],
  ["another expose came", policy(TWINS).replace("expose", "expose aaa on tcp 22 { backend 127.0.0.1:23 limit 1/m per source allow from any }\nexpose"), 24],
  ["something else of the expose changed", policy(TWINS).replace("allow from any", "deny from 192.0.2.1 allow from any"), 24],
  ["the sources of one changed", policy(TWINS.replace(OFFICE, `${OFFICE}, 192.0.2.0/24`)), 0],
  ["the rate of one changed", policy(TWINS.replace("burst 30", "burst 29")), 0],
  ["a third came", policy(`${TWINS} limit 100/m per source from 192.0.2.0/24`), 0],
];
for (const [name, next, due] of TWIN_CHANGES)
  test(`of two limits with one key and window each has its own debts after a reload, if the expose has the same limits: ${name}`, () => {
    const engine = engineOf(policy(TWINS));
    spend(engine, 6);
    const after = openEngine(loaded(moduleOf(next)), new Uint8Array(16));
    after.setClock({ monoMs: 0, wallSeconds: null });
    after.takeState(engine);
    const listener = after.info.listeners.findIndex((one) => one.name === "web");
    let admitted = 0;
    while (admitted < 100 && after.admit([{ listener, source: A }])[0]?.allowed === true) admitted++;
    assert.is(admitted, due);
  });

// The largest debt that a window may have, to the millisecond; one reload adds less than a thousandth of that.
for (const [limit, burst, fullMs] of [
  ["1/7d burst 14543", 14_543, 14_543 * 604_800_000],
  ["100/d", 100, 86_400_000],
  ["999/d burst 101806", 101_806, (101_806 * 86_400_000) / 999],
  ["6/30s", 6, 30_000],
  ["1000000/7d burst 14543", 14_543, 14_543 * 604.8],
] as const) {
  for (const key of ["source", "listener"]) {
    test(`a full debt of ${limit} per ${key} outlives a reload to the millisecond`, () => {
      const text = policy(`cap 1000000 connections limit ${limit} per ${key}`);
      const old = engineOf(text);
      spend(old, burst);
      assert.is(visit(old, A), key === "source" ? "limit_source" : "limit_listener");
      // Where one connection is worth less than a millisecond, several come back in one.
      const interval = fullMs / burst;
      const due = (ms: number): number => Math.floor(ms / interval + 1e-9);
      for (const ms of [Math.ceil(interval) - 1, Math.ceil(interval), Math.ceil(fullMs) - 1, Math.ceil(fullMs)]) {
        const next = reloaded(reloaded(old, text), text, ms);
        let n = 0;
        while (n <= burst && visit(next, A) === "allowed") n++;
        assert.is(n, Math.min(due(ms), burst), `${ms} ms after it was full`);
      }
    });
  }
}

test("a reload every second never refills a budget", () => {
  let engine = engineOf(policy(perSource));
  let served = 0;
  for (let second = 0; second <= 120; second++) {
    engine = reloaded(engine, policy(perSource), second * 1_000);
    served += left(engine);
  }
  // 10 at the start and one per 6 seconds.
  assert.is(served, 30);
});

test("with another seed no state is found, and nothing fails", () => {
  const old = engineOf(policy(perSource));
  spend(old, 10);
  const next = openEngine(
    loaded(moduleOf(policy(perSource))),
    Uint8Array.from({ length: 16 }, () => 9),
  );
  next.setClock({ monoMs: 0, wallSeconds: null });
  next.importState(old.exportState());
  assert.is(left(next), 10);
});

test("random records reduce no debt and cause no trap", () => {
  const engine = engineOf(policy(perSource));
  spend(engine, 10);
  for (let i = 0; i < 200; i++) {
    const noise = createHash("sha512").update(`noise ${i}`).digest();
    const bytes = Uint8Array.from({ length: 640 }, (_, at) => noise[at % 64] ?? 0);
    // Every kind, with cells and fingerprints out of range.
    for (let at = 0; at < 640; at += 32) new DataView(bytes.buffer).setUint32(at + abi.R_STATE_KIND, (at / 32 + i) % 5, true);
    engine.importState(bytes);
    engine.importState(bytes.subarray(0, 31));
  }
  assert.not(engine.poisoned);
  assert.is(left(engine), 0);
});

const MASK = 0xffffffffffffffffn;
const rotate = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (64n - by))) & MASK;

/** SipHash-1-3 of 24 bytes, from its paper. */
function sipHash(key: readonly [bigint, bigint], words: readonly bigint[]): bigint {
  const v: [bigint, bigint, bigint, bigint] = [
    key[0] ^ 0x736f6d6570736575n,
    key[1] ^ 0x646f72616e646f6dn,
    key[0] ^ 0x6c7967656e657261n,
    key[1] ^ 0x7465646279746573n,
  ];
  const round = (): void => {
    v[0] = (v[0] + v[1]) & MASK;
    v[1] = rotate(v[1], 13n) ^ v[0];
    v[0] = rotate(v[0], 32n);
    v[2] = (v[2] + v[3]) & MASK;
    v[3] = rotate(v[3], 16n) ^ v[2];
    v[0] = (v[0] + v[3]) & MASK;
    v[3] = rotate(v[3], 21n) ^ v[0];
    v[2] = (v[2] + v[1]) & MASK;
    v[1] = rotate(v[1], 17n) ^ v[2];
    v[2] = rotate(v[2], 32n);
  };
  for (const word of [...words, 24n << 56n]) {
    v[3] ^= word;
    round();
    v[0] ^= word;
  }
  v[2] ^= 0xffn;
  for (let i = 0; i < 3; i++) round();
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

test("a key's fingerprint is SipHash-1-3 of its limit and its masked address", () => {
  const seed = Uint8Array.from({ length: 16 }, (_, i) => i);
  const digest = new DataView(Uint8Array.from(createHash("sha256").update(seed).digest()).buffer);
  // The four words are stored as numbers, so each is little-endian in memory.
  const word = (i: number): bigint => BigInt(digest.getUint32(i));
  const key: [bigint, bigint] = [word(0) | (word(4) << 32n), word(8) | (word(12) << 32n)];
  const identity = fnv1a64("limit web source 60000 /24 /48");
  const cases: readonly (readonly [typeof A, bigint, bigint, bigint])[] = [
    [A, 120n, 0n, 0xffff_cb007100n],
    [B, 48n, 0x20010db800010000n, 0n],
  ];
  for (const [source, length, high, low] of cases) {
    const engine = openEngine(loaded(moduleOf(policy("limit 10/m per source /24 /48"))), seed);
    engine.setClock({ monoMs: 0, wallSeconds: null });
    spend(engine, 1, source);
    const state = engine.exportState();
    assert.is(state.length, abi.STATE_BYTES);
    const view = new DataView(state.buffer);
    assert.is(view.getBigUint64(abi.R_STATE_IDENTITY, true), identity);
    assert.is(view.getUint32(abi.R_STATE_KIND, true), abi.STATE_SOURCE);
    assert.is(view.getBigUint64(abi.R_STATE_DEBT, true), 6_000n << 20n);
    assert.is(view.getBigUint64(abi.R_STATE_PRINT, true), sipHash(key, [(identity + length) & MASK, high, low]) >> 16n);
  }
});

test.run();
