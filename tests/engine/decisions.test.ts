// Random policies against the oracle: every verdict, reason, code and rule, at the edges of every prefix and for
// random sources, singly and in batches.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decided, difference, run, type Running } from "../oracle/ask.ts";
import { accept, bind, exposeAt } from "../oracle/evaluate.ts";
import { randomPolicy, randomPrefix } from "../oracle/generate.ts";
import { prefixesOf, type ModelExpose, type ModelPolicy } from "../oracle/model.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { wholePolicy } from "../oracle/whole.ts";
import { addressText, edges, readPrefix, rangeOf, words } from "../oracle/space.ts";

const engine = suite("decisions");
const POLICIES = 150;

function sources(policy: ModelPolicy, c: Chance): readonly bigint[] {
  const sets = [...policy.denies, ...policy.exposes.flatMap((e) => e.rules)].flatMap((r) => (r.from === null ? [] : [r.from]));
  const all = new Set(sets.flatMap((set) => prefixesOf(set).flatMap(edges)));
  for (let i = 0; i < 20; i++) {
    const { first, last } = rangeOf(randomPrefix(c));
    all.add(first).add(last);
  }
  for (const text of ["0.0.0.0", "255.255.255.255", "127.0.0.1", "::", "::1", "::ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]) {
    all.add(readPrefix(text).base);
  }
  return c.shuffle([...all]).slice(0, 150);
}

/** Evaluates every source for one expose; the batch form must give the same answers as the single form. */
function compare(policy: ModelPolicy, running: Running, expose: ModelExpose, all: readonly bigint[]): void {
  const id = running.ids.get(expose.name);
  if (id === undefined) throw new Error(`no listener ${expose.name}`);
  for (const source of all) {
    const wrong = difference(running, accept(policy, expose, source), running.engine.accept(id, words(source)));
    if (wrong !== null) throw new Error(`${expose.name} from ${addressText(source)}: ${wrong}\n${running.printed.text}`);
  }
}

for (let block = 0; block < 3; block++) {
  engine(`phase 1 agrees with the oracle, block ${block}`, () => {
    let count = 0;
    for (let i = 0; i < POLICIES / 3; i++) {
      const c = chance(1000 * block + i);
      const policy = randomPolicy(c, { nets: 4, exposes: 1 + c.below(4), rules: 1 + c.below(10), denies: 3 });
      const running = run(policy);
      const all = sources(policy, c);
      for (const expose of policy.exposes) compare(policy, running, expose, all);
      count += all.length * policy.exposes.length;
    }
    assert.ok(count > 10_000, `only ${count} questions`);
  });
}

engine("the batch form gives the same answers as the single form", () => {
  for (let i = 0; i < 20; i++) {
    const c = chance(50_000 + i);
    const made = wholePolicy(c, { nets: 3, exposes: 3, rules: 6, denies: 2 });
    // Without caps and limits, a decision does not depend on earlier ones.
    const policy = { ...made, exposes: made.exposes.map((e) => ({ ...e, cap: { connections: 1_000, perSource: null }, limits: [] })) };
    const running = run(policy);
    const peers = sources(policy, c).map((source) => {
      const expose = c.pick(policy.exposes);
      return { listener: running.ids.get(expose.name) ?? -1, source: words(source), expose, at: source };
    });
    const decisions = running.engine.admit(peers);
    assert.is(decisions.length, peers.length);
    peers.forEach((peer, at) => {
      const decision = decisions[at];
      assert.ok(decision);
      const wrong = difference(running, accept(policy, peer.expose, peer.at), decision);
      if (wrong !== null) throw new Error(`seed ${i}, ${peer.expose.name} from ${addressText(peer.at)}: ${wrong}\n${running.printed.text}`);
    });
  }
});

engine("a batch of any length is answered completely", () => {
  const policy: ModelPolicy = randomPolicy(chance(9), { nets: 0, exposes: 1, rules: 3, denies: 0 });
  const running = run(policy);
  for (const length of [0, 1, 2, 511, 512, 513, 1025]) {
    const peers = Array.from({ length }, (_, i) => ({ listener: 0, source: words(BigInt(i)) }));
    assert.is(running.engine.admit(peers).length, length);
  }
});

engine("a listener that isn't there is refused", () => {
  const running = run(randomPolicy(chance(5), { nets: 0, exposes: 2, rules: 3, denies: 0 }));
  for (const listener of [-1, 2, 3, 65_536, 2 ** 31 - 1, -(2 ** 31)]) {
    const single = decided(running.engine.accept(listener, words(1n)));
    const batch = decided(running.engine.admit([{ listener, source: words(1n) }])[0]);
    for (const decision of [single, batch]) {
      assert.ok(!decision.allowed, `listener ${listener}`);
      assert.is(decision.reason, "policy");
      assert.is(decision.code, "bad_listener");
    }
  }
  assert.not.ok(running.engine.poisoned);
});

engine("phase 0 agrees with the oracle", () => {
  const locals = [
    "0.0.0.0",
    "::",
    "127.0.0.1",
    "127.255.255.255",
    "126.255.255.255",
    "128.0.0.0",
    "::1",
    "::2",
    "10.0.0.1",
    "10.255.255.255",
    "11.0.0.0",
    "192.168.1.0",
    "192.168.1.255",
    "192.168.2.0",
    "2001:db8::",
    "2001:db8:ffff::1",
    "2001:db9::",
    "203.0.113.7",
    "0.0.0.1",
  ].map((text) => readPrefix(text).base);
  const subjects = ["ingressd", "svc0", "Ingressd", "ingressd ", "", "other"];
  let allowed = 0;
  let shared = 0;
  for (let i = 0; i < 30; i++) {
    const policy = wholePolicy(chance(70_000 + i), { nets: 2, exposes: 3, rules: 2, denies: 1 });
    const running = run(policy);
    if (new Set(policy.exposes.map((e) => e.ports)).size < policy.exposes.length) shared++;
    const ports = [1, 65_535, ...policy.exposes.flatMap((e) => e.ports.flatMap((p) => [p.first - 1, p.first, p.last, p.last + 1]))];
    for (const port of ports) {
      for (const local of locals) {
        const at = exposeAt(policy, port, local);
        const where = `${addressText(local)} port ${port}\n${running.printed.text}`;
        assert.is(running.engine.listenerAt("tcp", port, words(local)), at === null ? -1 : running.ids.get(at.name), where);
        assert.is(running.engine.listenerAt("udp", port, words(local)), -1, where);
        for (const subject of subjects) {
          const expected = bind(policy, subject, port, local);
          const wrong = difference(running, expected, running.engine.bind({ subject, proto: "tcp", address: words(local), port }));
          if (wrong !== null) throw new Error(`${subject} binds ${where}: ${wrong}`);
          if (expected.allowed) allowed++;
        }
      }
    }
  }
  assert.ok(allowed > 100 && shared > 3, `${allowed} allowed, ${shared} with a port of several exposes`);
});

engine("a port out of range is never bound", () => {
  const running = run(randomPolicy(chance(5), { nets: 0, exposes: 2, rules: 3, denies: 0 }));
  for (const port of [0, -1, 65_536, 2 ** 31, 2 ** 32 + 1000, 1000.5, Number.NaN]) {
    const decision = running.engine.bind({ subject: "ingressd", proto: "tcp", address: words(readPrefix("0.0.0.0").base), port });
    assert.not.ok(decision.allowed, String(port));
    assert.is(running.engine.listenerAt("tcp", port, words(0n)), -1, String(port));
  }
  assert.not.ok(running.engine.bind({ subject: "ingressd", proto: "udp", address: words(0n), port: 1000 }).allowed);
});

engine.run();
