// Caps and limits against the oracle's exact fractions: random runs of connections, closes and clock steps, long and
// backward ones included; and state that survives a reload.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DEFAULT_CAP_CONNECTIONS } from "../../compiler/source/bounds.ts";
import type { Decision } from "../../runtime/host/decision.ts";
import { decided, run, type Running } from "../oracle/ask.ts";
import { decide } from "../oracle/evaluate.ts";
import { randomPolicy } from "../oracle/generate.ts";
import { Meter } from "../oracle/meter.ts";
import { ANY, type ModelCap, type ModelExpose, type ModelLimit, type ModelPolicy, type ModelRule } from "../oracle/model.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { addressText, readPrefix, v4, words } from "../oracle/space.ts";

const engine = suite("limits");

// Neighbours under /24, /48 and /64 keys, and unrelated sources.
const SOURCES = [
  "192.0.2.1",
  "192.0.2.2",
  "192.0.3.1",
  "203.0.113.9",
  "2001:db8::1",
  "2001:db8::2",
  "2001:db8:0:1::1",
  "2001:db8:1::1",
  "::1",
  "::c000:201",
].map((text) => ({ source: readPrefix(text).base, zone: 0 }));
// Hosts of a link share its prefix, and two links may have the same address; addresses next to fe80::/10 are ordinary.
const LINK_LOCAL = ["fe80::1", "fe80::2", "fe80:0:0:1::1", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"].flatMap((text) =>
  [0, 1, 2 ** 32 - 1].map((zone) => ({ source: readPrefix(text).base, zone })),
);
const BESIDE = ["fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fec0::1", "fec0::2"].flatMap((text) =>
  [0, 1].map((zone) => ({ source: readPrefix(text).base, zone })),
);
const PEERS = [...SOURCES, ...LINK_LOCAL, ...BESIDE];

const NAMES = ["a.example", "b.example", null];

/** Moments around which 32-bit ticks would wrap, in milliseconds. */
const WRAPS = [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1];

function nextTime(c: Chance, now: number): number {
  switch (c.below(12)) {
    case 0:
      return now + 1;
    case 1:
      return now + c.below(1_100);
    case 2:
      return now + 60_000 + c.below(3) - 1;
    case 3:
      return now + c.below(3_600_000);
    case 4:
      return Math.max(0, now - 1 - c.below(100_000));
    case 5:
      return now + c.pick(WRAPS);
    case 6:
      return Math.max(now, c.pick(WRAPS));
    default:
      return now;
  }
}

function expectRefusal(decision: Decision, code: string, where: string): void {
  assert.not.ok(decision.allowed, where);
  if (decision.allowed) return;
  assert.is(decision.reason, "rate", where);
  assert.is(decision.code, code, where);
}

interface Connection {
  readonly expose: ModelExpose;
  readonly source: bigint;
  /** Interface number; the engine uses it only for link-local sources. */
  readonly zone: number;
}

