// Literals: every spelling that is accepted, every one that is refused, and its fix.
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readEndpoint } from "../../compiler/check/names/endpoint.ts";
import { readAddress, readPrefix } from "../../compiler/check/names/literals.ts";
import { isProblem } from "../../compiler/diagnostics/report.ts";
import { readPorts, subtractPorts, unionPorts } from "../../compiler/check/names/port_numbers.ts";
import { formatAddress, formatEndpoint, parseAddress } from "../../runtime/net/address.ts";

const literals = suite("literals");

/** `first-last` of a prefix, or `CODE` and `-> fix`. */
function summary(text: string): string {
  const r = readPrefix(text);
  if (isProblem(r)) return r.replace === null ? r.code : `${r.code} -> ${r.replace}`;
  return `${formatAddress(r.first)} - ${formatAddress(r.last)}`;
}

const ACCEPTED: readonly (readonly [string, string])[] = [
  ["0.0.0.0/0", "0.0.0.0 - 255.255.255.255"],
  ["0.0.0.0", "0.0.0.0 - 0.0.0.0"],
  ["128.0.0.0/1", "128.0.0.0 - 255.255.255.255"],
  ["10.0.0.0/8", "10.0.0.0 - 10.255.255.255"],
  ["192.0.2.7/32", "192.0.2.7 - 192.0.2.7"],
  ["192.0.2.6/31", "192.0.2.6 - 192.0.2.7"],
  ["255.255.255.255", "255.255.255.255 - 255.255.255.255"],
  ["::/0", ":: - ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["::", ":: - ::"],
  ["2001:DB8::/32", "2001:db8:: - 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1 - 2001:db8::1"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0 - 1:2:3:4:5:6:7:0"],
  ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8 - 0:2:3:4:5:6:7:8"],
  ["fe80::/10", "fe80:: - febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["8000::/1", "8000:: - ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["::ffff:192.0.2.0/120", "192.0.2.0 - 192.0.2.255"],
  ["::ffff:c000:0207", "192.0.2.7 - 192.0.2.7"],
  ["::ffff:0:0/96", "0.0.0.0 - 255.255.255.255"],
  ["::127.0.0.1", "::7f00:1 - ::7f00:1"],
  ["64:ff9b::192.0.2.1", "64:ff9b::c000:201 - 64:ff9b::c000:201"],
];

const REFUSED: readonly (readonly [string, string])[] = [
  ["010.0.0.1", "ING301"],
  ["10.00.0.0/8", "ING301"],
  ["192.168.001.001", "ING301"],
  ["10/8", "ING302 -> 10.0.0.0/8"],
  ["192.168/16", "ING302 -> 192.168.0.0/16"],
  ["10.1/8", "ING302"],
  ["10/16", "ING302"],
  ["192.168/24", "ING302"],
  ["0.0.0.0/0.0.0.0", "ING304"],
  ["127.1", "ING302"],
  ["10.1.2", "ING302"],
  ["0x7f.1", "ING302"],
  ["0x7f000001", "ING302"],
  ["0x7f.0.0.1", "ING302"],
  ["10.1.2.3/8", "ING303"],
  ["128.0.0.0/0", "ING303"],
  ["192.0.2.7/31", "ING303"],
  ["2001:db8::1/64", "ING303"],
  ["::1/0", "ING303"],
  ["::ffff:10.1.2.3/104", "ING303"],
  ["10.0.0.0/08", "ING304 -> 10.0.0.0/8"],
  ["10.0.0.0/33", "ING304"],
  ["10.0.0.0/", "ING304"],
  ["10.0.0.0/-1", "ING304"],
  ["10.0.0.0/8/8", "ING304"],
  ["10.0.0.0/255.0.0.0", "ING304 -> 10.0.0.0/8"],
  ["10.0.0.0/255.255.255.0", "ING304 -> 10.0.0.0/24"],
  ["10.0.0.0/255.0.255.0", "ING304"],
  ["10.0.0.7/255.0.0.0", "ING304"],
  ["10.0.0.0/99999999999999999999", "ING304"],
  ["::/129", "ING304"],
  ["::/00", "ING304 -> ::/0"],
  ["fe80::1%eth0", "ING305"],
  ["fe80::%1/10", "ING305"],
  ["fe80::1%", "ING305"],
  ["::ffff:0:0/95", "ING306"],
  ["::ffff:10.0.0.0/8", "ING306"],
  ["::ffff:10.1.2.3/24", "ING306"],
  ["::ffff:0.0.0.0/0", "ING306"],
  ["1.2.3.256", "ING307"],
  ["1.2.3.4.5", "ING307"],
  ["1..2.3", "ING307"],
  ["1.2.3.", "ING307"],
  [".1.2.3", "ING307"],
  ["", "ING307"],
  ["/8", "ING307"],
  [":", "ING307"],
  [":::", "ING307"],
  ["1::2::3", "ING307"],
  ["1:2:3:4:5:6:7", "ING307"],
  ["1:2:3:4:5:6:7:8:9", "ING307"],
  ["1:2:3:4:5:6:7:8::", "ING307"],
  [":1:2:3:4:5:6:7", "ING307"],
  ["12345::", "ING307"],
  ["g::", "ING307"],
  ["::1.2.3", "ING307"],
  ["::01.2.3.4", "ING307"],
  ["1.2.3.4::", "ING307"],
  ["::1.2.3.4:5", "ING307"],
  ["[::1]", "ING307 -> ::1"],
  ["10.0.0.1-10.0.0.9", "ING307 -> 10.0.0.1, 10.0.0.2/31, 10.0.0.4/30, 10.0.0.8/31"],
  ["10.0.0.0-10.0.0.255", "ING307 -> 10.0.0.0/24"],
  ["10.0.0.10-20", "ING307 -> 10.0.0.10/31, 10.0.0.12/30, 10.0.0.16/30, 10.0.0.20"],
  ["10.0.0.7-10.0.0.7", "ING307 -> 10.0.0.7"],
  ["0.0.0.0-255.255.255.255", "ING307 -> 0.0.0.0/0"],
  ["255.255.255.254-255.255.255.255", "ING307 -> 255.255.255.254/31"],
  ["10.0.0.9-10.0.0.1", "ING309"],
  ["10.0.0.20-10", "ING309"],
  ["10.0.0.1-2001:db8::1", "ING307"],
  ["10.0.0.0/24-10.0.1.0/24", "ING304"],
  ["10.0.0.1-10.0.0.300", "ING307"],
  ["10.0.0.1-", "ING307"],
  ["2001:db8::-2001:db8::ff", "ING307 -> 2001:db8::/120"],
  ["2001:db8::1-2001:db8::2", "ING307 -> 2001:db8::1, 2001:db8::2"],
  ["::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ING307 -> ::/0"],
  ["::fffe:ffff:ffff-::1:0:0:0", "ING307 -> ::fffe:ffff:ffff, ::1:0:0:0"],
  ["::ffff:10.0.0.0-::ffff:10.0.0.3", "ING307 -> 10.0.0.0/30"],
  ["1e1.0.0.1", "ING307"],
  ["１.2.3.4", "ING307 -> 1.2.3.4"],
  ["1.2.3.4 ", "ING307"],
  ["0".repeat(100), "ING307"],
];

for (const [text, expected] of [...ACCEPTED, ...REFUSED]) {
  literals(`${text.slice(0, 40)} is ${expected}`, () => assert.is(summary(text), expected));
}

literals("every fix is itself accepted", () => {
  for (const [text] of REFUSED) {
    const r = readPrefix(text);
    if (isProblem(r) && r.replace !== null) for (const each of r.replace.split(", ")) assert.not(isProblem(readPrefix(each)), each);
  }
});

literals("the prefixes of a range cover exactly its addresses, and no two of them could be one", () => {
  const valueOf = (words: readonly number[]): bigint => words.reduce((value, word) => (value << 32n) | BigInt(word), 0n);
  const [mapped, mappedEnd] = [0xffffn << 32n, (0xffffn << 32n) | 0xffffffffn];
  const word = fc.oneof(fc.nat(0xffffffff), fc.constantFrom(0, 1, 0xffff, 0xfffe, 0x10000, 0xffffffff, 0x80000000));
  const address = fc.oneof(
    fc.tuple(fc.constant(0), fc.constant(0), fc.constant(0xffff), word),
    fc.tuple(fc.constantFrom(0, 0x20010db8), fc.constantFrom(0, 1), word, word),
  );
  fc.assert(
    fc.property(address, address, (a, b) => {
      const [x, y] = [formatAddress(a), formatAddress(b)];
      const [first, last] = valueOf(a) <= valueOf(b) ? [a, b] : [b, a];
      const found = readPrefix(`${formatAddress(first)}-${formatAddress(last)}`);
      const [p, q] = [readPrefix(x), readPrefix(y)];
      if (isProblem(p) || isProblem(q) || p.family !== q.family) return;
      assert.ok(isProblem(found) && found.replace !== null, x);
      let at = valueOf(first);
      for (const text of isProblem(found) ? (found.replace ?? "").split(", ") : []) {
        const prefix = readPrefix(text);
        if (isProblem(prefix)) throw new Error(`${text} is no prefix`);
        assert.is(prefix.family, p.family);
        // The IPv4 part of an IPv6 range is excluded.
        if (p.family === 6 && at === mapped) at = mappedEnd + 1n;
        assert.is(valueOf(prefix.first), at, text);
        at = valueOf(prefix.last) + 1n;
      }
      assert.is(at, valueOf(last) + 1n);
      const count = isProblem(found) ? (found.replace ?? "").split(", ").length : 0;
      assert.ok(count <= (p.family === 4 ? 62 : 254), `${count}`);
    }),
    { numRuns: 2_000 },
  );
});

literals("an address that the runtime prints is read back as the same address", () => {
  fc.assert(
    fc.property(fc.tuple(...([0, 1, 2, 3] as const).map(() => fc.nat(0xffffffff))), fc.boolean(), (w, v4) => {
      const [a = 0, b = 0, c = 0, d = 0] = w;
      const address = v4 ? ([0, 0, 0xffff, d] as const) : ([a, b, c, d] as const);
      assert.equal(readAddress(formatAddress(address)), address);
    }),
  );
});

literals("the runtime reads every accepted address alike", () => {
  const piece = fc.constantFrom("0", "1", "10", "255", "256", "ffff", ":", "::", ".", "a", "08", "%1");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
      const text = pieces.join("");
      const r = readAddress(text);
      if (!isProblem(r)) assert.equal(parseAddress(text), r);
    }),
    { numRuns: 2000 },
  );
});

