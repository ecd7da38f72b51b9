// The facts that were learned -> the text of a policy. INVARIANT: every word of a record that comes into the text was read as what it is
// (a name, an address, an identity, a path) and is written in its canonical form, so that no record can write policy.
import { equal, isEmpty, subtract, union } from "../../check/sets/intervals.ts";
import { readEndpoint } from "../../check/names/endpoint.ts";
import { prefixText } from "../../emit/prefixes.ts";
import type { AddressSet } from "../../policy/policy.ts";
import { MAX_BACKENDS, MAX_SERVICE_BYTES, MAX_UNIX_PATH_BYTES } from "../../source/bounds.ts";
import { isLoopback } from "../../../runtime/net/address.ts";
import { BUILTIN_NAMES } from "../../check/names/builtin_names.ts";
import type { Learner } from "./learned.ts";
import { testsText, type Tested } from "./learned_tests.ts";
import { partsOf, type Part } from "./listener_parts.ts";
import { rounded, type Rounding } from "./prefix_set.ts";

export interface PolicyText {
  readonly text: string;
  readonly exposes: number;
  /** Every address that may connect, before sources were widened and after. */
  readonly seen: AddressSet;
  readonly allowed: AddressSet;
  readonly widened: number;
  readonly spared: number;
  /** Kinds of clients that no policy can admit beside the others. */
  readonly unwritten: number;
}

/** One expose: a listener, or several of one port that had different names at different times. */
interface Expose {
  readonly listeners: readonly Part[];
  readonly name: string;
  readonly isForNames: boolean;
  /** Other exposes have its port and address, and names distinguish them. */
  readonly isShared: boolean;
  /** Its listeners have other ports too, which other exposes have. */
  readonly isPart: boolean;
}

interface Rule {
  readonly id: string | null;
  readonly names: string[];
  readonly set: AddressSet;
  /** Before they were widened. */
  readonly seen: AddressSet;
}

interface Totals {
  seen: AddressSet[];
  allowed: AddressSet[];
  widened: number;
  spared: number;
  unwritten: number;
}

export function policyText(learner: Learner, rounding: Rounding | null, withBackends = true): PolicyText {
  const denied = learner.denied.set();
  const taken = new Set<string>(RESERVED);
  const totals: Totals = { seen: [], allowed: [], widened: 0, spared: 0, unwritten: 0 };
  const nets: string[] = [];
  const bodies: string[] = [];
  const tested: Tested[] = [];
  for (const expose of exposesOf(partsOf([...learner.listeners.values()]), taken)) {
    const body = exposeText(expose, denied, rounding, totals, nets, withBackends);
    if (body === null) continue;
    bodies.push(body.text);
    tested.push(body.tested);
  }
  const { widened, spared, unwritten } = totals;
  const text = `edition 1\n\n${[...nets, ...bodies, ...testsText(tested, denied)].join("\n")}`;
  return { text, exposes: bodies.length, seen: union(totals.seen), allowed: union(totals.allowed), widened, spared, unwritten };
}

/** Listeners that share a port are distinguished by names or addresses where they can be; where they can't, each port is for those that have it. */
function exposesOf(listeners: readonly Part[], taken: Set<string>): readonly Expose[] {
  return groupsOf(listeners).flatMap((group) => exposesOfGroup(group, taken, false));
}

function exposesOfGroup(group: readonly Part[], taken: Set<string>, isPart: boolean): readonly Expose[] {
  const [only, second] = group;
  if (only === undefined) return [];
  const alone = { isForNames: false, isShared: false, isPart };
  if (second === undefined) return [{ ...alone, listeners: [only], name: nameOf(only, taken) }];
  if (areApartByName(group)) return group.map((one) => ({ listeners: [one], name: nameOf(one, taken), isForNames: !hasNameless(one), isShared: true, isPart }));
  const parts = byPorts(group);
  if (parts.length > 1) return parts.flatMap((part) => exposesOfGroup(part, taken, true));
  const latest = [...group].sort((a, b) => b.lastSeconds - a.lastSeconds)[0] ?? only;
  return [{ ...alone, listeners: [latest, ...group.filter((one) => one !== latest)], name: nameOf(latest, taken) }];
}

/** The ports that the same listeners have, as those listeners at these ports alone. */
function byPorts(group: readonly Part[]): readonly (readonly Part[])[] {
  const parts = new Map<string, { readonly ports: Set<number>; readonly listeners: readonly Part[] }>();
  for (const port of [...new Set(group.flatMap((one) => [...one.ports]))].sort((a, b) => a - b)) {
    const listeners = group.filter((one) => one.ports.has(port));
    const key = listeners.map((one) => group.indexOf(one)).join();
    const part = parts.get(key) ?? { ports: new Set(), listeners };
    parts.set(key, part);
    part.ports.add(port);
  }
  return [...parts.values()].map(({ ports, listeners }) => listeners.map((one) => ({ ...one, ports })));
}

