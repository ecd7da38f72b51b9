// The test runner: each row is a test file and the output that the runner must print for it.
import { spawnSync } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const runner = fileURLToPath(new URL("../run.mjs", import.meta.url));
const uvu = `import { suite } from ${JSON.stringify(import.meta.resolve("uvu"))};
import * as assert from ${JSON.stringify(import.meta.resolve("uvu/assert"))};
const t = suite("t");
`;
const suiteFile = fileURLToPath(new URL("../suite.ts", import.meta.url));
const passing = `t("p", () => assert.is(1, 1));\n`;
const failing = `t("f", () => assert.is(1, 2));\n`;

interface Row {
  readonly name: string;
  readonly text: string;
  readonly last: string;
  readonly says: readonly string[];
  readonly arguments?: readonly string[];
}

const rows: readonly Row[] = [
  { name: "passes", text: `${uvu}${passing}t.run();`, last: "1 passed, 0 failed, 0 skipped", says: ["ok "] },
  { name: "two suites", text: `${uvu}const u = suite("u"); u("q", () => {}); ${passing}t.run(); u.run();`, last: "2 passed, 0 failed, 0 skipped", says: [] },
  { name: "forgets run", text: `${uvu}${passing}`, last: "0 passed, 1 failed, 0 skipped", says: ["does it end with `.run()`?"] },
  { name: "has no test", text: `${uvu}t.run();`, last: "0 passed, 1 failed, 0 skipped", says: ["has no tests"] },
  { name: "is empty", text: "", last: "0 passed, 1 failed, 0 skipped", says: ["ran no tests"] },
  {
    name: "one of two fails",
    text: `${uvu}${passing}${failing}t.run();`,
    last: "1 passed, 1 failed, 0 skipped",
    says: ["exit code 1", "1 of 2 tests", "FAIL"],
  },
  { name: "throws at import", text: `throw new Error("broken at import");`, last: "0 passed, 1 failed, 0 skipped", says: ["broken at import", "exit code 1"] },
  { name: "does not parse", text: "const = ;", last: "0 passed, 1 failed, 0 skipped", says: ["exit code 1"] },
  {
    name: "a hook throws",
    text: `${uvu}t.before(() => { throw new Error("no"); });${passing}t.run();`,
    last: "0 passed, 1 failed, 0 skipped",
    says: ["1 of 1 tests did not pass"],
  },
  {
    name: "fails after its tests",
    text: `${uvu}${passing}t.run(); process.on("exit", () => { process.exitCode = 3; });`,
    last: "1 passed, 1 failed, 0 skipped",
    says: ["exit code 3"],
  },
  {
    name: "waits for what never comes",
    text: `${uvu}t("p", () => new Promise(() => {}));t.run();`,
    last: "0 passed, 1 failed, 0 skipped",
    says: ["exit code 1"],
  },
  // tests/ends.mjs: no code of the process runs after its last turn, including Node's own teardown.
  {
    name: "is ended, not left to end",
    text: `${uvu}${passing}t.run(); process.on("beforeExit", () => { process.exitCode = 3; });`,
    last: "1 passed, 0 failed, 0 skipped",
    says: [],
  },
  // tests/ends.mjs: resources of a failed test do not keep the file running; resources of passed tests are named.
  {
    name: "fails with an open server",
    text: `${uvu}import { createServer } from "node:net"; t("f", () => { createServer().listen(0); assert.is(1, 2); });t.run();`,
    last: "0 passed, 1 failed, 0 skipped",
    says: ["1 of 1 tests did not pass"],
    arguments: ["--timeout-ms", "20000"],
  },
  {
    name: "passes with an open server",
    text: `${uvu}import { createServer } from "node:net"; t("p", () => { createServer().listen(0); });t.run();`,
    last: "1 passed, 1 failed, 0 skipped",
    says: ["still open after 8000 ms: ", "TCPServerWrap"],
    arguments: ["--timeout-ms", "20000"],
  },
  {
    name: "waits in a suite that closes",
    text: `import { suite } from ${JSON.stringify(suiteFile)}; import { createServer } from "node:net"; const t = suite("t"); t("w", async () => { createServer().listen(0); await new Promise(() => {}); });t.run();`,
    last: "0 passed, 1 failed, 0 skipped",
    says: ["`w` waits for what does not come; open are", "TCPServerWrap"],
    arguments: ["--timeout-ms", "20000"],
  },
  {
    name: "closes what a failed test has opened",
    text: `import { suite, atEnd } from ${JSON.stringify(suiteFile)}; const t = suite("t"); let closed = 0; t("f", () => { atEnd(() => { closed += 1; }); atEnd(() => { closed *= 10; }); throw new Error("f"); }); t("s", () => { if (closed !== 1) throw new Error(\`closed \${closed}\`); });t.run();`,
    last: "1 passed, 1 failed, 0 skipped",
    says: ["1 of 2 tests did not pass"],
  },
  { name: "exits early", text: `${uvu}t("p", () => process.exit(0));t.run();`, last: "0 passed, 1 failed, 0 skipped", says: ["exit code 1"] },
  {
    name: "ends by a signal",
    text: `process.kill(process.pid, "SIGKILL"); setInterval(() => {}, 1000);`,
    last: "0 passed, 1 failed, 0 skipped",
    says: ["ended by SIGKILL"],
  },
  {
    name: "hangs",
    text: `setInterval(() => {}, 1000);`,
    last: "0 passed, 1 failed, 0 skipped",
    says: ["took more than 1500 ms"],
    arguments: ["--timeout-ms", "1500"],
  },
  { name: "skips a test", text: `${uvu}${passing}t.skip("s", () => {});t.run();`, last: "1 passed, 1 failed, 0 skipped", says: ["print a SKIP line"] },
  { name: "runs only one", text: `${uvu}${passing}t.only("s", () => {});t.run();`, last: "1 passed, 1 failed, 0 skipped", says: ["left out by"] },
  {
    name: "says what is missing",
    text: `${uvu}console.log("SKIP v6: no IPv6 here");${passing}t.run();`,
    last: "1 passed, 0 failed, 1 skipped",
    says: ["SKIP  v6: no IPv6 here"],
  },
  {
    name: "says it beside dots",
    text: `${uvu}${passing}t("s", () => console.log("SKIP v6: no IPv6 here"));t.run();`,
    last: "2 passed, 0 failed, 1 skipped",
    says: ["SKIP  v6"],
  },
  { name: "only skips", text: `console.log("SKIP all: nothing is here");`, last: "0 passed, 0 failed, 1 skipped", says: [] },
];

