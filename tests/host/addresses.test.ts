// The one reader of addresses, against Node's own (inet_pton behind `net`), and everything that reads an
// address from outside: what is no address to one is none to any.
import fc from "fast-check";
import { BlockList, isIPv4, isIPv6, SocketAddress } from "node:net";
import * as assert from "uvu/assert";
import { readEndpoint } from "../../compiler/check/names/endpoint.ts";
import { readId } from "../../compiler/check/sets/id_patterns.ts";
import { readAddress, readPrefix } from "../../compiler/check/names/literals.ts";
import { parseRequest } from "../../compiler/cli/request.ts";
import { canonicalBackend } from "../../gateway/forward/backend.ts";
import { formatAddress, isLinkLocal6, parseAddress } from "../../runtime/net/address.ts";
import { parsePrefix } from "../../runtime/net/prefix.ts";
import { suite } from "../suite.ts";

const addresses = suite("addresses");

/** Whether Node reads the text as the same address: a block list of that address alone matches the text. */
function nodeAgrees(text: string): boolean {
  const read = parseAddress(text);
  const known = isIPv4(text) || (isIPv6(text) && !text.includes("%"));
  if (read === null || !known) return (read === null) === !known;
  const list = new BlockList();
  list.addAddress(new SocketAddress({ address: text, family: isIPv4(text) ? "ipv4" : "ipv6" }));
  const said = formatAddress(read);
  return list.check(said, isIPv4(said) ? "ipv4" : "ipv6");
}

const READ = [
  "0.0.0.0",
  "255.255.255.255",
  "10.0.0.1",
  "::",
  "::1",
  "1::",
  "2001:db8::1",
  "2001:DB8::1",
  "1:2:3:4:5:6:7:8",
  "1:2:3:4:5:6:7::",
  "::2:3:4:5:6:7:8",
  "::ffff:10.0.0.1",
  "::ffff:a00:1",
  "0:0:0:0:0:ffff:10.0.0.1",
  "::10.0.0.1",
  "64:ff9b::10.0.0.1",
  "1:2:3:4:5:6:10.0.0.1",
  "1::4:5:6:10.0.0.1",
  "fe80::1",
];
const REFUSED = [
  "",
  " ",
  "10.0.0",
  "10.0.0.1.2",
  "10.0.0.256",
  "010.0.0.1",
  "10.00.0.1",
  "0x0a.0.0.1",
  "10.1",
  "167772161",
  "0x0a000001",
  "10.0.0.1 ",
  " 10.0.0.1",
  "10..0.1",
  "１0.0.0.1",
  "::ffff:010.0.0.1",
  "::ffff:0x0a.0.0.1",
  "::ffff:10.0.0.01",
  "::ffff:10.0.0",
  "::ffff:10.0.0.256",
  "::ffff:10.1",
  "::10.0.0.1:1",
  "10.0.0.1::",
  "::ffff:10.0.0.1.",
  "::ffff:.10.0.0.1",
  "1:2:3:4:5:6:7:10.0.0.1",
  "1:2:3:4:5:10.0.0.1",
  "1::2:3:4:5:6:10.0.0.1:",
  "1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:8:9",
  "1:2:3:4:5:6:7:8::",
  "::1:2:3:4:5:6:7:8",
  ":::",
  "1::2::3",
  ":1",
  "1:",
  "12345::",
  "00001::",
  "g::",
  "0x1::",
  "::ffff:a.b.c.d",
  "fe80::1%eth0",
  "fe80::1%",
  "::1%1",
  "[::1]",
  "10.0.0.1%eth0",
  "10.0.0.1/32",
  "::/0",
  "*",
  "any",
  "localhost",
  "\u0000",
  "10.0.0.1\n",
];

for (const text of READ)
  addresses(`${text} is an address`, () => {
    assert.is.not(parseAddress(text), null);
    assert.ok(nodeAgrees(text));
  });

/** Blanks end a word of a request. */
const explains = (request: string, text: string): boolean => !/\s/.test(text) && parseRequest(request, ["web"]).ok;

/** Each place that takes one address, or an address and no more than it needs; true where it took it. */
const READERS: Readonly<Record<string, (text: string) => boolean>> = {
  "the runtime": (text) => parseAddress(text) !== null,
  "a prefix of a module": (text) => parsePrefix(`${text}/128`) !== null || parsePrefix(`${text}/32`) !== null,
  "the language": (text) => readAddress(text).ok,
  "a set": (text) => readPrefix(text).ok && !text.includes("/"),
  "an endpoint": (text) => readEndpoint(text.includes(":") ? `[${text}]:1` : `${text}:1`).ok,
  "ip identities": (text) => readId("ip", text).ok,
  "explain from": (text) => explains(`from ${text} to web`, text),
  "explain local": (text) => explains(`from 192.0.2.1 to tcp 1 local ${text}`, text),
  "explain bind": (text) => explains(`bind web on ${text.includes(":") ? `[${text}]` : text}:1`, text),
  "a backend": (text) => typeof canonicalBackend(text.includes(":") ? `[${text}]:1` : `${text}:1`) !== "string",
};

for (const text of REFUSED) {
  addresses(`${JSON.stringify(text)} is none, wherever one is read`, () => {
    assert.ok(nodeAgrees(text));
    assert.equal(
      Object.entries(READERS)
        .filter(([, takes]) => takes(text))
        .map(([name]) => name),
      [],
    );
  });
}

addresses("what the readers refuse is not refused for nothing", () => {
  const taken = Object.entries(READERS).map(([name, takes]) => `${name}: ${["::1", "::ffff:127.0.0.1", "127.0.0.1"].filter(takes).length}`);
  assert.equal(
    taken,
    Object.keys(READERS).map((name) => `${name}: 3`),
  );
});

addresses("every text is read as Node reads it, or refused", () => {
  const piece = fc.constantFrom("0", "1", "10", "25", "255", "256", "ffff", "abcd", ":", "::", ".", "/8", "08", "0x0a", "%1", "g", "::ffff:", "10.0.0.1");
  let read = 0;
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
      const text = pieces.join("");
      if (parseAddress(text) !== null) read++;
      assert.ok(nodeAgrees(text), text);
    }),
    { numRuns: 20_000 },
  );
  assert.ok(read > 100, `${read} read`);
});

addresses("link-local is fe80::/10, and nothing beside it", () => {
  const rows = [
    ["fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false],
    ["fe80::", true],
    ["febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true],
    ["fec0::", false],
    ["169.254.0.1", false],
    ["::fe80:1", false],
  ] as const;
  for (const [text, is] of rows) {
    const address = parseAddress(text);
    assert.is(address !== null && isLinkLocal6(address), is, text);
  }
});

addresses.run();
