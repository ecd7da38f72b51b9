// ClassBench filter sets as policies: TCP and wildcard-protocol rows, the source as `from`, the
// destination ports cut into disjoint intervals that are one expose each. First all rows are
// allows, then every third is a deny; every edge of every source prefix at every expose.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { difference, run } from "../oracle/ask.ts";
import { accept } from "../oracle/evaluate.ts";
import { setHas, type Membership, type ModelExpose, type ModelPolicy, type ModelRule, type ModelSet, type Ports } from "../oracle/model.ts";
import { chance } from "../oracle/random.ts";
import { addressText, edges, isV4, prefixText, readPrefix, words, type Prefix } from "../oracle/space.ts";
import { skip } from "../skip.ts";
import { dataPath, missingData } from "./lists.ts";

const real = suite("classbench");
const SETS = ["acl1_1k", "fw1_1k", "ipc1_1k", "jia_acl1_1k", "acl1_10k", "fw1_10k"] as const;
/** Questions a set and pass; all of them where there are fewer. */
const MOST_QUESTIONS = 150_000;
/** Rules of one policy, below the language's bound: a row of all ports is in every expose. */
const MOST_RULES = 80_000;

interface Row {
  readonly from: Prefix;
  readonly ports: Ports;
}

interface Read {
  readonly rows: readonly Row[];
  /** Rows left out, by the reason. */
  readonly left: ReadonlyMap<string, number>;
}

function readRows(name: string): Read {
  const rows = new Map<string, Row>();
  const left = new Map<string, number>();
  const skip = (reason: string): void => void left.set(reason, (left.get(reason) ?? 0) + 1);
  for (const line of readFileSync(dataPath(`classbench/${name}.rules`), "utf8")
    .split("\n")
    .filter((l) => l.trim() !== "")) {
    const match = /^@([\d.]+\/\d+)\s+[\d.]+\/\d+\s+\d+ : \d+\s+(\d+) : (\d+)\s+0x([0-9A-Fa-f]+)\/0x([0-9A-Fa-f]+)/.exec(line);
    if (match === null) {
      skip("not a filter");
      continue;
    }
    const [, source = "", first = "", last = "", protocol = "", mask = ""] = match;
    const wildcard = parseInt(mask, 16) === 0;
    if (!wildcard && parseInt(protocol, 16) !== 6) {
      skip("another protocol");
      continue;
    }
    // Port 0 can't be listened on.
    const ports = { first: Math.max(1, Number(first)), last: Number(last) };
    if (ports.last < 1) {
      skip("port 0 alone");
      continue;
    }
    const written = readPrefix(source);
    const hostBits = BigInt(32 - written.length);
    const from = { ...written, base: (written.base >> hostBits) << hostBits };
    const key = `${prefixText(from)} ${ports.first}-${ports.last}`;
    if (rows.has(key)) skip("the same source and ports again");
    else rows.set(key, { from, ports });
  }
  return { rows: [...rows.values()], left };
}

/** Disjoint intervals of ports, each with the rows that cover it. */
function exposes(rows: readonly Row[], denyEvery: number | null): ModelExpose[] {
  const cuts = [...new Set(rows.flatMap((r) => [r.ports.first, r.ports.last + 1]))].filter((port) => port <= 65_535).sort((a, b) => a - b);
  const sets = new Map<string, ModelSet>();
  const setOf = (from: Prefix): ModelSet => {
    const set = sets.get(prefixText(from)) ?? { members: [{ kind: "prefix", prefix: from }], except: [] };
    sets.set(prefixText(from), set);
    return set;
  };
  const rules = rows.map((r, i): ModelRule => ({
    action: denyEvery !== null && i % denyEvery === denyEvery - 1 ? "deny" : "allow",
    name: null,
    from: setOf(r.from),
  }));
  return cuts.flatMap((first, i) => {
    const last = (cuts[i + 1] ?? 65_536) - 1;
    const here = rows.flatMap((r, at) => (r.ports.first <= first && last <= r.ports.last ? [rules[at]] : [])).flatMap((r) => r ?? []);
    return here.length === 0 ?
        []
      : [{ name: `p${first}`, ports: [{ first, last }], bind: null, backend: "registers", cap: null, limits: [], rules: here.map((r) => ({ ...r })) }];
  });
}