const runnerTest = suite("runner");
const root = mkdtempSync(join(tmpdir(), "runner-"));
runnerTest.after(() => rmSync(root, { recursive: true }));

function run(...args: string[]): { status: number | null; lines: string[]; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [runner, ...args], { encoding: "utf8" });
  return { status, lines: stdout.trimEnd().split("\n"), output: stdout + stderr };
}

// All files with the same options run together, so each row is checked by its own lines.
for (const [index, row] of rows.entries()) {
  const folder = join(root, String(index));
  mkdirSync(folder);
  writeFileSync(join(folder, "row.test.ts"), row.text);
  runnerTest(row.name, () => {
    const { status, lines, output } = run("--root", folder, ...(row.arguments ?? []));
    assert.is(lines.at(-1), row.last);
    assert.is(status, row.last.includes(" 0 failed") ? 0 : 1);
    for (const part of row.says) assert.ok(output.includes(part), `${part} is not in:\n${output}`);
  });
}

runnerTest("files are summed up, and a filter selects files", () => {
  const folder = join(root, "several");
  mkdirSync(join(folder, "deep", "er"), { recursive: true });
  writeFileSync(join(folder, "a.test.ts"), `${uvu}${passing}t.run();`);
  writeFileSync(join(folder, "deep", "er", "b.test.ts"), `${uvu}${passing}${failing}t.run();`);
  writeFileSync(join(folder, "helper.ts"), "throw new Error();");
  assert.is(run("--root", folder).lines.at(-1), "2 passed, 1 failed, 0 skipped");
  assert.is(run("--root", folder, "a.test").lines.at(-1), "1 passed, 0 failed, 0 skipped");
});

runnerTest("a file that does not parse does not affect others", () => {
  const folder = join(root, "torn");
  mkdirSync(folder);
  writeFileSync(join(folder, "a.test.ts"), `${uvu}${passing}t.run();`);
  writeFileSync(join(folder, "b.test.ts"), "const = ;");
  const { lines, output } = run("--root", folder);
  assert.is(lines.at(-1), "1 passed, 1 failed, 0 skipped");
  assert.match(output, /^ok +\S*a\.test\.ts/m);
  assert.match(output, /^FAIL +\S*b\.test\.ts/m);
});

runnerTest("--output shows the output of passing files", () => {
  const folder = join(root, "says");
  mkdirSync(folder);
  writeFileSync(join(folder, "a.test.ts"), `${uvu}t("p", () => console.log("figure: 42 of 43"));${passing}t.run();`);
  assert.not.ok(run("--root", folder).output.includes("figure"));
  assert.equal(run("--root", folder, "--output").lines.slice(1), ["    | figure: 42 of 43", "2 passed, 0 failed, 0 skipped"]);
});

runnerTest("files are transpiled first except with --as-shipped, and see --at-length", () => {
  const folder = join(root, "how");
  mkdirSync(folder);
  writeFileSync(
    join(folder, "a.test.ts"),
    `${uvu}const place: string = import.meta.url;
t("p", () => console.log(process.argv[1]?.endsWith("a.test.mjs"), place.endsWith("how/a.test.ts"), process.env["INGRESSD_TESTS_READY"] !== undefined, process.env["INGRESSD_TESTS_AT_LENGTH"]));t.run();`,
  );
  const said = (...args: string[]): string | undefined => run("--root", folder, "--output", ...args).lines[1];
  assert.is(said(), "    | true true true undefined");
  assert.is(said("--at-length"), "    | true true true 1");
  assert.is(said("--as-shipped"), "    | false true false undefined");
});

runnerTest("no file that matches is a failure", () => {
  const { status, output } = run("--root", root, "no-such-name");
  assert.is(status, 1);
  assert.match(output, "no file ending in `.test.ts` matches");
});

runnerTest("an invalid option is reported in one sentence", () => {
  const { status, output } = run("--jobs", "none");
  assert.is(status, 1);
  assert.match(output, "--jobs takes a whole number above 0, not `none`");
});

runnerTest.run();
