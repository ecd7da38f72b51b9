// Finds changes with which a refused request would be allowed: one fact at a time, tried
// in an order of nearness by evaluating the request again. Only changes that the module allows are shown. The
// semantic JSON gives the candidates; it decides nothing.
import type { Decision } from "../../runtime/host/decision.ts";
import type { GroupInfo, ListenerInfo, LoadedPolicy, PolicyEngine, RuleInfo } from "../../runtime/host/module.ts";
import { ANY4, formatAddress, formatEndpoint, isV4, type Address } from "../../runtime/net/address.ts";
import { isWithin, parsePrefix, type Prefix } from "../../runtime/net/prefix.ts";
import { leadAmong } from "../../runtime/net/name_patterns.ts";
import { nearest } from "../../runtime/text/nearest.ts";
import { timeText } from "../wording/time_text.ts";
import { bindableAddress } from "./bindable.ts";
import { connect, type Target } from "./evaluate.ts";
import { identitiesNear } from "./identities_near.ts";
import type { Facts, RuleBook, StatedRule } from "./matching.ts";
import { freshEngine } from "./policy_tests.ts";
import type { Request } from "./request.ts";

export interface NearMiss {
  /** The fact that is changed in the request. */
  readonly change: "sni" | "client" | "at" | "source" | "target" | "subject" | "address";
  /** The new value; null: none. For `at`, the nearest beginning or end. */
  readonly value: string | null;
  /** One sentence for people. */
  readonly text: string;
  /** The rule that would admit. */
  readonly rule: RuleInfo | null;
}

/** Candidates of one kind that are evaluated. */
const MOST_TRIED = 64;
/** Candidates that are kept while the nearest are looked for. */
const MOST_KEPT = 4_096;

interface Candidate {
  readonly value: string | null;
  readonly text: string;
  decide(): Decision;
}

/** Why a listener refused, and what would not have been refused there. `place`: the listener, or the group through which the connection came. */
export function nearMisses(book: RuleBook, loaded: LoadedPolicy, listener: ListenerInfo, facts: Facts, place = listener.id): readonly NearMiss[] {
  const decide = (changed: Partial<Facts>): Decision => {
    const { wallSeconds, ...wanted } = { ...facts, ...changed };
    return connect(freshEngine(loaded, wallSeconds), place, wanted).decision;
  };
  const allows = book.rules.filter(({ info, listener: own }) => own === listener.id && info.action === "allow" && !info.dryrun);
  const names =
    listener.mode === "tcp" ?
      []
    : namesNear(book, allows, facts.sni).map((name): Candidate => ({
        value: name,
        text: name === null ? "would be allowed without SNI" : `would be allowed with SNI \`${name}\``,
        decide: () => decide({ sni: name }),
      }));
  const clients =
    listener.mode !== "mtls" ?
      []
    : identitiesNear(
        allows.map((rule) => book.identitiesOf(rule) ?? []),
        facts.client,
      ).map((word): Candidate => ({
        value: word,
        text: `would be allowed with a certificate for \`${identityText(word)}\``,
        decide: () => decide({ client: [word] }),
      }));
  const times = timesNear(allows, facts.wallSeconds).map(({ value, text, moment }): Candidate => ({
    value: timeText(value),
    text,
    decide: () => decide({ wallSeconds: moment }),
  }));
  const denies = book.rules.filter(({ info, listener: own }) => info.action === "deny" && !info.dryrun && (own === null || own === listener.id));
  const sources = sourcesNear(book, allows, denies, facts.source).map((source): Candidate => ({
    value: formatAddress(source),
    text: `would be allowed from \`${formatAddress(source)}\``,
    decide: () => decide({ source }),
  }));
  return [first("sni", names, loaded), first("client", clients, loaded), first("at", times, loaded), first("source", sources, loaded)].filter(
    (miss) => miss !== null,
  );
}

