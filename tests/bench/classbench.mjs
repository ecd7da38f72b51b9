// ClassBench filter sets as policies: a filter's source is the `from`, its destination ports and its protocol are the listener.
// The ports are cut into disjoint ranges that are one expose each, and every third filter is a deny at top level.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Of one policy, below the language's bound: a filter for all ports is in every expose. */
const MOST_RULES = 80_000;
const DENY_EVERY = 3;
const PROTOCOLS = new Map([
  [6, ["tcp"]],
  [17, ["udp"]],
]);

/** Writes the policies of a set into a folder, and returns their paths. Filters of other protocols and filters that are there already are left out. */
export function writeClassBench(file, folder) {
  const filters = readFilters(file);
  const denies = filters.filter((_, i) => i % DENY_EVERY === DENY_EVERY - 1);
  const allows = filters.filter((_, i) => i % DENY_EVERY !== DENY_EVERY - 1);
  const exposes = ["tcp", "udp"].flatMap((proto) => exposesOf(allows, proto));
  const top = denies.flatMap(({ from, first, last, protos }) => protos.map((proto) => `deny on ${proto} ${portsText(first, last)} from ${from}`));
  return inParts(exposes, MOST_RULES - top.length).map((part, i) => {
    const path = join(folder, `part${i}.ingress`);
    writeFileSync(path, ["edition 1", ...top, ...part.map(({ text }) => text), ""].join("\n"));
    return path;
  });
}

function readFilters(file) {
  const filters = new Map();
  for (const line of readFileSync(file, "utf8").split("\n")) {
    const match = /^@([\d.]+)\/(\d+)\s+\S+\s+\d+ : \d+\s+(\d+) : (\d+)\s+0x([0-9A-Fa-f]+)\/0x([0-9A-Fa-f]+)/.exec(line);
    if (match === null) continue;
    const [address, length, first, last] = [match[1], Number(match[2]), Math.max(1, Number(match[3])), Number(match[4])];
    const protos = parseInt(match[6], 16) === 0 ? ["tcp", "udp"] : PROTOCOLS.get(parseInt(match[5], 16));
    // Port 0 can't be listened on.
    if (protos === undefined || last < 1) continue;
    const from = prefixOf(address, length);
    filters.set(`${from} ${first}-${last} ${protos}`, { from, first, last, protos });
  }
  return [...filters.values()];
}

function prefixOf(address, length) {
  const value = address.split(".").reduce((n, part) => n * 256 + Number(part), 0);
  const size = 2 ** (32 - length);
  const base = Math.floor(value / size) * size;
  return `${[24, 16, 8, 0].map((shift) => Math.floor(base / 2 ** shift) % 256).join(".")}/${length}`;
}

function exposesOf(filters, proto) {
  const own = filters.filter(({ protos }) => protos.includes(proto));
  const cuts = [...new Set(own.flatMap(({ first, last }) => [first, last + 1]))].filter((port) => port <= 65_535).sort((x, y) => x - y);
  return cuts.flatMap((first, i) => {
    const last = (cuts[i + 1] ?? 65_536) - 1;
    const here = new Set(own.filter((filter) => filter.first <= first && last <= filter.last).map(({ from }) => from));
    if (here.size === 0) return [];
    const lines = [...here].map((from) => `  allow from ${from}`);
    const head = `expose ${proto}${first} on ${proto} ${portsText(first, last)} {`;
    return [{ rules: here.size, text: [head, ...(proto === "udp" ? ["  amplify 10"] : []), ...lines, "}"].join("\n") }];
  });
}

function inParts(exposes, mostRules) {
  const parts = [];
  let rules = Infinity;
  for (const expose of exposes) {
    if (rules + expose.rules > mostRules) {
      parts.push([]);
      rules = 0;
    }
    parts.at(-1)?.push(expose);
    rules += expose.rules;
  }
  return parts;
}

function portsText(first, last) {
  return first === last ? String(first) : `${first}-${last}`;
}
