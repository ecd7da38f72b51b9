// The worlds that are measured: a policy of a stated size, the sources and names of requests, and a
// check of questions with the answers of answers.ts. The same for the same name, on every machine.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makePolicy, randomOf, writePolicy } from "./policies.mjs";

export const TRAFFIC = 2 ** 20;
/** How much of the traffic there is as text too. */
export const TEXTS = 2 ** 18;
export const HOT = 64;
export const CHECKED = 20_000;

/**
 * kind `list`: one listener, a list of allowed prefixes and one of denied ones that cut holes into
 * it; `rules`: many rules over eight listeners (policies.mjs); `names`: lists of host names.
 *
 * @typedef {{ name: string, kind: "list" | "rules" | "names", family: 4 | 6, size: number, rules: number }} World
 */
export const list = (family, size) => ({ name: `v${family}-${size}`, kind: "list", family, size, rules: 2 });
export const names = (size) => ({ name: `sni-${size}`, kind: "names", family: 4, size, rules: 2 });
export const rules = (count, size) => ({ name: `rules-${count}-${size}`, kind: "rules", family: 4, size, rules: count });

/** The policy of a world: entry text and list files. */
export function policyOf(world, seed = 1) {
  if (world.kind === "rules") return makePolicy({ rules: world.rules, prefixes: world.size, seed });
  if (world.kind === "names") return namesPolicy(world.size);
  const { prefixes } = makePolicy({ rules: 2, nets: 2, exposes: 1, prefixes: world.size, v6Share: world.family === 6 ? 1 : 0, overlap: 0.3, seed });
  const good = prefixes.filter((_, i) => i % 5 !== 4);
  const bad = prefixes.filter((_, i) => i % 5 === 4);
  return { ...lists("net", "n", good, bad, "", (n) => `from n${n}`), prefixes, names: [] };
}

function lists(word, letter, good, bad, mode, clause) {
  const files = new Map([
    [`lists/${letter}0.txt`, `${good.join("\n")}\n`],
    [`lists/${letter}1.txt`, `${bad.join("\n")}\n`],
  ]);
  const sets = [good, bad].map((set, n) => `${word} ${letter}${n} = file "lists/${letter}${n}.txt" max ${set.length}`);
  const text = [
    "edition 1",
    ...sets,
    `expose web on tcp 443${mode} {`,
    "backend 127.0.0.1:8080",
    "cap 1000000 connections",
    `allow ${clause(0)}`,
    `deny ${clause(1)}`,
    "}",
    "",
  ].join("\n");
  return { entry: { path: "p.ingress", text }, files };
}

/** Nine of ten names are exact; every fifth is denied, and each wildcard has one denied name in it. */
function namesPolicy(size) {
  const written = Array.from({ length: size }, (_, i) =>
    i % 10 === 8 ? `*.t${i}.example.net`
    : i % 10 === 9 ? `bad.t${i - 1}.example.net`
    : `h${i}.d${i % 997}.example.com`,
  );
  const denied = (i) => i % 10 === 9 || i % 10 === 4;
  const good = written.filter((_, i) => !denied(i));
  const bad = written.filter((_, i) => denied(i));
  return { ...lists("hosts", "h", good, bad, " as passthrough", (n) => `from any sni h${n}`), prefixes: [], names: written };
}

/** Writes a world below `folder`: policy, traffic and the checked questions. */
export function writeWorld(folder, world, { Answers }) {
  const policy = policyOf(world);
  writePolicy(folder, policy);
  const random = randomOf(world.size + world.family);
  const below = (n) => Math.floor(random() * n);
  const exposes = [...policy.entry.text.matchAll(/^expose (\w+) /gm)].map(([, name]) => name);
  const ranges = policy.prefixes.filter((p) => p.includes(":") === (world.family === 6)).map(rangeOf);
  const source =
    ranges.length === 0 ? () => below(2 ** 32) : () => (random() < 0.5 ? inside(ranges[below(ranges.length)], random) : anywhere(world.family, random));
  const name = world.kind === "names" ? () => someName(policy.names, below) : () => null;

  const count = Math.min(TRAFFIC, world.kind === "names" ? TEXTS : TRAFFIC);
  const width = world.family === 4 ? 1 : 4;
  const words = new Uint32Array(count * width);
  const listeners = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    words.set(wordsOf(world.family, source()), i * width);
    listeners[i] = below(exposes.length);
  }
  writeFileSync(join(folder, "traffic.words"), words);
  writeFileSync(join(folder, "traffic.listeners"), listeners);
  if (world.kind === "names") writeFileSync(join(folder, "traffic.names"), Array.from({ length: TEXTS }, name).join("\n"));

  const answers = new Answers(policy.entry.text, policy.files);
  const checked = Array.from({ length: CHECKED }, (_, i) => {
    const words = ranges.length > 0 && i % 2 === 0 ? edge(world.family, ranges[below(ranges.length)], (i >> 1) % 4) : wordsOf(world.family, source());
    const question = { expose: exposes[below(exposes.length)], source: textOf(words), name: name() };
    return { ...question, allowed: answers.allows(question) };
  });
  writeFileSync(join(folder, "checked.json"), JSON.stringify({ exposes, checked }));
}

