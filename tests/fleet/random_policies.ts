// Random policies that a target takes: those of the oracle without what the target refuses.
import type { ModelExpose, ModelPolicy, ModelRule, Ports } from "../oracle/model.ts";
import type { Chance } from "../oracle/random.ts";
import { sharedPolicy, wholePolicy } from "../oracle/whole.ts";

const SIZE = { nets: 2, exposes: 3, rules: 5, denies: 2 };

function withoutNames<R extends ModelRule>(rule: R): R {
  return { ...rule, sni: null };
}

/** Plain tcp, udp and what services bind themselves. */
export function plainPolicy(c: Chance): ModelPolicy {
  const made = wholePolicy(c, { ...SIZE, exposes: 1 + c.below(3) });
  const exposes = made.exposes.map((expose): ModelExpose => {
    const { mode: _, ...plain } = unbounded(expose);
    const rules = expose.rules.map(withoutNames);
    return c.oneIn(4) ? { ...plain, rules, proto: "udp", amplify: 30 } : { ...plain, rules };
  });
  const own: ModelExpose = {
    name: "own",
    ports: [{ first: 39_000, last: 39_002 }],
    bind: null,
    mode: "direct",
    backend: "registers",
    cap: null,
    limits: [],
    rules: [{ action: "allow", name: null, from: null }],
  };
  // A deny of names alone says nothing here.
  const denies = made.denies.filter(({ from }) => from !== null).map(withoutNames);
  return {
    ...made,
    denies: denies.map((deny) => (deny.on === null ? deny : { ...deny, on: made.exposes[0]?.ports ?? [] })),
    exposes: c.oneIn(4) ? [...exposes, own] : exposes,
  };
}

/** Plain tcp and TLS that passes through, with names, also several exposes on one port. */
export function namedPolicy(c: Chance): ModelPolicy {
  const made = c.oneIn(2) ? wholePolicy(c, { ...SIZE, exposes: 1 + c.below(3) }) : sharedPolicy(c, { ...SIZE, exposes: 2 + c.below(2) });
  return { ...made, exposes: made.exposes.map(unbounded) };
}

/** The same, with TLS that ends at some exposes; some of these require a certificate. */
export function tlsPolicy(c: Chance): ModelPolicy {
  const made = namedPolicy(c);
  const ends = (expose: ModelExpose): ModelExpose => (expose.mode === "passthrough" && c.oneIn(3) ? { ...expose, mode: c.oneIn(3) ? "mtls" : "tls" } : expose);
  return { ...made, exposes: made.exposes.map(ends) };
}

/** The same policy at other ports. */
export function shifted(policy: ModelPolicy, by: number): ModelPolicy {
  const moved = (ports: readonly Ports[]): readonly Ports[] => ports.map(({ first, last }) => ({ first: first + by, last: last + by }));
  return {
    ...policy,
    denies: policy.denies.map((deny) => ({ ...deny, on: deny.on === null ? null : moved(deny.on) })),
    exposes: policy.exposes.map((expose) => ({ ...expose, ports: moved(expose.ports) })),
  };
}

function unbounded(expose: ModelExpose): ModelExpose {
  return { ...expose, cap: null, limits: [] };
}