/** One random run; returns how many connections caps and limits admitted and refused, how many the name refused, and of how many dryrun ones would have refused. */
function play(
  policy: ModelPolicy,
  running: Running,
  c: Chance,
  steps: number,
  where: string,
): { admitted: number; refused: number; named: number; tried: number } {
  const meters = new Map(policy.exposes.map((e) => [e, new Meter(e, DEFAULT_CAP_CONNECTIONS)]));
  const open: Connection[] = [];
  let now = 0;
  let admitted = 0;
  let refused = 0;
  let named = 0;
  let tried = 0;
  for (let step = 0; step < steps; step++) {
    now = nextTime(c, now);
    running.engine.setClock({ monoMs: now, wallSeconds: null });
    for (const meter of meters.values()) meter.setClock(now);
    if (c.oneIn(4) && open.length > 0) {
      const [{ expose, source, zone } = { expose: c.pick(policy.exposes), source: 0n, zone: 0 }] = open.splice(c.below(open.length), 1);
      running.engine.release(running.ids.get(expose.name) ?? -1, words(source), zone);
      meters.get(expose)?.release(source, zone);
    }
    // Sometimes a batch, which must charge its records in sequence.
    const peers = Array.from({ length: c.oneIn(5) ? 1 + c.below(8) : 1 }, () => ({ expose: c.pick(policy.exposes), ...c.pick(PEERS) }));
    const decisions = running.engine.admit(peers.map((p) => ({ listener: running.ids.get(p.expose.name) ?? -1, source: words(p.source), zone: p.zone })));
    const pending: Connection[] = [];
    peers.forEach(({ expose, source, zone }, i) => {
      const at = `${where}, step ${step}, peer ${i}: ${expose.name} from ${addressText(source)} at ${now}\n${running.printed.text}`;
      const answer = decisions[i];
      const rules = decide(policy, expose, { source, wall: null, name: undefined });
      // A connection is counted before its name is known.
      const full = rules.allowed || rules.later ? (meters.get(expose)?.admit(source, zone) ?? null) : null;
      if (!rules.allowed && !rules.later) assert.is(decided(answer).code, rules.code, at);
      else if (full !== null) {
        refused++;
        expectRefusal(decided(answer), full, at);
      } else {
        assert.is(answer?.allowed, rules.allowed, at);
        const would = answer !== undefined && (answer.allowed || answer.later) ? (answer.would ?? null) : null;
        assert.is(would, meters.get(expose)?.would ?? null, at);
        if (would !== null) tried++;
        admitted++;
        open.push({ expose, source, zone });
        if (rules.later) pending.push({ expose, source, zone });
      }
    });
    // A connection that its name refuses releases its caps.
    for (const peer of pending) {
      const name = c.pick(NAMES);
      const id = running.ids.get(peer.expose.name) ?? -1;
      const last = decide(policy, peer.expose, { source: peer.source, wall: null, name });
      assert.is(running.engine.hello(id, words(peer.source), name).code, last.code, `${where}, step ${step}, ${name}`);
      if (last.allowed) continue;
      named++;
      running.engine.release(id, words(peer.source), peer.zone);
      meters.get(peer.expose)?.release(peer.source, peer.zone);
      open.splice(
        open.findIndex((o) => o.expose === peer.expose && o.source === peer.source && o.zone === peer.zone),
        1,
      );
    }
  }
  for (const [expose, meter] of meters) assert.is(running.engine.connections(running.ids.get(expose.name) ?? -1), meter.connections, where);
  return { admitted, refused, named, tried };
}

const DRYRUN_LIMITS: readonly ModelLimit[] = [
  { count: 2, per: "s", burst: 3, key: { kind: "source", v4: 24, v6: 48, written: true } },
  { count: 1, per: "m", burst: 4, key: { kind: "listener" } },
  { count: 3, per: "30s", burst: null, key: { kind: "source", v4: 32, v6: 64, written: false } },
  {
    count: 100,
    per: "d",
    burst: 2,
    key: { kind: "source", v4: 32, v6: 64, written: false },
    from: { members: [{ kind: "prefix", prefix: readPrefix("192.0.2.0/24") }], except: [] },
  },
];

engine("random runs with dryrun caps and limits agree with the oracle: who is admitted, and what they would have refused", () => {
  let tried = 0;
  let admitted = 0;
  for (let i = 0; i < 60; i++) {
    const c = chance(310_000 + i);
    const made = randomPolicy(c, { nets: 2, exposes: 2, rules: 1, denies: 0 });
    const policy: ModelPolicy = {
      ...made,
      exposes: made.exposes.map((e): ModelExpose => ({
        ...e,
        ...(c.oneIn(3) && { mode: "passthrough" as const }),
        rules: [{ action: "allow", name: null, from: ANY }],
        limits: e.limits.slice(0, 2),
        cap: e.cap === null ? null : { connections: e.cap.connections, perSource: e.cap.perSource },
        dryrun: {
          connections: c.oneIn(2) ? null : 1 + c.below(6),
          perSource: c.oneIn(2) ? [] : [{ connections: 1 + c.below(3), v4: 32, v6: 64, written: false }],
          limits: DRYRUN_LIMITS.filter(() => c.oneIn(2)),
        },
      })),
    };
    const counts = play(policy, run(policy), c, 150, `seed ${i}`);
    tried += counts.tried;
    admitted += counts.admitted;
  }
  assert.ok(tried > 300 && admitted - tried > 300, `${admitted} admitted, of which dryrun caps and limits would have refused ${tried}`);
});

