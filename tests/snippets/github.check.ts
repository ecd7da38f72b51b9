// The GitHub Action: the workflow of the how-to page, run by act without a network; then the action's own script with inputs that nobody
// would choose.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as assert from "uvu/assert";
import { must, PROJECT, run, type Ended } from "../package/packed.ts";
import { skip } from "../skip.ts";
import { ownFolder, stallsAfter, suite } from "../suite.ts";
import {
  ACCEPTED,
  BASE,
  block,
  CACHE,
  FAILING,
  git,
  HOSTILE_NAMES,
  NARROWER,
  offline,
  packed,
  replaced,
  repository,
  TOOLS,
  WIDER,
  WRONG,
  type Files,
} from "./scene.ts";

const test = suite("github");
const ACTION = readFileSync(join(PROJECT, "action.yml"), "utf8");
const SCRIPT = /^ {6}run: \|\n([^]*)$/m.exec(ACTION)?.[1]?.replace(/^ {8}/gm, "") ?? "";
/** Of act: with an older one there is no way to build it. */
const LEAST_GO = [1, 25] as const;
const BUILD_MS = 900_000;

const whole = packed();

const ACT = join(CACHE, `act-${/nektos\/act (v[\d.]+)/.exec(readFileSync(join(TOOLS, "act/go.mod"), "utf8"))?.[1] ?? ""}`, "act");

/** Built once for each version. */
function act(): string {
  if (existsSync(ACT)) return ACT;
  mkdirSync(dirname(ACT), { recursive: true });
  const next = `${ACT}.${process.pid}`;
  must("go", ["build", "-o", next, "github.com/nektos/act"], { cwd: join(TOOLS, "act"), env: { GOFLAGS: "-mod=readonly", GOTOOLCHAIN: "local" } });
  renameSync(next, ACT);
  return ACT;
}

function oldGo(): string | null {
  if (existsSync(ACT)) return null;
  const { error, stdout } = spawnSync("go", ["env", "GOVERSION"], { encoding: "utf8", env: { ...process.env, GOTOOLCHAIN: "local" } });
  if (error !== undefined) return "Go is not installed";
  const [, major = "0", minor = "0"] = /^go(\d+)\.(\d+)/.exec(stdout) ?? [];
  const isNew = Number(major) > LEAST_GO[0] || (Number(major) === LEAST_GO[0] && Number(minor) >= LEAST_GO[1]);
  return isNew ? null : `act needs Go ${LEAST_GO.join(".")}, and this is ${stdout.trim()}`;
}

/** The workflow of the page in a repository with a change. */
function gate(after: Files, others: Readonly<Record<string, string>> = {}): Ended {
  const { folder } = repository({ "edge.ingress": BASE, "accepted.toml": "" }, after);
  const home = ownFolder("ingressd-snippets-");
  const workflow = replaced(block(".github/workflows/ingressd.yml"), {
    "https://packages.example.com/ingressd-0.2.0.tgz": `file://${whole.path}`,
    ["0".repeat(64)]: whole.sha256,
    ...others,
  });
  mkdirSync(join(folder, ".github/workflows"), { recursive: true });
  writeFileSync(join(folder, ".github/workflows/ingressd.yml"), workflow);
  git(folder, "add", "--all");
  git(folder, "commit", "--quiet", "--message", "w");
  mkdirSync(join(home, "action"));
  writeFileSync(join(home, "action/action.yml"), ACTION);
  mkdirSync(join(home, ".config/act"), { recursive: true });
  writeFileSync(join(home, ".config/act/actrc"), "");
  writeFileSync(join(home, "event.json"), JSON.stringify({ pull_request: { base: { ref: "main" }, head: { ref: "change" } } }));
  const words = [
    "pull_request",
    "--no-cache-server",
    "--artifact-server-addr",
    "127.0.0.1",
    "-P",
    "ubuntu-latest=-self-hosted",
    "--eventpath",
    join(home, "event.json"),
  ];
  const own = [
    "--local-repository",
    `example/ingressd@0123456789abcdef0123456789abcdef01234567=${join(home, "action")}`,
    "--env",
    "GITHUB_REPOSITORY=example/edge",
  ];
  return offline(act(), [...words, ...own], { cwd: folder, env: { HOME: home, XDG_CACHE_HOME: join(home, ".cache"), XDG_CONFIG_HOME: join(home, ".config") } });
}

