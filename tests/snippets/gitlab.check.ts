// The job for GitLab: the configuration of the how-to page, run by gitlab-ci-local. `include: project` is fetched from a server, so the
// file is included from the repository.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { must, PROJECT, run, type Ended } from "../package/packed.ts";
import { skip } from "../skip.ts";
import { ownFolder, suite } from "../suite.ts";
import { ACCEPTED, BASE, block, FAILING, git, HOSTILE_NAMES, NARROWER, packed, replaced, repository, TOOLS, WIDER, WRONG, type Files } from "./scene.ts";

const test = suite("gitlab");
const HOME = join(TOOLS, "gitlab-ci-local");
const RUNNER = join(HOME, "node_modules/gitlab-ci-local/dist/index.js");
const LEAST_NODE = 22;
const whole = packed();

function gate(before: Files, after: Files, more: readonly string[] = [], others: Readonly<Record<string, string>> = {}): Ended & { readonly report: string } {
  const { folder, base } = repository({ "accepted.toml": "", ...before }, after);
  const written = replaced(block(".gitlab-ci.yml"), {
    "https://packages.example.com/ingressd-0.2.0.tgz": `file://${whole.path}`,
    ["0".repeat(64)]: whole.sha256,
    "  - project: example/ci\n    ref: 0123456789abcdef0123456789abcdef01234567\n    file: ingressd.gitlab-ci.yml\n": "  - local: ingressd.gitlab-ci.yml\n",
    ...others,
  });
  writeFileSync(join(folder, ".gitlab-ci.yml"), written);
  writeFileSync(join(folder, "ingressd.gitlab-ci.yml"), readFileSync(join(PROJECT, "docs/deploy/gitlab/ingressd.gitlab-ci.yml")));
  git(folder, "add", "--all");
  git(folder, "commit", "--quiet", "--message", "w");
  git(folder, "remote", "add", "origin", "git@gitlab.example.com:example/edge.git");
  const variables = [`CI_PIPELINE_SOURCE=merge_request_event`, `CI_MERGE_REQUEST_DIFF_BASE_SHA=${base}`, ...more].flatMap((one) => ["--variable", one]);
  const ended = run(process.execPath, [RUNNER, "--force-shell-executor", "--home", ownFolder("ingressd-snippets-"), ...variables], { cwd: folder });
  const file = join(folder, "ingressd.md");
  return { ...ended, report: existsSync(file) ? readFileSync(file, "utf8") : "" };
}

const node = Number(process.versions.node.split(".")[0]);
if (node < LEAST_NODE) skip("gitlab", `gitlab-ci-local needs Node ${LEAST_NODE}`);
else {
  test.before(() => {
    if (!existsSync(RUNNER)) must("npm", ["ci", "--ignore-scripts", "--prefer-offline"], { cwd: HOME });
  });

  test("a change that opens something fails the job, and the Markdown names it", () => {
    const { code, out, err, report } = gate({ "edge.ingress": BASE }, { "edge.ingress": WIDER });
    assert.is(code, 1, out + err);
    assert.match(report, /^### 1 opening, 0 closings\n\*\*web\*\* \(tcp 80\): may now be reached from `10\.128\.0\.0\/9`/);
    assert.match(out + err, "may now be reached from");
  });

  test("an opening that is accepted passes, and a change that opens nothing", () => {
    const accepted = gate({ "edge.ingress": BASE }, { "edge.ingress": WIDER, "accepted.toml": ACCEPTED });
    assert.is(accepted.code, 0, accepted.out + accepted.err);
    assert.match(accepted.report, "### 0 openings, 0 closings, 1 accepted");
    const { code, report } = gate({ "edge.ingress": BASE }, { "edge.ingress": NARROWER });
    assert.is(code, 0);
    assert.match(report, "### 0 openings, 1 closing");
  });

  test("a policy with an error fails with its message, and one whose tests fail with theirs", () => {
    const wrong = gate({ "edge.ingress": BASE }, { "edge.ingress": WRONG });
    assert.is(wrong.code, 1);
    assert.match(wrong.out + wrong.err, "error[ING308]");
    assert.is(wrong.report, "");
    const failing = gate({ "edge.ingress": BASE }, { "edge.ingress": FAILING });
    assert.is(failing.code, 1);
    assert.match(failing.report, "### 0 openings, 0 closings");
  });

  test("a new policy opens all that it admits", () => {
    const { code, report } = gate({}, { "edge.ingress": BASE });
    assert.is(code, 1);
    assert.match(report, "new listener");
  });

  test("another package, and a revision that is not there, fail the job with what is wrong", () => {
    const other = gate({ "edge.ingress": BASE }, {}, [], { [whole.sha256]: "1".repeat(64) });
    assert.is(other.code, 1);
    assert.match(other.out + other.err, "the package is not the one with this SHA-256");
    const gone = gate({ "edge.ingress": BASE }, {}, [`CI_MERGE_REQUEST_DIFF_BASE_SHA=${"1".repeat(40)}`]);
    assert.is(gone.code, 1);
    assert.match(gone.out + gone.err, "the checkout has no revision 1111");
  });

  for (const name of HOSTILE_NAMES.filter((one) => !one.includes("\n")))
    test(`${JSON.stringify(name)} is a name of a policy and nothing else`, () => {
      // GitLab writes a dollar as two.
      const { code, out, err, report } = gate({ [name]: BASE }, { [name]: WIDER }, [], {
        "INGRESSD_POLICY: edge.ingress": `INGRESSD_POLICY: ${JSON.stringify(name.replaceAll("$", "$$$$"))}`,
      });
      assert.is(code, 1, out + err);
      assert.match(report, "### 1 opening, 0 closings");
    });
}

test.run();
