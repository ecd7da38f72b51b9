// Decodes a module's semantic JSON and source map, and checks every field. The bytes are intact when this runs, but the
// module's builder is not known.
import { isProfile, OS_PAGES, type Profile } from "../abi/profiles.ts";
import { groupsOf } from "../abi/groups.ts";
import { MAX_DIALERS, PAGE_BYTES } from "../abi/layout.ts";
import { SECTION_MAP, SECTION_POLICY } from "../abi/sections.ts";
import { parsePrefix } from "../net/prefix.ts";
import { hexOf } from "./bytes.ts";
import { sha256 } from "./platform.ts";
import { BeyondBounds, parseBounded, type JsonBounds } from "./bounded_json.ts";
import type { Annotations, BackendInfo, GroupInfo, ListenerInfo, NamePattern, Origin, PolicyInfo, PortRange, RuleInfo } from "./module.ts";
import type { VerifiedModule } from "./verify.ts";

type Fields = Readonly<Record<string, unknown>>;

/** More than the compiler's own bounds let a policy have; for most policies the size of the file is the tighter bound. */
const MEBI = 1024 * 1024;
const BOUNDS: JsonBounds = { bytes: 128 * MEBI, containers: MEBI, keys: 2 * MEBI, values: 16 * MEBI, depth: 16 };
/** The end of the year 9999. */
const MOST_SECONDS = 253_402_300_799;
/** Bytes sent for each that came. */
const MOST_AMPLIFY = 1_000;
export const MOST_LISTENERS = 4_096;
/** Port ranges of all listeners. */
export const MOST_PORT_RANGES = 65_536;
/** Prefixes of all `bind` and `via` clauses, where a set that several of them name counts once. One set of 1,024 intervals fits. */
export const MOST_BIND_PREFIXES = 262_144;
/** Of one listener. */
const MOST_CERTS = 8;
const MOST_SOURCE_CAPS = 8;
const MOST_PROTOCOLS = 16;
const MOST_BACKENDS = 32;

class Malformed extends Error {}

/** Null where the sections are not those of a compiled policy. `maxSteps` is the number in the engine's tables. */
export function readInfo(module: VerifiedModule, maxSteps: number): PolicyInfo | null {
  const policy = module.custom.get(SECTION_POLICY);
  const map = module.custom.get(SECTION_MAP);
  if (policy === undefined || map === undefined) return null;
  try {
    const semantic = fields(json(policy));
    const places = fields(json(map));
    const bindOf = binds(fields(semantic["nets"]));
    const annotated = module.engine.abiVersion > 1;
    const origins = atMost(list(places["listeners"]), MOST_LISTENERS).map((x): Place =>
      annotated ?
        { origin: readOrigin(fields(x)["origin"]), annotations: readAnnotations(fields(x)["annotations"]) }
      : { origin: readOrigin(x), annotations: NO_ANNOTATIONS },
    );
    const exposes = atMost(list(semantic["expose"]), MOST_LISTENERS).map(fields);
    whole(
      exposes.reduce((sum, expose) => sum + list(expose["ports"]).length, 0),
      0,
      MOST_PORT_RANGES,
    );
    const namesDenied = deniedPorts(list(semantic["deny"]).map(fields).filter(needsName));
    const listeners = exposes.map((expose, id) => readListener(expose, id, bindOf, origins[id], namesDenied));
    const groups = readGroups(
      listeners,
      exposes.map(({ bind }) => (bind === null ? null : text(bind))),
    );
    // The header comes before the name that leads to one of them.
    if (groups.some(({ members }) => new Set(members.map((member) => exposes[member]?.["via"])).size > 1)) throw new Malformed();
    return {
      sha256: module.sha256,
      treeSha256: hexOf(sha256(policy)),
      abiVersion: module.engine.abiVersion,
      profile: readProfile(places["profile"], module.memoryBytes),
      memoryBytes: module.memoryBytes,
      maxSteps,
      signature: module.signature,
      listeners,
      groups,
      dialers: semantic["dial"] === undefined ? [] : atMost(list(semantic["dial"]), MAX_DIALERS).map(text),
      rules: readRules(list(places["rules"]), semantic, exposes, listeners),
    };
  } catch (error) {
    if (error instanceof Malformed || error instanceof BeyondBounds || error instanceof SyntaxError || error instanceof TypeError) return null;
    throw error;
  }
}

