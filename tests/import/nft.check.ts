// `ingressc import --from nft` beside the kernel: random rulesets and written ones, each edge of each set and port, and random requests. The
// policy admits nothing that the kernel refuses; where nothing was left out, it admits the same.
import * as assert from "uvu/assert";
import { chance, type Chance } from "../oracle/random.ts";
import { addressText, edges, readPrefix } from "../oracle/space.ts";
import { skip } from "../skip.ts";
import { stallsAfter, suite } from "../suite.ts";
import { decider, imported, type Request } from "./imported.ts";
import { judge, kernelLacks, LOCALS } from "./nft_kernel.ts";
import { NFT_RULESETS } from "./nft_rulesets.ts";

const test = suite("nft_import");
const NETS4 = ["198.51.100.0/24", "198.51.100.128/25", "203.0.113.7", "192.0.2.64/26", "10.8.0.0/16", "10.8.3.0/24"];
const NETS6 = ["2001:db8:1::/48", "2001:db8:1:2::/64", "2001:db8:7::9"];
const PORTS = ["22", "80", "443", "8000-8010", "53", "9100-9102"];
/** Sources that the kernel refuses by itself, before any rule. */
const MARTIAN = /^(?:0\.|127\.|22[4-9]\.|23\d\.|24\d\.|25\d\.|::1?$|ff|10\.0\.0\.[12]$|2001:db8::[12]$)/;

const setOf = (c: Chance, from: readonly string[]): string => {
  const members = [...new Set(Array.from({ length: 1 + c.below(3) }, () => c.pick(from)))];
  return members.length === 1 ? (members[0] ?? "") : `{ ${members.join(", ")} }`;
};

/** One condition; some are about what no policy knows. */
function condition(c: Chance): string {
  const not = c.oneIn(5) ? "!= " : "";
  return c.pick<() => string>([
    () => `ip saddr ${not}${setOf(c, NETS4)}`,
    () => `ip saddr ${not}${setOf(c, NETS4)}`,
    () => `ip6 saddr ${not}${setOf(c, NETS6)}`,
    () => `ip saddr @named`,
    () => `tcp dport ${not}${setOf(c, PORTS)}`,
    () => `tcp dport ${setOf(c, PORTS)}`,
    () => `udp dport ${setOf(c, PORTS)}`,
    () => `meta l4proto { tcp, udp } th dport ${setOf(c, PORTS)}`,
    () => `tcp dport ${c.pick(["<", ">=", "<=", ">"])} ${c.pick(["443", "1024"])}`,
    () => `ip daddr ${not}${c.pick(["10.0.0.1", "10.0.0.0/31", "{ 10.0.0.2, 224.0.0.251 }"])}`,
    () => `ip6 daddr ${c.pick(["2001:db8::1", "2001:db8::/127"])}`,
    () => `ip saddr . tcp dport ${not}{ 198.51.100.9 . 22, 203.0.113.0/24 . 80-90 }`,
    () => `udp sport ${not}53`,
    () => `icmp type ${not}redirect`,
    () => `sctp dport ${not}5`,
    () => `meta l4proto ${not}tcp`,
    () => `ct state ${c.pick(["new", "established,related", "invalid", "{ new, invalid }"])}`,
    () => `meta nfproto ${c.pick(["ipv4", "ipv6"])}`,
    () => `tcp flags & (fin | syn | rst | ack) ${c.pick(["==", "!="])} syn`,
    () => c.pick(['iifname "near"', 'iifname != "near"', "limit rate 5/second", "meta mark 7", "tcp sport 1024-2048", "meta skuid 0", "ip ttl 64"]),
  ])();
}

function rule(c: Chance, chains: readonly string[]): string {
  const drawn = Array.from({ length: c.below(3) + (c.oneIn(12) ? 0 : 1) }, () => condition(c));
  // nft refuses a rule about two families or two protocols.
  const kinds = (text: string): readonly string[] => [
    /^(?:ip6 |.*nfproto ipv6)/.test(text) ? "6"
    : /^(?:ip |icmp |.*nfproto ipv4)/.test(text) ? "4"
    : "",
    /l4proto/.test(text) ? "both"
    : /tcp/.test(text) ? "tcp"
    : /udp/.test(text) ? "udp"
    : (/^(?:icmp|sctp)/.exec(text)?.[0] ?? ""),
  ];
  const conditions = drawn.filter((text, i) =>
    drawn.slice(0, i).every((before) => kinds(before).every((kind, k) => kind === "" || kinds(text)[k] === "" || kind === kinds(text)[k])),
  );
  const verdict = c.pick([
    "accept",
    "accept",
    "accept",
    "drop",
    "drop",
    "reject",
    "counter",
    "return",
    ...chains.flatMap((name) => [`jump ${name}`, `goto ${name}`]),
  ]);
  if (conditions.length === 0 && c.oneIn(2))
    return `tcp dport vmap { 22 : accept, 80 : drop, 8000-8010 : ${chains.length > 0 ? `jump ${chains[0] ?? ""}` : "accept"} }`;
  return `${conditions.join(" ")} ${verdict}`;
}