/** Those that share a port and a local address, directly or through others. */
function groupsOf(listeners: readonly Part[]): readonly (readonly Part[])[] {
  let groups: Part[][] = [];
  for (const one of listeners) {
    const isNear = (other: Part): boolean => one.isOnAll || other.isOnAll || [...one.locals].some((local) => other.locals.has(local));
    const meets = (group: readonly Part[]): boolean =>
      group.some((other) => other.proto === one.proto && isNear(other) && [...one.ports].some((port) => other.ports.has(port)));
    const met = groups.filter(meets);
    groups = [...groups.filter((group) => !met.includes(group)), [...met.flat(), one]];
  }
  return groups;
}

/** Each name leads to one of them, at the same ports and addresses, and at most one has clients without a name. */
function areApartByName(group: readonly Part[]): boolean {
  const places = new Set(group.map((one) => `${sortedText(one.ports)} ${one.isOnAll ? "" : sortedText(one.locals)}`));
  const names = group.flatMap((one) => [...new Set(one.kinds.map(({ sni }) => sni))].filter((sni) => sni !== null));
  const isTls = group.every(({ proto, kinds }) => proto === "tcp" && kinds.some(({ sni, id }) => sni !== null || id !== null));
  const [first] = group;
  // The header of a load balancer is before the name.
  const haveOneVia = first !== undefined && group.every(({ peers }) => equal(peers, first.peers));
  return isTls && haveOneVia && places.size === 1 && new Set(names).size === names.length && group.filter(hasNameless).length <= 1;
}

function hasNameless({ kinds }: Part): boolean {
  return kinds.some(({ sni }) => sni === null);
}

function sortedText(values: ReadonlySet<string | number>): string {
  return [...values].map(String).sort().join(",");
}

/** Names that nothing else may have. */
const RESERVED: readonly string[] = ["ingressd", "tcp", "udp", ...BUILTIN_NAMES];
/** So short that it may be the name of a service too. */
const MOST_NAME = MAX_SERVICE_BYTES;
const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;

function nameOf({ name, proto, ports }: Part, taken: Set<string>): string {
  const isGood = name !== null && NAME.test(name) && name.length <= MOST_NAME;
  const wanted = isGood ? name : `${proto}_${[...ports][0] ?? 0}`;
  return freeName(taken.has(wanted) ? `${wanted}_${proto}` : wanted, taken);
}

function freeName(wanted: string, taken: Set<string>): string {
  let name = wanted.slice(0, MOST_NAME);
  for (let n = 2; taken.has(name); n++) name = `${wanted.slice(0, MOST_NAME - 8)}_${n}`;
  taken.add(name);
  return name;
}

interface Written {
  readonly text: string;
  readonly tested: Tested;
}

/** Null where nobody may connect. Adds its nets to `nets`. */
function exposeText(expose: Expose, denied: AddressSet, rounding: Rounding | null, totals: Totals, nets: string[], withBackends: boolean): Written | null {
  const { listeners, name, isForNames, isShared, isPart } = expose;
  const [first] = listeners;
  if (first === undefined) return null;
  const peers = union(listeners.map((one) => one.peers));
  const kinds = listeners.flatMap((one) => one.kinds);
  const isMutual = kinds.some(({ id }) => id !== null);
  const readsNames = first.proto === "tcp" && (isMutual || kinds.some(({ sni }) => sni !== null));
  const rules: Rule[] = [];
  for (const { sni, id, direct, named } of kinds) {
    if (isMutual && id === null) {
      totals.unwritten++;
      continue;
    }
    // A load balancer that sends no header would be one that sends it.
    if (!isEmpty(peers) && !isEmpty(direct) && !equal(subtract(direct, peers), direct)) totals.unwritten++;
    const seen = subtract(union([subtract(direct, peers), named]), denied);
    if (!isEmpty(seen)) addRule(rules, id, sni, seen, rounding, denied, totals);
  }
  if (rules.length === 0) return null;
  const ports = [...new Set(listeners.flatMap((one) => [...one.ports]))].sort((a, b) => a - b);
  const isOnAll = listeners.some((one) => one.isOnAll);
  const mode =
    isMutual ? ` as mtls`
    : readsNames ? ` as passthrough`
    : "";
  const names = isForNames ? [...new Set(rules.flatMap((rule) => rule.names))].sort() : [];
  const head = [
    `expose ${name}${serviceText(first, name)} on ${first.proto} ${ports.join(", ")}`,
    isOnAll ? "" : ` bind ${[...new Set(listeners.flatMap((one) => [...one.locals]))].sort().join(", ")}`,
    isEmpty(peers) ? "" : ` via ${members(peers)}`,
    names.length === 0 ? "" : ` for ${names.map((one) => `"${one}"`).join(", ")}`,
    mode,
  ].join("");
  const lines = [...comments(listeners, mode, isPart), `${head} {`, ...clausesOf(listeners, name, mode, withBackends)];
  rules.forEach(({ id, names: own, set }, i) => {
    const net = `${name}_clients${i === 0 ? "" : `_${i + 1}`}`;
    nets.push(`net ${net} = ${members(set)}`);
    const sni = own.length === 0 ? "" : ` sni ${own.map((one) => `"${one}"`).join(", ")}`;
    lines.push(`  allow from ${net}${sni}${id === null ? "" : ` client ${id}`}`);
  });
  const named = subtract(union(kinds.map((kind) => kind.named)), denied);
  return { text: [...lines, "}", ""].join("\n"), tested: { name, isShared, peers, named, rules } };
}

