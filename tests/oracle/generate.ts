// Random policies: nets that overlap and are built of each other, `except`, several listeners,
// top-level denies with and without `on`, rules written twice, caps and limits.
import {
  ANY,
  isEmpty,
  rangesOf,
  type BuiltIn,
  type ModelCap,
  type ModelDeny,
  type ModelExpose,
  type ModelLimit,
  type ModelNet,
  type ModelPolicy,
  type ModelRule,
  type ModelSet,
  type Ports,
  type Term,
} from "./model.ts";
import type { Chance } from "./random.ts";
import { prefixOf, v4, type Prefix } from "./space.ts";

export interface Size {
  readonly nets: number;
  readonly exposes: number;
  readonly rules: number;
  readonly denies: number;
}

const BUILT_INS: readonly BuiltIn[] = ["any", "any4", "any6", "loopback", "private", "linklocal"];

/** Few distinct roots, so that prefixes lie in and beside each other. */
function address(c: Chance): bigint {
  if (c.below(10) < 6) {
    const roots = [0x0a000000, 0x0a010000, 0xc0a80000, 0xcb007100, 0x00000000, 0xffffff00, 0x7f000000, c.word()];
    return v4((c.pick(roots) | (c.oneIn(3) ? c.word() & 0xffff : c.below(4))) >>> 0);
  }
  const roots = [0x20010db8n << 96n, (0x20010db8n << 96n) | (1n << 80n), 0n, 1n, 0xfffen << 32n, 1n << 48n, ((1n << 64n) - 1n) << 64n, 0xfe80n << 112n];
  const tail = (BigInt(c.word()) << 32n) | BigInt(c.word());
  return c.pick(roots) | (c.oneIn(2) ? BigInt(c.below(4)) : tail & ((1n << BigInt(c.below(64))) - 1n));
}

export function randomPrefix(c: Chance): Prefix {
  const a = address(c);
  const family = prefixOf(a, 0).family;
  const lengths = family === 4 ? [1, 7, 8, 15, 16, 17, 23, 24, 25, 30, 31, 32, 32, 32] : [3, 16, 31, 32, 33, 48, 63, 64, 65, 96, 97, 127, 128, 128];
  return prefixOf(a, c.oneIn(6) ? c.below(family === 4 ? 33 : 129) : c.pick(lengths));
}

function term(c: Chance, nets: readonly ModelNet[]): Term {
  const roll = c.below(24);
  if (roll < 1) return { kind: "builtin", name: c.pick(BUILT_INS) };
  if (roll < 8 && nets.length > 0) return { kind: "net", net: c.pick(nets) };
  return { kind: "prefix", prefix: randomPrefix(c) };
}

/** Never empty: that is an error of its own. */
function set(c: Chance, nets: readonly ModelNet[]): ModelSet {
  const members = Array.from({ length: 1 + c.below(4) }, () => term(c, nets));
  const except = c.oneIn(3) ? Array.from({ length: 1 + c.below(3) }, () => term(c, nets)) : [];
  // `any` is dull alone and interesting with something taken away.
  if (except.length > 0 && c.oneIn(4)) members.push({ kind: "builtin", name: c.pick(BUILT_INS) });
  const made = { members, except };
  return isEmpty(made) ? { members, except: [] } : made;
}

const maybeName = (c: Chance): string | null => (c.oneIn(3) ? `rule${c.below(1000)}` : null);

function rules(c: Chance, nets: readonly ModelNet[], count: number): ModelRule[] {
  const made: ModelRule[] = [];
  for (let i = 0; i < count; i++) {
    const before = made[c.below(made.length + 1)];
    const action = c.below(5) < 3 ? "allow" : "deny";
    // Now and then an earlier rule again, as teams do.
    if (before !== undefined && c.oneIn(6)) made.push({ ...before, name: maybeName(c) });
    else made.push({ action, name: maybeName(c), from: set(c, nets) });
  }
  return made;
}

const KEYS4 = [32, 32, 24, 8, 1];
const KEYS6 = [64, 64, 128, 48, 1];

