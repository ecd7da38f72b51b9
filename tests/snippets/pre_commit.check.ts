// The hooks for pre-commit, tried by pre-commit itself: `try-repo`, and the configuration of the how-to page.
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { must, PROJECT, run, type Ended } from "../package/packed.ts";
import { ownFolder, suite } from "../suite.ts";
import { BASE, block, CACHE, FAILING, git, installed, packed, replaced, repository, TOOLS, WRONG, type Files } from "./scene.ts";

const test = suite("pre_commit");
const REQUIREMENTS = join(TOOLS, "pre-commit/requirements.txt");
const bin = installed(packed());

/** Installed once for each list of versions. */
function preCommit(): string {
  const place = join(CACHE, `pre-commit-${createHash("sha256").update(readFileSync(REQUIREMENTS)).digest("hex").slice(0, 12)}`);
  if (!existsSync(join(place, "done"))) {
    rmSync(place, { recursive: true, force: true });
    must("python3", ["-m", "venv", place]);
    must(join(place, "bin/pip"), ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--requirement", REQUIREMENTS]);
    writeFileSync(join(place, "done.new"), "");
    renameSync(join(place, "done.new"), join(place, "done"));
  }
  return join(place, "bin/pre-commit");
}

/** A repository with the hooks alone, as a forge has it. */
function hooks(): { readonly folder: string; readonly commit: string } {
  const folder = ownFolder("ingressd-snippets-");
  git(folder, "init", "--quiet");
  writeFileSync(join(folder, ".pre-commit-hooks.yaml"), readFileSync(join(PROJECT, ".pre-commit-hooks.yaml")));
  git(folder, "add", "--all");
  git(folder, "commit", "--quiet", "--message", "h");
  return { folder, commit: git(folder, "rev-parse", "HEAD") };
}

const own = hooks();

function commit(folder: string, words: readonly string[], path = `${bin}:${process.env["PATH"] ?? ""}`): Ended {
  const home = ownFolder("ingressd-snippets-");
  return run(preCommit(), words, { cwd: folder, env: { PRE_COMMIT_HOME: home, HOME: home, PATH: path, PRE_COMMIT_COLOR: "never" } });
}

function tried(files: Files, words: readonly string[] = []): Ended {
  return commit(repository({}, files).folder, ["try-repo", own.folder, "--all-files", "--verbose", ...words]);
}

/** The results by the name of the hook. */
function results({ out }: Ended): readonly string[] {
  return [...out.matchAll(/^(ingressc [a-z -]+?)\.*(?:\(.*\))?(Passed|Failed|Skipped)$/gm)].map(([, name = "", result = ""]) => `${name}: ${result}`);
}

const PASSED = ["ingressc check: Passed", "ingressc fmt --check: Passed", "ingressc test: Passed"];

test("try-repo: good policies pass every hook, whatever their files are called", () => {
  const ended = tried({ "edge.ingress": BASE, "-a $(touch ran).ingress": BASE, "teams/b c.ingress": BASE });
  assert.is(ended.code, 0, ended.out + ended.err);
  assert.equal(results(ended), PASSED);
  assert.match(ended.out, "3 policies below `.` are valid");
  assert.match(ended.out, "3 policies below `.` pass their tests");
  assert.not.match(ended.out + ended.err, /\[WARNING\]|deprecated/);
});

test("try-repo: an error, another layout and a test that fails, each fail their hook with what is wrong", () => {
  const wrong = tried({ "edge.ingress": BASE, "teams/b.ingress": WRONG });
  assert.is(wrong.code, 1);
  assert.equal(results(wrong), ["ingressc check: Failed", "ingressc fmt --check: Passed", "ingressc test: Failed"]);
  assert.match(wrong.out, "error[ING308]");
  const ugly = tried({ "edge.ingress": BASE.replace("  backend", "backend") });
  assert.is(ugly.code, 1);
  assert.equal(results(ugly), ["ingressc check: Passed", "ingressc fmt --check: Failed", "ingressc test: Passed"]);
  assert.match(ugly.out, "edge.ingress");
  const failing = tried({ "edge.ingress": FAILING });
  assert.is(failing.code, 1);
  assert.equal(results(failing), ["ingressc check: Passed", "ingressc fmt --check: Passed", "ingressc test: Failed"]);
});

test("an import is checked with the policy that reads it, and a list file matters too", () => {
  const files = {
    "nets.ingress": 'edition 1\n\nnet office = file "office.txt" max 10\n',
    "office.txt": "10.0.0.0/16\n",
    "edge.ingress": BASE.replace("edition 1\n", 'edition 1\nimport "nets.ingress" as nets\n').replace("from 10.0.0.0/16", "from nets.office"),
  };
  const good = tried(files);
  assert.is(good.code, 0, good.out + good.err);
  assert.match(good.out, "1 policy below `.` passes its tests");
  const other = tried({ ...files, "office.txt": "192.0.2.0/24\n" });
  assert.is(other.code, 1);
  assert.equal(results(other)[2], "ingressc test: Failed");
});

test("without ingressc each hook fails and says so", () => {
  const path = (process.env["PATH"] ?? "").split(":").filter((place) => !existsSync(join(place, "ingressc")));
  const { code, out } = commit(repository({}, { "edge.ingress": BASE }).folder, ["try-repo", own.folder, "--all-files"], path.join(":"));
  assert.is(code, 1);
  assert.match(out, /Executable `ingressc` not found/);
});

test("the configuration of the page runs the same hooks", () => {
  const { folder } = repository(
    {},
    {
      "edge.ingress": BASE,
      ".pre-commit-config.yaml": replaced(block(".pre-commit-config.yaml"), {
        "https://github.com/example/ingressd": own.folder,
        "0123456789abcdef0123456789abcdef01234567": own.commit,
      }),
    },
  );
  const ended = commit(folder, ["run", "--all-files", "--verbose"]);
  assert.is(ended.code, 0, ended.out + ended.err);
  assert.equal(results(ended), PASSED);
});

test.run();
