// Every listed mutant of the engine is built by asc and put in the engine's place in a copy of
// the project; the quick tests of the engine have to notice each of them. The copy without a
// mutant has to pass first, so that nothing else can be what they notice.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { buildEngine, copyProject, root, runNode } from "../copies.ts";
import { MUTANTS as OF_TABLES, type Mutant } from "./list.ts";
import { PHASES } from "./phases.ts";

const MUTANTS: readonly Mutant[] = [...OF_TABLES, ...PHASES];

const TESTS = ["engine/exports", "engine/decisions", "engine/names_and_ends", "engine/names", "engine/identities", "engine/limits", "engine/tries", "engine/tables", "engine/state", "engine/places"];
/** The test that is nearest to a file goes first; the first that fails ends the row. */
const NEAREST: Readonly<Record<Mutant["file"], string>> = {
  cells: "engine/tables", decide: "engine/decisions", search: "engine/tries", charge: "engine/limits", caps: "engine/limits",
  identities: "engine/identities", limits: "engine/limits", main: "engine/limits", names: "engine/names", state: "engine/state", validate: "engine/tables",
};
/** A mutant may loop for ever; then it was noticed. */
const TEST_MS = 60_000;
const WORKERS = 2;

/** The first test that fails in a copy, or null. */
async function noticedBy(folder: string, first: string): Promise<string | null> {
  for (const name of [first, ...TESTS.filter((t) => t !== first)]) {
    const { code } = await runNode(folder, ["--import", import.meta.resolve("tsx"), join("tests", `${name}.test.ts`)], TEST_MS);
    if (code !== 0) return `${name}${code === null ? " (ended)" : ""}`;
  }
  return null;
}

const engineFile = (folder: string, file: string): string => join(folder, "runtime", "engine", `${file}.ts`);
const engineBytes = (folder: string): Buffer => readFileSync(join(folder, "runtime", "engine", "build", "engine.wasm"));

/** What became of a mutant: the test that noticed it, or what is wrong with the mutant. */
async function fate(folder: string, plain: Buffer, { file, text, instead, nearest }: Mutant): Promise<{ readonly killed: boolean; readonly how: string }> {
  const path = engineFile(folder, file);
  const original = readFileSync(engineFile(root, file), "utf8");
  const places = original.split(text).length - 1;
  if (places !== 1) return { killed: false, how: `its text stands ${places} times in ${file}.ts` };
  try {
    writeFileSync(path, original.replace(text, () => instead));
    if (!await buildEngine(folder)) return { killed: false, how: "asc does not build it" };
    if (engineBytes(folder).equals(plain)) return { killed: false, how: "it is the same code" };
    const noticed = await noticedBy(folder, nearest ?? NEAREST[file]);
    return noticed === null ? { killed: false, how: "no test notices it" } : { killed: true, how: noticed };
  } finally {
    writeFileSync(path, original);
  }
}

const mutants = suite("mutants");
const folders = Array.from({ length: WORKERS }, copyProject);
const fates = new Map<Mutant, { readonly killed: boolean; readonly how: string }>();
let baseline: string | null = "not run";
try {
  const [first = ""] = folders;
  baseline = await buildEngine(first) ? await noticedBy(first, "engine/decisions") : "asc does not build the engine";
  const plain = engineBytes(first);
  const queue = baseline === null ? [...MUTANTS] : [];
  await Promise.all(folders.map(async (folder) => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) fates.set(mutant, await fate(folder, plain, mutant));
  }));
} finally {
  for (const folder of folders) rmSync(folder, { recursive: true });
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
