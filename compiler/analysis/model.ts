// The part of a policy that the analysis reads: the semantic JSON that its module has. A policy is read in the same way, from the
// text that its module would have, so a policy and its module are always equivalent.
import { readSections, SECTION_POLICY } from "../../runtime/abi/sections.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { SetBuilder } from "../check/sets/set_builder.ts";
import type { AddressSet, HostNode, PortRange } from "../policy/policy.ts";
import { hostsOfWords } from "./names.ts";

export interface RuleModel {
  /** Key of a net; equal sets have equal keys, in every module. */
  readonly from: string;
  readonly sni: string | null;
  readonly client: string | null;
  /** UTC seconds. */
  readonly after: number | null;
  readonly until: number | null;
  readonly dryrun: boolean;
}

export interface DenyModel extends RuleModel {
  /** Null: every listener. */
  readonly on: { readonly proto: "tcp" | "udp"; readonly ports: readonly PortRange[] } | null;
}

export interface ListenerModel {
  readonly name: string;
  readonly proto: "tcp" | "udp";
  readonly ports: readonly PortRange[];
  /** Key of a net; null: any local address. */
  readonly bind: string | null;
  readonly mode: string;
  /** `for`: canonical words, with the words of what `except` takes out of each. */
  readonly names: readonly { readonly pattern: string; readonly except: readonly string[] }[] | null;
  readonly allows: readonly RuleModel[];
  readonly denies: readonly RuleModel[];
  /** A client whose server name is no host name is refused, because a rule here looks at names; else it counts as one without a name. */
  readonly refusesInvalidNames: boolean;
  /** Everything else that the policy says of it: `backend`, `via`, `cap`, `limits`, `cert`, and so on. */
  readonly rest: ReadonlyMap<string, unknown>;
}

export interface PolicyModel {
  readonly listeners: readonly ListenerModel[];
  readonly denies: readonly DenyModel[];
  /** Services that may use udp as clients do. */
  readonly dials: readonly string[];
  net(key: string): AddressSet;
  hosts(key: string): HostNode;
  /** Canonical words, with `!` before what is not in the set. */
  ids(key: string): readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

/** Thrown inside this file alone. */
class Unreadable extends Error {}

const POLICY_KEYS = new Set(["edition", "deny", "dial", "expose", "hosts", "ids", "nets"]);
const RULE_KEYS = new Set(["from", "sni", "client", "after", "until", "dryrun", "on"]);
const LISTENER_KEYS = new Set(["name", "proto", "ports", "bind", "mode", "for", "allow", "deny"]);

/** And those that are compared as facts, and decide nothing about who is admitted. */
const ALL_LISTENER_KEYS = new Set([...LISTENER_KEYS, "alpn", "amplify", "backend", "ca", "cap", "cert", "dryrun", "limits", "service", "via"]);

/** The model of a module whose bytes were verified, or what in it this release can't read. */
export function modelOf(module: Uint8Array, shared = new SharedSets()): Result<PolicyModel, string> {
  const section = readSections(module)?.find((s) => s.name === SECTION_POLICY);
  if (section === undefined) return failed("it has no section with its policy");
  return readModel(new TextDecoder().decode(section.body), shared);
}

/** The same of the text of the semantic JSON. */
export function readModel(text: string, shared = new SharedSets()): Result<PolicyModel, string> {
  try {
    const value = fields(JSON.parse(text));
    onlyKeys(value, POLICY_KEYS, "the policy");
    const [nets, hosts, ids] = [fields(value["nets"]), fields(value["hosts"] ?? {}), fields(value["ids"] ?? {})];
    const sets = new Sets(nets, hosts, ids, shared);
    const rule = (x: unknown): RuleModel => sets.checked(readRule(fields(x)));
    const denies = list(value["deny"]).map((x) => ({ ...rule(x), on: readOn(fields(x)["on"]) }));
    const listeners = list(value["expose"]).map((x) => readListener(fields(x), rule, sets, denies));
    return ok({
      listeners,
      denies,
      dials: list(value["dial"] ?? []).map(string),
      net: (key) => sets.net(key),
      hosts: (key) => sets.hosts(key),
      ids: (key) => sets.ids(key),
    });
  } catch (error) {
    if (error instanceof Unreadable) return failed(error.message);
    if (error instanceof SyntaxError) return failed("the section with its policy is not JSON");
    throw error;
  }
}

/** Sets of models that are compared with each other: those with one key are one object, and are read once. */
export class SharedSets {
  readonly nets = new SharedKind<AddressSet>();
  readonly hosts = new SharedKind<HostNode>();
  readonly ids = new SharedKind<readonly string[]>();
}

class SharedKind<S> {
  readonly #known = new Map<string, { readonly members: readonly unknown[]; readonly set: S }>();

