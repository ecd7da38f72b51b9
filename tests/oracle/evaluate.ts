// The independent oracle: phases 0 to 3 (meter.ts: the caps and limits of 1 and 4) as the equations of docs/equations.md state them, by
// looking at every rule every time. It imports nothing of the compiler or the runtime.
//
//   permitted(L) = { r : some a in A(L) matches r } \ { r : some d in D(L) matches r }
import { ANY, listenersOf, setHas, type Membership, type ModelDeny, type ModelExpose, type ModelPolicy, type ModelRule, type Ports } from "./model.ts";
import { idsHave } from "./identities.ts";
import { hostsHave, isCanonical } from "./names.ts";
import { lowest, portsMeet } from "./order.ts";
import { isV4 } from "./space.ts";

export interface Answer {
  readonly allowed: boolean;
  /** Neither refused nor admitted: the name, or the identity, is to come. */
  readonly later: boolean;
  readonly reason: "none" | "policy" | "cidr" | "sni" | "rate" | "mtls";
  readonly code: string;
  /** Every rule that may be named: one, or all that are equal to it. Empty: none is named. */
  readonly rules: readonly ModelRule[];
}

export interface Facts {
  readonly source: bigint;
  /** UTC seconds; null: no clock. */
  readonly wall: number | null;
  /** Undefined: not here yet; null: none was sent. */
  readonly name: string | null | undefined;
  /** The words of a verified certificate; not written: not known yet, or none is requested. */
  readonly client?: readonly string[];
}

type Truth = "true" | "false" | "open";

/** A top-level deny applies to every listener that has one of its ports over its protocol, or to all; not to a service that listens by itself. */
function appliesTo(deny: ModelDeny, expose: ModelExpose): boolean {
  if (expose.mode === "direct") return false;
  return deny.on === null || ((deny.proto === "both" || deny.proto === expose.proto) && portsMeet(deny.on, expose.ports));
}

const inTime = ({ after = null, until = null }: ModelRule, wall: number | null): boolean =>
  (after === null || (wall !== null && wall >= after)) && (until === null || (wall !== null && wall < until));

const readsName = ({ mode }: ModelExpose): boolean => mode !== undefined && mode !== "direct";

function truth(rule: ModelRule, expose: ModelExpose, { source, wall, name, client }: Facts, has: Membership): Truth {
  if (!has(rule.from ?? ANY, source) || !inTime(rule, wall)) return "false";
  const { sni = null, client: ids = null } = rule;
  // Plain tcp reads no name, and only mtls requests a certificate.
  const named: Truth =
    sni === null ? "true"
    : !readsName(expose) ? "false"
    : name === undefined ? "open"
    : name !== null && hostsHave(sni, name) ? "true"
    : "false";
  const known: Truth =
    ids === null ? "true"
    : expose.mode !== "mtls" ? "false"
    : client === undefined ? "open"
    : idsHave(ids, client) ? "true"
    : "false";
  if (named === "false" || known === "false") return "false";
  return named === "open" || known === "open" ? "open" : "true";
}

/** One phase, in its order. `dryrun`: as if every dryrun rule were enforced. */
function phase(policy: ModelPolicy, expose: ModelExpose, facts: Facts, has: Membership, dryrun: boolean): Answer {
  const counts = (rule: ModelRule): boolean => dryrun || rule.dryrun !== true;
  const being = (rules: readonly ModelRule[], ...truths: readonly Truth[]): ModelRule[] => rules.filter((r) => truths.includes(truth(r, expose, facts, has)));
  const allows = expose.rules.filter((r) => r.action === "allow" && counts(r));
  const own = expose.rules.filter((r) => r.action === "deny" && counts(r));
  const tops = policy.denies.filter((d) => appliesTo(d, expose) && counts(d));
  const alive = allows.some((r) => inTime(r, facts.wall));
  const refuse = (which: "deny_rule" | "no_match", rules: readonly ModelRule[]): Answer => {
    const no = { allowed: false, later: false, rules };
    if (facts.client !== undefined) return { ...no, reason: "mtls", code: which === "deny_rule" ? "deny_identity" : "no_identity" };
    if (facts.name !== undefined) return { ...no, reason: "sni", code: which === "deny_rule" ? "deny_name" : "no_name" };
    if (alive) return { ...no, reason: "cidr", code: which };
    return { ...no, reason: "policy", code: allows.length === 0 ? "no_allow" : "expired" };
  };
  // 1. a true deny
  const denies = [...being(tops, "true"), ...being(own, "true")];
  if (denies.length > 0) return refuse("deny_rule", lowest(denies, has));
  // 2. no allow that is true or open
  if (being(allows, "true", "open").length === 0) return refuse("no_match", []);
  // 3. otherwise continue; when no fact is left to come, it is admitted
  const wait = (code: string): Answer => ({ allowed: false, later: true, reason: "none", code, rules: [] });
  if (readsName(expose) && facts.name === undefined) return wait("open");
  if (expose.mode === "mtls" && facts.client === undefined) return wait("open_identity");
  return { allowed: true, later: false, reason: "none", code: "allowed", rules: lowest(being(allows, "true"), has) };
}

