// A policy as the exposures of Open Nexus OS (its RFC-0092): one `[[expose."SUBJECT"]]` for each listener, in TOML. Written
// where an exposure there admits exactly whom the policy admits, at the same rate; else refused with the clause.
import { grouped } from "../../runtime/text/number.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { EMPTY, isEmpty, union } from "../check/sets/intervals.ts";
import { diagnostic, type Diagnostic } from "../diagnostics/diagnostic.ts";
import type { CheckedExpose, CheckedLimit, CheckedPolicy } from "../policy/policy.ts";
import type { Span } from "../source/source.ts";
import type { Abilities, Options } from "./emitter.ts";
import { headerLines } from "./header.ts";
import { analysed, nextChange, placesOf, type Plan } from "./plan.ts";
import { ofFamily, portTexts, prefixTexts } from "./ranges.ts";
import { judged, type Without } from "./refusals.ts";
import type { Source } from "./written.ts";

/** Bounds of the RFC. */
const MOST = { cidrs: 8, ofSubject: 8, inAll: 64, rate: 10_000, burst: 1_000 } as const;

const TARGET = "nexus-expose";
const CAN: Abilities = { modes: new Set(["tcp"]), udp: false, direct: "written", times: false, bind: false, backends: "forwarded" };

export interface ExposeSettings extends Options {
  readonly without: Without;
  /** UTC seconds; null: no allow may have a moment. */
  readonly asOf: number | null;
  /** The most of the analysis. */
  readonly nodes: number;
}

export interface NexusExposures {
  readonly text: string;
  readonly plan: Plan;
}

/** Throws OutOfNodes where the budget is used up. */
export function nexusExposures({ policy, model, module, hash }: Source, settings: ExposeSettings): Result<NexusExposures, readonly Diagnostic[]> {
  const { refused, leftOut } = judged(common(policy), { name: TARGET, can: CAN }, settings.without, settings.asOf !== null);
  const all = [...refused, ...policy.exposes.flatMap(ownRefusals), ...subjectRefusals(policy.exposes)];
  if (all.length > 0) return failed(all);
  const from = analysed(model, settings.nodes);
  const asOf = settings.asOf === null ? null : { at: settings.asOf, next: nextChange(from, settings.asOf) };
  const places = placesOf(from, () => true, settings.asOf);
  const plan: Plan = { exposes: policy.exposes, listeners: model.listeners, module, places, leftOut, hash, asOf };
  const tables = policy.exposes.map((expose, i) => tableOf(expose, sourcesOf(plan, i)));
  const misfits = tables.flatMap((made) => (made.ok ? [] : [made.error]));
  if (misfits.length > 0) return failed(misfits);
  const lines = [...headerLines(TARGET, plan, settings).map((line) => `# ${line}`), ...tables.flatMap((made) => (made.ok ? ["", ...made.value] : [])), ""];
  return ok({ text: lines.join("\n"), plan });
}

/** The rate of an exposure is a limit of its listener; all other limits are as for other targets. */
function rateOf({ limits }: CheckedExpose): CheckedLimit | null {
  return limits.find(({ key }) => key.kind === "listener") ?? null;
}

/** The part of the policy that is judged as for other targets. */
function common(policy: CheckedPolicy): CheckedPolicy {
  const exposes = policy.exposes.filter(({ mode }) => mode !== "direct");
  return { ...policy, exposes: exposes.map((expose) => ({ ...expose, limits: expose.limits.filter((limit) => limit !== rateOf(expose)) })) };
}

function perSecond({ count, periodMs }: CheckedLimit): number {
  return (count * 1000) / periodMs;
}

