// The guard without one of its points, each in a copy of the project, and the test with a real process that has to
// notice. The tests pass in the copy as it is first, so that nothing else can be what they notice.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync, chmodSync } from "node:fs";
import { spawn, spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { missing, place, remove } from "../guarded.ts";
import { MUTANTS, type Mutant } from "./list.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const COPIED = ["compiler", "gateway", "package-lock.json", "package.json", "runtime", "schemas", "scripts", "tests", "tsconfig.json"];
/** Copies of the project, in each of which one mutant is tested at a time. */
const COPIES = 2;
/** A test that waits for ever has noticed. */
const TEST_MS = 40_000;
const SKIPPED = "skipped: ";
const NO_TEST = "there is no such test";

function copyProject(): string {
  const folder = mkdtempSync(join(tmpdir(), "guard-"));
  chmodSync(folder, 0o755);
  for (const name of COPIED) cpSync(join(ROOT, name), join(folder, name), { recursive: true, filter: (path) => !path.endsWith("node_modules") });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return folder;
}

/** A program that runs as another user can't build in the copy. */
function build(folder: string): void {
  const { status, stderr } = spawnSync(process.execPath, [join(folder, "scripts/build.mjs")], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
}

/** Null: it passed; else the line that says what failed. */
function noticed(folder: string, [file, name]: Mutant["noticedBy"]): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), join(folder, "tests/guard", `${file}.ts`)], {
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

async function fate(folder: string, { edits, noticedBy }: Mutant): Promise<{ readonly killed: boolean; readonly how: string }> {
  const originals = new Map<string, string>();
  try {
    for (const { file, text, instead } of edits) {
      const path = join(folder, "runtime/guard", file);
      const now = readFileSync(path, "utf8");
      const places = now.split(text).length - 1;
      if (places !== 1) return { killed: false, how: `its text occurs ${places} times in ${file}` };
      if (!originals.has(path)) originals.set(path, now);
      writeFileSync(
        path,
        now.replace(text, () => instead),
      );
    }
    build(folder);
    const how = await noticed(folder, noticedBy);
    return { killed: how !== null && !how.startsWith(SKIPPED) && how !== NO_TEST, how: how ?? "its test passes without it" };
  } finally {
    for (const [path, text] of originals) writeFileSync(path, text);
  }
}

const mutants = suite("guard mutants");
const where = place();
const lacks = missing(where);
remove(where);
const root = process.getuid?.() === 0;
const FILTER = process.env["INGRESSD_MUTANT"] ?? "";

if (lacks !== null) mutants("skipped", () => console.log(`SKIP guard mutants: ${lacks}`));
else {
  const copies = Array.from({ length: COPIES }, copyProject);
  mutants.after(() => {
    for (const folder of copies) rmSync(folder, { recursive: true });
  });
  const chosen = MUTANTS.filter(({ without }) => without.includes(FILTER));
  const able = chosen.filter(({ asRoot = false }) => root || !asRoot);
  for (const { without } of chosen.filter((mutant) => !able.includes(mutant)))
    mutants(`${without} (skipped)`, () => console.log(`SKIP guard mutants ${without.replaceAll(":", ",")}: not root here`));

  const skipped = new Map<string, string>();
  mutants("the guard as it is passes", async () => {
    for (const folder of copies) build(folder);
    const tests = new Map(able.map(({ noticedBy }) => [noticedBy.join(), noticedBy]));
    for (const [key, test] of tests) {
      const how = await noticed(copies[0] ?? "", test);
      if (how?.startsWith(SKIPPED) === true) skipped.set(key, how.slice(SKIPPED.length));
      else assert.is(how, null, test.join(": "));
    }
  });

  const fates = new Map<Mutant, ReturnType<typeof fate>>();
  mutants("each is tried", () => {
    // A copy takes the next mutant when it is done with one.
    const queue = able.filter(({ noticedBy }) => !skipped.has(noticedBy.join()));
    const free = copies.map((folder) => Promise.resolve(folder));
    for (const [index, mutant] of queue.entries()) {
      const copy = free[index % free.length] ?? Promise.resolve("");
      const result = copy.then((folder) => fate(folder, mutant));
      fates.set(mutant, result);
      free[index % free.length] = result.then(
        () => copy,
        () => copy,
      );
    }
  });

  for (const mutant of able) {
    mutants(`without ${mutant.without}`, async () => {
      const why = skipped.get(mutant.noticedBy.join());
      if (why !== undefined) return console.log(`SKIP guard mutants ${mutant.without.replaceAll(":", ",")}: ${why}`);
      const { killed, how } = (await fates.get(mutant)) ?? { killed: false, how: "it was not tried" };
      console.log(`mutant ${killed ? "noticed" : "LIVES"} (${mutant.noticedBy.join(": ")}: ${how}): without ${mutant.without}`);
      assert.ok(killed, how);
    });
  }
}

mutants.run();