/** Phases 1 to 3 without caps and limits. */
export function decide(policy: ModelPolicy, expose: ModelExpose, facts: Facts, has: Membership = setHas, dryrun = false): Answer {
  const { client, ...before } = facts;
  const first = phase(policy, expose, { ...before, name: undefined }, has, dryrun);
  const { name } = facts;
  if (!first.later || name === undefined) return first;
  if (name !== null && !isCanonical(name)) return { allowed: false, later: false, reason: "sni", code: "bad_name", rules: [] };
  const second = phase(policy, expose, before, has, dryrun);
  return second.later && client !== undefined ? phase(policy, expose, facts, has, dryrun) : second;
}

/** The verdict with dryrun rules enforced, or null where none applies to the listener. */
export function shadow(policy: ModelPolicy, expose: ModelExpose, facts: Facts): Answer | null {
  const rules = [...policy.denies.filter((d) => appliesTo(d, expose)), ...expose.rules];
  return rules.some((r) => r.dryrun === true) ? decide(policy, expose, facts, setHas, true) : null;
}

/** Phase 1 of a source alone, with no clock. */
export function accept(policy: ModelPolicy, expose: ModelExpose, source: bigint, has: Membership = setHas): Answer {
  return decide(policy, expose, { source, wall: null, name: undefined }, has);
}

const isLoopback = (a: bigint): boolean => (isV4(a) ? ((a >> 24n) & 255n) === 127n : a === 1n);
const isWildcard = (a: bigint): boolean => a === 0n || (isV4(a) && (a & 0xffffffffn) === 0n);

/** The exposes at a local endpoint, several where names distinguish them; a wildcard address belongs to those without a `bind` alone. */
export function exposesAt(policy: ModelPolicy, port: number, local: bigint, proto: "tcp" | "udp"): readonly ModelExpose[] {
  const here: readonly Ports[] = [{ first: port, last: port }];
  const at = listenersOf(policy).filter((e) => (e.proto ?? "tcp") === proto && portsMeet(e.ports, here));
  return at.filter((e) => e.bind === null || (!isWildcard(local) && setHas(e.bind, local)));
}

/** The first of them. */
export function exposeAt(policy: ModelPolicy, port: number, local: bigint, proto: "tcp" | "udp" = "tcp"): ModelExpose | null {
  return exposesAt(policy, port, local, proto)[0] ?? null;
}

/** Phase 0. `token`: a valid one for just this bind is there. */
export function bind(policy: ModelPolicy, subject: string, port: number, local: bigint, proto: "tcp" | "udp" = "tcp", token = false): Answer {
  const answer = (allowed: boolean, code: string): Answer => ({ allowed, later: false, reason: allowed ? "none" : "policy", code, rules: [] });
  if (isLoopback(local)) return answer(true, "loopback_bind");
  if (proto === "udp" && port === 0 && isWildcard(local) && (policy.dials ?? []).includes(subject)) return answer(true, "dial_bind");
  const expose = exposeAt(policy, port, local, proto);
  if (subject === "ingressd") return expose === null || expose.mode === "direct" ? answer(false, "not_exposed") : answer(true, "gateway_bind");
  // A service has the name of its expose.
  if (expose === null || expose.mode !== "direct" || expose.name !== subject) return answer(false, "not_gateway");
  return token ? answer(true, "direct_bind") : answer(false, "no_token");
}
