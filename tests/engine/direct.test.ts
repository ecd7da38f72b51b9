// Exposes `as direct` in random policies, compared with the independent oracle: which services may bind with a token
// and without one, and that neither rules nor limits apply to their clients.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mintToken, NonceSet, verifyToken, type ValidToken } from "../../runtime/host/token.ts";
import { difference, run, type Running } from "../oracle/ask.ts";
import { bind, decide, exposeAt } from "../oracle/evaluate.ts";
import { ANY, type ModelExpose, type ModelPolicy, type ModelRule } from "../oracle/model.ts";
import { portsMeet } from "../oracle/order.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { addressText, readPrefix, words } from "../oracle/space.ts";
import { wholePolicy } from "../oracle/whole.ts";

const direct = suite("engine/direct");
const KEY = new Uint8Array(32).fill(7);

/** Makes some of the exposes direct, a few of these over udp; no deny names their ports. */
function withDirect(c: Chance, policy: ModelPolicy): ModelPolicy {
  const everybody = (): ModelRule => ({ action: "allow", name: null, from: ANY });
  const exposes = policy.exposes.map((e): ModelExpose =>
    c.oneIn(2) ?
      {
        name: e.name,
        ports: e.ports,
        bind: e.bind,
        mode: "direct",
        ...(c.oneIn(2) && { proto: "udp" as const }),
        backend: "registers",
        cap: null,
        limits: [],
        rules: [everybody()],
      }
    : e,
  );
  const own = exposes.filter(({ mode, proto }) => mode === "direct" && proto === undefined);
  const dials = ["svc0", "svc2", "other"].filter(() => c.oneIn(2));
  return { ...policy, dials, exposes, denies: policy.denies.filter(({ on }) => on === null || !own.some((e) => portsMeet(on, e.ports))) };
}

function tokenFor({ engine }: Running, service: string, proto: "tcp" | "udp", port: number, local: bigint): ValidToken {
  const facts = { service, proto, address: words(local), port, policy: engine.info.treeSha256 };
  const token = verifyToken(mintToken(facts, 100, new Uint8Array(16), KEY), facts, 99, KEY, new NonceSet(1));
  if (typeof token === "number") throw new Error(`the token is refused: ${token}`);
  return token;
}

const LOCALS = ["0.0.0.0", "::", "127.0.0.1", "::1", "10.0.0.1", "192.168.1.0", "2001:db8::", "203.0.113.7"].map((text) => readPrefix(text).base);

direct("phase 0 agrees with the oracle, with a token and without one", () => {
  const seen = new Map<string, number>();
  for (let i = 0; i < 40; i++) {
    const c = chance(81_000 + i);
    const plain = wholePolicy(c, { nets: 2, exposes: 3, rules: 2, denies: 1 });
    // A deny `on` a port that a direct expose shares would be refused.
    const policy = withDirect(c, plain);
    const running = run(policy);
    const ports = [0, 65_535, ...policy.exposes.flatMap((e) => e.ports.flatMap((p) => [p.first - 1, p.first, p.last + 1]))].filter(
      (p) => p >= 0 && p <= 65_535,
    );
    for (const port of ports)
      for (const local of LOCALS)
        for (const proto of ["tcp", "udp"] as const) {
          const at = exposeAt(policy, port, local, proto);
          if (port > 0)
            assert.is(
              running.engine.listenerAt(proto, port, words(local)),
              at === null ? -1 : running.ids.get(at.name),
              `${proto} ${addressText(local)} port ${port}\n${running.printed.text}`,
            );
          for (const subject of ["ingressd", ...policy.exposes.map((e) => e.name), "other"]) {
            const where = `${subject} binds ${proto} ${addressText(local)} port ${port}\n${running.printed.text}`;
            const without = bind(policy, subject, port, local, proto);
            assert.is(difference(running, without, running.engine.bind({ subject, proto, address: words(local), port })), null, where);
            const owed = bind(policy, subject, port, local, proto, true);
            assert.is(difference(running, owed, running.engine.bindWithToken(tokenFor(running, subject, proto, port, local))), null, `with a token ${where}`);
            for (const { code } of [without, owed]) seen.set(code, (seen.get(code) ?? 0) + 1);
          }
        }
  }
  for (const code of ["loopback_bind", "not_exposed", "not_gateway", "gateway_bind", "no_token", "direct_bind", "dial_bind"])
    assert.ok((seen.get(code) ?? 0) > 50, `${code}: ${seen.get(code) ?? 0}`);
});

direct("it counts as `allow from any`, and no deny applies to it", () => {
  let refused = 0;
  for (let i = 0; i < 40; i++) {
    const c = chance(82_000 + i);
    const policy = withDirect(c, wholePolicy(c, { nets: 3, exposes: 3, rules: 3, denies: 2 }));
    const running = run(policy);
    for (const expose of policy.exposes)
      for (const local of LOCALS) {
        const expected = decide(policy, expose, { source: local, wall: null, name: undefined });
        const answer = running.engine.accept(running.ids.get(expose.name) ?? -1, words(local));
        assert.is(difference(running, expected, answer), null, `${addressText(local)} to ${expose.name}\n${running.printed.text}`);
        if (expose.mode === "direct") assert.ok(answer.allowed);
        else if (!answer.allowed) refused++;
      }
  }
  assert.ok(refused > 50);
});

direct("a token of another policy, or one that names no port, permits nothing", () => {
  const c = chance(83_000);
  const running = run(withDirect(c, wholePolicy(c, { nets: 1, exposes: 3, rules: 2, denies: 0 })));
  const token = tokenFor(running, "svc0", "tcp", 1, LOCALS[0] ?? 0n);
  const other = running.engine.bindWithToken({ ...token, policy: "0".repeat(64) });
  assert.is(other.code, "token_policy");
  for (const port of [-1, 65_536, 1.5, Number.NaN]) assert.is(running.engine.bindWithToken({ ...token, port }).code, "bad_request");
});

direct.run();