/** A module of an earlier release names no profile; the name of a profile must fit the module's memory. */
function readProfile(word: unknown, memoryBytes: number): Profile {
  if (word === undefined) return "host";
  if (!isProfile(word) || (word === "os" && memoryBytes !== OS_PAGES * PAGE_BYTES)) throw new Malformed();
  return word;
}

function json(bytes: Uint8Array): unknown {
  return parseBounded(bytes, BOUNDS);
}

function fields(value: unknown): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Malformed();
  return Object.fromEntries(Object.entries(value));
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Malformed();
  return value;
}

function atMost(values: readonly unknown[], most: number): readonly unknown[] {
  if (values.length > most) throw new Malformed();
  return values;
}

function atLeast(values: readonly unknown[], least: number): readonly unknown[] {
  if (values.length < least) throw new Malformed();
  return values;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new Malformed();
  return value;
}

function absent(value: unknown): null {
  if (value !== undefined) throw new Malformed();
  return null;
}

function whole(value: unknown, least: number, most: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) throw new Malformed();
  return value;
}

/** Reads the prefixes of a `bind` or a `via`; several that name the same set share one array. */
function binds(nets: Fields): (id: string) => readonly string[] {
  const known = new Map<string, readonly string[]>();
  let prefixes = 0;
  return (id) => {
    let bind = known.get(id);
    if (bind === undefined) {
      bind = list(nets[id]).map(text);
      prefixes = whole(prefixes + bind.length, 1, MOST_BIND_PREFIXES);
      if (bind.some((prefix) => parsePrefix(prefix) === null)) throw new Malformed();
      known.set(id, bind);
    }
    return bind;
  };
}

interface Place {
  readonly origin: Origin;
  readonly annotations: Annotations;
}

const NO_ANNOTATIONS: Annotations = { owner: null, ticket: null, why: null };

function readAnnotations(value: unknown): Annotations {
  const f = fields(value);
  const one = (word: string): string | null => (f[word] === null ? null : text(f[word]));
  return { owner: one("owner"), ticket: one("ticket"), why: one("why") };
}

function readListener(
  f: Fields,
  id: number,
  bindOf: (id: string) => readonly string[],
  place: Place | undefined,
  namesDenied: (port: PortRange) => boolean,
): ListenerInfo {
  const { mode, proto } = f;
  if ((proto !== "tcp" && proto !== "udp") || (proto === "udp" && mode !== "direct" && mode !== "tcp") || place === undefined) throw new Malformed();
  if (mode !== "tcp" && mode !== "passthrough" && mode !== "tls" && mode !== "mtls" && mode !== "direct") throw new Malformed();
  // The gateway opens nothing for a service that binds by itself, so there is no backend.
  if (mode === "direct" && f["backend"] !== null) throw new Malformed();
  const ports = rising(list(f["ports"]).map(readPorts));
  const endsTls = mode === "tls" || mode === "mtls";
  return {
    id,
    name: text(f["name"]),
    service: text(f["service"]),
    proto,
    ports,
    bind: f["bind"] === null ? null : bindOf(text(f["bind"])),
    mode,
    // A certificate and an authority decide which clients connect, so they appear in exactly the modes that use them.
    certs: endsTls ? readCerts(f["cert"]) : (absent(f["cert"]) ?? []),
    alpn: endsTls ? readProtocols(f["alpn"]) : (absent(f["alpn"]) ?? []),
    ca: mode === "mtls" ? text(f["ca"]) : absent(f["ca"]),
    backends: readBackends(f["backend"]),
    proxy: readProxy(f["backend"]),
    via: proto === "tcp" && mode !== "direct" ? readVia(f["via"], bindOf) : absent(f["via"]),
    names: proto === "tcp" && mode !== "tcp" && mode !== "direct" ? readNames(f["for"]) : absent(f["for"]),
    needsNames: mode !== "tcp" && mode !== "direct" && ([...list(f["allow"]), ...list(f["deny"])].map(fields).some(needsName) || ports.some(namesDenied)),
    capConnections: whole(fields(f["cap"])["connections"], 1, 0xffffffff),
    capSource: readCapSource(fields(f["cap"])["perSource"]),
    ...readAmplify(f, proto === "udp" && mode === "tcp"),
    origin: place.origin,
    annotations: place.annotations,
  };
}

