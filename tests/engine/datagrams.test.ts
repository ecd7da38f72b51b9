// Random policies with exposes over udp, and over tcp and udp, against the oracle: phases 0 and 1, shadows, caps and limits.
// Each listener is compared by itself, with a meter of its own.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decided, difference, run, shadowDifference, type Running } from "../oracle/ask.ts";
import { accept, bind, exposeAt, shadow } from "../oracle/evaluate.ts";
import { randomPolicy, randomPrefix } from "../oracle/generate.ts";
import { Meter } from "../oracle/meter.ts";
import { ANY, listenersOf, prefixesOf, type ModelExpose, type ModelPolicy } from "../oracle/model.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { addressText, edges, rangeOf, readPrefix, words } from "../oracle/space.ts";

const engine = suite("datagrams");
const DEFAULT_CAP = 10_000;

/** Some exposes over udp and some over both, also on the ports of another one over tcp; denies for either protocol. */
function withDatagrams(c: Chance, policy: ModelPolicy): ModelPolicy {
  const [first] = policy.exposes;
  const exposes = policy.exposes.map((e, i): ModelExpose => {
    const proto = i === 0 ? "tcp" : c.pick(["udp", "both", "tcp"] as const);
    const rules = e.rules.map((r) => ({ ...r, dryrun: c.oneIn(5) }));
    if (proto === "tcp") return { ...e, rules };
    return {
      ...e,
      rules,
      proto,
      amplify: c.oneIn(3) ? "any" : c.pick([1, 30, 999, 1000]),
      ...(proto === "udp" && i === 1 && first !== undefined && { ports: first.ports, bind: null }),
    };
  });
  const denies = policy.denies.map((d) => {
    const proto = d.on === null ? "tcp" : c.pick(["udp", "both", "tcp"] as const);
    return { ...d, dryrun: c.oneIn(5), ...(proto !== "tcp" && { proto }) };
  });
  return { ...policy, exposes, denies };
}

function sources(policy: ModelPolicy, c: Chance): readonly bigint[] {
  const sets = [...policy.denies, ...policy.exposes.flatMap((e) => e.rules)].flatMap((r) => (r.from === null ? [] : [r.from]));
  const all = new Set(sets.flatMap((set) => prefixesOf(set).flatMap(edges)));
  for (let i = 0; i < 10; i++) all.add(rangeOf(randomPrefix(c)).first);
  return c.shuffle([...all]).slice(0, 60);
}

const protoOf = ({ proto }: ModelExpose): "tcp" | "udp" => (proto === "udp" ? "udp" : "tcp");

function idOf(running: Running, expose: ModelExpose): number {
  const id = running.engine.info.listeners.find((l) => l.name === expose.name && l.proto === protoOf(expose))?.id;
  if (id === undefined) throw new Error(`no listener ${expose.name} over ${protoOf(expose)}`);
  return id;
}

const made = (seed: number): { readonly c: Chance; readonly policy: ModelPolicy } => {
  const c = chance(seed);
  return { c, policy: withDatagrams(c, randomPolicy(c, { nets: 3, exposes: 2 + c.below(3), rules: 1 + c.below(6), denies: 4 })) };
};

engine("phase 1 and shadows agree with the oracle, listener by listener", () => {
  const seen = { udp: 0, tcp: 0, twice: 0, shadows: 0, differ: 0 };
  for (let seed = 0; seed < 60; seed++) {
    const { c, policy } = made(300_000 + seed);
    const running = run(policy, (items) => c.shuffle(items));
    const listeners = listenersOf(policy);
    assert.is(running.engine.info.listeners.length, listeners.length);
    seen.twice += listeners.length - policy.exposes.length;
    for (const source of sources(policy, c)) {
      const codes = new Map<string, string>();
      for (const expose of listeners) {
        const id = idOf(running, expose);
        const expected = accept(policy, expose, source);
        const due = shadow(policy, expose, { source, wall: null, name: undefined });
        const wrong =
          difference(running, expected, running.engine.accept(id, words(source))) ??
          shadowDifference(running, due, running.engine.shadow(id, words(source), undefined));
        if (wrong !== null)
          throw new Error(`seed ${seed}, ${expose.name} over ${protoOf(expose)} from ${addressText(source)}: ${wrong}\n${running.printed.text}`);
        seen[protoOf(expose)]++;
        if (due !== null) seen.shadows++;
        const other = codes.get(expose.name);
        if (other !== undefined && other !== expected.code) seen.differ++;
        codes.set(expose.name, expected.code);
      }
    }
  }
  assert.ok(seen.udp > 1_000 && seen.tcp > 1_000 && seen.twice > 20 && seen.shadows > 500 && seen.differ > 20, JSON.stringify(seen));
});

