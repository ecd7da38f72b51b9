// Semantic JSON: what a policy means, in one canonical text. Lists are inlined and written as
// the fewest prefixes, each net once; no tests, names of rules or places. Two policies that mean
// the same have the same text, and its SHA-256 is the policy's tree hash.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { AddressSet, CheckedExpose, CheckedLimit, CheckedPolicy, HostSet, PortRange } from "../check/policy.ts";
import type { OrderedRule } from "../lower/tables.ts";
import { prefixTexts } from "./prefixes.ts";

export interface SemanticJson {
  readonly text: string;
  /** Prefixes in all of its nets, each net counted once. */
  readonly prefixes: number;
}

export function semanticJson(policy: CheckedPolicy, rules: readonly OrderedRule[]): SemanticJson {
  const nets = new Map<string, readonly string[]>();
  const ids = new Map<AddressSet, string>();
  const net = (set: AddressSet): string => {
    const known = ids.get(set);
    if (known !== undefined) return known;
    const prefixes = prefixTexts(set);
    const id = bytesToHex(sha256(new TextEncoder().encode(prefixes.join("\n")))).slice(0, 32);
    ids.set(set, id);
    nets.set(id, prefixes);
    return id;
  };
  const hosts = new Map<string, readonly string[]>();
  const names = (set: HostSet | null): string | null => {
    if (set === null) return null;
    const id = bytesToHex(sha256(new TextEncoder().encode(set.words.join("\n")))).slice(0, 32);
    hosts.set(id, set.words);
    return id;
  };
  const rulesOf = (listener: number | null, action: "allow" | "deny"): readonly OrderedRule[] =>
    rules.filter((rule) => rule.listener === listener && rule.action === action);
  const rule = ({ from, sni, until, dryrun }: OrderedRule): object => ({ from: net(from), sni: names(sni), until, dryrun });
  const exposes = policy.exposes.map((expose, i) => ({
    allow: rulesOf(i, "allow").map(rule),
    backend: backendText(expose),
    bind: expose.bind === null ? null : net(expose.bind),
    cap: { connections: expose.cap.connections, perSource: expose.cap.perSource },
    deny: rulesOf(i, "deny").map(rule),
    limits: expose.limits.map(limitJson).sort(byText),
    mode: expose.mode,
    name: expose.name,
    ports: portTexts(expose.ports),
    proto: expose.proto,
    service: expose.service,
  }));
  const denies = rulesOf(null, "deny").map((deny) => ({ ...rule(deny), on: deny.on === null ? null : { proto: deny.on.proto, ports: portTexts(deny.on.ports) } }));
  const text = JSON.stringify(sortKeys({ edition: policy.edition, deny: denies, expose: exposes, hosts: Object.fromEntries(hosts), nets: Object.fromEntries(nets) }));
  return { text, prefixes: [...nets.values()].reduce((sum, prefixes) => sum + prefixes.length, 0) };
}

function backendText({ backend }: CheckedExpose): unknown {
  if (backend === null) return null;
  return backend.kind === "tcp" ? { host: backend.host, port: backend.port } : { unix: backend.path };
}

function portTexts(ranges: readonly PortRange[]): readonly string[] {
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
}

function limitJson({ count, periodMs, burst, key }: CheckedLimit): unknown {
  return { count, periodMs, burst, key };
}

function byText(x: unknown, y: unknown): number {
  const [a, b] = [JSON.stringify(sortKeys(x)), JSON.stringify(sortKeys(y))];
  return a < b ? -1 : Number(a > b);
}

/** The same value with every object's keys in code-point order. */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sortKeys(inner)]));
}
