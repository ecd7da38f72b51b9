// Policies of a given size, the same for the same numbers: the benches compile them, load them and send requests to them.
// Prefixes are spread over nets and nets over rules, so that rules x prefixes is what is measured.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Bytes of one file of a policy, below the compiler's bound of 4 MiB. */
const FILE_BYTES = 3_500_000;
const MAX_LIST = 2_000_000;

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A policy of `rules` rules in `exposes` exposes over `prefixes` prefixes in `nets` nets. Every third
 * rule is a deny, and every hundredth is at top level. No two rules of one expose use one net.
 *
 * @param {object} size
 * @param {number} size.rules
 * @param {number} size.prefixes
 * @param {number} [size.nets] sets that the prefixes are spread over; as many as rules, at most 10,000
 * @param {number} [size.exposes] listeners, ports 1000 and up; 8, or as many as the rules need
 * @param {number} [size.v6Share] of the prefixes; 0.1
 * @param {number} [size.overlap] share of the prefixes that lie in one of another net, or around it; 0.02
 * @param {number} [size.names] host names; where there are any, every second expose is `as passthrough`, and half of its rules have an `sni` clause
 * @param {"files" | "text"} [size.form] prefixes in a list file a net, or written in the policy (in imports behind 3.5 MB)
 * @param {number} [size.seed]
 * @returns {{ entry: { path: string, text: string }, files: Map<string, string>, prefixes: string[], names: string[] }}
 *   `files` has list files and imports by their path; `prefixes` and `names` are all that were written, for requests
 */
export function makePolicy(size) {
  const { rules, prefixes, v6Share = 0.1, overlap = 0.02, names = 0, form = "files", seed = 1 } = size;
  const nets = size.nets ?? Math.max(1, Math.min(rules, prefixes, 10_000));
  const exposes = size.exposes ?? Math.max(8, Math.ceil(rules / nets));
  if (rules > nets * exposes) throw new Error("more rules than pairs of a net and an expose");
  const random = randomOf(seed);
  const files = new Map();
  const written = drawPrefixes(random, prefixes, v6Share, overlap);
  const hosts = Array.from({ length: names }, (_, i) => (i % 10 === 9 ? `*.t${i}.example.net` : `h${i}.d${i % 997}.example.com`));
  const hostSets = names === 0 ? 0 : Math.max(1, Math.min(100, names, Math.ceil(rules / 8)));

  const statements = [
    ...share(written, nets).map((list, n) => `net n${n} = ${setText(list, `lists/n${n}.txt`)}`),
    ...share(hosts, hostSets).map(
      (list, n) =>
        `hosts h${n} = ${setText(
          list.map((name) => (form === "files" ? name : `"${name}"`)),
          `lists/h${n}.txt`,
        )}`,
    ),
  ];
  const bodies = Array.from({ length: exposes }, () => []);
  const denies = [];
  for (let i = 0; i < rules; i++) {
    const net = i % nets;
    const at = (net + Math.floor(i / nets)) % exposes;
    if (i % 100 === 99) denies.push(`deny from n${net}`);
    else {
      const hasSni = hostSets > 0 && at % 2 === 1 && i % 4 < 2;
      bodies[at].push(`${i % 3 === 2 ? "deny" : "allow"} from n${net}${hasSni ? ` sni h${i % hostSets}` : ""}`);
    }
  }
  return { entry: { path: "p.ingress", text: inFiles(statements, [...bodies.map(expose), ...denies]) }, files, prefixes: written, names: hosts };

  function setText(list, path) {
    if (form === "text") return list.join(", ");
    files.set(path, `${list.join("\n")}\n`);
    return `file "${path}" max ${Math.min(MAX_LIST, Math.max(1, list.length))}`;
  }

  function expose(body, i) {
    const mode = names > 0 && i % 2 === 1 ? " as passthrough" : "";
    return `expose e${i} on tcp ${1000 + i}${mode} {\n  backend 127.0.0.1:${20_000 + i}\n${body.map((rule) => `  ${rule}\n`).join("")}}`;
  }

  /** All in the entry file where it fits; else sets in imports, called by their names there. */
  function inFiles(sets, rest) {
    const bytes = sets.reduce((n, s) => n + s.length + 1, 0) + rest.reduce((n, s) => n + s.length + 1, 0);
    if (bytes <= FILE_BYTES) return ["edition 1", ...sets, ...rest, ""].join("\n");
    const parts = [[]];
    let used = 0;
    for (const set of sets) {
      if (used + set.length > FILE_BYTES) used = parts.push([]) && 0;
      parts[parts.length - 1].push(set);
      used += set.length + 1;
    }
    const partOf = new Map(parts.flatMap((part, p) => part.map((set) => [set.split(" ", 2)[1], `p${p}`])));
    parts.forEach((part, p) => files.set(`part${p}.ingress`, ["edition 1", ...part, ""].join("\n")));
    const imports = parts.map((_, p) => `import "part${p}.ingress" as p${p}`);
    return ["edition 1", ...imports, ...rest, ""].join("\n").replace(/\b(from|sni) ([nh][0-9]+)/g, (_, word, name) => `${word} ${partOf.get(name)}.${name}`);
  }
}