function sourceKey(c: Chance): { readonly v4: number; readonly v6: number; readonly written: boolean } {
  return c.oneIn(2) ? { v4: 32, v6: 64, written: false } : { v4: c.pick(KEYS4), v6: c.pick(KEYS6), written: true };
}

function limit(c: Chance): ModelLimit {
  const count = c.pick([1, 2, 3, 7, 60, 1000]);
  const burst = c.oneIn(2) ? null : 1 + c.below(6);
  return {
    count,
    burst,
    per: c.pick(["s", "m", "h", "d", "1s", "30s", "90m", "7d"]),
    key: c.oneIn(3) ? { kind: "listener" } : { kind: "source", ...sourceKey(c) },
  };
}

/** At most one limit of a kind that counts all sources, so that no two of a listener are the same; and some that count only a few. */
function limits(c: Chance, nets: readonly ModelNet[]): ModelLimit[] {
  const made = Array.from({ length: c.below(3) }, () => limit(c));
  const some = Array.from({ length: c.oneIn(2) ? 0 : c.below(4) }, (): ModelLimit => ({
    ...limit(c),
    key: { kind: "source", ...sourceKey(c) },
    from: set(c, nets),
  }));
  return [...made.filter((l, i) => made.findIndex((m) => m.key.kind === l.key.kind) === i), ...some];
}

function countedBy({ v4, v6 }: { readonly v4: number; readonly v6: number }, from: ModelSet): string {
  const ranges = rangesOf(from).map(({ first, last }) => `${first.toString(16)}-${last.toString(16)}`);
  return `${v4} ${v6} ${ranges.join()}`;
}

function cap(c: Chance, nets: readonly ModelNet[]): ModelCap | null {
  if (c.oneIn(3)) return null;
  const connections = c.pick([1, 2, 5, 40]);
  const perSource = c.oneIn(2) ? null : { connections: Math.min(connections, 1 + c.below(3)), ...sourceKey(c) };
  const some = Array.from({ length: c.oneIn(2) ? 0 : c.below(4) }, () => ({ connections: 1 + c.below(3), ...sourceKey(c), from: set(c, nets) }));
  // Two caps that count the same sources by the same key are an error, however they are written.
  const counted = new Set(perSource === null ? [] : [countedBy(perSource, ANY)]);
  const more = some.filter((one) => {
    const by = countedBy(one, one.from);
    return !counted.has(by) && counted.add(by).size > 0;
  });
  return { connections, perSource, ...(more.length > 0 && { more }) };
}

/** Ports of expose `i`, apart from every other's. */
function ports(c: Chance, i: number): Ports[] {
  const base = 1000 * (i + 1);
  const list: Ports[] = [{ first: base, last: base + (c.oneIn(3) ? c.below(5) : 0) }];
  if (c.oneIn(3)) list.push({ first: base + 10, last: base + 10 });
  return list;
}

const BINDS: readonly Prefix[] = [
  prefixOf(v4(0x0a000000), 8),
  prefixOf(v4(0xc0a80100), 24),
  prefixOf(0x20010db8n << 96n, 32),
  prefixOf(v4(0), 1),
  prefixOf(0n, 3),
];

export function randomPolicy(c: Chance, size: Size): ModelPolicy {
  const nets: ModelNet[] = [];
  for (let i = 0; i < size.nets; i++) nets.push({ name: `net${i}`, set: set(c, nets) });
  const exposes: ModelExpose[] = Array.from({ length: size.exposes }, (_, i) => ({
    name: `svc${i}`,
    ports: ports(c, i),
    bind: c.oneIn(4) ? { members: [{ kind: "prefix", prefix: c.pick(BINDS) }], except: [] } : null,
    cap: cap(c, nets),
    limits: limits(c, nets),
    rules: rules(c, nets, c.below(size.rules + 1)),
  }));
  const denies: ModelDeny[] = Array.from({ length: c.below(size.denies + 1) }, () => {
    const on = c.oneIn(2) || exposes.length === 0 ? null : c.pick(exposes).ports;
    return { action: "deny", name: maybeName(c), on, from: on !== null && c.oneIn(4) ? null : set(c, nets) };
  });
  return { nets, denies, exposes };
}