/** Each address is evaluated at many exposes, so its membership in a set is remembered until the next address. */
function remembering(): Membership {
  let at = -1n;
  const known = new Map<ModelSet, boolean>();
  return (set, address) => {
    if (address !== at) known.clear();
    at = address;
    const before = known.get(set);
    const answer = before ?? setHas(set, address);
    known.set(set, answer);
    return answer;
  };
}

/** As many exposes in one policy as its bound of rules lets in. */
function inPolicies(all: readonly ModelExpose[]): ModelPolicy[] {
  const groups: ModelExpose[][] = [];
  let rules = Infinity;
  for (const expose of all) {
    if (rules + expose.rules.length > MOST_RULES) {
      groups.push([]);
      rules = 0;
    }
    groups.at(-1)?.push(expose);
    rules += expose.rules.length;
  }
  return groups.map((group) => ({ nets: [], denies: [], exposes: group }));
}

interface Counts {
  readonly exposes: number;
  readonly rules: number;
  readonly questions: number;
  readonly allowed: number;
  readonly wrong: readonly string[];
}

function compare(policy: ModelPolicy, addresses: readonly bigint[], most: number): Counts {
  const running = run(policy);
  const all = policy.exposes;
  const share = Math.min(all.length, Math.max(1, Math.floor(most / addresses.length)));
  const c = chance(7);
  const has = remembering();
  const wrong: string[] = [];
  let questions = 0;
  let allowed = 0;
  for (const source of addresses) {
    const start = c.below(all.length);
    for (let i = 0; i < share; i++) {
      const expose = all[(start + i) % all.length];
      if (expose === undefined) continue;
      const expected = accept(policy, expose, source, has);
      if (expected.allowed) allowed++;
      questions++;
      const differs = difference(running, expected, running.engine.accept(running.ids.get(expose.name) ?? -1, words(source)));
      if (differs !== null) wrong.push(`${expose.name} from ${addressText(source)}: ${differs}`);
    }
  }
  return { exposes: all.length, rules: running.engine.info.rules.length, questions, allowed, wrong };
}

const missing = missingData();
if (missing !== null) skip("classbench", missing);
else {
  for (const name of SETS) {
    for (const denyEvery of [null, 3]) {
      real(`${name}, ${denyEvery === null ? "all allow" : "every third a deny"}`, () => {
        const { rows, left } = readRows(name);
        const addresses = [...new Set(rows.flatMap((r) => edges(r.from)))].filter(isV4);
        const policies = inPolicies(exposes(rows, denyEvery));
        const counts = policies.map((policy) => compare(policy, addresses, Math.floor(MOST_QUESTIONS / policies.length)));
        const sum = (of: (c: Counts) => number): number => counts.reduce((total, c) => total + of(c), 0);
        const wrong = counts.flatMap((c) => c.wrong);
        const out = [...left].map(([reason, n]) => `${n} ${reason}`).join(", ");
        console.log(
          `classbench: ${name}: ${rows.length} rows (left out: ${out === "" ? "none" : out}), ${policies.length} policies, ${sum((c) => c.exposes)} exposes, ${sum((c) => c.rules)} rules, ${sum((c) => c.questions)} questions, ${sum((c) => c.allowed)} allowed, ${wrong.length} differ`,
        );
        assert.equal(wrong.slice(0, 5), []);
        assert.ok(sum((c) => c.questions) > 10_000);
        // The sets end with a row for everyone: that decides the verdict, the rules decide its name.
        if (denyEvery === null) assert.ok(sum((c) => c.allowed) > 10_000);
        else assert.ok(sum((c) => c.allowed) < sum((c) => c.questions));
      });
    }
  }
  real.run();
}