/** Where a name leads to no expose of a port: the nearest one that does, and is admitted. */
export function nearestName(loaded: LoadedPolicy, group: GroupInfo, facts: Facts): readonly NearMiss[] {
  const members = group.members.flatMap((id) => loaded.info.listeners[id] ?? []);
  const candidates = namesLike(
    members.flatMap(({ names }) => names ?? []).map(({ pattern }) => pattern),
    facts.sni,
  ).map((name): Candidate => ({
    value: name,
    text: `would be allowed with SNI \`${name}\`, which leads to \`${leadAmong(members, name)?.name ?? ""}\``,
    decide: () => connect(freshEngine(loaded, facts.wallSeconds), group.id, { ...facts, sni: name }).decision,
  }));
  return [first("sni", candidates, loaded)].filter((miss) => miss !== null);
}

/** Where nothing is exposed: the nearest place that would have taken the request. */
export function nearestPlace(loaded: LoadedPolicy, request: Extract<Request, { kind: "from" }>): readonly NearMiss[] {
  const { to } = request;
  if (to.kind === "expose") return [];
  const engine = freshEngine(loaded, request.at);
  const candidates = placesNear(loaded.info.listeners, to).flatMap(({ proto, port, local }): Candidate[] => {
    const id = engine.listenerAt(proto, port, local);
    const members = loaded.info.groups.find((g) => g.id === id)?.members.flatMap((member) => loaded.info.listeners[member] ?? []);
    const name = (members === undefined ? loaded.info.listeners.find((l) => l.id === id) : leadAmong(members, request.sni))?.name;
    if (name === undefined) return [];
    const at = to.local === null || formatAddress(local) === formatAddress(to.local) ? "" : ` local ${formatAddress(local)}`;
    return [
      {
        value: `${proto} ${port}${at}`,
        text: `would be allowed to \`${proto} ${port}${at}\`, which is \`${name}\``,
        decide: () => connect(freshEngine(loaded, request.at), id, request).decision,
      },
    ];
  });
  return [first("target", candidates, loaded)].filter((miss) => miss !== null);
}

export function nearestBind(loaded: LoadedPolicy, request: Extract<Request, { kind: "bind" }>): readonly NearMiss[] {
  const { proto, address, port } = request;
  const engine = (): PolicyEngine => freshEngine(loaded, null);
  const there = loaded.info.listeners.filter((l) => l.ports.some((r) => r.first <= port && port <= r.last));
  const addresses = there.flatMap(addressesOf);
  const loopback: Address = [0, 0, 0xffff, 0x7f000001];
  return [
    first(
      "subject",
      ["ingressd", ...there.flatMap(({ mode, service }) => (mode === "direct" ? [service] : []))].map((subject): Candidate => ({
        value: subject,
        text: `would be allowed to \`${subject}\`${subject === "ingressd" ? "" : ", with a token"}`,
        decide: () => engine().bind({ ...request, subject }),
      })),
      loaded,
    ),
    first(
      "address",
      [...addresses.slice(0, MOST_TRIED - 1), loopback]
        .map((other): Candidate => ({
          value: formatEndpoint(other, port),
          text: `would be allowed on \`${formatEndpoint(other, port)}\``,
          decide: () => engine().bind({ subject: request.subject, proto, address: other, port }),
        }))
        .filter(({ value }) => value !== formatEndpoint(address, port)),
      loaded,
    ),
  ].filter((miss) => miss !== null);
}

/** The first candidate that the module allows. */
function first(change: NearMiss["change"], candidates: readonly Candidate[], { info }: LoadedPolicy): NearMiss | null {
  for (const { value, text, decide } of candidates.slice(0, MOST_TRIED)) {
    const decision = decide();
    if (decision.allowed || decision.code === "no_token") return { change, value, text, rule: info.rules.find((r) => r.id === decision.rule) ?? null };
  }
  return null;
}

/** Names that allows name: the most likely ones first, then by labels shared from the right; null is none at all. */
function namesNear(book: RuleBook, allows: readonly StatedRule[], wanted: string | null): readonly (string | null)[] {
  const all = new Set(namesLike([...new Set(allows.flatMap((rule) => book.namesOf(rule) ?? []).filter((word) => !word.startsWith("!")))], wanted));
  const none = wanted !== null && allows.some((rule) => book.namesOf(rule) === null);
  return [...[...all].slice(0, MOST_TRIED - 1), ...(none ? [null] : [])];
}