/** Names with the same sources and the same identity are one rule. */
function addRule(rules: Rule[], id: string | null, sni: string | null, seen: AddressSet, rounding: Rounding | null, denied: AddressSet, totals: Totals): void {
  const wide = rounding === null ? { set: seen, widened: 0, spared: 0 } : rounded(seen, denied, rounding);
  totals.seen.push(seen);
  totals.allowed.push(wide.set);
  totals.widened += wide.widened;
  totals.spared += wide.spared;
  const same = rules.find((rule) => rule.id === id && (rule.names.length === 0) === (sni === null) && equal(rule.set, wide.set));
  if (same === undefined) rules.push({ id, names: sni === null ? [] : [sni], set: wide.set, seen });
  else if (sni !== null) same.names.push(sni);
}

function serviceText({ service }: Part, name: string): string {
  if (service === null || service === name || !NAME.test(service) || service.length > MAX_SERVICE_BYTES) return "";
  return RESERVED.includes(service) ? "" : ` service ${service}`;
}

function comments(listeners: readonly Part[], mode: string, isPart: boolean): readonly string[] {
  const records = listeners.reduce((sum, one) => sum + one.records, 0);
  const [from, to] = [Math.min(...listeners.map((one) => one.firstSeconds)), Math.max(...listeners.map((one) => one.lastSeconds))];
  const day = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 10);
  return [
    `# ${records} connection${records === 1 ? "" : "s"}, ${day(from)} to ${day(to)}${isPart ? ", with those to other ports" : ""}`,
    ...(mode === " as passthrough" ? ["# the audit does not say who ended TLS: write `as tls` and `cert` where the gateway did"] : []),
    ...(mode === " as mtls" ? ["# the audit does not name the certificate and the authority: write yours"] : []),
    ...(listeners.some(({ proto }) => proto === "udp") ? ["# the audit does not say how much it answers: write your own `amplify`"] : []),
  ];
}

function clausesOf(listeners: readonly Part[], name: string, mode: string, withBackends: boolean): readonly string[] {
  const backends = withBackends ? [...new Set(listeners.flatMap((one) => [...one.backends]))].map(backendText).filter((text) => text !== null) : [];
  return [
    ...(backends.length === 0 || backends.length > MAX_BACKENDS ? [] : [`  backend ${backends.join(", ")}`]),
    ...(mode === " as mtls" ? [`  cert "${name}"`, `  ca "${name}"`] : []),
    ...(listeners.some(({ proto }) => proto === "udp") ? ["  amplify 1"] : []),
  ];
}

/** As the language has it; null for what it can't name. */
function backendText(key: string): string | null {
  if (key.startsWith("unix:")) {
    const path = key.slice("unix:".length);
    return /^(?:\/[A-Za-z0-9_@%+=:,.-]+)+$/.test(path) && !/\/\.{1,2}(?:\/|$)/.test(path) && path.length <= MAX_UNIX_PATH_BYTES ? `unix "${path}"` : null;
  }
  const endpoint = readEndpoint(key);
  return endpoint.ok && isLoopback(endpoint.value.address) && /^[0-9a-f.:[\]]+$/.test(key) ? key : null;
}

function members(set: AddressSet): string {
  return new TextDecoder()
    .decode(prefixText(set).lines)
    .replace(/(\.\d+)\/32$|(:[0-9a-f]*)\/128$/gm, "$1$2")
    .replaceAll("\n", ", ");
}