engine("random runs agree with the oracle", () => {
  let admitted = 0;
  let refused = 0;
  let named = 0;
  for (let i = 0; i < 120; i++) {
    const c = chance(300_000 + i);
    const made = randomPolicy(c, { nets: 2, exposes: 2, rules: 3, denies: 1 });
    const open = { action: "allow", name: null, from: ANY } as const;
    const byName: ModelRule = { ...open, sni: { members: [{ kind: "pattern", text: "a.example" }], except: [] } };
    const policy: ModelPolicy = {
      ...made,
      denies: [],
      exposes: made.exposes.map((e): ModelExpose => {
        if (c.oneIn(5)) return e;
        return c.oneIn(3) ? { ...e, mode: "passthrough", rules: [byName] } : { ...e, rules: [open] };
      }),
    };
    const counts = play(policy, run(policy), c, 150, `seed ${i}`);
    admitted += counts.admitted;
    refused += counts.refused;
    named += counts.named;
  }
  assert.ok(admitted > 2_000 && refused > 2_000 && named > 500, `${admitted} admitted, ${refused} refused, ${named} of them by their names`);
});

const SOURCE: ModelLimit["key"] = { kind: "source", v4: 32, v6: 64, written: false };

function one(limits: readonly ModelLimit[], cap: ModelCap | null = null, name = "web"): ModelPolicy {
  return {
    nets: [],
    denies: [],
    exposes: [{ name, ports: [{ first: 443, last: 443 }], bind: null, cap, limits, rules: [{ action: "allow", name: null, from: ANY }] }],
  };
}

const codeFrom = (running: Running, source: bigint): string => decided(running.engine.admit([{ listener: 0, source: words(source) }])[0]).code;
const at = (running: Running, monoMs: number): void => {
  running.engine.setClock({ monoMs, wallSeconds: null });
};
const HOST = v4(0xc0000201);

const PERIODS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, "30s": 30_000, h: 3_600_000, d: 86_400_000, "7d": 604_800_000 };

// Both ends of every bound of a limit: the burst is admitted, one more connection is not, and one emission interval
// later exactly one is.
const ENDS: readonly { readonly count: number; readonly per: string; readonly burst: number }[] = [
  { count: 1, per: "s", burst: 1 },
  { count: 1, per: "h", burst: 1 },
  { count: 3, per: "s", burst: 2 },
  { count: 1000, per: "s", burst: 7 },
  { count: 1_000_000, per: "s", burst: 5 },
  { count: 1_000_000, per: "h", burst: 3 },
  { count: 1, per: "h", burst: 1_000 },
  { count: 7, per: "m", burst: 7 },
  { count: 6, per: "30s", burst: 6 },
  { count: 100, per: "d", burst: 100 },
  { count: 1, per: "7d", burst: 3 },
  // The largest debt of the longest window.
  { count: 1_000_000, per: "7d", burst: 14_543 },
];