  get(key: string, members: readonly unknown[], make: (members: readonly unknown[]) => S): S {
    const known = this.#known.get(key);
    if (known === undefined) {
      const set = make(members);
      this.#known.set(key, { members, set });
      return set;
    }
    // A key comes from the members, so no compiler makes such a module.
    if (known.members.length !== members.length || members.some((member, i) => member !== known.members[i]))
      throw new Unreadable(`its set \`${key}\` has other members than the one with that key in the other policy`);
    return known.set;
  }
}

/** Sets by their keys, each made once. Everything is read here, so that no later step meets a set that can't be read. */
class Sets {
  readonly #nets = new Map<string, AddressSet>();
  readonly #hosts = new Map<string, HostNode>();
  readonly #ids = new Map<string, readonly string[]>();

  constructor(nets: Fields, hosts: Fields, ids: Fields, shared: SharedSets) {
    for (const [key, prefixes] of Object.entries(nets)) this.#nets.set(key, shared.nets.get(key, list(prefixes), addressSet));
    for (const [key, words] of Object.entries(hosts))
      this.#hosts.set(
        key,
        shared.hosts.get(key, list(words), (texts) => hostsOfWords(texts.map(string))),
      );
    for (const [key, words] of Object.entries(ids))
      this.#ids.set(
        key,
        shared.ids.get(key, list(words), (texts) => texts.map(string)),
      );
  }

  net(key: string): AddressSet {
    return found(this.#nets, key);
  }

  hosts(key: string): HostNode {
    return found(this.#hosts, key);
  }

  ids(key: string): readonly string[] {
    return found(this.#ids, key);
  }

  checked(rule: RuleModel): RuleModel {
    this.net(rule.from);
    if (rule.sni !== null) this.hosts(rule.sni);
    if (rule.client !== null) this.ids(rule.client);
    return rule;
  }
}

function addressSet(prefixes: readonly unknown[]): AddressSet {
  const builder = new SetBuilder();
  for (const prefix of prefixes) {
    const text = string(prefix);
    if (!builder.scan(text, 0, text.length)) throw new Unreadable(`\`${text}\` is no prefix`);
  }
  return builder.done();
}

function found<T>(sets: ReadonlyMap<string, T>, key: string): T {
  const set = sets.get(key);
  if (set === undefined) throw new Unreadable(`it names the set \`${key}\`, which it doesn't have`);
  return set;
}

function readRule(x: Fields): RuleModel {
  onlyKeys(x, RULE_KEYS, "a rule");
  return {
    from: string(x["from"]),
    sni: orNull(x["sni"], string),
    client: orNull(x["client"], string),
    after: orNull(x["after"], whole),
    until: orNull(x["until"], whole),
    dryrun: x["dryrun"] === true,
  };
}

/** Version 1 of the tables had the ports alone, of tcp. */
function readOn(x: unknown): DenyModel["on"] {
  if (x === null || x === undefined) return null;
  if (Array.isArray(x)) return { proto: "tcp", ports: x.map(readPorts) };
  const { proto, ports } = fields(x);
  return { proto: readProto(proto), ports: list(ports).map(readPorts) };
}

function readListener(x: Fields, rule: (x: unknown) => RuleModel, sets: Sets, topDenies: readonly DenyModel[]): ListenerModel {
  const bind = orNull(x["bind"], string);
  if (bind !== null) sets.net(bind);
  onlyKeys(x, ALL_LISTENER_KEYS, "an expose");
  const [mode, ports] = [orNull(x["mode"], string) ?? "tcp", list(x["ports"]).map(readPorts)];
  const [allows, denies] = [list(x["allow"]).map(rule), list(x["deny"]).map(rule)];
  const looks = [...allows, ...denies, ...topDenies.filter(({ on }) => on === null || meets(on, ports))].some(({ sni, dryrun }) => sni !== null && !dryrun);
  return {
    name: string(x["name"]),
    proto: readProto(x["proto"]),
    ports,
    bind,
    mode,
    names: orNull(x["for"], (names) => list(names).map(readName)),
    allows,
    denies,
    refusesInvalidNames: readsNames(mode) && looks,
    rest: otherFacts(x, sets),
  };
}

/** The sets that these facts name are read here, as those of rules are. */
function otherFacts(x: Fields, sets: Sets): ReadonlyMap<string, unknown> {
  const { via = null, cap, limits } = x;
  if (via !== null) sets.net(string(via));
  const perSource = isFields(cap) ? cap["perSource"] : null;
  const keys = Array.isArray(limits) ? (limits as readonly unknown[]).map((limit) => (isFields(limit) ? limit["key"] : null)) : [];
  const counted = [...(Array.isArray(perSource) ? (perSource as readonly unknown[]) : [perSource]), ...keys];
  for (const key of counted) if (isFields(key) && typeof key["from"] === "string") sets.net(key["from"]);
  return new Map(Object.entries(x).filter(([key]) => !LISTENER_KEYS.has(key)));
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function readsNames(mode: string): boolean {
  return mode !== "tcp" && mode !== "direct";
}

function meets({ proto, ports }: NonNullable<DenyModel["on"]>, own: readonly PortRange[]): boolean {
  return proto === "tcp" && ports.some(({ first, last }) => own.some((one) => one.first <= last && first <= one.last));
}

function readName(x: unknown): { readonly pattern: string; readonly except: readonly string[] } {
  if (typeof x === "string") return { pattern: x, except: [] };
  const { pattern, except } = fields(x);
  return { pattern: string(pattern), except: list(except).map(string) };
}

function readProto(x: unknown): "tcp" | "udp" {
  if (x === undefined || x === "tcp") return "tcp";
  if (x === "udp") return "udp";
  throw new Unreadable("it has a protocol that is neither tcp nor udp");
}

function readPorts(x: unknown): PortRange {
  const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(string(x)) ?? [];
  if (first === undefined) throw new Unreadable("it has ports that are none");
  return { first: Number(first), last: Number(last ?? first) };
}

/** A key that this release doesn't know could say anything about who is admitted. */
function onlyKeys(x: Fields, known: ReadonlySet<string>, where: string): void {
  const other = Object.keys(x).find((key) => !known.has(key));
  if (other !== undefined) throw new Unreadable(`${where} has \`${other}\`, which this release does not know`);
}

function fields(value: unknown): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Unreadable("the section with its policy has another form");
  return Object.fromEntries(Object.entries(value));
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Unreadable("the section with its policy has another form");
  return value;
}

function string(value: unknown): string {
  if (typeof value !== "string") throw new Unreadable("the section with its policy has another form");
  return value;
}

function whole(value: unknown): number {
  if (typeof value !== "number" || !Number.isInteger(value)) throw new Unreadable("the section with its policy has another form");
  return value;
}

function orNull<T>(value: unknown, read: (value: unknown) => T): T | null {
  return value === null || value === undefined ? null : read(value);
}