function ownRefusals(expose: CheckedExpose): readonly Diagnostic[] {
  const { name, mode, proto, ports, backends, proxy, span } = expose;
  if (mode === "direct") return [diagnostic("ING900", { target: TARGET, clause: "as direct", why: "only ingressd binds there beyond loopback" }, span)];
  // These are refused as a whole already.
  if (mode !== "tcp" || proto !== "tcp") return [];
  const out: Diagnostic[] = [];
  const many = ports.length > 1 || ports.some(({ first, last }) => first !== last);
  if (many) out.push(diagnostic("ING932", { target: TARGET, clause: `on tcp ${portTexts(ports).join(", ")}` }, span));
  const backend = (clause: string, why: string): void => void out.push(diagnostic("ING906", { target: TARGET, clause, why }, span));
  const [first] = backends;
  if (backends.length > 1) backend(`backend of ${name}`, "an exposure has one backend");
  else if (first !== undefined && (first.kind !== "tcp" || first.host !== "127.0.0.1")) backend(`backend of ${name}`, "its backend is a port of 127.0.0.1");
  if (proxy !== null) backend(`proxy ${proxy}`, "it adds no bytes to a connection");
  return [...out, ...rateRefusals(expose)];
}

function rateRefusals(expose: CheckedExpose): readonly Diagnostic[] {
  const rate = rateOf(expose);
  const at = (what: string, place: Span): Diagnostic => diagnostic("ING929", { target: TARGET, expose: expose.name, what }, place);
  if (rate === null) return [at("it has no `limit … per listener`, and an exposure has a rate", expose.span)];
  const perS = perSecond(rate);
  if (!Number.isInteger(perS)) return [at(`its limit is no whole number of connections a second`, rate.span)];
  if (perS > MOST.rate) return [at(`its limit is ${grouped(perS)} a second, and a rate is at most ${grouped(MOST.rate)}`, rate.span)];
  return rate.burst > MOST.burst ? [at(`its burst is ${grouped(rate.burst)}, and one there is at most ${grouped(MOST.burst)}`, rate.span)] : [];
}

function subjectRefusals(exposes: readonly CheckedExpose[]): readonly Diagnostic[] {
  const at = (subject: string, what: string, span: Span): Diagnostic => diagnostic("ING931", { target: TARGET, subject, what }, span);
  const counts = new Map<string, number>();
  return exposes.flatMap(({ service, span }, i) => {
    const count = (counts.get(service) ?? 0) + 1;
    counts.set(service, count);
    return [
      ...(service === service.toLowerCase() ? [] : [at(service, "names there have small letters", span)]),
      ...(count === MOST.ofSubject + 1 ? [at(service, `a subject has at most ${MOST.ofSubject} exposures`, span)] : []),
      ...(i === MOST.inAll ? [at(service, `there are at most ${MOST.inAll} exposures in all`, span)] : []),
    ];
  });
}

/** Everybody whom the listener admits. */
function sourcesOf({ places }: Plan, listener: number): ReturnType<typeof union> {
  const sets = places.flatMap(({ grants }) => grants.filter((grant) => grant.listener === listener).map(({ sources }) => sources));
  return sets.length === 0 ? EMPTY : union(sets);
}

function tableOf(expose: CheckedExpose, sources: ReturnType<typeof union>): Result<readonly string[], Diagnostic> {
  const { name, service, ports, backends, span } = expose;
  const no = (what: string): Result<never, Diagnostic> => failed(diagnostic("ING930", { target: TARGET, expose: name, what }, span));
  if (!isEmpty(ofFamily(sources, 6))) return no("it admits IPv6 sources, and an exposure has IPv4 prefixes alone");
  const cidrs = prefixTexts(sources).map((text) => (text.includes("/") ? text : `${text}/32`));
  if (cidrs.length === 0) return no("it admits nobody, and an exposure has one prefix or more");
  if (cidrs.length > MOST.cidrs) return no(`its sources are ${grouped(cidrs.length)} prefixes, and an exposure has at most ${MOST.cidrs}`);
  const [backend] = backends;
  const rate = rateOf(expose);
  // All three were checked before.
  if (backend?.kind !== "tcp" || rate === null || ports[0] === undefined) return no("it is no exposure");
  return ok([
    `[[expose."${service}"]]`,
    `port = ${ports[0].first}`,
    'proto = "tcp"',
    `cidr_allow = [${cidrs.map((text) => `"${text}"`).join(", ")}]`,
    `rate_per_s = ${perSecond(rate)}`,
    `burst = ${rate.burst}`,
    'tls = "none"',
    `backend = ${backend.port}`,
  ]);
}
