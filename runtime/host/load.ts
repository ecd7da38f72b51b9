// Loads a policy from a module's bytes, or refuses the module and names the cause. It checks hash, signature, shape, code,
// version and memory (verify.ts), then runs the engine's own `validate` over the tables, then the self-test vectors that
// the compiler computed without the tables.
import { H_MAX_STEPS, MAX_NAME_BYTES, PROTO_TCP, PROTO_UDP, TABLES_BASE } from "../abi/layout.ts";
import { isCode } from "../abi/names.ts";
import { fnv1a64 } from "../abi/fnv.ts";
import {
  CODE_ALLOWED,
  CODE_DIAL_BIND,
  CODE_GATEWAY_BIND,
  CODE_NO_TOKEN,
  CODE_OPEN_IDENTITY,
  VERDICT_ALLOW,
  VERDICT_DENY,
  VERDICT_IDENTITY,
} from "../abi/verdicts.ts";
import { SECTION_VECTORS, withoutData } from "../abi/sections.ts";
import { ANY4, ANY6, isLoopback, isWildcard } from "../net/address.ts";
import type { Address } from "../net/address.ts";
import { parsePrefix } from "../net/prefix.ts";
import { BeyondBounds, parseBounded } from "./bounded_json.ts";
import type { JsonBounds } from "./bounded_json.ts";
import { readInfo } from "./info.ts";
import { instantiate } from "./instance.ts";
import type { EngineExports } from "./instance.ts";
import { DETAIL_BASE, DETAIL_CODE, DETAIL_RULE, H_DIALER_COUNT, H_LISTENER_COUNT, H_RULE_COUNT } from "../abi/layout.ts";
import { ok, type Result } from "../result/result.ts";
import type { GroupInfo, LoadedPolicy, PolicyInfo, Refusal } from "./module.ts";
import { refuse, verifyModule } from "./verify.ts";
import type { Trust, VerifiedModule } from "./verify.ts";

const MOST_VECTORS = 4096;
/** A vector is nine values: eight numbers of at most twelve characters, and a name. */
const VECTOR_BOUNDS: JsonBounds = { bytes: 2 * 1024 * 1024, containers: MOST_VECTORS + 1, keys: 0, values: 10 * MOST_VECTORS, depth: 2 };

/** With `trust`, only a module that one of its keys has signed is loaded; with null, a signature is not checked. */
export function loadPolicy(bytes: Uint8Array, trust: Trust = null): Result<LoadedPolicy, Refusal> {
  return checked(bytes, trust, () => ({ module: new WebAssembly.Module(Uint8Array.from(bytes)), tables: null }));
}

/** Loads a policy with its tables beside the module and not in it, so that the caller can write them in slices. */
export function loadPolicyApart(bytes: Uint8Array, trust: Trust): Result<LoadedPolicy, Refusal> {
  return checked(bytes, trust, ({ data }) => ({ module: new WebAssembly.Module(withoutData(bytes)), tables: Uint8Array.from(data) }));
}

function checked(
  bytes: Uint8Array,
  trust: Trust,
  compile: (verified: VerifiedModule) => Pick<LoadedPolicy, "module" | "tables">,
): Result<LoadedPolicy, Refusal> {
  const verification = verifyModule(bytes, trust);
  if (!verification.ok) return verification;
  const verified = verification.value;
  try {
    const { module, tables } = compile(verified);
    const exports = instantiate(module);
    if (tables !== null) new Uint8Array(exports.memory.buffer).set(tables, TABLES_BASE);
    const check = exports.validate();
    if (check !== 0) return refuse("module_tables", `the module's tables are not sound (check ${check})`);
    const word = (field: number): number => new DataView(exports.memory.buffer).getUint32(TABLES_BASE + field, true);
    const info = readInfo(verified, word(H_MAX_STEPS));
    if (info === null) return refuse("module_malformed", "the module's semantic JSON or source map can't be read or exceeds its bounds");
    if (word(H_LISTENER_COUNT) !== info.listeners.length + info.groups.length || word(H_RULE_COUNT) !== info.rules.length) {
      return refuse("module_tables", "the module's tables have other numbers of listeners or rules than its semantic JSON and source map");
    }
    const difference = differenceFrom(exports, info);
    if (difference !== null) return refuse("module_selftest", difference);
    const wrong = selfTest(exports, verified, info);
    return wrong === null ? ok({ info, module, tables }) : refuse("module_selftest", wrong);
  } catch (error) {
    if (error instanceof BeyondBounds) return refuse("module_selftest", "the self-test vectors are not a list within bounds");
    return refuse("module_selftest", `the module failed while it was checked: ${error instanceof Error ? error.message : "unknown"}`);
  }
}

/**
 * A sentence with the first difference between the tables and the semantic JSON, or null. The gateway opens the ports that
 * the semantic JSON names and decides with the tables, so this compares both edges of every range, inside and just outside.
 */