const lacking = oldGo();
if (lacking !== null) skip("github act", lacking);
else {
  test("act is built from pinned sources", () => {
    stallsAfter(BUILD_MS);
    assert.match(must(act(), ["--version"]), "act version");
  });

  test("act: a change that opens something fails the job, and the Markdown names it", () => {
    const { code, out, err } = gate({ "edge.ingress": WIDER });
    assert.is(code, 1, out + err);
    assert.match(out, "### 1 opening, 0 closings");
    assert.match(out, /\*\*web\*\* \(tcp 80\): may now be reached from `10\.128\.0\.0\/9`.*for example `from 10\.128\.0\.1 to web`/);
    assert.match(out, "Job failed");
  });

  test("act: an opening that is accepted passes", () => {
    const { code, out, err } = gate({ "edge.ingress": WIDER, "accepted.toml": ACCEPTED });
    assert.is(code, 0, out + err);
    assert.match(out, "### 0 openings, 0 closings, 1 accepted");
    assert.match(out, "accepted by shop team");
  });

  test("act: a change that opens nothing passes", () => {
    const { code, out, err } = gate({ "edge.ingress": NARROWER });
    assert.is(code, 0, out + err);
    assert.match(out, "### 0 openings, 1 closing");
  });

  test("act: a policy with an error fails with its message, and one whose tests fail with theirs", () => {
    const wrong = gate({ "edge.ingress": WRONG });
    assert.is(wrong.code, 1);
    assert.match(wrong.out, "error[ING308]");
    const failing = gate({ "edge.ingress": FAILING });
    assert.is(failing.code, 1);
    assert.match(failing.out, /1 of 1 test line failed|failed/);
  });

  test("act: a name of a policy is data", () => {
    const name = "-a $(touch ran) '`x`.ingress";
    const { code, out, err } = gate({ [name]: WIDER }, { "policy: edge.ingress": `policy: ${JSON.stringify(name)}` });
    assert.is(code, 1, out + err);
    assert.match(out, "### 1 opening, 0 closings");
    assert.not.match(out, "ran.ingress");
  });
}

/** The script of the action as a runner starts it. */
function script(folder: string, inputs: Readonly<Record<string, string>>): Ended & { readonly summary: string } {
  const temp = ownFolder("ingressd-snippets-");
  const [file, summary] = [join(temp, "script.sh"), join(temp, "summary.md")];
  writeFileSync(file, SCRIPT);
  const given = { TARBALL: whole.path, SHA256: whole.sha256, POLICY: "edge.ingress", BASE: "refs/remotes/origin/main", ACCEPT: "", ...inputs };
  const ended = run("bash", ["--noprofile", "--norc", "-eo", "pipefail", file], {
    cwd: folder,
    env: { ...given, RUNNER_TEMP: temp, GITHUB_STEP_SUMMARY: summary },
  });
  return { ...ended, summary: existsSync(summary) ? readFileSync(summary, "utf8") : "" };
}

test("no input is a part of the script's text, and the action uses no other one", () => {
  assert.ok(SCRIPT.length > 1_000);
  assert.not.match(SCRIPT, "${{");
  assert.not.match(ACTION, /^\s*-?\s*uses:/m);
  assert.equal(
    [...ACTION.matchAll(/\$\{\{ *([^}]*?) *\}\}/g)].map(([, text]) => text),
    ["tarball", "sha256", "policy", "base", "accept"].map((name) => `inputs.${name}`),
  );
});