/** The reader through which the compiler reads such a policy. */
export function readerOf({ files }) {
  return { read: (path) => (files.has(path) ? { path, text: files.get(path) } : "missing") };
}

/** Writes it below a folder; the path of its entry file. */
export function writePolicy(folder, { entry, files }) {
  for (const [path, text] of [[entry.path, entry.text], ...files]) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return join(folder, entry.path);
}

/** `list` in `n` parts, dealt like cards. */
function share(list, n) {
  const parts = Array.from({ length: n }, () => []);
  list.forEach((item, i) => parts[i % n].push(item));
  return parts;
}

/** Distinct prefixes; all but the share of `overlap` are disjoint. Lengths as in routing tables and block lists. */
function drawPrefixes(random, count, v6Share, overlap) {
  const below = (n) => Math.floor(random() * n);
  const again = new Set();
  const taken = { 4: new Set(), 6: new Set() };
  const out = [];
  const drawn = { 4: [], 6: [] };
  while (out.length < count) {
    const family = random() < v6Share ? 6 : 4;
    const [long, wide, short] = family === 4 ? [32, 22, 24] : [64, 40, 48];
    const known = drawn[family];
    let block;
    let length;
    let inner;
    let own = -1;
    const inside = known.length > 0 && random() < overlap;
    if (inside) {
      ({ block, inner, length: own } = known[below(known.length)]);
      length = wide + below(long - wide + 1);
    } else {
      // Blocks of public space: 1.0.0.0 to 223.255.255.255, 2400::/6; each is used once.
      block = family === 4 ? (1 << 14) + below(222 << 14) : below(2 ** 34);
      if (taken[family].has(block)) continue;
      taken[family].add(block);
      length =
        random() < 0.6 ? short
        : random() < 0.5 ? long
        : wide + below(long - wide + 1);
      inner = below(2 ** (long - wide));
      known.push({ block, inner, length });
    }
    const rest = long - length;
    const host = Math.floor(inner / 2 ** rest) * 2 ** rest;
    const text = family === 4 ? textV4(block * 2 ** 10 + host, length) : textV6(block, host, length);
    if (inside && (length === own || again.has(text))) continue;
    if (inside) again.add(text);
    out.push(text);
  }
  return out;
}

function textV4(bits, length) {
  return `${Math.floor(bits / 2 ** 24)}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}${length === 32 ? "" : `/${length}`}`;
}

/** 40 bits of a block in 2400::/6 and 24 bits within it. */
function textV6(block, host, length) {
  const high = 0x2400 + Math.floor(block / 2 ** 24);
  const second = Math.floor(block / 2 ** 8) % 65536;
  const third = (block % 256) * 256 + Math.floor(host / 65536);
  return `${[high, second, third, host % 65536].map((g) => g.toString(16)).join(":")}::/${length}`;
}
