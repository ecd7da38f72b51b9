// The address strip: its ranges cover the family once, each has the rules that name it, and the answer is that of the module.
import * as assert from "uvu/assert";
import fc from "fast-check";
import { cutsOf, has, rangesOf, rangeText, sizeText, type Range } from "../../docs/playground/source/jobs/address_ranges.ts";
import { PAGE, strip } from "../../docs/playground/source/jobs/strip.ts";
import { parsePrefix } from "../../runtime/net/prefix.ts";
import { suite } from "../suite.ts";

const test = suite("strip");
const NOW = Date.UTC(2026, 5, 1) / 1_000;

const POLICY = `edition 1
net office = 198.51.100.0/24, 2001:db8:1::/48
deny named scanner from 192.0.2.66
deny named other on tcp 80 from 192.0.2.0/24
expose web on tcp 443 {
  backend 127.0.0.1:8080
  allow named staff from office
  allow named desk from 198.51.100.7
  deny named lab from 198.51.100.128/25
  allow named past from 203.0.113.0/24 until 2026-01-01T00:00Z
}
expose site on tcp 8443 as passthrough {
  backend 127.0.0.1:8444
  allow named names from 192.0.2.0/24 sni "www.example.com"
}
`;

interface Shown {
  readonly layers: readonly string[];
  readonly ranges: readonly string[];
}

async function shown(listener: number, family: 4 | 6, text = POLICY): Promise<Shown> {
  const found = await strip({ text, listener, family, first: 0, wallSeconds: NOW });
  if (found === null) throw new Error("no strip");
  const { layers, ranges } = found;
  return {
    layers: layers.map(({ rule, conditions, unused }) => `${rule.line}:${rule.column} ${rule.text} [${conditions.join()}]${unused === null ? "" : " unused"}`),
    ranges: ranges.map(({ text: range, addresses, verdict, layers: own }) => `${range} (${addresses}) ${verdict} ${own.join()}`),
  };
}

test("a listener without names: layers in canonical order, every range, the deny over the allow, a rule without effect", async () => {
  assert.equal(await shown(1, 4), {
    layers: [
      "3:1 deny named scanner at top level []",
      "9:3 deny named lab in web []",
      "8:3 allow named desk in web [] unused",
      "10:3 allow named past in web [until 2026-01-01T00:00Z]",
      "7:3 allow named staff in web []",
    ],
    ranges: [
      "0.0.0.0 to 192.0.2.65 (more than 2^31) deny ",
      "192.0.2.66 (1) deny 0",
      "192.0.2.67 to 198.51.99.255 (104,030,653) deny ",
      "198.51.100.0 to 198.51.100.6 (7) allow 4",
      "198.51.100.7 (1) allow 2,4",
      "198.51.100.8 to 198.51.100.127 (120) allow 4",
      "198.51.100.128/25 (128) deny 1,4",
      "198.51.101.0 to 203.0.112.255 (80,546,816) deny ",
      "203.0.113.0/24 (256) deny 3",
      "203.0.114.0 to 255.255.255.255 (889,163,264) deny ",
    ],
  });
});

test("the other family has its own ranges, without the addresses of IPv4", async () => {
  assert.equal((await shown(1, 6)).ranges, [
    ":: to ::fffe:ffff:ffff (more than 2^47) deny ",
    "::1:0:0:0 to 2001:db8:0:ffff:ffff:ffff:ffff:ffff (more than 2^125) deny ",
    "2001:db8:1::/48 (2^80) allow 4",
    "2001:db8:2:: to ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff (more than 2^127) deny ",
  ]);
});

test("where a name decides, the answer depends on it", async () => {
  const { layers, ranges } = await shown(0, 4);
  assert.equal(layers, ["3:1 deny named scanner at top level []", "14:3 allow named names in site [sni]"]);
  assert.equal(
    ranges.map((range) => range.replace(/ \(.*?\)/, "")),
    [
      "0.0.0.0 to 192.0.1.255 deny ",
      "192.0.2.0 to 192.0.2.65 depends 1",
      "192.0.2.66 deny 0,1",
      "192.0.2.67 to 192.0.2.255 depends 1",
      "192.0.3.0 to 255.255.255.255 deny ",
    ],
  );
});

