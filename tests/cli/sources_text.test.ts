// Sets of addresses in words: the largest ranges come first, a whole family has a name, and all declared nets count.
import * as assert from "uvu/assert";
import type { NamedNet } from "../../compiler/wording/largest_parts.ts";
import { listText, sourcesText } from "../../compiler/wording/sources_text.ts";
import { prefixes } from "../../compiler/check/sets/builtin_nets.ts";
import { subtract } from "../../compiler/check/sets/intervals.ts";
import { suite } from "../suite.ts";
import { folder, ingresscHere, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("sources in words");
test.before((context) => {
  context.dir = folder();
});
test.after(({ dir }) => dir.remove());

/** Every second address from 10.0.0.1 on. */
const odd = (n: number): readonly string[] => Array.from({ length: n }, (_, i) => `10.0.${i >> 7}.${(2 * i + 1) & 255}/32`);
/** Every second /48. */
const sites = (n: number): readonly string[] => Array.from({ length: n }, (_, i) => `2001:db8:${(2 * i).toString(16)}::/48`);

function net(name: string, ...texts: readonly string[]): NamedNet {
  return { name, place: `p.ingress:${name.length}`, set: prefixes(texts) };
}

function inWords(texts: readonly string[], nets: readonly NamedNet[] = [], most = 8, except: readonly string[] = []): string {
  const { parts, more, size } = sourcesText(subtract(prefixes(texts), prefixes(except)), nets, most);
  return `${listText(parts, more)}${size === null ? "" : ` (${size})`}`.replaceAll("`", "");
}

const ROWS: readonly (readonly [what: string, text: string, says: string | RegExp])[] = [
  [
    "a quarter of IPv4 behind eight addresses",
    inWords([...odd(8), "128.0.0.0/2"]),
    /^128\.0\.0\.0\/2, 10\.0\.0\.1, .*, 10\.0\.0\.13 and 1 more \(25 % of IPv4\)$/,
  ],
  ["the same with room for nine", inWords([...odd(8), "128.0.0.0/2"], [], 9), /^128\.0\.0\.0\/2, 10\.0\.0\.1, .* and 10\.0\.0\.15 \(25 % of IPv4\)$/],
  ["the largest is in the middle", inWords(["10.0.0.1/32", "10.0.0.128/25", "10.0.2.0/24"], [], 2), "10.0.2.0/24, 10.0.0.128/25 and 1 more (385 addresses)"],
  ["ties by address", inWords(["10.0.4.0/24", "10.0.2.0/24", "10.0.0.0/24"], [], 2), "10.0.0.0/24, 10.0.2.0/24 and 1 more (768 addresses)"],
  [
    "a small net behind a large range without a name",
    inWords(["10.0.0.0/30", "128.0.0.0/2"], [net("lab", "10.0.0.0/30")], 1),
    "128.0.0.0/2 and 1 more (25 % of IPv4)",
  ],
  ["a large net before a small range", inWords(["10.0.0.1/32", "128.0.0.0/2"], [net("half", "128.0.0.0/2")], 1), "half and 1 more (25 % of IPv4)"],
  ["a net and a range of one size", inWords(["10.0.0.0/30", "10.0.0.8/30"], [net("lab", "10.0.0.8/30")]), "lab and 10.0.0.0/30 (8 addresses)"],
  [
    "a /64 counts as one address",
    inWords(["2001:db8::/64", "10.0.0.0/31", "2001:db8:1::/62"]),
    "2001:db8:1::/62, 10.0.0.0/31 and 2001:db8::/64 (2 addresses and 5 /64 prefixes)",
  ],
  ["IPv4 behind larger ranges of IPv6", inWords([...sites(8), "10.0.0.0/24"]), /^2001:db8::\/48, .*, 2001:db8:c::\/48, 10\.0\.0\.0\/24 and 1 more/],
  ["IPv6 behind larger ranges of IPv4", inWords([...odd(8), "2001:db8::/80"]), /^10\.0\.0\.1, .*, 10\.0\.0\.13, 2001:db8::\/80 and 1 more/],
  ["one range alone is the largest", inWords([...sites(2), "10.0.0.0/24"], [], 1), /^2001:db8::\/48 and 2 more/],
  ["very many ranges", inWords([...odd(20_000), "128.0.0.0/2"], [], 2), "128.0.0.0/2, 10.0.0.1 and 19999 more (25 % of IPv4)"],

  ["all of IPv4", inWords(["0.0.0.0/0"]), "all of IPv4"],
  ["all of IPv6", inWords(["::/0"]), "all of IPv6"],
  ["all", inWords(["::/0", "0.0.0.0/0"]), "the whole internet"],
  ["all of IPv4 and a range of IPv6", inWords(["0.0.0.0/0", "2001:db8::/32"]), "all of IPv4 and 2001:db8::/32 (all of IPv4 and 4.3 G /64 prefixes)"],
  ["all of IPv4 before a larger range of IPv6", inWords(["0.0.0.0/0", "2000::/8"], [], 1), /^all of IPv4 and 1 more/],
  ["all of IPv6 and a range of IPv4", inWords(["::/0", "192.0.2.0/24"]), "all of IPv6 and 192.0.2.0/24 (256 addresses and all of IPv6)"],
  ["all of IPv4 with a net in it", inWords(["0.0.0.0/0", "2001:db8::/32"], [net("vpn", "10.8.0.0/16")]), /^all of IPv4 and 2001:db8::\/32 \(/],
  ["all of IPv4 and a net of IPv6", inWords(["0.0.0.0/0", "2001:db8::/32"], [net("docs", "2001:db8::/32")]), /^all of IPv4 and docs \(/],
  ["all of IPv6 and half of IPv4", inWords(["::/0", "128.0.0.0/1"]), "the whole internet but 0.0.0.0/1 (50 % of IPv4 and all of IPv6)"],
  ["all of IPv4 but one address", inWords(["0.0.0.0/0"], [], 1, ["10.0.0.1/32"]), "all of IPv4 but 10.0.0.1 (99.9 % of IPv4)"],
  ["all of IPv4 but a net", inWords(["0.0.0.0/0"], [net("vpn", "10.8.0.0/16")], 8, ["10.8.0.0/16"]), "all of IPv4 but vpn (99.9 % of IPv4)"],
  ["all of IPv4 but four addresses", inWords(["0.0.0.0/0"], [], 8, odd(4)), /^all of IPv4 but 10\.0\.0\.1, .* and 10\.0\.0\.7 \(/],
  ["all of IPv4 but five", inWords(["0.0.0.0/0"], [], 8, odd(5)), /^128\.0\.0\.0\/1, 64\.0\.0\.0\/2, .* more \(99\.9 % of IPv4\)$/],
  ["all of IPv6 but a prefix", inWords(["::/0"], [], 8, ["2001:db8::/32"]), "all of IPv6 but 2001:db8::/32 (99.9 % of IPv6)"],
  ["half of IPv6, which has the mapped addresses in it", inWords(["::/1"]), "::/1 (50 % of IPv6)"],
  ["the other half of IPv6", inWords(["8000::/1"]), "8000::/1 (50 % of IPv6)"],
  ["IPv6 up to the mapped addresses", inWords(["::/0"], [], 2, ["::1:0:0:0/80", "8000::/1"]), "all of IPv6 but 8000::/1 and ::1:0:0:0/80 (50 % of IPv6)"],
  ["the same without too many to name", inWords(["::/0"], [], 2, ["::1:0:0:0/80", "8000::/1", ...sites(3)]), /^4000::\/2, 1000::\/4 and \d+ more/],
];

for (const [what, text, says] of ROWS) {
  test(what, () => {
    if (typeof says === "string") assert.is(text, says);
    else assert.match(text, says);
  });
}

test("a net counts by its name, however many come before it", () => {
  const others = Array.from({ length: 300 }, (_, i) => net(`n${i}`, `10.${i >> 8}.${i & 255}.1/32`));
  const lab = net("lab", "172.16.0.0/24", "172.16.9.0/24");
  for (const before of [255, 256, 300]) assert.is(inWords(["172.16.0.0/24", "172.16.9.0/24"], [...others.slice(0, before), lab]), "lab (512 addresses)");
  // Beside another one, and as an exception.
  assert.is(inWords(["10.0.0.1/32", "172.16.0.0/24", "172.16.9.0/24"], [...others, lab]), "lab and n0 (513 addresses)");
  assert.is(
    inWords(["0.0.0.0/0", "::/0"], [...others, lab], 8, ["172.16.0.0/24", "172.16.9.0/24"]),
    "the whole internet but lab (99.9 % of IPv4 and all of IPv6)",
  );
  // The nets of the language too.
  assert.match(inWords(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "203.0.113.0/24"], others), /^private and 203\.0\.113\.0\/24 /);
});

test("the smallest net around a set, however many come before it", () => {
  const others = Array.from({ length: 300 }, (_, i) => net(`n${i}`, `10.${i >> 8}.${i & 255}.1/32`));
  const nets = [...others, net("large", "172.16.0.0/12"), net("lab", "172.16.0.0/24")];
  assert.is(sourcesText(prefixes(["172.16.0.0/25"]), nets, 8).within?.name, "lab");
  assert.is(sourcesText(prefixes(["172.16.0.0/23"]), nets, 8).within?.name, "large");
  assert.is(sourcesText(prefixes(["172.16.0.0/11"]), nets, 8).within, null);
});

test("each combination has a range, and the largest one the most", async ({ dir }) => {
  const allow = (nets: readonly string[], name: string): string =>
    `allow from ${nets.map((text) => text.replace(/\/32$/, "")).join(", ")} sni "${name}.example"`;
  const text = (rules: string): string => `edition 1\nexpose web on tcp 443 as passthrough { backend 127.0.0.1:1 ${rules} }\n`;
  dir.write("a.ingress", text(""));
  // More addresses in all, but none of the ranges is as large as the one of `b`.
  const small = Array.from({ length: 12 }, (_, i) => `10.${2 * i}.0.0/16`);
  dir.write("b.ingress", text(`${allow(small, "a")} ${allow(["172.16.0.0/15"], "b")}`));
  const { out } = await ingresscHere(["diff", "a.ingress", "b.ingress"], dir.path);
  assert.match(
    out,
    /reached from 10\.0\.0\.0\/16, .*, 10\.12\.0\.0\/16 and 5 more \(786\.4 k addresses\), with a name in a\.example; from 172\.16\.0\.0\/15 \(131\.1 k addresses\), with a name in b\.example\n/,
  );
});

test.run();