function readVia(value: unknown, prefixesOf: (id: string) => readonly string[]): readonly string[] | null {
  return value === undefined ? null : prefixesOf(text(value));
}

function readCerts(value: unknown): readonly string[] {
  return typeof value === "string" ? [value] : atLeast(atMost(list(value), MOST_CERTS), 2).map(text);
}

/** INVARIANT: a protocol's length fits the byte that a hello has for it, and none is empty. */
function readProtocols(value: unknown): readonly string[] {
  if (value === undefined) return [];
  const names = atLeast(atMost(list(value), MOST_PROTOCOLS), 1).map(text);
  if (names.some((name) => !/^[!-~]{1,255}$/.test(name)) || new Set(names).size < names.length) throw new Malformed();
  return names;
}

/**
 * The same groups, with the same numbers, as the compiler's. Listeners that no name distinguishes share no port: two of them
 * at one port are two there, which the comparison with the tables then refuses.
 */
function readGroups(listeners: readonly ListenerInfo[], bindIds: readonly (string | null)[]): readonly GroupInfo[] {
  const readsNames = ({ mode }: ListenerInfo): boolean => mode === "passthrough" || mode === "tls" || mode === "mtls";
  const groups = groupsOf(
    listeners.map((l, i) => ({ proto: l.proto, ports: readsNames(l) ? l.ports : [], bind: bindIds[i] ?? null, named: l.names !== null })),
  );
  if (groups === null) throw new Malformed();
  const distinct = groups.filter(({ members }) => members.filter((member) => listeners[member]?.names === null).length <= 1);
  return distinct.map(({ members, ports }, i) => ({ id: listeners.length + i, members, ports, bind: listeners[members[0] ?? 0]?.bind ?? null }));
}

/** The patterns of `for`: texts, or with what is taken out of them. */
function readNames(value: unknown): readonly NamePattern[] | null {
  if (value === undefined) return null;
  return list(value).map((word) => {
    if (typeof word === "string") return { pattern: word, except: [] };
    const f = fields(word);
    return { pattern: text(f["pattern"]), except: list(f["except"]).map(text) };
  });
}

/** Datagrams are forwarded only with a bound that is written, and a bound is written only where they are. */
function readAmplify({ amplify }: Fields, isForwarded: boolean): Pick<ListenerInfo, "amplify"> {
  if (!isForwarded) return absent(amplify) ?? {};
  return { amplify: amplify === "any" ? amplify : whole(amplify, 1, MOST_AMPLIFY) };
}

/** Returns whether one of these top-level denies applies to a tcp port of a range. The work is linear in the number of ranges. */
function deniedPorts(denies: readonly Fields[]): (ports: PortRange) => boolean {
  const edges = new Int32Array(65537);
  for (const { on } of denies) {
    if (on === null || on === undefined) return () => true;
    const { proto, ports } = fields(on);
    if (proto !== "tcp") continue;
    for (const { first, last } of list(ports).map(readPorts)) {
      edges[first] = (edges[first] ?? 0) + 1;
      edges[last + 1] = (edges[last + 1] ?? 0) - 1;
    }
  }
  /** For each port, how many lower ports are denied. */
  const below = new Uint32Array(65537);
  let open = 0;
  for (let port = 0; port < 65536; port++) {
    open += edges[port] ?? 0;
    below[port + 1] = (below[port] ?? 0) + (open > 0 ? 1 : 0);
  }
  return ({ first, last }) => (below[last + 1] ?? 0) > (below[first] ?? 0);
}

/** Whether the rule is enforced and has `sni`. */
function needsName({ sni, dryrun }: Fields): boolean {
  return typeof sni === "string" && dryrun !== true;
}

function readPorts(value: unknown): PortRange {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text(value));
  const first = whole(Number(match?.[1]), 1, 65535);
  return { first, last: whole(Number(match?.[2] ?? match?.[1]), first, 65535) };
}

/** Checks that the ranges are sorted and disjoint, so that a listener has each port once. */
function rising(ranges: readonly PortRange[]): readonly PortRange[] {
  if (ranges.some(({ first }, i) => first <= (ranges[i - 1]?.last ?? 0))) throw new Malformed();
  return ranges;
}

