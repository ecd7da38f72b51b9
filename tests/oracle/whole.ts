// Random policies with all that is enforced: a plain one, and on it names, ends, dryrun, passthrough,
// denies for some of a listener's ports or for several listeners, and exposes that share a port at
// different addresses.
import { randomPolicy, randomPrefix, type Size } from "./generate.ts";
import { ANY, isEmpty, type ModelDeny, type ModelExpose, type ModelPolicy, type ModelRule, type ModelSet, type Ports } from "./model.ts";
import { isEmptyHosts, patternsOf, tailOf, type HostTerm, type ModelHosts, type NamedHosts } from "./names.ts";
import { portsMeet } from "./order.ts";
import { writtenIn } from "./groups.ts";
import type { Chance } from "./random.ts";
import { prefixOf, v4, type Prefix } from "./space.ts";

/** Few labels, so that names lie below each other; one as long as a label may be. */
const LABELS = ["a", "b", "c", "x-1", "_dmarc", "l".repeat(63)];
/** As long as a name in a policy may be. */
const LONGEST = `${"l".repeat(63)}.${"l".repeat(63)}.${"m".repeat(63)}.${"n".repeat(61)}`;

/** Ends, UTC seconds; some don't fit in 31 or 32 bits. */
export const ENDS = [1, 100, 1_000_000_000, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 253_402_300_799];
/** The times of a rule; those that meet at a moment are there, too. */
const TIMES: readonly Pick<ModelRule, "after" | "until">[] = [
  { until: 1 },
  { after: 100, until: 2 ** 31 },
  { until: 1_000_000_000 },
  { after: 2 ** 31 - 1 },
  { after: 1_000_000_000, until: 2 ** 31 + 1 },
  { until: 2 ** 31 },
  { after: 2 ** 31, until: 2 ** 32 + 1 },
  { after: 1, until: 253_402_300_799 },
];

function pattern(c: Chance): string {
  if (c.oneIn(25)) return c.pick(["*", "**", LONGEST]);
  const tail = Array.from({ length: 1 + c.below(3) }, () => c.pick(LABELS)).join(".");
  return `${c.pick(["", "", "*.", "**."])}${tail}`;
}

/** Never empty: that is an error of its own. */
function hosts(c: Chance, named: readonly NamedHosts[]): ModelHosts {
  const term = (): HostTerm => (named.length > 0 && c.oneIn(4) ? { kind: "hosts", hosts: c.pick(named) } : { kind: "pattern", text: pattern(c) });
  const made = {
    members: Array.from({ length: 1 + c.below(3) }, term),
    except: c.oneIn(3) ? Array.from({ length: 1 + c.below(2) }, term) : [],
  };
  return isEmptyHosts(made) ? { ...made, except: [] } : made;
}

function clauses<R extends ModelRule>(c: Chance, named: readonly NamedHosts[], rule: R, name: boolean): R {
  const sni = name && c.below(3) > 0 ? hosts(c, named) : null;
  return { ...rule, sni, ...(rule.action === "allow" ? times(c, 3) : {}), dryrun: c.oneIn(6) };
}

function times(c: Chance, oneIn: number): Pick<ModelRule, "after" | "until"> {
  return c.oneIn(oneIn) ? c.pick(TIMES) : {};
}

/** Rules for everyone, without which most sources would meet no rule at all. */
function wide(c: Chance, named: readonly NamedHosts[], reads: boolean): ModelRule[] {
  const rule = (action: "allow" | "deny"): ModelRule => ({ action, name: null, from: ANY, sni: reads ? hosts(c, named) : null, dryrun: c.oneIn(4) });
  return [...(c.oneIn(4) ? [] : [{ ...rule("allow"), ...times(c, 4) }]), ...(reads && c.oneIn(2) ? [rule("deny")] : [])];
}

function denyOf(c: Chance, named: readonly NamedHosts[], exposes: readonly ModelExpose[], deny: ModelDeny): ModelDeny {
  const on = deny.on === null ? null : portsOf(c, exposes);
  const reads = on === null || exposes.every((e) => e.mode !== undefined || !portsMeet(on, e.ports));
  const made = clauses(c, named, { ...deny, on }, reads);
  // With `on` or `sni`, `from` may be left out.
  return made.from !== null && (on !== null || made.sni !== null) && c.oneIn(4) ? { ...made, from: null } : { ...made, from: made.from ?? null };
}

/** One port of a listener that may have several, or all of one and one of another. */
function portsOf(c: Chance, exposes: readonly ModelExpose[]): readonly Ports[] {
  const some = Array.from({ length: 1 + c.below(2) }, () => c.pick(c.pick(exposes).ports));
  return some.map(({ first, last }) => (c.oneIn(2) ? { first: last, last } : { first, last }));
}

