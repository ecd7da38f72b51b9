// The guard without one of its points, each in a copy of the project, and the test with a real process that has to
// notice. The tests pass in the copy as it is first, so that nothing else can be what they notice.
import { chmodSync, cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as assert from "uvu/assert";
import type { build } from "../../../scripts/build.mjs";
import { transpile, type Transpiled } from "../../transpile.mjs";
import { missing, place, remove } from "../guarded.ts";
import type { Mutant } from "./edits.ts";
import { MUTANTS } from "./list.ts";
import { atEnd, ownFolder, stallsAfter, suite } from "../../suite.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const COPIED = ["compiler", "gateway", "package-lock.json", "package.json", "runtime", "schemas", "scripts", "tests", "tsconfig.json"];
const root = process.getuid?.() === 0;
/**
 * Copies of the project, in each of which one mutant is tested at a time; some tests wait. Without root they would share
 * ports.
 */
const COPIES = root ? 3 : 1;
/** A network of its own for each test, so that no other one has its ports. */
const OWN_NETWORK = root ? ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"] : [];
/** A test that waits for ever has noticed. */
const TEST_MS = 40_000;
/** Some tests are races with a program, and the one that has to lose may win once. */
const MOST_TRIES = 3;
const SKIPPED = "skipped: ";
const NO_TEST = "there is no such test";

interface Copy {
  readonly folder: string;
  /** Builds its programs. */
  readonly build: typeof build;
  /** Its tests as they are without a mutant. */
  readonly tests: Transpiled;
}

const testFile = (folder: string, name: string): string => join(folder, "tests/guard", `${name}.ts`);

async function transpiled(folder: string, names: readonly string[]): Promise<Transpiled> {
  const tests = await transpile(
    names.map((name) => testFile(folder, name)),
    folder,
  );
  if (tests === null) throw new Error(`${names.join(", ")} can't be built`);
  return tests;
}

async function copyProject(): Promise<Copy> {
  const folder = ownFolder("guard-");
  chmodSync(folder, 0o755);
  for (const name of COPIED) cpSync(join(ROOT, name), join(folder, name), { recursive: true, filter: (path) => !path.endsWith("node_modules") });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  const own = (await import(pathToFileURL(join(folder, "scripts/build.mjs")).href)) as { readonly build: typeof build };
  // A program that runs as another user can't build in the copy.
  await own.build();
  return { folder, build: own.build, tests: await transpiled(folder, [...new Set(MUTANTS.map(({ noticedBy: [file] }) => file))]) };
}

/** Runs the test that has to notice edits of these files. Null: it passed; else the line that says what failed. */
async function noticed({ folder, build: buildPrograms, tests }: Copy, [file, name]: Mutant["noticedBy"], edited: readonly string[]): Promise<string | null> {
  const path = testFile(folder, file);
  if (edited.length > 0) await buildPrograms();
  // A test may call functions of the guard itself.
  const again = edited.some((source) => tests.uses(path, source)) ? await transpiled(folder, [file]) : null;
  try {
    return await ran(folder, (again ?? tests).built.get(path) ?? "", name);
  } finally {
    again?.remove();
  }
}

/** Runs a test of a built file. */
function ran(folder: string, built: string, name: string): Promise<string | null> {
  return new Promise((resolve) => {
    const [command = "", ...words] = [...OWN_NETWORK, process.execPath, built];
    const child = spawn(command, words, {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, INGRESSD_GUARD_ONLY: name, NO_COLOR: "1" },
      detached: true,
    });
    let out = "";
    let [late, failed] = [false, false];
    const end = (): void => {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    };
    atEnd(end);
    const timer = setTimeout(() => {
      late = true;
      end();
    }, TEST_MS);
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        out += text;
        // uvu's mark of a test that failed; a process that the test started may keep its output open.
        if (!failed && out.includes("\u2718")) {
          failed = true;
          end();
        }
      });
    child.once("exit", (code) => {
      clearTimeout(timer);
      try {
        end();
      } catch {
        // Nothing of it is left.
      }
      if (failed) return resolve("it fails");
      if (late) return resolve("it did not end");
      // A row that this kernel has no socket for is no skipped test.
      const skipped = /SKIP (?![^\n]*no such socket)([^\n]+)/.exec(out)?.[1];
      if (code === 0 && skipped !== undefined) return resolve(`${SKIPPED}${skipped}`);
      if (code === 0 && !/Passed: {4}[1-9]/.test(out)) return resolve(NO_TEST);
      return resolve(code === 0 ? null : (/^ {4}([^\n]+)/m.exec(out)?.[1] ?? `exit code ${code}`));
    });
  });
}

