// Semantic JSON: what a policy means, in one canonical text. Lists are inlined and written as
// the fewest prefixes, each net once; no tests, names of rules or places. Two policies that mean
// the same have the same text, and its SHA-256 is the policy's tree hash.
import { bytesToHex } from "@noble/hashes/utils.js";
import type {
  AddressSet,
  CheckedExpose,
  CheckedLimit,
  CheckedPolicy,
  DryrunCounts,
  HostSet,
  IdSet,
  NamePattern,
  PortRange,
  SourceCap,
} from "../policy/policy.ts";
import type { OrderedRule } from "../lower/tables.ts";
import { sha256, type Sha256 } from "./hash.ts";
import { prefixText, type PrefixText } from "./prefixes.ts";

export interface SemanticJson {
  /** UTF-8. */
  readonly text: Uint8Array;
}

/** Sets of names or identities under ids that come from their words. */
class WordSets<S extends { readonly words: readonly string[] }> {
  readonly byId = new Map<string, readonly string[]>();
  readonly #ids = new Map<S, string>();
  readonly #hashed: (bytes: Uint8Array) => string;

  constructor(hashed: (bytes: Uint8Array) => string) {
    this.#hashed = hashed;
  }

  idOf(set: S): string {
    let id = this.#ids.get(set);
    if (id === undefined) {
      this.#ids.set(set, (id = this.#hashed(new TextEncoder().encode(set.words.join("\n")))));
      this.byId.set(id, set.words);
    }
    return id;
  }
}

export function semanticJson(policy: CheckedPolicy, rules: readonly OrderedRule[], hash: Sha256 = sha256): SemanticJson {
  const idOf = (bytes: Uint8Array): string => bytesToHex(hash(bytes)).slice(0, 32);
  const nets = new Map<string, PrefixText>();
  const netIds = new Map<AddressSet, string>();
  const net = (set: AddressSet): string => {
    let id = netIds.get(set);
    if (id === undefined) {
      const prefixes = prefixText(set);
      netIds.set(set, (id = idOf(prefixes.lines)));
      nets.set(id, prefixes);
    }
    return id;
  };
  const hosts = new WordSets<HostSet>(idOf);
  const ids = new WordSets<IdSet>(idOf);
  const own = byOwner(rules);
  const rulesOf = (listener: number | null, action: "allow" | "deny"): readonly OrderedRule[] => own.get(owner(listener, action)) ?? [];
  // Clauses that need terminated TLS are omitted where it isn't, so that a policy without them keeps its hash. Its keys are in order.
  const rule = ({ from, sni, client, after, until, dryrun }: OrderedRule): object => ({
    ...(after !== null && { after }),
    ...(client !== null && { client: ids.idOf(client) }),
    dryrun,
    from: net(from),
    sni: sni === null ? null : hosts.idOf(sni),
    until,
  });
  // As with clauses above, `from` is omitted where there is none.
  const counted = <T extends { readonly from: AddressSet | null }>({ from, ...key }: T): object => ({ ...key, ...(from !== null && { from: net(from) }) });
  const limitJson = ({ count, periodMs, burst, key }: CheckedLimit): object => ({ count, periodMs, burst, key: key.kind === "source" ? counted(key) : key });
  const capsJson = (caps: readonly SourceCap[]): unknown => (caps.length > 1 ? caps.map(counted).sort(byText) : (caps.map(counted)[0] ?? null));
  const dryrunJson = ({ connections, perSource, perIdentity, limits }: DryrunCounts): object => ({
    ...((connections !== null || perIdentity !== null || perSource.length > 0) && {
      cap: { ...(connections !== null && { connections }), ...(perIdentity !== null && { perIdentity }), perSource: capsJson(perSource) },
    }),
    ...(limits.length > 0 && { limits: limits.map(limitJson).sort(byText) }),
  });
  const exposes = policy.exposes.map((expose, i) => ({
    allow: rulesOf(i, "allow").map(rule),
    ...(expose.alpn.length > 0 && { alpn: expose.alpn }),
    ...(expose.amplify !== null && { amplify: expose.amplify }),
    backend: backendsJson(expose),
    bind: expose.bind === null ? null : net(expose.bind),
    ...(expose.ca !== null && { ca: expose.ca }),
    cap: {
      connections: expose.cap.connections,
      ...(expose.cap.perIdentity !== null && { perIdentity: expose.cap.perIdentity }),
      perSource: capsJson(expose.cap.perSource),
    },
    ...(expose.certs.length > 0 && { cert: expose.certs.length === 1 ? expose.certs[0] : expose.certs }),
    deny: rulesOf(i, "deny").map(rule),
    ...(hasCounts(expose.dryrun) && { dryrun: dryrunJson(expose.dryrun) }),
    ...(expose.names !== null && { for: expose.names.map(nameJson) }),
    limits: expose.limits.map(limitJson).sort(byText),
    mode: expose.mode,
    name: expose.name,
    ports: portTexts(expose.ports),
    proto: expose.proto,
    service: expose.service,
    ...(expose.via !== null && { via: net(expose.via) }),
  }));
  const denies = rulesOf(null, "deny").map((deny) => ({
    ...rule(deny),
    on: deny.on === null ? null : { proto: deny.on.proto, ports: portTexts(deny.on.ports) },
  }));
  const dials = [...new Set(policy.dials.map(({ service }) => service))].sort();
  const text = withNets(
    JSON.stringify(
      sortKeys({
        edition: policy.edition,
        deny: denies,
        ...(dials.length > 0 && { dial: dials }),
        expose: exposes,
        hosts: Object.fromEntries(hosts.byId),
        ...(ids.byId.size > 0 && { ids: Object.fromEntries(ids.byId) }),
      }),
    ),
    nets,
  );
  return { text };
}

