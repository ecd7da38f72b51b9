// The quick reader of prefixes against the strict one: what it takes means the same there, and it
// takes every prefix in its plain form.
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readPrefix } from "../../compiler/check/names/literals.ts";
import { scanPrefix } from "../../compiler/check/sets/prefix_scan.ts";
import { isProblem } from "../../compiler/diagnostics/report.ts";
import { formatAddress, type Address } from "../../runtime/net/address.ts";

const scans = suite("prefix scan");

/** The result of the quick reader for a text among others. */
function scanned(text: string): { readonly family: number; readonly bounds: readonly number[] } {
  const before = "1/8,::/";
  const bounds = new Uint32Array(8);
  const family = scanPrefix(`${before}${text}/24:1.1`, before.length, before.length + text.length, bounds);
  return { family, bounds: [...bounds] };
}

function alike(text: string): boolean {
  const { family, bounds } = scanned(text);
  if (family === 0) return false;
  const strict = readPrefix(text);
  assert.not(isProblem(strict), `${text} is refused by the strict reader`);
  if (!isProblem(strict)) assert.equal({ family, bounds }, { family: strict.family, bounds: [...strict.first, ...strict.last] }, text);
  return true;
}

const TAKEN = [
  "0.0.0.0",
  "255.255.255.255",
  "10.0.0.0/8",
  "0.0.0.0/0",
  "128.0.0.0/1",
  "192.0.2.7/32",
  "192.0.2.6/31",
  "::",
  "::/0",
  "::1",
  "1::",
  "2001:db8::/32",
  "2001:DB8:Ab::/48",
  "1:2:3:4:5:6:7:8",
  "1:2:3:4:5:6:7::",
  "::2:3:4:5:6:7:8",
  "1::8",
  "8000::/1",
  "::fffe:0:0/95",
  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
  "fe80::/9",
  "::1:0:0:0/80",
];
const LEFT = [
  "",
  "1",
  "1.2.3",
  "1.2.3.4.5",
  "1.2.3.256",
  "01.2.3.4",
  "1.2.3.00",
  "1..2.3",
  ".1.2.3",
  "1.2.3.",
  "1.2.3.4/33",
  "1.2.3.4/",
  "1.2.3.4/08",
  "1.2.3.4/8",
  "128.0.0.0/0",
  "192.0.2.7/31",
  "1.2.3.4/-1",
  "1.2.3.4/8/8",
  "10.0.0.0/008",
  "/8",
  "/",
  "//8",
  ":",
  ":::",
  ":1",
  "1:",
  "1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:8:9",
  "1:2:3:4:5:6:7:8::",
  "::1:2:3:4:5:6:7:8",
  "1::2::3",
  "12345::",
  "00001::",
  "g::",
  "::/129",
  "::/00",
  "::1/127",
  "2001:db8::1/64",
  "1:::2",
  "::1::",
  "fe80::1%1",
  "::ffff:1.2.3.4",
  "::ffff:c000:207",
  "::ffff:0:0/96",
  "::ffff:0:0/95",
  "[::1]",
  "1.2.3.4 ",
  "１.2.3.4",
  "1.2.3.4:",
  "a.b.c.d",
  "-1.2.3.4",
  "1e1.0.0.1",
];

for (const text of TAKEN) scans(`takes ${text}`, () => assert.ok(alike(text)));
for (const text of LEFT) scans(`leaves ${text}`, () => assert.is(scanned(text).family, 0));

scans("the strict reader reads every accepted prefix alike", () => {
  const piece = fc.constantFrom("0", "1", "10", "25", "255", "256", "ffff", "abcd", ":", "::", ".", "/", "/8", "/16", "/32", "/128", "8", "08", "%1", "G");
  let taken = 0;
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 17 }), (pieces) => {
      if (alike(pieces.join(""))) taken++;
    }),
    { numRuns: 5000 },
  );
  assert.ok(taken > 20, `${taken} taken`);
});

scans("it takes every prefix in its plain form, cut to its length", () => {
  const word = fc.oneof(fc.constant(0), fc.nat(0xffffffff), fc.nat(0xffff));
  fc.assert(
    fc.property(word, word, word, word, fc.nat(128), fc.boolean(), (a, b, c, d, length, v4) => {
      const kept = v4 ? 96 + (length % 33) : length;
      const cut = (w: number, i: number): number => {
        const bits = Math.min(32, Math.max(0, kept - 32 * i));
        return bits === 0 ? 0 : (w & (0xffffffff << (32 - bits))) >>> 0;
      };
      const first: Address = v4 ? [0, 0, 0xffff, cut(d, 3)] : [cut(a, 0), cut(b, 1), cut(c, 2), cut(d, 3)];
      const text = `${formatAddress(first)}/${v4 ? kept - 96 : kept}`;
      // The strict reader unwraps IPv4 in IPv6, and refuses prefixes around it.
      if (!v4 && first[0] === 0 && first[1] === 0 && first[2] === 0xffff) return;
      assert.ok(alike(text), text);
    }),
  );
});

scans.run();