test("the summary has the policy, and what the change opens, closes, or why it was not judged", () => {
  const of = (after: Files, inputs: Readonly<Record<string, string>> = {}) =>
    script(repository({ "edge.ingress": BASE, "accepted.toml": "" }, after).folder, inputs);
  const wider = of({ "edge.ingress": WIDER });
  assert.is(wider.code, 1, wider.err);
  assert.match(wider.summary, /^## edge\.ingress\n\n### 1 opening, 0 closings\n\*\*web\*\*/);
  const same = of({});
  assert.is(same.code, 0, same.err);
  assert.match(same.summary, "### 0 openings, 0 closings");
  const accepted = of({ "edge.ingress": WIDER, "a c.toml": ACCEPTED }, { ACCEPT: "a c.toml" });
  assert.is(accepted.code, 0, accepted.err);
  assert.match(accepted.summary, "accepted by shop team");
  const ended = of({ "edge.ingress": WIDER, "accepted.toml": ACCEPTED.replace("2200", "2020") }, { ACCEPT: "accepted.toml" });
  assert.is(ended.code, 1, ended.err);
  const failing = of({ "edge.ingress": FAILING });
  assert.is(failing.code, 1);
  assert.match(failing.summary, /\*\*Its tests fail\.\*\*\n\n {4}.*\n[^]*### 0 openings, 0 closings/);
  const wrong = of({ "edge.ingress": WRONG });
  assert.is(wrong.code, 1);
  assert.match(wrong.summary, /has errors, so nothing was compared\.\*\*\n\n {4}error\[ING308\]/);
  assert.not.match(wrong.summary, "###");
});

test("a policy that the base doesn't have opens all that it admits", () => {
  const { folder } = repository({ "other.ingress": BASE }, { "edge.ingress": BASE });
  const { code, summary } = script(folder, {});
  assert.is(code, 1);
  assert.match(summary, /### 1 opening, 0 closings\n\*\*web\*\* \(tcp 80\): new listener/);
});

for (const name of HOSTILE_NAMES)
  test(`${JSON.stringify(name)} is a name of a policy and nothing else`, () => {
    const { folder } = repository({ [name]: BASE }, { [name]: WIDER });
    const { code, out, err, summary } = script(folder, { POLICY: name });
    assert.is(code, 1, out + err);
    assert.match(summary, /^## [A-Za-z0-9._/ ?-]+\n\n### 1 opening, 0 closings\n/);
    assert.is(git(folder, "status", "--porcelain"), "");
    // The runner takes no line for a command of its own between these two.
    const [, token = ""] = /^::stop-commands::([0-9a-f]{32})\n/.exec(out) ?? [];
    assert.ok(token !== "" && out.endsWith(`\n::${token}::\n`), out);
  });

test("what is wrong with an input is said, and the gate fails", () => {
  const { folder } = repository({ "edge.ingress": BASE }, {});
  for (const [inputs, expected] of [
    [{ SHA256: "0".repeat(64) }, /the tarball is not the one with this SHA-256/],
    [{ SHA256: "" }, /the input sha256 is missing/],
    [{ TARBALL: "-x.tgz" }, /the tarball can't be read/],
    [{ POLICY: "" }, /the input policy is missing/],
    [{ BASE: "" }, /the input base is missing/],
    [{ BASE: "--all" }, /the checkout has no revision --all/],
    [{ BASE: "refs/remotes/origin/gone" }, /the checkout has no revision refs\/remotes\/origin\/gone/],
  ] as const) {
    const { code, err } = script(folder, inputs);
    assert.is(code, 2, JSON.stringify(inputs));
    assert.match(err, expected);
  }
  for (const inputs of [{ POLICY: "gone.ingress" }, { POLICY: "../gone.ingress" }]) {
    const { code, out, summary } = script(folder, inputs);
    assert.is(code, 1);
    assert.match(out, /there is no|gone/);
    assert.match(summary, "has errors");
  }
  const { code, summary } = script(folder, { ACCEPT: "gone.toml" });
  assert.is(code, 2);
  assert.match(summary, /could not be judged\.\*\*\n\n {4}.*gone\.toml/);
});

test("a policy that is a link is not compared with what it leads to", () => {
  const { folder } = repository({ "edge.ingress": BASE, "wide.ingress": WIDER }, {});
  rmSync(join(folder, "edge.ingress"));
  must("ln", ["-s", "wide.ingress", join(folder, "edge.ingress")]);
  const { code, summary } = script(folder, {});
  assert.is(code, 2);
  assert.match(summary, "could not be judged");
});

test.run();