literals("no text makes a reader throw", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 90 }), (text) => {
      readPrefix(text);
      readEndpoint(text);
      readPorts(text);
    }),
  );
});

const ENDPOINTS: readonly (readonly [string, string])[] = [
  ["127.0.0.1:8080", "127.0.0.1:8080"],
  ["[::1]:1", "[::1]:1"],
  ["[::ffff:127.0.0.1]:65535", "127.0.0.1:65535"],
  ["0.0.0.0:443", "0.0.0.0:443"],
  ["8080", "ING311"],
  ["localhost:80", "ING311"],
  ["127.0.0.1", "ING311"],
  ["::1:8080", "ING311"],
  ["[::1]", "ING311"],
  ["[127.0.0.1]:80", "ING311"],
  ["[::1]:80:81", "ING311"],
  ["127.0.0.1:0", "ING308"],
  ["127.0.0.1:65536", "ING308"],
  ["127.0.0.1:080", "ING308"],
  ["127.0.0.1:", "ING308"],
  ["127.1:80", "ING302"],
  ["[fe80::1%eth0]:80", "ING305"],
  ["10.0.0.0/8:443", "ING312"],
  [":80", "ING311"],
  ["example.com:80", "ING311"],
];

for (const [text, expected] of ENDPOINTS) {
  literals(`endpoint ${text}`, () => {
    const r = readEndpoint(text);
    const says =
      "code" in r ?
        r.replace === null ?
          r.code
        : `${r.code} -> ${r.replace}`
      : formatEndpoint(r.address, r.port);
    assert.is(says, expected);
  });
}

