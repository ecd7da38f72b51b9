// Sets of host names: the tries against a matcher that only knows patterns, their canonical form,
// and what a long list costs.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readHostName, readHostPattern } from "../../compiler/check/names/host_names.ts";
import { hasHost, HostSetBuilder, hostPattern, hostSet, isEmptyHosts, NO_HOSTS, subtractHosts, unionHosts } from "../../compiler/check/sets/host_trie.ts";
import type { HostNode } from "../../compiler/policy/policy.ts";
import { front, filesOf } from "./front.ts";

const hosts = suite("hosts");

function trie(text: string): HostNode {
  const pattern = readHostPattern(text);
  if (!pattern.ok) throw new Error(pattern.error.message);
  return hostPattern(pattern.value.labels, pattern.value.wild);
}

const of = (...texts: readonly string[]): HostNode => unionHosts(texts.map(trie));
const words = (node: HostNode): readonly string[] => hostSet(node).words;

const MATCHES: readonly (readonly [pattern: string, name: string, matches: boolean])[] = [
  ["example.com", "example.com", true],
  ["example.com", "www.example.com", false],
  ["example.com", "com", false],
  ["example.com", "xexample.com", false],
  ["*.example.com", "www.example.com", true],
  ["*.example.com", "example.com", false],
  ["*.example.com", "a.b.example.com", false],
  ["**.example.com", "www.example.com", true],
  ["**.example.com", "a.b.c.example.com", true],
  ["**.example.com", "example.com", false],
  ["**.example.com", "xexample.com", false],
  ["*", "localhost", true],
  ["*", "a.b", false],
  ["**", "a", true],
  ["**", "a.b.c", true],
  ["WWW.Example.COM.", "www.example.com", true],
  ["*.Example.COM", "www.example.com", true],
];

for (const [pattern, name, inside] of MATCHES) {
  hosts(`${pattern} ${inside ? "contains" : "does not contain"} ${name}`, () => assert.is(hasHost(trie(pattern), name), inside));
}

const WORDS: readonly (readonly [node: HostNode, words: readonly string[]])[] = [
  [of("b.example", "a.example", "a.example"), ["a.example", "b.example"]],
  [of("**.example.com", "*.example.com", "www.example.com"), ["**.example.com"]],
  [of("**", "a.b.c"), ["**"]],
  [of("**.example.com", "example.com"), ["**.example.com", "example.com"]],
  [subtractHosts(of("**.example.com"), of("*.example.com")), ["!*.example.com", "**.example.com"]],
  [subtractHosts(of("*.example.com"), of("www.example.com")), ["!www.example.com", "*.example.com"]],
  [subtractHosts(of("**"), of("**.example.com")), ["!**.example.com", "**"]],
  [subtractHosts(of("**.example.com"), of("**.a.example.com", "a.example.com")), ["!**.a.example.com", "!a.example.com", "**.example.com"]],
  [unionHosts([subtractHosts(of("**"), of("**.example.com")), of("**.example.com")]), ["**"]],
  [subtractHosts(of("*.example.com", "a.example.com"), of("**.example.com")), []],
  [NO_HOSTS, []],
];

for (const [node, expected] of WORDS) {
  hosts(`words: ${expected.join(" ") || "none"}`, () => {
    assert.equal(words(node), expected);
    assert.is(isEmptyHosts(node), expected.length === 0);
  });
}