/** Addresses are numbers: all 32 bits of IPv4; of IPv6 the upper 64 as a BigInt, the rest is drawn. */
function rangeOf(prefix) {
  const [address, length] = prefix.split("/");
  if (prefix.includes(":")) {
    const groups = address
      .replace("::", "")
      .split(":")
      .map((g) => BigInt(`0x${g}`));
    const first = groups.reduce((sum, g) => (sum << 16n) | g, 0n) << BigInt(64 - 16 * groups.length);
    return { first, last: first + (1n << BigInt(64 - Number(length))) - 1n };
  }
  const first = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  return { first, last: first + 2 ** (32 - Number(length ?? 32)) - 1 };
}

const inside = ({ first, last }, random) =>
  typeof first === "bigint" ? first + BigInt(Math.floor(random() * Number(last - first + 1n))) : first + Math.floor(random() * (last - first + 1));
const anywhere = (family, random) => (family === 4 ? Math.floor(random() * 2 ** 32) : (0x24n << 56n) + BigInt(Math.floor(random() * 2 ** 53)) * 32n);
const wordsOf = (family, n, low = [0x12345678, 0x9abcdef0]) => (family === 4 ? [n] : [Number(n >> 32n), Number(n & 0xffffffffn), ...low]);

/** first - 1, first, last or last + 1, to the last bit. */
function edge(family, { first, last }, which) {
  const one = family === 4 ? 1 : 1n;
  return wordsOf(family, [first - one, first, last, last + one][which], which === 0 || which === 2 ? [0xffffffff, 0xffffffff] : [0, 0]);
}

/** The usual text; IPv6 without `::`, for all of these have eight groups. */
export function textOf(words) {
  if (words.length === 1) return [words[0] >>> 24, (words[0] >>> 16) & 255, (words[0] >>> 8) & 255, words[0] & 255].join(".");
  return [...words]
    .flatMap((w) => [w >>> 16, w & 0xffff])
    .map((g) => g.toString(16))
    .join(":");
}

/** A name that is written, one within a wildcard, one too deep for it, one beside it, or a stranger. */
function someName(written, below) {
  const some = written[below(written.length)];
  if (below(3) === 0) return `x${below(1e6)}.d${below(997)}.example.com`;
  if (!some.startsWith("*.")) return some;
  return [`a${below(1e6)}`, "bad", `a.b${below(1e6)}`, ""][below(4)].concat(".", some.slice(2)).replace(/^\./, "");
}

/** Reads what a measuring process needs of a world. */
export function readWorld(folder, world) {
  const typed = (name, Type) => {
    const { buffer, byteOffset, byteLength } = readFileSync(join(folder, name));
    return new Type(buffer.slice(byteOffset, byteOffset + byteLength));
  };
  return {
    ...world,
    width: world.family === 4 ? 1 : 4,
    words: typed("traffic.words", Uint32Array),
    listeners: typed("traffic.listeners", Uint8Array),
    names: world.kind === "names" ? readFileSync(join(folder, "traffic.names"), "utf8").split("\n") : null,
    ...JSON.parse(readFileSync(join(folder, "checked.json"), "utf8")),
  };
}

/** The members of a list world's two sets: [allowed, denied]. */
export function readLists(folder, world) {
  const letter = world.kind === "names" ? "h" : "n";
  return [0, 1].map((n) =>
    readFileSync(join(folder, `lists/${letter}${n}.txt`), "utf8")
      .trimEnd()
      .split("\n"),
  );
}

/** A policy from its folder, as compile() takes it. */
export function readPolicy(folder) {
  const files = new Map(
    readdirSync(folder, { recursive: true })
      .filter((path) => /\.(txt|ingress)$/.test(path))
      .map((path) => [path, readFileSync(join(folder, path), "utf8")]),
  );
  const entry = { path: "p.ingress", text: files.get("p.ingress") };
  return { entry, reader: { read: (path) => (files.has(path) ? { path, text: files.get(path) } : "missing") } };
}

/** The part of the traffic that comes again and again, or all of it. */
export function traffic(world, shape) {
  if (shape === "random") return world;
  return {
    ...world,
    words: world.words.slice(0, HOT * world.width),
    listeners: world.listeners.slice(0, HOT),
    names: world.names?.slice(0, HOT) ?? null,
  };
}