/** Names that patterns match, but for the one that is wanted: the most likely ones first. */
function namesLike(words: readonly string[], wanted: string | null): readonly string[] {
  const exact = words.filter((word) => !word.startsWith("*"));
  const meant = wanted === null ? null : nearest(wanted, exact);
  const samples = [...exact, ...words.filter((word) => word.startsWith("*")).flatMap((word) => samplesOf(word, wanted))];
  const ranked = samples.map((name) => ({ name, shared: sharedLabels(name, wanted ?? "") })).sort((x, y) => y.shared - x.shared);
  const all = new Set([...(meant === null ? [] : [meant]), ...ranked.map(({ name }) => name)]);
  if (wanted !== null) all.delete(wanted);
  return [...all].slice(0, MOST_TRIED);
}

/** Names that a word matches; for a pattern those nearest to the name of the request, then ordinary ones. */
function samplesOf(word: string, wanted: string | null): readonly string[] {
  const pattern = /^\*\*?(?:\.(.+))?$/.exec(word);
  if (pattern === null) return [word];
  const suffix = pattern[1] === undefined ? "" : `.${pattern[1]}`;
  const label =
    wanted !== null && wanted.endsWith(suffix) ?
      wanted
        .slice(0, wanted.length - suffix.length)
        .split(".")
        .at(-1)
    : undefined;
  return [...(label === undefined || label === "" ? [] : [label]), "www", "a"].map((l) => `${l}${suffix}`);
}

function sharedLabels(x: string, y: string): number {
  const [a, b] = [x.split(".").reverse(), y.split(".").reverse()];
  const differs = a.findIndex((label, i) => label !== b[i]);
  return differs < 0 ? a.length : differs;
}

interface OtherTime {
  /** The beginning or the end of an allow. */
  readonly value: number;
  readonly text: string;
  /** A second at which the allow is in force. */
  readonly moment: number;
}

/** Ends of allows that have passed and beginnings still to come, the nearest first; without a clock those of all allows, the latest first. */
function timesNear(allows: readonly StatedRule[], now: number | null): readonly OtherTime[] {
  const times = allows.flatMap(({ info: { after, until } }): OtherTime[] => {
    if (now === null) return withoutClock(after, until);
    if (until !== null && until <= now) return [{ value: until, text: `was allowed until \`${timeText(until)}\``, moment: until - 1 }];
    if (after !== null && after > now) return [{ value: after, text: `would be allowed from \`${timeText(after)}\` on`, moment: after }];
    return [];
  });
  const far = ({ value }: OtherTime): number => (now === null ? -value : Math.abs(value - now));
  return [...new Map(times.map((time) => [time.text, time])).values()].sort((x, y) => far(x) - far(y));
}

function withoutClock(after: number | null, until: number | null): OtherTime[] {
  if (until !== null) {
    const since = after === null ? "" : ` from \`${timeText(after)}\` on and`;
    return [{ value: until, text: `would be allowed at a time${since} before \`${timeText(until)}\``, moment: until - 1 }];
  }
  return after === null ? [] : [{ value: after, text: `would be allowed at a time from \`${timeText(after)}\` on`, moment: after }];
}

/**
 * The allowed addresses are a union of intervals, and each of its edges is an edge of an allow or lies
 * beside one of a deny. Nearest first, those of the source's family before the other's.
 */
function sourcesNear(book: RuleBook, allows: readonly StatedRule[], denies: readonly StatedRule[], source: Address): readonly Address[] {
  let kept: { readonly address: Address; readonly far: number }[] = [];
  const cut = (most: number): void => {
    kept = kept.sort((x, y) => x.far - y.far).slice(0, most);
  };
  const keep = (address: Address | null): void => {
    if (address === null) return;
    // No two addresses of one family are as far from each other as the families are here.
    const family = isV4(address) === isV4(source) ? 0 : 2 ** 129;
    kept.push({ address, far: family + distance(address, source) });
    if (kept.length > 2 * MOST_KEPT) cut(MOST_KEPT);
  };
  const allowed = allows.map((rule) => joined(book.sourcesOf(rule)));
  for (const intervals of allowed) for (const { first: low, last } of intervals) [low, last].forEach(keep);
  // A long deny list has most of its edges where nothing is allowed anyway.
  const useful = (address: Address | null): boolean => address !== null && allowed.some((intervals) => has(intervals, address));
  for (const rule of denies) for (const { first: low, last } of joined(book.sourcesOf(rule))) [step(low, -1), step(last, 1)].filter(useful).forEach(keep);
  cut(MOST_TRIED);
  return kept.filter(({ far }) => far > 0).map(({ address }) => address);
}