const PORTS: readonly (readonly [string, string])[] = [
  ["1", "1-1"],
  ["65535", "65535-65535"],
  ["1-65535", "1-65535"],
  ["9500-9509", "9500-9509"],
  ["80-80", "80-80"],
  ["0", "ING308"],
  ["65536", "ING308"],
  ["00", "ING308"],
  ["080", "ING308"],
  ["", "ING308"],
  ["-", "ING308"],
  ["1-", "ING308"],
  ["-1", "ING308"],
  ["1-2-3", "ING308"],
  ["80:90", "ING308"],
  ["1e3", "ING308"],
  ["0x50", "ING308"],
  ["0-1", "ING308"],
  ["1-65536", "ING308"],
  ["20-10", "ING309"],
];

for (const [text, expected] of PORTS) {
  literals(`ports ${text}`, () => {
    const r = readPorts(text);
    assert.is("code" in r ? r.code : `${r.first}-${r.last}`, expected);
  });
}

literals("sets of ports against plain membership", () => {
  const range = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.nat(8)).map(([first, n]) => ({ first, last: first + n }));
  const lists = fc.array(range, { maxLength: 8 });
  const has = (set: readonly { first: number; last: number }[], p: number): boolean => set.some((r) => r.first <= p && p <= r.last);
  fc.assert(
    fc.property(lists, lists, (a, b) => {
      const [x, y] = [unionPorts([a]), unionPorts([b])];
      const both = unionPorts([x, y]);
      const cut = subtractPorts(x, y);
      for (let p = 0; p <= 70; p++) {
        assert.is(has(both, p), has(a, p) || has(b, p));
        assert.is(has(cut, p), has(a, p) && !has(b, p));
      }
      for (const set of [both, cut]) {
        set.forEach((r, i) => assert.ok(i === 0 || r.first > (set[i - 1]?.last ?? 0) + 1, "sorted, disjoint, not adjacent"));
      }
    }),
  );
});

literals.run();