function differenceFrom(exports: EngineExports, { listeners, groups, dialers, abiVersion }: PolicyInfo): string | null {
  const detail = new DataView(exports.memory.buffer, DETAIL_BASE);
  const count = abiVersion < 3 ? 0 : new DataView(exports.memory.buffer).getUint32(TABLES_BASE + H_DIALER_COUNT, true);
  const dials = (service: string): boolean => {
    const id = fnv1a64(service);
    exports.bind(Number(id >> 32n) | 0, Number(id & 0xffffffffn) | 0, PROTO_UDP, 0, 0, 0, 0, 0);
    return detail.getInt32(DETAIL_CODE, true) === CODE_DIAL_BIND;
  };
  if (count !== dialers.length || !dialers.every(dials)) return "the module's tables and its semantic JSON differ about who may dial";
  const groupAt = groupFinder(groups);
  for (const { id, name, service, mode, proto: word, ports, bind } of listeners) {
    const proto = word === "udp" ? PROTO_UDP : PROTO_TCP;
    const binder = fnv1a64(mode === "direct" ? service : "ingressd");
    for (const [a, b, c, d] of localsOf(bind)) {
      // At ports that it shares, the group is there in its place.
      const here = (port: number): number => groupAt(id, port) ?? id;
      const listens = (port: number): boolean => exports.listenerAt(proto, port, a, b, c, d) === here(port);
      const wrong = ports.find(
        ({ first, last }, i) =>
          !listens(first) ||
          !listens(last) ||
          (ports[i - 1]?.last !== first - 1 && listens(first - 1)) ||
          (ports[i + 1]?.first !== last + 1 && listens(last + 1)),
      );
      if (wrong !== undefined) {
        return `the module's tables and its semantic JSON differ about the ports of \`${name}\` (${wrong.first}-${wrong.last})`;
      }
      // The tables also name who may bind there: the gateway, or the service itself for a listener in mode `direct`.
      exports.bind(Number(binder >> 32n) | 0, Number(binder & 0xffffffffn) | 0, proto, ports[0]?.first ?? 0, a, b, c, d);
      const code = detail.getInt32(DETAIL_CODE, true);
      if (code !== (mode === "direct" ? CODE_NO_TOKEN : CODE_GATEWAY_BIND) && !isLoopback([a, b, c, d])) {
        return `the module's tables and its semantic JSON differ about who may bind \`${name}\``;
      }
    }
  }
  return null;
}

/** The number of the group that a listener is in at a port. */
function groupFinder(groups: PolicyInfo["groups"]): (listener: number, port: number) => number | undefined {
  const byMember = new Map<number, GroupInfo[]>();
  for (const group of groups) {
    for (const member of group.members) {
      const own = byMember.get(member);
      if (own === undefined) byMember.set(member, [group]);
      else own.push(group);
    }
  }
  return (listener, port) => byMember.get(listener)?.find(({ ports }) => ports.some(({ first, last }) => first <= port && port <= last))?.id;
}

/** The local addresses to compare at; none of them is a wildcard where a `bind` names addresses. */
function localsOf(bind: readonly string[] | null): readonly Address[] {
  if (bind === null) return [ANY4, ANY6];
  const edges = [bind[0], bind.at(-1)].map((text) => (text === undefined ? null : parsePrefix(text)));
  return edges.flatMap((prefix) => (prefix === null || isWildcard(prefix.last) ? [] : [prefix.last]));
}

/** A sentence with the first failure of the self-test, or null. */
function selfTest(exports: EngineExports, module: VerifiedModule, info: PolicyInfo): string | null {
  const body = module.custom.get(SECTION_VECTORS);
  const vectors = parseBounded(body ?? new Uint8Array(0), VECTOR_BOUNDS);
  if (!Array.isArray(vectors) || vectors.length > MOST_VECTORS) return "the self-test vectors are not a list within bounds";
  const detail = new DataView(exports.memory.buffer, DETAIL_BASE);
  const bytes = new Uint8Array(exports.memory.buffer);
  const scratch = exports.scratch() >>> 0;
  for (const values of vectors) {
    const vector = module.engine.abiVersion === 1 ? readVector1(values) : readVector(values);
    if (vector === null) return "a self-test vector is malformed";
    const {
      listener,
      source: [a, b, c, d],
      wall,
      name,
      code,
      rule,
    } = vector;
    if (listener >= info.listeners.length + info.groups.length || !isCode(code) || rule >= info.rules.length) return "a self-test vector is out of range";
    let verdict: number;
    if (exports.hello === undefined) verdict = exports.accept6(listener, a, b, c, d);
    else {
      const text = new TextEncoder().encode(name ?? "");
      if (text.length > MAX_NAME_BYTES) return "a self-test vector is out of range";
      bytes.set(text, scratch);
      exports.clock(0, 0, Math.floor(wall / 2 ** 32), wall | 0);
      verdict = exports.hello(listener, a, b, c, d, text.length);
    }
    const due =
      code === CODE_ALLOWED ? VERDICT_ALLOW
      : code === CODE_OPEN_IDENTITY ? VERDICT_IDENTITY
      : VERDICT_DENY;
    const same = verdict === due && detail.getInt32(DETAIL_CODE, true) === code && detail.getInt32(DETAIL_RULE, true) === rule;
    if (!same) return `the module's answer to a self-test vector is wrong (listener ${listener})`;
  }
  return null;
}

interface Vector {
  readonly listener: number;
  readonly source: readonly [number, number, number, number];
  /** UTC seconds, 0 while unknown; they never fall from one vector to the next. */
  readonly wall: number;
  readonly name: string | null;
  readonly code: number;
  readonly rule: number;
}

function readVector(x: unknown): Vector | null {
  if (!Array.isArray(x) || x.length !== 9) return null;
  const name: unknown = x[6];
  const numbers = x.filter((value, i): value is number => i !== 6 && Number.isSafeInteger(value));
  const [listener = 0, a = 0, b = 0, c = 0, d = 0, wall = 0, code = 0, rule = 0] = numbers;
  if (numbers.length !== 8 || (name !== null && typeof name !== "string") || wall < 0) return null;
  return { listener, source: [a, b, c, d], wall, name, code, rule };
}

/** A vector of version 1 has neither time nor name. */
function readVector1(x: unknown): Vector | null {
  if (!Array.isArray(x) || x.length !== 7) return null;
  const values: readonly unknown[] = x;
  return readVector([...values.slice(0, 5), 0, null, ...values.slice(5)]);
}