engine("phase 0 agrees with the oracle over both protocols", () => {
  const locals = ["0.0.0.0", "::", "127.0.0.1", "10.0.0.1", "192.168.1.1", "2001:db8::1", "203.0.113.7"].map((text) => readPrefix(text).base);
  const seen = new Map<string, number>();
  for (let seed = 0; seed < 25; seed++) {
    const { policy } = made(310_000 + seed);
    const running = run(policy);
    const ports = policy.exposes.flatMap((e) => e.ports.flatMap((p) => [p.first - 1, p.first, p.last, p.last + 1]));
    for (const port of ports)
      for (const local of locals)
        for (const proto of ["tcp", "udp"] as const) {
          const at = exposeAt(policy, port, local, proto);
          assert.is(running.engine.listenerAt(proto, port, words(local)), at === null ? -1 : idOf(running, at));
          for (const subject of ["ingressd", "svc0", "svc1"]) {
            const expected = bind(policy, subject, port, local, proto);
            const wrong = difference(running, expected, running.engine.bind({ subject, proto, address: words(local), port }));
            if (wrong !== null) throw new Error(`seed ${seed}, ${subject} binds ${proto} ${addressText(local)} ${port}: ${wrong}\n${running.printed.text}`);
            seen.set(`${proto} ${expected.code}`, (seen.get(`${proto} ${expected.code}`) ?? 0) + 1);
          }
        }
  }
  for (const code of ["not_exposed", "not_gateway", "gateway_bind", "loopback_bind"])
    for (const proto of ["tcp", "udp"]) {
      assert.ok((seen.get(`${proto} ${code}`) ?? 0) > 50, `${proto} ${code}: ${seen.get(`${proto} ${code}`) ?? 0}`);
    }
});

engine("flows are charged as connections are, each protocol by itself", () => {
  const codes = new Map<string, number>();
  for (let seed = 0; seed < 40; seed++) {
    const { c, policy: ruled } = made(320_000 + seed);
    // Everybody is allowed, so that caps and limits decide most.
    const policy = { ...ruled, denies: [], exposes: ruled.exposes.map((e) => ({ ...e, rules: [{ action: "allow" as const, name: null, from: ANY }] })) };
    const running = run(policy);
    const meters = listenersOf(policy).map((expose) => ({ expose, id: idOf(running, expose), meter: new Meter(expose, DEFAULT_CAP), open: [] as bigint[] }));
    const pool = sources(ruled, c).slice(0, 6);
    if (pool.length === 0) continue;
    let now = 0;
    for (let step = 0; step < 300; step++) {
      if (c.oneIn(8)) {
        now += c.pick([1, 50, 999, 1000, 60_000]);
        running.engine.setClock({ monoMs: now, wallSeconds: null });
        for (const { meter } of meters) meter.setClock(now);
      }
      const { expose, id, meter, open } = c.pick(meters);
      const closing = c.oneIn(4) ? open.splice(c.below(open.length), 1)[0] : undefined;
      if (closing !== undefined) {
        meter.release(closing);
        running.engine.release(id, words(closing));
        continue;
      }
      const source = c.pick(pool);
      const answer = decided(running.engine.admit([{ listener: id, source: words(source) }])[0]);
      const rules = accept(policy, expose, source);
      const refused = rules.allowed ? meter.admit(source) : null;
      if (rules.allowed && refused === null) open.push(source);
      const due = refused ?? rules.code;
      assert.is(answer.code, due, `seed ${seed}, step ${step}, ${expose.name} over ${protoOf(expose)} from ${addressText(source)}\n${running.printed.text}`);
      assert.is(running.engine.connections(id), meter.connections);
      codes.set(`${protoOf(expose)} ${due}`, (codes.get(`${protoOf(expose)} ${due}`) ?? 0) + 1);
    }
  }
  for (const code of ["allowed", "cap_listener", "cap_source", "limit_source", "limit_listener"]) {
    assert.ok((codes.get(`udp ${code}`) ?? 0) > 5, `udp ${code}: ${JSON.stringify([...codes])}`);
  }
});

engine("`amplify` is the number that is written, for each udp listener", () => {
  for (let seed = 0; seed < 25; seed++) {
    const { policy } = made(330_000 + seed);
    const running = run(policy);
    for (const expose of listenersOf(policy)) assert.is(running.engine.info.listeners[idOf(running, expose)]?.amplify, expose.amplify);
  }
});

engine.run();