for (const key of [SOURCE, { kind: "listener" } as const]) {
  for (const { count, per, burst } of ENDS) {
    engine(`${count}/${per} burst ${burst} per ${key.kind} refills exactly`, () => {
      const periodMs = PERIODS_MS[per] ?? 0;
      const refused = key.kind === "listener" ? "limit_listener" : "limit_source";
      for (const start of [0, ...WRAPS, 2 ** 42]) {
        const running = run(one([{ count, per, burst, key }], { connections: 1_000_000, perSource: null }));
        at(running, start);
        for (let i = 0; i < burst; i++) assert.is(codeFrom(running, HOST), "allowed", `${i} of ${burst} at ${start}`);
        assert.is(codeFrom(running, HOST), refused, `burst + 1 at ${start}`);
        const interval = periodMs / count;
        if (interval > 1) {
          at(running, start + Math.ceil(interval) - 1);
          assert.is(codeFrom(running, HOST), refused, `too early after ${start}`);
        }
        at(running, start + Math.ceil(interval));
        assert.is(codeFrom(running, HOST), "allowed", `one interval after ${start}`);
        at(running, start + 2 ** 32 + Math.ceil((periodMs * burst) / count));
        for (let i = 0; i < burst; i++) assert.is(codeFrom(running, HOST), "allowed", `full again, ${i} after ${start}`);
        assert.is(codeFrom(running, HOST), refused);
      }
    });
  }
}

engine("a clock that goes backwards refills nothing", () => {
  const running = run(one([{ count: 1, per: "s", burst: 2, key: SOURCE }]));
  at(running, 10_000_000);
  assert.equal([codeFrom(running, HOST), codeFrom(running, HOST), codeFrom(running, HOST)], ["allowed", "allowed", "limit_source"]);
  for (const back of [9_999_999, 9_000_000, 0]) {
    at(running, back);
    assert.is(codeFrom(running, HOST), "limit_source", String(back));
  }
  at(running, 10_000_999);
  assert.is(codeFrom(running, HOST), "limit_source");
  at(running, 10_001_000);
  assert.is(codeFrom(running, HOST), "allowed");
});

engine("an invalid clock refills nothing", () => {
  const running = run(one([{ count: 1, per: "s", burst: 1, key: SOURCE }]));
  at(running, 5_000);
  assert.is(codeFrom(running, HOST), "allowed");
  for (const monoMs of [Number.NaN, Number.NEGATIVE_INFINITY, -1, -(2 ** 53)]) {
    at(running, monoMs);
    assert.is(codeFrom(running, HOST), "limit_source", String(monoMs));
  }
});

engine("a refusal charges neither other limits nor caps", () => {
  const running = run(
    one(
      [
        { count: 1, per: "h", burst: 3, key: { kind: "listener" } },
        { count: 1, per: "h", burst: 1, key: SOURCE },
      ],
      { connections: 9, perSource: null },
    ),
  );
  at(running, 1);
  assert.is(codeFrom(running, HOST), "allowed");
  for (let i = 0; i < 20; i++) assert.is(codeFrom(running, HOST), "limit_source");
  assert.is(running.engine.connections(0), 1);
  assert.is(codeFrom(running, HOST + 1n), "allowed");
  assert.is(codeFrom(running, HOST + 2n), "allowed");
  assert.is(codeFrom(running, HOST + 3n), "limit_listener");
});

engine("if a cap and a limit are both full, the cap is reported", () => {
  const running = run(one([{ count: 1, per: "h", burst: 1, key: SOURCE }], { connections: 5, perSource: { connections: 1, v4: 32, v6: 64, written: false } }));
  assert.is(codeFrom(running, HOST), "allowed");
  assert.is(codeFrom(running, HOST), "cap_source");
  running.engine.release(0, words(HOST));
  assert.is(codeFrom(running, HOST), "limit_source");
});

for (const connections of [1, 2, 1_000]) {
  engine(`a cap of ${connections} admits N connections, refuses N + 1, and is released by closes`, () => {
    for (const perSource of [null, { connections, v4: 1, v6: 1, written: true }]) {
      const running = run(one([], { connections, perSource }));
      for (let i = 0; i < connections; i++) assert.is(codeFrom(running, HOST + BigInt(i % 50)), "allowed");
      assert.is(codeFrom(running, HOST), "cap_listener");
      running.engine.release(0, words(HOST));
      assert.is(codeFrom(running, HOST + 60n), "allowed");
      assert.is(codeFrom(running, HOST), "cap_listener");
    }
  });
}

