// Phase 4 against the oracle: random runs of clients with certificates, with closes, clock steps and the caps and
// limits of phase 1.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DEFAULT_CAP_CONNECTIONS } from "../../compiler/source/bounds.ts";
import { identityOf } from "../../runtime/host/identity.ts";
import { decided, run } from "../oracle/ask.ts";
import { decide } from "../oracle/evaluate.ts";
import { Meter } from "../oracle/meter.ts";
import { ANY, type ModelCap, type ModelExpose, type ModelLimit, type ModelPolicy } from "../oracle/model.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { readPrefix, words } from "../oracle/space.ts";

const test = suite("caps and limits of identities");
const RUNS = 60;
const STEPS = 120;

const SOURCES = ["192.0.2.1", "192.0.2.2", "2001:db8::1"].map((text) => readPrefix(text).base);
/** The first two are one identity; the next shares a name with them; the last two have no names. */
const CLIENTS: readonly (readonly string[])[] = [
  ["dns:a.example", "uri:spiffe://x/a"],
  ["uri:spiffe://x/a", "dns:a.example"],
  ["dns:a.example"],
  ["dns:b.example"],
  ["dns:refused.example"],
  [`sha256:${"0".repeat(64)}`],
  [`sha256:${"1".repeat(64)}`],
];

function policyOf(c: Chance): ModelPolicy {
  const limit = (key: ModelLimit["key"]): ModelLimit => ({
    count: 1 + c.below(4),
    per: c.pick(["s", "m", "h", "d", "1s", "30s", "90m", "7d"]),
    burst: c.oneIn(2) ? null : 1 + c.below(3),
    key,
  });
  const expose = (name: string, port: number): ModelExpose => {
    const cap: ModelCap | null = c.oneIn(4) ? null : { connections: 3 + c.below(30), perSource: null, perIdentity: c.oneIn(3) ? null : 1 + c.below(3) };
    const keys: ModelLimit["key"][] = [...(c.oneIn(3) ? [] : [{ kind: "identity" } as const]), ...(c.oneIn(3) ? [{ kind: "listener" } as const] : [])];
    return {
      name,
      ports: [{ first: port, last: port }],
      bind: null,
      mode: "mtls",
      cap,
      limits: keys.map(limit),
      rules: [
        { action: "allow", name: null, from: ANY },
        { action: "deny", name: null, from: ANY, client: { members: [{ type: "dns", text: "refused.example" }], except: [] } },
      ],
    };
  };
  return { nets: [], denies: [], exposes: [expose("one", 443), expose("two", 444)] };
}

interface Open {
  readonly expose: ModelExpose;
  readonly source: bigint;
  readonly names: readonly string[];
}

/** Number of answers per code. */
function play(policy: ModelPolicy, c: Chance, where: string, seen: Map<string, number>): void {
  const { engine, ids } = run(policy);
  const meters = new Map(policy.exposes.map((e) => [e, new Meter(e, DEFAULT_CAP_CONNECTIONS)]));
  const open: Open[] = [];
  let now = 0;
  for (let step = 0; step < STEPS; step++) {
    now += c.pick([0, 0, 0, 1, 500, 1_000, 20_000, 60_000, 900_000]);
    engine.setClock({ monoMs: now, wallSeconds: null });
    for (const meter of meters.values()) meter.setClock(now);
    if (c.oneIn(3) && open.length > 0) {
      const [left] = open.splice(c.below(open.length), 1);
      if (left === undefined) continue;
      engine.releaseIdentity(ids.get(left.expose.name) ?? -1, identityOf(left.names));
      engine.release(ids.get(left.expose.name) ?? -1, words(left.source));
      meters.get(left.expose)?.releaseIdentity(left.names);
      meters.get(left.expose)?.release(left.source);
    }
    const [expose, source, names] = [c.pick(policy.exposes), c.pick(SOURCES), c.pick(CLIENTS)];
    const [id, meter] = [ids.get(expose.name) ?? -1, meters.get(expose)];
    if (meter === undefined) throw new Error("no meter");
    const at = `${where}, step ${step}: ${names.join()} at ${now}`;
    const full = meter.admit(source);
    const first = engine.admit([{ listener: id, source: words(source) }])[0];
    if (first === undefined) throw new Error("no answer");
    if (full !== null) {
      assert.is(decided(first).code, full, at);
      seen.set(full, (seen.get(full) ?? 0) + 1);
      continue;
    }
    assert.ok(!first.allowed && first.later, at);
    const rules = decide(policy, expose, { source, wall: null, name: null, client: names });
    const code = rules.allowed ? (meter.admitIdentity(names) ?? "allowed") : rules.code;
    const decision = decided(engine.admitIdentity(id, words(source), null, identityOf(names)));
    assert.equal(
      [decision.code, decision.allowed ? "none" : decision.reason],
      [
        code,
        code === "allowed" ? "none"
        : rules.allowed ? "rate"
        : "mtls",
      ],
      at,
    );
    seen.set(code, (seen.get(code) ?? 0) + 1);
    if (code === "allowed") open.push({ expose, source, names });
    else {
      engine.release(id, words(source));
      meter.release(source);
    }
  }
  for (const [expose, meter] of meters) assert.is(engine.connections(ids.get(expose.name) ?? -1), meter.connections, where);
  assert.not.ok(engine.poisoned);
}

test("random runs agree with the oracle", () => {
  const seen = new Map<string, number>();
  for (let i = 0; i < RUNS; i++) {
    const c = chance(810_000 + i);
    play(policyOf(c), c, `seed ${i}`, seen);
  }
  for (const code of ["allowed", "cap_identity", "limit_identity", "deny_identity", "cap_listener", "limit_listener"]) {
    assert.ok((seen.get(code) ?? 0) >= 50, `${code}: only ${seen.get(code) ?? 0} of ${JSON.stringify([...seen])}`);
  }
});

test.run();
