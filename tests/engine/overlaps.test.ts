// Policies whose sets overlap in every way (tests/bench/overlaps.mjs). Each decides as its rules do one by one, costs
// work in proportion to its text, and is refused past a bound of the lowering, with the sets that cost the most. Costs
// are counts, not times.
import { failed } from "../../runtime/result/result.ts";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkSource } from "../../compiler/compile.ts";
import type { AddressWords, CheckedPolicy } from "../../compiler/policy/policy.ts";
import type { SourceFile } from "../../compiler/source/source.ts";
import { writeImage } from "../../compiler/emit/image.ts";
import { scan } from "../../compiler/emit/vectors.ts";
import { lower } from "../../compiler/lower/lower.ts";
import { LOWER_BOUNDS, type Excess, type LowerBounds } from "../../compiler/lower/meter.ts";
import type { PolicyTables } from "../../compiler/lower/tables.ts";
import { tooLarge } from "../../compiler/too_large.ts";
import { CODES } from "../../runtime/abi/names.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import { compileText, load, SEED } from "../oracle/ask.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { OVERLAPS, overlapping } from "../bench/overlaps.mjs";

const overlaps = suite("overlaps");

interface Checked {
  readonly entry: SourceFile;
  readonly policy: CheckedPolicy;
}

function checked(text: string): Checked {
  const entry = { path: "p.ingress", text };
  const { policy, diagnostics } = checkSource(entry, { read: () => failed("missing") });
  if (policy === null) throw new Error(diagnostics[0]?.message);
  return { entry, policy };
}

function lowered({ policy }: Checked, bounds?: LowerBounds): PolicyTables {
  const tables = lower(policy, bounds);
  if (!tables.ok) throw new Error(`too large: ${tables.error.what}`);
  return tables.value;
}

const bytesOf = (tables: PolicyTables): number => {
  const image = writeImage(tables, "host");
  if (!image.ok) throw new Error("does not fit");
  return image.value.data.length;
};

/**
 * Maximum growth of the work and the tables for twice the sets. If each set is used by each expose, the rules alone
 * grow fourfold, and if sets are denser, more of them contain one source.
 */
const GROWTH: Readonly<Record<string, number>> = {
  "sets times exposes": 8,
  "denies on many columns": 5,
  "names all but one": 5,
  "names times sources": 3.5,
  "ends times names": 3,
};
const SETS = 48;

/** Both edges of each rule's sources, their neighbours, and random addresses. */
function sourcesOf(c: Chance, tables: PolicyTables): AddressWords[] {
  return Array.from({ length: 60 }, (): AddressWords => {
    const { bounds } = c.pick(tables.rules).from;
    const at = 4 * c.below(bounds.length / 4);
    const d = c.oneIn(6) ? c.word() : ((bounds[at + 3] ?? 0) + c.below(3) - 1) >>> 0;
    return [bounds[at] ?? 0, bounds[at + 1] ?? 0, bounds[at + 2] ?? 0, d];
  });
}

for (const name of Object.keys(OVERLAPS)) {
  overlaps(`${name}: decisions equal those of the rules evaluated one by one`, () => {
    const text = overlapping(name, SETS);
    const { policy } = checked(text);
    const tables = lowered({ entry: { path: "", text }, policy });
    const engine = openEngine(load(compileText(text)), SEED);
    const c = chance(SETS);
    const names = [null, "t1.example", "t7.example", "a.d3.example", "b.z1.example", "c.y5.example", "x4.example", "else.example"];
    const seen = new Set<string>();
    const walls = [0, Date.UTC(2045, 1) / 1000, Date.UTC(2079, 1) / 1000];
    for (const wall of name.startsWith("ends") ? walls : [0]) {
      engine.setClock({ monoMs: 0, wallSeconds: wall === 0 ? null : wall });
      for (const source of sourcesOf(c, tables)) {
        policy.exposes.forEach((expose, listener) => {
          const own = tables.rules.filter(({ appliesTo }) => appliesTo === "all" || appliesTo.has(listener));
          for (const name of expose.mode === "passthrough" ? names : [null]) {
            const [code, rule] = scan(own, expose, { source, name, wall });
            const answer = engine.hello(listener, source, name);
            assert.is(
              `${answer.code} ${answer.rule}`,
              `${Object.entries(CODES).find(([n]) => Number(n) === code)?.[1].name ?? ""} ${rule}`,
              `${listener} from ${source.join()} for ${name}`,
            );
            seen.add(answer.code);
          }
        });
      }
    }
    assert.ok(seen.size >= 2, [...seen].join());
  });

  overlaps(`${name}: work and tables grow within bounds for twice the sets`, () => {
    const [one, two] = [SETS, 2 * SETS].map((n) => lowered(checked(overlapping(name, n))));
    if (one === undefined || two === undefined) throw new Error("nothing lowered");
    const most = GROWTH[name] ?? 2.5;
    assert.ok(two.work <= most * one.work, `work ${one.work} ${two.work}`);
    assert.ok(bytesOf(two) <= most * bytesOf(one), `bytes ${bytesOf(one)} ${bytesOf(two)}`);
  });
}