async function fate(copy: Copy, { edits, noticedBy }: Mutant): Promise<{ readonly killed: boolean; readonly how: string }> {
  const originals = new Map<string, string>();
  try {
    for (const { file, text, instead } of edits) {
      const path = join(copy.folder, "runtime/guard", file);
      const now = readFileSync(path, "utf8");
      const places = now.split(text).length - 1;
      if (places !== 1) return { killed: false, how: `its text occurs ${places} times in ${file}` };
      if (!originals.has(path)) originals.set(path, now);
      writeFileSync(
        path,
        now.replace(text, () => instead),
      );
    }
    let [how, tries] = [await noticed(copy, noticedBy, [...originals.keys()]), 1];
    for (; how === null && tries < MOST_TRIES; tries++) how = await noticed(copy, noticedBy, [...originals.keys()]);
    const killed = how !== null && !how.startsWith(SKIPPED) && how !== NO_TEST;
    return { killed, how: `${how ?? "its test passes without it"}${tries > 1 ? `, at try ${tries}` : ""}` };
  } finally {
    for (const [path, text] of originals) writeFileSync(path, text);
  }
}

const mutants = suite("guard mutants");
const where = place();
const lacks = missing(where);
remove(where);
const FILTER = process.env["INGRESSD_MUTANT"] ?? "";

if (lacks !== null) mutants("skipped", () => console.log(`SKIP guard mutants: ${lacks}`));
else {
  const copies = await Promise.all(Array.from({ length: COPIES }, copyProject));
  mutants.after(() => {
    for (const { tests } of copies) tests.remove();
  });
  /** Each copy takes the next one when it is done with one. */
  const inCopies = async <T>(all: readonly T[], work: (copy: Copy, one: T) => Promise<void>): Promise<void> => {
    const queue = [...all];
    await Promise.all(
      copies.map(async (copy) => {
        for (let one = queue.shift(); one !== undefined; one = queue.shift()) await work(copy, one);
      }),
    );
  };
  const chosen = MUTANTS.filter(({ without }) => without.includes(FILTER));
  const able = chosen.filter(({ asRoot = false }) => root || !asRoot);
  for (const { without } of chosen.filter((mutant) => !able.includes(mutant)))
    mutants(`${without} (skipped)`, () => console.log(`SKIP guard mutants ${without.replaceAll(":", ",")}: not root here`));

  const skipped = new Map<string, string>();
  mutants("the guard as it is passes", async () => {
    stallsAfter(2 * TEST_MS);
    const tests = new Map(able.map(({ noticedBy }) => [noticedBy.join(), noticedBy]));
    const failed: string[] = [];
    await inCopies([...tests], async (copy, [key, test]) => {
      const how = await noticed(copy, test, []);
      if (how?.startsWith(SKIPPED) === true) skipped.set(key, how.slice(SKIPPED.length));
      else if (how !== null) failed.push(`${test.join(": ")}: ${how}`);
    });
    assert.equal(failed, []);
  });

  const fates = new Map<Mutant, Awaited<ReturnType<typeof fate>>>();
  mutants("each is tried", () => {
    stallsAfter(2 * TEST_MS);
    return inCopies(
      able.filter(({ noticedBy }) => !skipped.has(noticedBy.join())),
      async (copy, mutant) => {
        fates.set(mutant, await fate(copy, mutant));
      },
    );
  });

  for (const mutant of able) {
    mutants(`without ${mutant.without}`, () => {
      const why = skipped.get(mutant.noticedBy.join());
      if (why !== undefined) return console.log(`SKIP guard mutants ${mutant.without.replaceAll(":", ",")}: ${why}`);
      const { killed, how } = fates.get(mutant) ?? { killed: false, how: "it was not tried" };
      console.log(`mutant ${killed ? "noticed" : "LIVES"} (${mutant.noticedBy.join(": ")}: ${how}): without ${mutant.without}`);
      assert.ok(killed, how);
    });
  }
}

mutants.run();