/** A small seeded generator (mulberry32). */
function random(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

const LABELS = ["a", "b", "c"];
const NAMES = ["", "x"].flatMap((front) => {
  const one = [...LABELS, "y"];
  const two = one.flatMap((l) => one.map((m) => `${l}.${m}`));
  const three = one.flatMap((l) => two.map((m) => `${l}.${m}`));
  return [...one, ...two, ...three].map((n) => (front === "" ? n : `${front}.${n}`));
});

/** One pattern against one name, by its text. */
function matches(pattern: string, name: string): boolean {
  if (!pattern.startsWith("*")) return pattern === name;
  const rest = pattern.replace(/^\*+\.?/, "");
  const front =
    rest === "" ? name
    : name.endsWith(`.${rest}`) ? name.slice(0, -rest.length - 1)
    : null;
  return front !== null && (pattern.startsWith("**") || !front.includes("."));
}

/** The set that canonical words describe: the narrowest that matches decides. */
function inWords(list: readonly string[], name: string): boolean {
  const found = list.map((w) => ({ pattern: w.replace(/^!/, ""), included: !w.startsWith("!") })).filter((w) => matches(w.pattern, name));
  const width = (p: string): number =>
    (p.startsWith("**") ? 2
    : p.startsWith("*") ? 1
    : 0) -
    10 *
      p
        .replace(/^\*+\.?/, "")
        .split(".")
        .filter((l) => l !== "").length;
  const [first] = found.sort((x, y) => (x.pattern.startsWith("*") ? 1 : 0) - (y.pattern.startsWith("*") ? 1 : 0) || width(x.pattern) - width(y.pattern));
  return first?.included ?? false;
}

hosts("union, except and words agree with the patterns, on every name, whatever the order", () => {
  const next = random(7);
  const pattern = (): string => {
    const labels = Array.from({ length: next(4) }, () => LABELS[next(3)] ?? "a");
    const wild = ["", "*", "**"][next(3)] ?? "";
    return (
      labels.length === 0 ?
        wild === "" ?
          "a"
        : wild
      : wild === "" ? labels.join(".")
      : `${wild}.${labels.join(".")}`
    );
  };
  for (let round = 0; round < 600; round++) {
    const plus = Array.from({ length: 1 + next(6) }, pattern);
    const minus = Array.from({ length: next(5) }, pattern);
    const back = Array.from({ length: next(3) }, pattern);
    const set = unionHosts([subtractHosts(of(...plus), of(...minus)), of(...back)]);
    const list = words(set);
    for (const name of NAMES) {
      const inside = (plus.some((p) => matches(p, name)) && !minus.some((p) => matches(p, name))) || back.some((p) => matches(p, name));
      const what = `${name} in ${plus.join()} except ${minus.join()} and ${back.join()}`;
      assert.is(hasHost(set, name), inside, what);
      assert.is(inWords(list, name), inside, `${what}: ${list.join(" ")}`);
    }
    const again = unionHosts([of(...[...back].reverse()), subtractHosts(of(...[...plus].reverse()), of(...[...minus].reverse()))]);
    assert.equal(words(again), list);
    // As a list file is read: all patterns into one trie.
    const builder = new HostSetBuilder();
    for (const text of plus) {
      const read = readHostPattern(text);
      if (!read.ok) throw new Error(read.error.message);
      builder.add(read.value.labels, read.value.wild);
    }
    assert.equal(builder.done(), of(...plus), plus.join());
    // Canonical: names that are taken away and put back give the same trie.
    assert.equal(words(unionHosts([subtractHosts(set, of(...plus)), set])), list);
  }
});

const NAMES_READ: readonly (readonly [text: string, name: string | null, replace: string | null])[] = [
  ["www.example.com", "www.example.com", null],
  ["WWW.EXAMPLE.COM.", "www.example.com", null],
  ["a_b.example", "a_b.example", null],
  ["xn--bcher-kva.example", "xn--bcher-kva.example", null],
  ["bücher.example", null, "xn--bcher-kva.example"],
  ["例え.テスト", null, "xn--r8jz45g.xn--zckzah"],
  ["BÜCHER.example", null, "xn--bcher-kva.example"],
  ["https://www.example.com/x?y", null, null],
  ["https://www.example.com/", null, "www.example.com"],
  ["www.example.com:8443", null, null],
  ["", null, null],
  [".", null, null],
  ["..", null, null],
  [".example.com", null, null],
  ["a..b", null, null],
  ["a.b..", null, null],
  ["-a.b", null, null],
  ["a-.b", null, null],
  ["192.0.2.1", null, null],
  ["1.2.3", null, null],
  ["2001:db8::1", null, null],
  ["[::1]", null, null],
  ["a b", null, null],
  ["a/b", null, null],
  ["a\u0000b", null, null],
  [`${"a".repeat(63)}.b`, `${"a".repeat(63)}.b`, null],
  [`${"a".repeat(64)}.b`, null, null],
  [`${"a.".repeat(126)}b`, `${"a.".repeat(126)}b`, null],
  [`${"a.".repeat(127)}b`, null, null],
  ["a".repeat(100_000), null, null],
  ["%65xample.com", null, null],
  ["ex\u00adample.com", null, "example.com"],
  ["\ud800.com", null, null],
  ["constructor", "constructor", null],
  ["__proto__", "__proto__", null],
];

for (const [text, name, replace] of NAMES_READ) {
  hosts(`the name ${JSON.stringify(text.slice(0, 40))}`, () => {
    const read = readHostName(text);
    if (name !== null) assert.equal(read, { ok: true, value: name });
    else if (read.ok) assert.unreachable(read.value);
    else assert.is(read.error.replace, replace);
  });
}

hosts("100,000 names, also with an except, end soon", () => {
  const names = Array.from({ length: 100_000 }, (_, i) => `h${i % 977}.z${i}.example${i % 7}.com`);
  const files = filesOf({ "names.txt": names.join("\n"), "some.txt": names.filter((_, i) => i % 3 === 0).join("\n") });
  const text = `edition 1
hosts all = file "names.txt" max 100000
hosts most = all except file "some.txt" max 100000
expose web on tcp 443 as passthrough { allow from any sni most deny sni "z1.example1.com" }
`;
  const before = process.cpuUsage();
  const { policy, diagnostics } = front(text, files);
  const { user } = process.cpuUsage(before);
  assert.equal(diagnostics, []);
  assert.is(policy?.exposes[0]?.allows[0]?.sni?.words.length, 66_666);
  // A comparison of all names with all takes minutes.
  assert.ok(user < 20_000_000, `${user} µs`);
});

hosts.run();