engine("every source under a cap has its own entry, up to the listener's cap", () => {
  const connections = 2_000;
  const running = run(one([], { connections, perSource: { connections: 1, v4: 32, v6: 128, written: true } }));
  const sources = Array.from({ length: connections }, (_, i) => (i % 2 === 0 ? v4(i * 7919) : BigInt(i) << 64n));
  for (const source of sources) assert.is(codeFrom(running, source), "allowed", addressText(source));
  assert.is(codeFrom(running, HOST), "cap_listener");
  for (const source of sources) running.engine.release(0, words(source));
  assert.is(running.engine.connections(0), 0);
  for (const source of sources) assert.is(codeFrom(running, source), "allowed", addressText(source));
});

engine("closing what is not open gives nothing away", () => {
  const running = run(one([], { connections: 3, perSource: { connections: 2, v4: 32, v6: 64, written: false } }));
  for (let i = 0; i < 5; i++) running.engine.release(0, words(HOST));
  assert.equal([codeFrom(running, HOST), codeFrom(running, HOST), codeFrom(running, HOST)], ["allowed", "allowed", "cap_source"]);
  // A close of another source must not free an entry of this one.
  running.engine.release(0, words(HOST + 1n));
  assert.is(codeFrom(running, HOST), "cap_source");
});

// The `::1` of another network is another source. Sources with the same prefix share a key, except on a link.
const TWO: readonly (readonly [first: readonly [string, number], second: readonly [string, number], key: "one key" | "two keys"])[] = [
  [["fe80::1", 7], ["fe80::1", 7], "one key"],
  [["fe80::1", 7], ["fe80::2", 7], "two keys"],
  [["fe80::1", 7], ["fe80::1", 8], "two keys"],
  [["fe80::1", 0], ["fe80::1", 1], "two keys"],
  [["fe80::1", 2 ** 32 - 1], ["fe80::1", 2 ** 31], "two keys"],
  [["fe80:0:0:1::1", 7], ["fe80::1", 7], "two keys"],
  [["febf:ffff::1", 7], ["febf:ffff::2", 7], "two keys"],
  [["febf:ffff::1", 7], ["febf:ffff::1", 8], "two keys"],
  [["fec0::1", 7], ["fec0::2", 8], "one key"],
  [["fe7f:ffff::1", 7], ["fe7f:ffff::2", 8], "one key"],
  [["2001:db8::1", 7], ["2001:db8::2", 8], "one key"],
  [["169.254.0.1", 7], ["169.254.0.2", 8], "one key"],
];

for (const v6 of [48, 64, 128]) {
  for (const [[text, zone], [otherText, otherZone], key] of TWO) {
    const due = v6 === 128 && text !== otherText ? "two keys" : key;
    engine(`per source /16 /${v6}: ${text} on ${zone} and ${otherText} on ${otherZone} have ${due}`, () => {
      const [source, other] = [words(readPrefix(text).base), words(readPrefix(otherText).base)];
      const v4 = 16;
      if (v6 === 128 && source[2] === 0xffff) return;
      const admit = (running: Running, from: typeof source, on: number): string =>
        decided(running.engine.admit([{ listener: 0, source: from, zone: on }])[0]).code;
      const limited = run(one([{ count: 1, per: "h", burst: 1, key: { kind: "source", v4, v6, written: true } }]));
      assert.is(admit(limited, source, zone), "allowed");
      assert.is(admit(limited, source, zone), "limit_source");
      assert.is(admit(limited, other, otherZone), due === "one key" ? "limit_source" : "allowed");
      const after = run(one([{ count: 1, per: "h", burst: 1, key: { kind: "source", v4, v6, written: true } }]));
      after.engine.importState(limited.engine.exportState());
      assert.is(admit(after, source, zone), "limit_source", "after a reload");

      const capped = run(one([], { connections: 10, perSource: { connections: 1, v4, v6, written: true } }));
      capped.engine.recount(0, source, zone);
      assert.is(admit(capped, source, zone), "cap_source");
      capped.engine.release(0, other, otherZone);
      assert.is(admit(capped, source, zone), due === "one key" ? "allowed" : "cap_source", "a close of another source frees no entry");
      capped.engine.release(0, source, zone);
      assert.is(admit(capped, source, zone), "allowed");
    });
  }
}