function randomRuleset(c: Chance): string {
  const rules = (many: number, chains: readonly string[]): string => Array.from({ length: many }, () => `    ${rule(c, chains)}\n`).join("");
  return [
    "table inet t {",
    `  set named { type ipv4_addr; flags interval; elements = { 198.51.100.64/26, 192.0.2.1-192.0.2.9 }; }`,
    `  chain deep {\n${rules(2, [])}  }`,
    `  chain side {\n${rules(3, ["deep"])}  }`,
    `  chain input { type filter hook input priority 0; policy ${c.pick(["drop", "drop", "accept"])};\n${rules(3 + c.below(7), ["side"])}  }`,
    ...(c.oneIn(3) ? [`  chain early { type filter hook prerouting priority -300; policy accept;\n${rules(2, [])}  }`] : []),
    "}\n",
  ].join("\n");
}

/** Each edge of each prefix and port of the ruleset with each other kind of value at random, and as many random requests. */
function requestsFor(rules: string, random: number, c: Chance): readonly Request[] {
  const prefixes = [...rules.matchAll(/\b(?:\d+\.){3}\d+(?:\/\d+)?|\b2001:db8[0-9a-f:]*(?:\/\d+)?/g)].map(([text]) => text);
  const sources = [...new Set(prefixes.flatMap((text) => edges(readPrefix(text)).map(addressText)))].filter((a) => !MARTIAN.test(a));
  const ports = [...new Set([...rules.matchAll(/\b\d{2,5}\b/g)].map(([text]) => Number(text)))]
    .flatMap((port) => [port - 1, port, port + 1])
    .filter((p) => p >= 1 && p <= 65_535);
  const somewhere = (six: boolean): string =>
    six ?
      `2001:db8:${c.below(9).toString(16)}:${c.below(4)}::${(1 + c.below(65_000)).toString(16)}`
    : `${c.pick([11, 45, 100, 198, 203])}.${c.below(256)}.${c.below(256)}.${1 + c.below(250)}`;
  const request = (source: string, port: number): Request => {
    const six = source.includes(":");
    return { protocol: c.oneIn(3) ? "udp" : "tcp", source, port, local: c.pick(LOCALS.filter((a) => a.includes(":") === six)) };
  };
  const port = (): number => (c.oneIn(4) || ports.length === 0 ? 1 + c.below(65_535) : c.pick(ports));
  const source = (): string => (c.oneIn(2) || sources.length === 0 ? somewhere(c.oneIn(3)) : c.pick(sources));
  const every = sources.flatMap((from) => [request(from, port()), request(from, port())]);
  const everyPort = ports.flatMap((to) => [request(source(), to), request(source(), to)]);
  return [...every, ...everyPort, ...Array.from({ length: random }, () => request(source(), port()))];
}

async function compare(rules: string, requests: readonly Request[]): Promise<{ readonly left: number; readonly same: number; readonly admitted: number }> {
  const { json, admitted } = judge(rules, requests);
  const { text, left } = await imported("nft", json, "rules.json");
  const admits = decider(text);
  let same = 0;
  for (const [i, request] of requests.entries()) {
    const [real, own] = [admitted[i] === true, admits(request)];
    assert.ok(real || !own, `admits ${JSON.stringify(request)}, which the kernel refuses\n${rules}\n${text}`);
    if (real === own) same++;
    else if (left.length === 0) assert.unreachable(`refuses ${JSON.stringify(request)}, which the kernel accepts\n${rules}\n${text}`);
  }
  return { left: left.length, same, admitted: admitted.filter(Boolean).length };
}

const missing = kernelLacks();
if (missing !== null) skip("nft_import", missing);
else {
  for (const [name, rules] of Object.entries(NFT_RULESETS))
    test(`${name}: the policy admits what the kernel does, and never more`, async () => {
      stallsAfter(120_000);
      const { admitted, same } = await compare(rules, requestsFor(rules, 500, chance(7)));
      assert.ok(admitted > 0 && same > 0);
    });

  test("random rulesets: never more than the kernel, and the same where nothing was left out", async () => {
    stallsAfter(120_000);
    const [sum, c] = [{ requests: 0, admitted: 0, same: 0, whole: 0 }, chance(20)];
    for (let i = 0; i < 40; i++) {
      const rules = randomRuleset(c);
      const requests = requestsFor(rules, 250, c);
      const { left, same, admitted } = await compare(rules, requests);
      sum.requests += requests.length;
      sum.admitted += admitted;
      sum.same += same;
      if (left === 0) sum.whole++;
    }
    console.log(`  ${sum.requests} requests to 40 rulesets (${sum.whole} imported whole): ${sum.admitted} accepted, ${sum.same} decided the same`);
    assert.ok(sum.requests >= 10_000 && sum.admitted > 1_000 && sum.whole > 3);
  });
}
test.run();