/** One is written without a list. INVARIANT: each is there once, so that none gets more than its share. */
function readBackends(value: unknown): readonly BackendInfo[] {
  if (value === null) return [];
  const f = fields(value);
  if (f["backends"] === undefined) return [readBackend(f)];
  const backends = atLeast(atMost(list(f["backends"]), MOST_BACKENDS), 2).map((one) => readBackend(fields(one)));
  if (new Set(backends.map((one) => JSON.stringify(one))).size < backends.length) throw new Malformed();
  return backends;
}

function readBackend(f: Fields): BackendInfo {
  if (f["unix"] !== undefined) return { kind: "unix", path: text(f["unix"]) };
  if (f["remote"] !== undefined) return { kind: "remote", host: text(f["remote"]), port: whole(f["port"], 1, 65535) };
  return { kind: "tcp", host: text(f["host"]), port: whole(f["port"], 1, 65535) };
}

function readProxy(backend: unknown): ListenerInfo["proxy"] {
  const version = backend === null ? undefined : fields(backend)["proxy"];
  if (version !== undefined && version !== "v1" && version !== "v2") throw new Malformed();
  return version ?? null;
}

/** Of several the smallest one that counts every source; where there is none, the smallest of those that count some. */
function readCapSource(value: unknown): ListenerInfo["capSource"] {
  if (value === null || value === undefined) return null;
  const caps = (Array.isArray(value) ? atMost(list(value), MOST_SOURCE_CAPS) : [value]).map((each) => {
    const f = fields(each);
    const connections = whole(f["connections"], 1, 0xffffffff);
    return { v4: whole(f["v4"], 0, 32), v6: whole(f["v6"], 0, 128), connections, isOfAll: f["from"] === undefined };
  });
  return caps.sort((x, y) => Number(y.isOfAll) - Number(x.isOfAll) || x.connections - y.connections)[0] ?? null;
}

function readOrigin(value: unknown): Origin {
  const f = fields(value);
  return { file: text(f["file"]), line: whole(f["line"], 1, 2 ** 31), column: whole(f["column"], 1, 2 ** 31) };
}

/** A listener's rules have the same order in the semantic JSON as in the source map. */
function readRules(rows: readonly unknown[], semantic: Fields, exposes: readonly Fields[], listeners: readonly ListenerInfo[]): readonly RuleInfo[] {
  const next = new Map<string, number>();
  return rows.map((row, id) => {
    const f = fields(row);
    const rule = readRule(f, id, listeners);
    const listener = f["listener"] === null ? null : whole(f["listener"], 0, listeners.length - 1);
    const owner = listener === null ? semantic : exposes[listener];
    // Modules of releases without udp keep the meanings of their rules.
    const scope = rule.proto === "udp" ? `${rule.listener ?? ""} udp` : (rule.listener ?? "");
    const key = `${rule.action} ${String(f["listener"])}`;
    const at = next.get(key) ?? 0;
    next.set(key, at + 1);
    const written = owner === undefined ? undefined : list(owner[rule.action])[at];
    if (written === undefined) throw new Malformed();
    return {
      ...rule,
      meaning: btoa(String.fromCharCode(...sha256(new TextEncoder().encode(`${rule.action} ${scope} ${JSON.stringify(written)}`)))).slice(0, 16),
    };
  });
}

function readRule(f: Fields, id: number, listeners: readonly ListenerInfo[]): Omit<RuleInfo, "meaning"> {
  const action = f["action"];
  if (action !== "allow" && action !== "deny") throw new Malformed();
  const { name: listener = null, proto = null } = f["listener"] === null ? {} : (listeners[whole(f["listener"], 0, listeners.length - 1)] ?? {});
  const origins = list(f["origins"]).map(readOrigin);
  const names = list(f["names"]).map(text);
  // Modules of version 1 have neither annotations nor `dryrun` and times.
  if (f["annotations"] === undefined) {
    return { id, action, listener, proto, dryrun: false, after: null, until: null, names, origins, annotations: origins.map(() => NO_ANNOTATIONS) };
  }
  const annotations = list(f["annotations"]).map(readAnnotations);
  const time = (value: unknown): number | null => (value === null ? null : whole(value, 1, MOST_SECONDS));
  // Modules from before there was `after` don't have it.
  const [after, until] = [time(f["after"] ?? null), time(f["until"])];
  if (typeof f["dryrun"] !== "boolean" || annotations.length !== origins.length) throw new Malformed();
  return { id, action, listener, proto, dryrun: f["dryrun"], after, until, names, origins, annotations };
}
