// Policies large enough for tries, against the oracle: every edge and its neighbours, with nested prefixes of all
// lengths, at the ends of both families and next to the mapped IPv4 range.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { difference, run } from "../oracle/ask.ts";
import { accept } from "../oracle/evaluate.ts";
import type { ModelExpose, ModelNet, ModelPolicy, ModelRule } from "../oracle/model.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { sortedMembership } from "../oracle/sorted.ts";
import { addressText, edges, isV4, prefixOf, readPrefix, v4, words, type Prefix } from "../oracle/space.ts";

const tries = suite("tries");

/** Many in few /16s and /24s, so that all levels of a trie exist, and some anywhere. */
function prefix4(c: Chance): Prefix {
  const high = c.oneIn(4) ? c.word() >>> 16 : c.pick([0, 1, 0x0a00, 0x7fff, 0x8000, 0xc0a8, 0xffff]);
  const low = c.oneIn(3) ? c.word() & 0xffff : (c.below(16) << 8) | c.below(256);
  return prefixOf(v4(((high << 16) | low) >>> 0), c.pick([12, 15, 16, 17, 20, 23, 24, 25, 28, 31, 32, 32, 32]));
}

function prefix6(c: Chance): Prefix {
  const top = BigInt(c.oneIn(4) ? c.word() : c.pick([0, 1, 0x20010db8, 0x20010db9, 0x2a000000, 0xfe800000, 0xffffffff]));
  const next = BigInt(c.oneIn(2) ? c.below(64) : c.word());
  const rest = c.oneIn(2) ? BigInt(c.below(4)) : (BigInt(c.word()) << 32n) | BigInt(c.word());
  const a = (top << 96n) | (next << 64n) | rest;
  // An address of IPv4's space is not an IPv6 prefix.
  return isV4(a) ? prefixOf(1n, 128) : prefixOf(a, c.pick([24, 31, 32, 33, 48, 63, 64, 65, 96, 100, 127, 128, 128]));
}

function net(name: string, prefixes: readonly Prefix[]): ModelNet {
  return { name, set: { members: [{ kind: "file", path: `${name}.txt`, prefixes }], except: [] } };
}

function policyOf(c: Chance, count4: number, count6: number): { readonly policy: ModelPolicy; readonly prefixes: readonly Prefix[] } {
  const make = (): Prefix[] => [...Array.from({ length: count4 }, () => prefix4(c)), ...Array.from({ length: count6 }, () => prefix6(c))];
  const lists = [make(), make(), make().slice(0, 50)];
  const nets = lists.map((list, i) => net(`list${i}`, list));
  const rule = (action: "allow" | "deny", i: number): ModelRule => ({
    action,
    name: null,
    from: { members: nets.slice(i, i + 1).map((n) => ({ kind: "net", net: n })), except: [] },
  });
  const rest: ModelRule = {
    action: "allow",
    name: null,
    from: { members: [{ kind: "builtin", name: "any" }], except: nets.slice(0, 1).map((n) => ({ kind: "net", net: n })) },
  };
  const rows: readonly (readonly ModelRule[])[] = [[rule("allow", 0)], [rule("allow", 0), rule("deny", 1)], [rule("allow", 1), rest, rule("deny", 2)]];
  const exposes = rows.map((rules, i): ModelExpose => ({
    name: `svc${i}`,
    ports: [{ first: 1000 + i, last: 1000 + i }],
    bind: null,
    cap: null,
    limits: [],
    rules,
  }));
  return { policy: { nets, denies: [], exposes }, prefixes: lists.flat() };
}

const ENDS = ["0.0.0.0", "255.255.255.255", "::", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"].map((text) => readPrefix(text).base);

for (const [count4, count6] of [
  [6_000, 0],
  [0, 6_000],
  [6_000, 6_000],
  [6_000, 20],
  [20, 6_000],
] as const) {
  tries(`${count4} IPv4 and ${count6} IPv6 prefixes a list agree with the oracle`, () => {
    const c = chance(count4 * 7 + count6);
    const { policy, prefixes } = policyOf(c, count4, count6);
    const running = run(policy);
    const has = sortedMembership();
    const some = c.shuffle(prefixes).slice(0, 2_500).flatMap(edges);
    const addresses = new Set([...some, ...ENDS, 0xffffn << 32n, (0xffffn << 32n) - 1n, 1n << 48n, ...Array.from({ length: 500 }, () => v4(c.word()))]);
    let allowed = 0;
    for (const source of addresses) {
      for (const expose of policy.exposes) {
        const expected = accept(policy, expose, source, has);
        if (expected.allowed) allowed++;
        const wrong = difference(running, expected, running.engine.accept(running.ids.get(expose.name) ?? -1, words(source)));
        if (wrong !== null) throw new Error(`${expose.name} from ${addressText(source)}: ${wrong}`);
      }
    }
    assert.ok(allowed > 1_000 && allowed < addresses.size * policy.exposes.length - 1_000);
  });
}

tries.run();
