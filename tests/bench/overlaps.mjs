// Policies whose sets overlap as badly as a size allows: what the compiler must get through, or
// refuse by name, without a module or a time that explodes. Used by tests/engine/overlaps.test.ts and by
// tests/bench/hostile.mjs.
import { randomOf } from "./policies.mjs";

const many = (n, row) => Array.from({ length: n }, (_, i) => row(i));
const v4 = (n) => `${(n >>> 24) & 255}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`;
const expose = (i, rules, mode = "") => `expose e${i} on tcp ${i + 1}${mode} { backend 127.0.0.1:8080\n${rules.map((r) => `  ${r}\n`).join("")}}`;
const range = (first, last) => {
  const out = [];
  for (let at = first; at <= last;) {
    let host = 0;
    while (host < 31 && at % 2 ** (host + 1) === 0 && at + 2 ** (host + 1) - 1 <= last) host++;
    out.push(`${v4(at)}/${32 - host}`);
    at += 2 ** host;
  }
  return out.join(", ");
};

/** Each takes how many sets there are, and a source of chance. */
export const OVERLAPS = {
  /** Prefixes of all lengths in all sets, at random. */
  "random sets": (n, random) => [
    ...many(
      n,
      (s) =>
        `net n${s} = ${many(100, () => {
          const length = 8 + Math.floor(random() * 25);
          return `${v4(Math.floor((random() * 2 ** 32) / 2 ** (32 - length)) * 2 ** (32 - length))}/${length}`;
        }).join(", ")}`,
    ),
    ...many(20, (e) =>
      expose(
        e,
        many(n, (s) => s)
          .filter((s) => s % 20 === e)
          .map((s) => `${s % 3 === 0 ? "deny" : "allow"} from n${s}`),
      ),
    ),
  ],
  /** Each prefix contains the next one, of another set. */
  "nested prefixes": (n, random) => [
    ...many(
      n,
      (s) =>
        `net n${s} = ${many(50, () => {
          const length = 1 + (s % 32);
          return `${v4(Math.floor((Math.floor(random() * 64) * 2 ** 26) / 2 ** (32 - length)) * 2 ** (32 - length))}/${length}`;
        }).join(", ")}`,
    ),
    ...many(10, (e) =>
      expose(
        e,
        many(n, (s) => s)
          .filter((s) => s % 10 === e)
          .map((s) => `${s % 2 === 0 ? "deny" : "allow"} from n${s}`),
      ),
    ),
  ],
  /** Ranges that begin one after the other and are all open at once. */
  staircase: (n) => [
    ...many(n, (s) => `net n${s} = ${range(0x0a000000 + s * 256, 0x0a000000 + (n + s) * 256 - 1)}`),
    ...many(Math.ceil(n / 4), (e) =>
      expose(
        e,
        many(4, (k) => `${k === 3 ? "deny" : "allow"} from n${(e * 4 + k) % n}`),
      ),
    ),
  ],
  /** All addresses but one: every set contains nearly every address. */
  "all but one": (n) => [
    ...many(n, (s) => `net n${s} = any except 10.0.${s >> 8}.${s & 255}`),
    ...many(Math.ceil(n / 4), (e) =>
      expose(
        e,
        many(4, (k) => `${k === 3 ? "deny" : "allow"} from n${(e * 4 + k) % n}`),
      ),
    ),
  ],
  /** Every expose has every set. */
  "sets times exposes": (n, random) => [
    ...many(
      n,
      (s) =>
        `net n${s} = ${many(100, () => {
          const length = 10 + Math.floor(random() * 20);
          return `${v4(Math.floor((random() * 2 ** 32) / 2 ** (32 - length)) * 2 ** (32 - length))}/${length}`;
        }).join(", ")}`,
    ),
    ...many(n, (e) =>
      expose(
        e,
        many(n, (s) => `${s % 2 === 0 ? "deny" : "allow"} from n${s}`),
      ),
    ),
  ],
  /** Top-level denies on random ports, each for many exposes. */
  "denies on many columns": (n, random) => [
    ...many(
      n,
      (s) =>
        `deny on tcp ${
          many(n, (p) => p + 1)
            .filter(() => random() < 0.5)
            .join(", ") || "1"
        } from ${many(20, () => `10.${Math.floor(random() * 16)}.${Math.floor(random() * 256)}.0/24`).join(", ")}`,
    ),
    ...many(n, (e) => expose(e, [`allow from 10.${2 * (e % 8)}.0.0/15`])),
  ],
  /** A rule for each source and name, with overlaps in both. */
  "names times sources": (n, random) => [
    expose(
      0,
      many(
        n,
        (s) =>
          `${s % 4 === 0 ? "deny" : "allow"} from ${many(10, () => {
            const length = 12 + Math.floor(random() * 12);
            return `${v4((0x0a000000 + Math.floor((random() * 2 ** 24) / 2 ** (32 - length)) * 2 ** (32 - length)) >>> 0)}/${length}`;
          }).join(", ")} sni "t${s}.example", "*.d${s % 16}.example", "**.z${s % 3}.example"`,
      ),
      " as passthrough",
    ),
  ],
  /** Names of every rule are those of all but one. */
  "names all but one": (n) => [
    ...many(n, (s) => `hosts h${s} = "**" except "x${s}.example"`),
    expose(
      0,
      many(n, (s) => `allow from 10.0.${s >> 8}.${s & 255} sni h${s}`).concat(many(n, (s) => `deny from 10.0.0.0/${8 + (s % 16)} sni "*.y${s}.example"`)),
      " as passthrough",
    ),
  ],
  /** Ends, names and sources. */
  "ends times names": (n, random) => [
    ...many(8, (e) =>
      expose(
        e,
        many(
          n,
          (s) =>
            `allow from ${many(5, () => `10.${Math.floor(random() * 8)}.${Math.floor(random() * 32)}.0/24`).join(", ")} sni "t${s % 32}.example" until 20${40 + (s % 40)}-01-01T00:00Z`,
        ),
        " as passthrough",
      ),
    ),
  ],
};

/** @returns the text of one of them with `n` sets */
export function overlapping(name, n) {
  return ["edition 1", ...OVERLAPS[name](n, randomOf(n)), ""].join("\n");
}
