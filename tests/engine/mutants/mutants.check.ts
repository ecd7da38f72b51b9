// The engine is built with each listed mutant in its source; the quick tests of the engine have to notice each of
// them. They have to pass with the engine as it is first, so that nothing else can be what they notice.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { buildEngine, engineTests, root, type EngineTests } from "../other_engine.ts";
import { MUTANTS as OF_TABLES, type Mutant } from "./list.ts";
import { GROUPS } from "./groups.ts";
import { PHASES } from "./phases.ts";

const MUTANTS: readonly Mutant[] = [...OF_TABLES, ...PHASES, ...GROUPS];

const TESTS = [
  "engine/exports",
  "engine/decisions",
  "engine/names_and_ends",
  "engine/names",
  "engine/identities",
  "engine/limits",
  "engine/tries",
  "engine/tables",
  "engine/state",
  "engine/places",
  "engine/shared_ports",
  "engine/dryrun_limits",
];
/** The test that is nearest to a file goes first; the first that fails ends the row. */
const NEAREST: Readonly<Record<Mutant["file"], string>> = {
  cells: "engine/tables",
  decide: "engine/decisions",
  search: "engine/tries",
  charge: "engine/limits",
  caps: "engine/limits",
  identities: "engine/identities",
  limits: "engine/limits",
  main: "engine/limits",
  names: "engine/names",
  state: "engine/state",
  tables: "engine/tables",
  validate: "engine/tables",
  validate_prefixes: "engine/tables",
};
/** A mutant may loop for ever; then it was noticed. */
const TEST_MS = 60_000;
const WORKERS = 2;

interface Fate {
  readonly killed: boolean;
  /** The test that noticed it, or what is wrong with the mutant. */
  readonly how: string;
}

const testFile = (name: string): string => `tests/${name}.test.ts`;

/** The first test that fails, or null. */
async function noticedBy(tests: EngineTests, first: string): Promise<string | null> {
  for (const name of [first, ...TESTS.filter((t) => t !== first)]) {
    const { code } = await tests.run(testFile(name), TEST_MS);
    if (code !== 0) return `${name}${code === null ? " (ended)" : ""}`;
  }
  return null;
}

/** The result of a mutant. */
async function fate(tests: EngineTests, plain: Uint8Array, { file, text, instead, nearest }: Mutant): Promise<Fate> {
  const path = `runtime/engine/${file}.ts`;
  const original = readFileSync(join(root, path), "utf8");
  const places = original.split(text).length - 1;
  if (places !== 1) return { killed: false, how: `its text is in ${file}.ts ${places} times` };
  const engine = await buildEngine(new Map([[path, original.replace(text, () => instead)]]));
  if (engine === null) return { killed: false, how: "asc does not build it" };
  if (Buffer.from(engine).equals(plain)) return { killed: false, how: "it is the same code" };
  tests.use(engine);
  const noticed = await noticedBy(tests, nearest ?? NEAREST[file]);
  return noticed === null ? { killed: false, how: "no test notices it" } : { killed: true, how: noticed };
}

const FILES = [...new Set([...TESTS, ...MUTANTS.flatMap(({ nearest }) => nearest ?? [])])].map(testFile);

const mutants = suite("mutants");
const workers = await Promise.all(Array.from({ length: WORKERS }, () => engineTests(FILES)));
const fates = new Map<Mutant, Fate>();
let baseline: string | null = "not run";
try {
  const plain = await buildEngine(new Map());
  const [first] = workers;
  if (plain === null || first === undefined) throw new Error("asc does not build the engine");
  first.use(plain);
  baseline = await noticedBy(first, "engine/decisions");
  const queue = baseline === null ? [...MUTANTS] : [];
  await Promise.all(
    workers.map(async (tests) => {
      for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) fates.set(mutant, await fate(tests, plain, mutant));
    }),
  );
} finally {
  for (const tests of workers) tests.remove();
}

mutants("the engine as it is passes, and there are at least 30 mutants", () => {
  assert.is(baseline, null);
  assert.ok(MUTANTS.length >= 30);
});

for (const mutant of MUTANTS) {
  mutants(`${mutant.file}: ${mutant.text} -> ${mutant.instead}`, () => {
    const { killed, how } = fates.get(mutant) ?? { killed: false, how: "was not tried" };
    console.log(`mutant ${killed ? "killed by" : "LIVES:"} ${how}: ${mutant.file}: ${mutant.instead}`);
    assert.ok(killed, how);
  });
}

mutants.run();