engine("debts outlive a reload, and a recounted cap only blocks new connections", () => {
  const limits: readonly ModelLimit[] = [
    { count: 1, per: "m", burst: 2, key: SOURCE },
    { count: 1, per: "m", burst: 5, key: { kind: "listener" } },
  ];
  const before = run(one(limits));
  at(before, 1_000_000);
  assert.equal([codeFrom(before, HOST), codeFrom(before, HOST), codeFrom(before, HOST)], ["allowed", "allowed", "limit_source"]);
  const state = before.engine.exportState();
  // Another module, with one more listener and with the limit at another position.
  const wider = one(limits, { connections: 1, perSource: null });
  const after = run({ ...wider, exposes: [...one([]).exposes.map((e) => ({ ...e, name: "aaa", ports: [{ first: 80, last: 80 }] })), ...wider.exposes] });
  at(after, 1_000_000);
  after.engine.importState(state);
  const web = after.ids.get("web") ?? -1;
  const codeAtWeb = (source: bigint): string => decided(after.engine.admit([{ listener: web, source: words(source) }])[0]).code;
  assert.is(codeAtWeb(HOST), "limit_source");
  after.engine.recount(web, words(HOST));
  after.engine.recount(web, words(HOST));
  assert.is(after.engine.connections(web), 2);
  assert.is(codeAtWeb(HOST + 1n), "cap_listener");
  after.engine.release(web, words(HOST));
  after.engine.release(web, words(HOST));
  assert.is(codeAtWeb(HOST), "limit_source");
  at(after, 1_060_000);
  assert.is(codeAtWeb(HOST), "allowed");
});

engine("debts in the sketch survive a reload too", () => {
  const limits: readonly ModelLimit[] = [{ count: 1, per: "h", burst: 1, key: SOURCE }];
  const before = run(one(limits, { connections: 1_000_000, perSource: null }));
  const { places } = before.engine.limiterFill();
  // More sources than entries, so many are only in the sketch.
  const sources = Array.from({ length: 2 * places }, (_, i) => v4(0x40000000 + i * 13));
  before.engine.admit(sources.map((source) => ({ listener: 0, source: words(source) })));
  const after = run(one(limits, { connections: 1_000_000, perSource: null }));
  after.engine.importState(before.engine.exportState());
  const some = sources.filter((_, i) => i % 29 === 0);
  const again = after.engine.admit(some.map((source) => ({ listener: 0, source: words(source) })));
  assert.equal([...new Set(again.map((d) => decided(d).code))], ["limit_source"]);
});

engine("truncated or foreign state never admits anything", () => {
  const limits: readonly ModelLimit[] = [{ count: 1, per: "h", burst: 1, key: SOURCE }];
  const first = run(one(limits));
  assert.is(codeFrom(first, HOST), "allowed");
  const state = first.engine.exportState();
  assert.ok(state.length > 0);
  const c = chance(1);
  for (let i = 0; i < 50; i++) {
    const garbage = Uint8Array.from({ length: c.below(4) === 0 ? state.length : c.below(200) }, () => c.below(256));
    first.engine.importState(garbage);
    assert.is(codeFrom(first, HOST), "limit_source");
  }
  assert.not.ok(first.engine.poisoned);
});

engine.run();