const PLACES: readonly (readonly Prefix[])[] = [
  [prefixOf(v4(0x0a000000), 8), prefixOf(0x20010db8n << 96n, 32)],
  [prefixOf(v4(0xc0a80000), 16), prefixOf(0x20010db9n << 96n, 32)],
  [prefixOf(v4(0xac100000), 12), prefixOf(v4(0x7f000000), 8)],
];

/** A place of its own for each expose, less a part of it. */
function place(c: Chance, i: number): ModelSet {
  const members = (PLACES[i] ?? []).map((prefix) => ({ kind: "prefix" as const, prefix }));
  const made: ModelSet = { members, except: c.oneIn(2) ? [{ kind: "prefix", prefix: randomPrefix(c) }] : [] };
  return isEmpty(made) ? { ...made, except: [] } : made;
}

/**
 * Exposes that read names share a port: most have `for`, one may have none. Ports that they had alone stay with some of
 * them. A pattern that two of them have is taken from the second.
 */
export function sharedPolicy(c: Chance, size: Size): ModelPolicy {
  const plain = wholePolicy(c, size);
  const named = plain.hosts ?? [];
  const bind = c.oneIn(3) ? place(c, 0) : null;
  const apart = c.oneIn(4) ? place(c, 1) : null;
  const taken = new Set<string>();
  const exposes = plain.exposes.map((e, i): ModelExpose => {
    const alone = c.oneIn(2) ? [{ first: 20_000 + 10 * i, last: 20_000 + 10 * i + c.below(3) }] : [];
    // At another address of the port there may be an expose that shares it with none.
    const isApart = bind !== null && apart !== null && i === plain.exposes.length - 1;
    const free = (): ModelHosts => {
      const made = hosts(c, named);
      const own = new Set(writtenIn(made).map(({ text }) => text));
      if ([...own].some((text) => taken.has(text))) return { members: [{ kind: "pattern", text: `own${i}.example` }], except: [] };
      for (const text of own) taken.add(text);
      return made;
    };
    const nameless = i === 0 && c.oneIn(2);
    return {
      ...e,
      mode: "passthrough",
      ports: [{ first: 443, last: 443 + (c.oneIn(3) ? 1 : 0) }, ...alone],
      bind: isApart ? apart : bind,
      names: nameless || isApart ? null : free(),
    };
  });
  const ports = exposes.flatMap((e) => e.ports);
  return { ...plain, exposes, denies: plain.denies.map((d) => ({ ...d, on: d.on === null ? null : [c.pick(ports)] })) };
}

export function wholePolicy(c: Chance, size: Size): ModelPolicy {
  const plain = randomPolicy(c, size);
  const named: NamedHosts[] = [];
  for (let i = c.below(3); i > 0; i--) named.push({ name: `hosts${i}`, set: hosts(c, named) });
  const shared = plain.exposes.length <= PLACES.length && c.oneIn(3);
  const exposes = plain.exposes.map((e, i): ModelExpose => {
    const reads = c.below(3) > 0;
    const [first] = plain.exposes;
    const where = shared && first !== undefined ? { ports: first.ports, bind: place(c, i) } : {};
    return {
      ...e,
      ...where,
      ...(reads ? { mode: "passthrough" as const } : {}),
      rules: [...e.rules.map((r) => clauses(c, named, r, reads)), ...wide(c, named, reads)],
    };
  });
  return { nets: plain.nets, hosts: named, exposes, denies: plain.denies.map((d) => denyOf(c, named, exposes, d)) };
}

/** Names at the edges of all patterns, and some that are none. */
export function namesFor(c: Chance, policy: ModelPolicy): readonly (string | null)[] {
  const rules = [...policy.denies, ...policy.exposes.flatMap((e) => e.rules)];
  const sets = [...policy.exposes.map((e) => e.names), ...rules.map((r) => r.sni)];
  const patterns = sets.flatMap((set) => (set === undefined || set === null ? [] : patternsOf(set)));
  const near = patterns.flatMap((text) => {
    const tail = tailOf(text);
    if (tail === "") return ["a", "a.b"];
    const parent = tail.split(".").slice(1).join(".");
    return [tail, parent, `a.${tail}`, `q.${tail}`, `q.r.${tail}`, `q${tail}`, `q.${parent}`, `${tail}.a`, `${tail}q`].filter(
      (name) => name !== "" && !name.endsWith("."),
    );
  });
  const long = (bytes: number): string =>
    "a."
      .repeat(bytes)
      .slice(0, bytes - 1)
      .replace(/\.$/, "b") + "c";
  const odd = ["A", "a.", ".a", "a..b", "*.a", "a b", "a\0", "ä", "", "a".repeat(64), `a.${"b".repeat(64)}`, long(255), long(256), LONGEST, `q.${LONGEST}`];
  return [null, ...c.shuffle([...new Set(near)]).slice(0, 12), ...c.shuffle(odd).slice(0, 4)];
}
