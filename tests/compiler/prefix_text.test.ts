// Prefixes as a module has them, against big integers and the runtime's own texts.
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ANY, prefixes } from "../../compiler/check/sets/builtin_nets.ts";
import type { AddressSet, AddressWords } from "../../compiler/policy/policy.ts";
import { SetBuilder } from "../../compiler/check/sets/set_builder.ts";
import { prefixText } from "../../compiler/emit/prefixes.ts";
import { formatAddress } from "../../runtime/net/address.ts";

const texts = suite("prefix text");

function lines(set: AddressSet): readonly string[] {
  const { lines: bytes, count } = prefixText(set);
  const all = bytes.length === 0 ? [] : new TextDecoder().decode(bytes).split("\n");
  assert.is(all.length, count);
  return all;
}

const V4 = 0xffffn << 32n;

function words(n: bigint): AddressWords {
  const at = (shift: bigint): number => Number((n >> shift) & 0xffffffffn);
  return [at(96n), at(64n), at(32n), at(0n)];
}

/** The fewest prefixes of an interval of one family. */
function model(first: bigint, last: bigint): string[] {
  const out: string[] = [];
  const v4 = first >= V4 && first < V4 + (1n << 32n);
  for (let at = first; at <= last;) {
    let host = 0n;
    while (host < (v4 ? 32n : 128n) && at % (1n << (host + 1n)) === 0n && at + (1n << (host + 1n)) - 1n <= last) host++;
    out.push(`${formatAddress(words(at))}/${(v4 ? 32n : 128n) - host}`);
    at += 1n << host;
  }
  return out;
}

texts("sets whose prefixes are known", () => {
  assert.equal(lines(prefixes([])), []);
  assert.equal(lines(prefixes(["10.0.0.0/9", "10.128.0.0/9", "192.0.2.7", "0.0.0.0"])), ["0.0.0.0/32", "10.0.0.0/8", "192.0.2.7/32"]);
  assert.equal(lines(prefixes(["0.0.0.0/0"])), ["0.0.0.0/0"]);
  assert.equal(lines(prefixes(["255.255.255.255", "128.0.0.0/1"])), ["128.0.0.0/1"]);
  assert.equal(lines(prefixes(["0.0.0.1", "0.0.0.2", "0.0.0.3", "0.0.0.4"])), ["0.0.0.1/32", "0.0.0.2/31", "0.0.0.4/32"]);
  assert.equal(lines(prefixes(["2001:DB8::/32", "::", "::1", "1:0:0:2::/64"])), ["::/127", "1:0:0:2::/64", "2001:db8::/32"]);
  const any = lines(ANY);
  assert.is(any[15], "::fffe:0:0/96");
  assert.ok(any.includes("0.0.0.0/0") && any.includes("8000::/1"));
});

texts("every shape of zero groups is written as the runtime writes it", () => {
  for (let bits = 0; bits < 256; bits++) {
    for (const group of [1, 0xf, 0x10, 0xff, 0x100, 0xfff, 0x1000, 0xffff]) {
      const at = (i: number): number => ((bits >>> (7 - i)) & 1) * group;
      const address: AddressWords = [
        ((at(0) << 16) | at(1)) >>> 0,
        ((at(2) << 16) | at(3)) >>> 0,
        ((at(4) << 16) | at(5)) >>> 0,
        ((at(6) << 16) | at(7)) >>> 0,
      ];
      // That is IPv4, and it is written so.
      if (address[0] === 0 && address[1] === 0 && address[2] === 0xffff) continue;
      const builder = new SetBuilder();
      builder.addV6(address, address);
      assert.equal(lines(builder.done()), [`${formatAddress(address)}/128`]);
    }
  }
});

texts("an interval is the fewest prefixes, in their order", () => {
  const near = fc.oneof(
    ...[1n, 1n << 32n, 1n << 64n, 1n << 96n, (1n << 128n) - 70n].map((base) => fc.bigInt({ min: 0n, max: 60n }).map((d) => base + d)),
    fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
  );
  const v4 = fc
    .oneof(
      fc.nat(70),
      fc.nat(0xffffffff),
      fc.nat(70).map((n) => 0xffffffff - n),
    )
    .map((n) => V4 + BigInt(n));
  const family = (n: bigint): number =>
    n < V4 ? 0
    : n < V4 + (1n << 32n) ? 1
    : 2;
  fc.assert(
    fc.property(fc.oneof(fc.tuple(near, near), fc.tuple(v4, v4)), ([a, b]) => {
      const [first, last] = a < b ? [a, b] : [b, a];
      if (family(first) !== family(last)) return;
      const builder = new SetBuilder();
      if (family(first) === 1) builder.addV4(Number(first - V4), Number(last - V4));
      else builder.addV6(words(first), words(last));
      assert.equal(lines(builder.done()), model(first, last));
    }),
    { numRuns: 500 },
  );
});

texts.run();