/** Neighbours in one, so that no edge lies within; a set's prefixes rise. */
function joined(prefixes: readonly Prefix[]): readonly Prefix[] {
  const intervals: Prefix[] = [];
  for (const prefix of prefixes) {
    const before = intervals.at(-1);
    const next = before === undefined ? null : step(before.last, 1);
    if (before !== undefined && next?.every((word, i) => word === prefix.first[i]) === true)
      intervals[intervals.length - 1] = { first: before.first, last: prefix.last };
    else intervals.push(prefix);
  }
  return intervals;
}

/** `intervals` rise. */
function has(intervals: readonly Prefix[], address: Address): boolean {
  let [low, high] = [0, intervals.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const interval = intervals[middle];
    if (interval === undefined) return false;
    if (isWithin(interval, address)) return true;
    if (isBelow(address, interval.first)) high = middle;
    else low = middle + 1;
  }
  return false;
}

function isBelow(x: Address, y: Address): boolean {
  const i = x.findIndex((word, at) => word !== y[at]);
  return i >= 0 && (x[i] ?? 0) < (y[i] ?? 0);
}

/** Exact where two addresses are close to each other, which is where it decides. */
function distance(x: Address, y: Address): number {
  return Math.abs(x.reduce((sum, word, i) => sum * 2 ** 32 + (word - (y[i] ?? 0)), 0));
}

/** The address before or behind; null beyond the first and the last, and where the family would change. */
function step(address: Address, by: 1 | -1): Address | null {
  const words: [number, number, number, number] = [...address];
  for (const i of [3, 2, 1, 0] as const) {
    words[i] = (words[i] + by) >>> 0;
    if (words[i] !== (by === 1 ? 0 : 0xffffffff)) return isV4(words) === isV4(address) ? words : null;
  }
  return null;
}

interface Place {
  readonly proto: "tcp" | "udp";
  readonly port: number;
  readonly local: Address;
}

/** Each listener's port that is nearest to the one of the request; its own local address where the request has none. */
function placesNear(listeners: readonly ListenerInfo[], to: Extract<Target, { kind: "port" }>): readonly Place[] {
  const places = listeners.flatMap((listener) => {
    const { proto, ports } = listener;
    const near = ports.map(({ first: low, last }) => Math.min(Math.max(to.port, low), last));
    const port = near.reduce((best, p) => (Math.abs(p - to.port) < Math.abs(best - to.port) ? p : best), near[0] ?? 0);
    const own = addressesOf(listener);
    // One thing at a time: with another port the address stays.
    return (to.local === null || port === to.port ? own : [to.local]).map((local): Place => ({ proto, port, local }));
  });
  const far = ({ proto, port }: Place): number => 2 * Math.abs(port - to.port) + Number(proto !== to.proto);
  return places.sort((x, y) => far(x) - far(y));
}

/** The wildcard where it has no `bind`, else an address of each prefix. */
function addressesOf({ bind }: ListenerInfo): readonly Address[] {
  if (bind === null) return [ANY4];
  return bind
    .slice(0, MOST_TRIED)
    .map(parsePrefix)
    .filter((prefix) => prefix !== null)
    .map(bindableAddress)
    .filter((address) => address !== null);
}

/** As the language writes it. */
function identityText(word: string): string {
  const colon = word.indexOf(":");
  return `${word.slice(0, colon)} "${word.slice(colon + 1)}"`;
}

/** The times of a rule as the language writes them; "" where it has none. */
export function timesText({ after, until }: Pick<RuleInfo, "after" | "until">): string {
  return [...(after === null ? [] : [`after ${timeText(after)}`]), ...(until === null ? [] : [`until ${timeText(until)}`])].join(" ");
}
