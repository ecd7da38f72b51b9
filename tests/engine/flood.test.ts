// Two floods from many sources against a limit per source. They never refill an abuser's budget, and at least 95 of
// 100 honest newcomers are served. Prints both shares for the table sizes of the profile `host`, and for the largest
// and smallest in the page of `os`.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Profile } from "../../runtime/abi/profiles.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import type { LoadedPolicy, PolicyEngine } from "../../runtime/host/module.ts";
import { atLength } from "../at_length.ts";
import { compileText, load } from "../oracle/ask.ts";
import { words } from "../oracle/space.ts";

const suites = suite("flood");

interface Limit {
  readonly text: string;
  readonly burst: number;
  /** The time in which a full debt expires. */
  readonly windowMs: number;
}

const SECOND: Limit = { text: "1/s burst 6", burst: 6, windowMs: 6_000 };
const HALF_MINUTE: Limit = { text: "6/30s", burst: 6, windowMs: 30_000 };
const DAY: Limit = { text: "100/d", burst: 100, windowMs: 86_400_000 };

/** `crowd`: number of addresses in a list that uses up space in the page. */
function policy(profile: Profile, crowd: number, { text }: Limit): LoadedPolicy {
  const list = Array.from({ length: crowd }, (_, i) => `10.${i >> 7}.${(i & 127) * 2}.1\n`).join("");
  const deny = crowd === 0 ? "" : `deny from file "crowd" max ${crowd}`;
  return load(
    compileText(
      `edition 1
expose web on tcp 443 { cap 1000000 connections limit ${text} per source allow from any ${deny} }
`,
      new Map([["crowd", list]]),
      profile,
    ),
  );
}

interface Table {
  readonly name: string;
  readonly module: LoadedPolicy;
  readonly limit: Limit;
  readonly places: number;
  /** Number of runs with different seeds that are added up, because a small table has few newcomers. */
  readonly seeds: number;
}

const tables: readonly Table[] = [SECOND, HALF_MINUTE, DAY].flatMap((limit) => [
  { name: `host, ${limit.text}`, limit, module: policy("host", 0, limit), places: 65_536, seeds: 1 },
  { name: `os, the most, ${limit.text}`, limit, module: policy("os", 0, limit), places: 1_024, seeds: 4 },
  { name: `os, the least, ${limit.text}`, limit, module: policy("os", 3_300, limit), places: 256, seeds: 8 },
]);

/** Admits many sources and closes each, because caps are not measured here. */
function served(engine: PolicyEngine, sources: readonly bigint[]): number {
  const decisions = engine.admit(sources.map((source) => ({ listener: 0, source: words(source) })));
  sources.forEach((source, i) => {
    if (decisions[i]?.allowed === true) engine.release(0, words(source));
  });
  return decisions.filter((d) => d.allowed).length;
}

/** Sources that share no key: each has its own /64. */
const family =
  (tag: bigint) =>
  (i: number): bigint =>
    (tag << 112n) | (BigInt(i) << 64n) | 1n;
const flooder = family(0x2001n);
const newcomer = family(0x2a00n);
const abuser = family(0x2600n)(1);

/** `hits`: of each source, as a part of the burst. A source that hits once owes 1/burst of a full debt, so that six tenths of the burst are ten times the places. */
const floods = [
  { name: "one hit each from ten times the places a window", hits: () => 1, ratio: ({ burst }: Limit) => (10 * burst) / 6 },
  { name: "as many hits each as keep every place at full debt", hits: ({ burst }: Limit) => burst, ratio: () => 1.5 },
] as const;

/** Runs two windows and measures the second; the abuser connects in both. */
function flood(
  engine: PolicyEngine,
  { burst, windowMs }: Limit,
  perSlice: number,
  hits: number,
): { readonly admitted: number; readonly honest: number; readonly newcomers: number } {
  let next = 0;
  let admitted = 0;
  let honest = 0;
  let newcomers = 0;
  // The first window is not measured; it fills the table.
  for (let slice = 0; slice < 120; slice++) {
    engine.setClock({ monoMs: 1_000_000 + slice * (windowMs / 60), wallSeconds: null });
    admitted += served(
      engine,
      Array.from({ length: Math.ceil(burst / 3) }, () => abuser),
    );
    const strangers = Array.from({ length: perSlice }, () => flooder(next++));
    for (let hit = 0; hit < hits; hit++) served(engine, strangers);
    if (slice < 60) continue;
    const fresh = Array.from({ length: 25 }, (_, i) => newcomer(slice * 100 + i));
    newcomers += fresh.length;
    honest += served(engine, fresh);
  }
  return { admitted, honest, newcomers };
}

for (const { name: table, module, limit, places, seeds } of tables) {
  for (const { name, hits, ratio } of floods) {
    // A hundred hits of each of 98,304 sources, twice, take minutes; the smaller tables have the same sets and the same sketch.
    if (limit === DAY && places > atLength(Infinity, 1_024)) continue;
    suites(`${table}: ${name}`, () => {
      assert.is(openEngine(module, new Uint8Array(16)).limiterFill().places, places);
      const runs = Array.from({ length: seeds }, (_, i) =>
        flood(openEngine(module, Uint8Array.of(i, 5)), limit, Math.ceil((places * ratio(limit)) / 60), hits(limit)),
      );
      const sum = (pick: (run: (typeof runs)[number]) => number): number => runs.reduce((n, run) => n + pick(run), 0);
      const [honest, newcomers, most] = [sum((r) => r.honest), sum((r) => r.newcomers), Math.max(...runs.map((r) => r.admitted))];
      // Two windows: the burst, then what two windows bring.
      const due = 3 * limit.burst;
      console.log(`flood: ${table}: ${name}: ${honest} of ${newcomers} newcomers served, abuser ${most} of at most ${due}, ${places} places`);
      assert.ok(most <= due, `the abuser got ${most} of ${due}`);
      assert.ok(honest >= 0.95 * newcomers, `only ${honest} of ${newcomers} newcomers were served`);
    });
  }
}

suites.run();