test("nothing is drawn of a policy with an error, and of a listener that is not there", async () => {
  for (const given of [
    { text: "edition 2\n", listener: 0 },
    { text: POLICY, listener: 2 },
    { text: POLICY, listener: -1 },
    { text: POLICY, listener: 0.5 },
  ])
    assert.is(await strip({ ...given, family: 4, first: 0, wallSeconds: NOW }), null);
});

/** A policy whose strip has this many ranges. */
function ofRanges(count: number): string {
  const hosts = Array.from({ length: (count - 1) / 2 }, (_, i) => `10.0.0.${2 * i + 1}`);
  return `edition 1\nexpose web on tcp 443 {\n  backend 127.0.0.1:1\n  allow from ${hosts.join(", ")}\n}\n`;
}

test("a page has so many ranges, and the next one begins with the next", async () => {
  const page = (text: string, first: number): ReturnType<typeof strip> => strip({ text, listener: 0, family: 4, first, wallSeconds: NOW });
  const exact = await page(ofRanges(PAGE - 1), 0);
  assert.equal([exact?.ranges.length, exact?.total, exact?.first], [PAGE - 1, PAGE - 1, 0]);
  const text = ofRanges(PAGE + 1);
  const [one, two] = [await page(text, 0), await page(text, PAGE)];
  assert.equal([one?.ranges.length, one?.total], [PAGE, PAGE + 1]);
  assert.equal([two?.ranges.length, two?.first, two?.ranges[0]?.text], [1, PAGE, "10.0.0.48 to 255.255.255.255"]);
  const behind = await page(text, 1_000);
  assert.equal([behind?.ranges.length, behind?.first], [1, PAGE]);
  assert.is((await page(text, -5))?.first, 0);
});

const byte = fc.integer({ min: 0, max: 255 });
const set = fc.uniqueArray(byte).map((bytes) => new Set(bytes));

test("any sets: the cuts cover the family once, and no set has an edge within one", () => {
  fc.assert(
    fc.property(fc.array(set, { maxLength: 4 }), (sets) => {
      const prefixes = sets.map((own) =>
        [...own]
          .sort((x, y) => x - y)
          .map((n) => parsePrefix(`10.1.1.${n}/32`))
          .filter((p) => p !== null),
      );
      const ranges = prefixes.map((own) => rangesOf(own, 4));
      const cuts = cutsOf(4, ranges);
      let next = 0n;
      for (const { first, last } of cuts) {
        assert.is(first, next);
        assert.ok(last >= first);
        next = last + 1n;
      }
      assert.is(next, 1n << 32n);
      const base = 0x0a010100n;
      for (let n = 0; n < 256; n++) {
        const at = base + BigInt(n);
        assert.equal(
          ranges.map((own) => has(own, at)),
          sets.map((own) => own.has(n)),
        );
        const sameAsBefore = n > 0 && sets.every((own) => own.has(n) === own.has(n - 1));
        if (n > 0)
          assert.is(
            cuts.some(({ first }) => first === at),
            !sameAsBefore,
          );
      }
    }),
    { numRuns: 300 },
  );
});

const texts: readonly (readonly [family: 4 | 6, range: Range, text: string, size: string])[] = [
  [4, { first: 0n, last: (1n << 32n) - 1n }, "0.0.0.0/0", "2^32"],
  [4, { first: 0x0a000000n, last: 0x0affffffn }, "10.0.0.0/8", "16,777,216"],
  [4, { first: 0x0a000001n, last: 0x0a000001n }, "10.0.0.1", "1"],
  [4, { first: 0x0a000001n, last: 0x0a000002n }, "10.0.0.1 to 10.0.0.2", "2"],
  [4, { first: 0x0a000000n, last: 0x0a000002n }, "10.0.0.0 to 10.0.0.2", "3"],
  [6, { first: 0n, last: (1n << 128n) - 1n }, "::/0", "2^128"],
  [6, { first: 1n, last: 1n }, "::1", "1"],
  [6, { first: 0x20010db8n << 96n, last: (0x20010db9n << 96n) - 1n }, "2001:db8::/32", "2^96"],
  [6, { first: 0n, last: 999_999_998n }, ":: to ::3b9a:c9fe", "999,999,999"],
  [6, { first: 0n, last: 999_999_999n }, ":: to ::3b9a:c9ff", "more than 2^29"],
];

for (const [family, range, text, size] of texts) {
  test(`${text} has ${size} addresses`, () => {
    assert.equal([rangeText(family, range), sizeText(range)], [text, size]);
  });
}

test.run();