overlaps("stretches in which all sets are equal cost nothing extra", () => {
  // A list that every expose refuses has two kinds of stretches, at any length.
  const text = (prefixes: number): string =>
    `edition 1\nnet bad = ${Array.from({ length: prefixes }, (_, i) => `10.${i >> 7}.${2 * (i & 127)}.0/24`).join(", ")}\n` +
    Array.from({ length: 64 }, (_, e) => `expose e${e} on tcp ${e + 1} { allow from 192.0.2.${e} deny from bad }\n`).join("");
  const [short, long] = [lowered(checked(text(10))), lowered(checked(text(2_000)))];
  assert.is(short.classCount, long.classCount);
  assert.ok(long.work <= short.work + 64, `${short.work} ${long.work}`);
});

const found = (said: Excess, { entry, policy }: Checked): string => {
  const { message, span, related } = tooLarge(entry, policy, said);
  return [message, ...[span, ...related.map((r) => r.span)].map((s) => entry.text.slice(s.start, s.end).split(" ").slice(0, 4).join(" "))].join(" | ");
};

const IDENTITIES = `edition 1
ids team = uri "spiffe://x/a/*", uri "spiffe://x/*/b", uri "spiffe://x/c/**" except uri "spiffe://x/a/b"
expose m on tcp 443 as mtls { backend 127.0.0.1:9 cert "c" ca "c" allow from any client team deny from any client uri "spiffe://x/a/c" }
`;

/** A bound, how much of it a policy needs, and the message with a bound one lower. */
const BOUNDS: readonly (readonly [what: keyof LowerBounds, text: string, used: (tables: PolicyTables) => number, says: RegExp])[] = [
  [
    "work",
    `edition 1\nnet calm = 10.0.0.0/8\nnet wild = ${Array.from({ length: 50 }, (_, i) => `10.${i}.0.0/24`).join(", ")}\nexpose a on tcp 1 { allow from calm deny from wild }\n`,
    ({ work }) => work,
    /overlap in more ways than the compiler follows; the most comes from `wild`, `calm` \| net wild = .* \| net calm = /,
  ],
  [
    "effects",
    "edition 1\nnet lan = 10.0.0.0/8\nexpose a on tcp 1 { allow from lan allow from any deny from lan }\nexpose b on tcp 2 { allow from lan }\n",
    () => 4,
    /apply to more listeners than the compiler follows; the most comes from `lan`/,
  ],
  [
    "nameMembers",
    `edition 1\nhosts h = "a.example", "*.b.example"\nexpose a on tcp 1 as passthrough { backend 127.0.0.1:9 allow from any sni h deny from any sni "a.example" }\n`,
    () => 3,
    /host names overlap in more ways .* the most comes from `h`, the names of a rule \| hosts h = .* \| deny from any sni$/,
  ],
  [
    "identityNodes",
    IDENTITIES,
    ({ identities }) => identities.parents.length,
    /patterns of identities overlap in more ways than the compiler follows; the most comes from `team`, the identities of a rule \| ids team = .* \| deny from any client/,
  ],
  [
    "identityWork",
    IDENTITIES,
    ({ identities }) => identities.work,
    /patterns of identities overlap in more ways than the compiler follows; the most comes from `team`/,
  ],
  [
    "cellWords",
    `edition 1\n${Array.from({ length: 40 }, (_, i) => `expose e${i} on tcp ${i + 1} { allow from 10.0.${i}.0/24 }\n`).join("")}`,
    ({ cells }) => cells.rowCount * cells.stride + cells.pages.reduce((sum, { length }) => sum + length, 0),
    /need more than 256 MiB of memory; the most comes from the sources of a rule/,
  ],
];

for (const [what, text, used, says] of BOUNDS) {
  overlaps(`the bound on ${what} admits a policy at N and refuses it at N - 1`, () => {
    const policy = checked(text);
    const most = used(lowered(policy));
    // Rows without names take one more word than the cells.
    const at = what === "cellWords" ? most + 1 : most;
    lowered(policy, { ...LOWER_BOUNDS, [what]: at });
    const refused = lower(policy.policy, { ...LOWER_BOUNDS, [what]: most - 1 });
    if (refused.ok) throw new Error("it is let in");
    assert.is(refused.error.what, what);
    assert.match(found(refused.error, policy), says);
  });
}

overlaps.run();