function byOwner(rules: readonly OrderedRule[]): ReadonlyMap<string, readonly OrderedRule[]> {
  const own = new Map<string, OrderedRule[]>();
  for (const rule of rules) {
    const key = owner(rule.listener, rule.action);
    const list = own.get(key);
    if (list === undefined) own.set(key, [rule]);
    else list.push(rule);
  }
  return own;
}

function hasCounts({ connections, perSource, perIdentity, limits }: DryrunCounts): boolean {
  return connections !== null || perIdentity !== null || perSource.length + limits.length > 0;
}

function owner(listener: number | null, action: "allow" | "deny"): string {
  return `${listener ?? ""} ${action}`;
}

const NEWLINE = 10;
const QUOTE = 34;
const COMMA = 44;

/** The object `json` with `nets` as its last key; written once into bytes of its size, since it may be large. */
function withNets(json: string, nets: ReadonlyMap<string, PrefixText>): Uint8Array {
  const encoder = new TextEncoder();
  const head = encoder.encode(`${json.slice(0, -1)},"nets":{`);
  const rows = [...nets]
    .sort(([x], [y]) => (x < y ? -1 : 1))
    .map(([id, prefixes], i) => {
      const before = encoder.encode(`${i === 0 ? "" : ","}"${id}":[`);
      return { prefixes, before };
    });
  const after = encoder.encode("]");
  const tail = encoder.encode("}}");
  // Each line end becomes three characters, and two quotes are around the lines.
  const listBytes = ({ lines, count }: PrefixText): number => (count === 0 ? 0 : lines.length + 2 * (count - 1) + 2);
  const size = rows.reduce((sum, { prefixes, before }) => sum + before.length + listBytes(prefixes) + after.length, head.length + tail.length);
  const out = new Uint8Array(size);
  let at = 0;
  const put = (bytes: Uint8Array): void => {
    out.set(bytes, at);
    at += bytes.length;
  };
  put(head);
  for (const { prefixes, before } of rows) {
    put(before);
    at = putStrings(out, at, prefixes);
    put(after);
  }
  put(tail);
  return out;
}

/** Lines as strings with commas between them; where they end. */
function putStrings(out: Uint8Array, start: number, { lines, count }: PrefixText): number {
  if (count === 0) return start;
  let at = start;
  out[at++] = QUOTE;
  for (const byte of lines) {
    if (byte !== NEWLINE) {
      out[at++] = byte;
      continue;
    }
    out[at++] = QUOTE;
    out[at++] = COMMA;
    out[at++] = QUOTE;
  }
  out[at++] = QUOTE;
  return at;
}

/** One backend is an object, as it was before there could be several, so that such a policy keeps its hash. */
function backendsJson({ backends, proxy }: CheckedExpose): unknown {
  const all = backends.map((backend) => {
    if (backend.kind === "unix") return { unix: backend.path };
    return { [backend.kind === "tcp" ? "host" : "remote"]: backend.host, port: backend.port };
  });
  const [first, second] = all;
  if (first === undefined) return null;
  return { ...(second === undefined ? first : { backends: all }), ...(proxy !== null && { proxy }) };
}

function portTexts(ranges: readonly PortRange[]): readonly string[] {
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
}

/** A pattern; with what is taken out of it, if anything is. */
function nameJson({ text, exceptWords }: NamePattern): unknown {
  return exceptWords.length === 0 ? text : { pattern: text, except: exceptWords };
}

function byText(x: unknown, y: unknown): number {
  const [a, b] = [JSON.stringify(sortKeys(x)), JSON.stringify(sortKeys(y))];
  return a < b ? -1 : Number(a > b);
}

function isPlainAndOrdered(entries: readonly (readonly [key: string, value: unknown])[]): boolean {
  return entries.every(([key, value], i) => (typeof value !== "object" || value === null) && (i === 0 || (entries[i - 1]?.[0] ?? "") < key));
}

/** The same value with every object's keys in code-point order. */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  if (isPlainAndOrdered(entries)) return value;
  entries.sort(([x], [y]) => (x < y ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sortKeys(inner)]));
}
