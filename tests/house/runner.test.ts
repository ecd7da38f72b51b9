// The test runner: each row is a test file and the output that the runner must print for it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { atEnd, ownFolder, stallsAfter, suite } from "../suite.ts";

const project = fileURLToPath(new URL("../../", import.meta.url));
const runner = join(project, "tests/run.mjs");
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
    says: ["exit code 1", "1 of 2 tests", "FAIL", '.test.ts: t "f": Expected values to be strictly equal:  (is)\n1 passed'],
  },
  {
    name: "throws at import",
    text: `throw new Error("broken at import");`,
    last: "0 passed, 1 failed, 0 skipped",
    says: ["exit code 1; ran no tests: does it end with `.run()`?; Error: broken at import"],
  },
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
  {
    name: "a folder goes with its test, also one of a hook and of a test that fails",
    text: `import { suite, ownFolder } from ${JSON.stringify(suiteFile)}; import { existsSync } from "node:fs"; const t = suite("t"); const made = []; const file = ownFolder(); t.before.each(() => { made.push(ownFolder()); }); t("f", () => { made.push(ownFolder()); throw new Error("f"); }); t("s", () => { const there = made.map(existsSync); if (there.join() !== "false,false,true" || !existsSync(file)) throw new Error(there.join()); });t.run();`,
    last: "1 passed, 1 failed, 0 skipped",
    says: ["f"],
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
const root = ownFolder("runner-");
/** Processes of a row alone are busy while the test waits for it. */
const ROW_MS = 120_000;

interface Run {
  readonly status: number | null;
  readonly lines: readonly string[];
  readonly output: string;
}

function run(...args: string[]): Promise<Run> {
  const child = spawn(process.execPath, [runner, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((done) =>
    child.once("close", (status) => {
      done({ status, lines: stdout.trimEnd().split("\n"), output: stdout + stderr });
    }),
  );
}

/** Runners at a time: some rows wait most of their time, and come first. */
const AT_A_TIME = 4;
const runs = new Map<Row, Promise<Run>>();
const queue = [...rows.entries()].sort(([, a], [, b]) => (b.arguments?.length ?? 0) - (a.arguments?.length ?? 0));
let free: Promise<unknown>[] = Array.from({ length: AT_A_TIME }, () => Promise.resolve());
for (const [index, row] of queue) {
  const folder = join(root, String(index));
  mkdirSync(folder);
  writeFileSync(join(folder, "row.test.ts"), row.text);
  const [first = Promise.resolve(), ...others] = free;
  const started = first.then(() => run("--root", folder, ...(row.arguments ?? [])));
  free = [...others, started];
  runs.set(row, started);
}

for (const row of rows) {
  runnerTest(row.name, async () => {
    stallsAfter(ROW_MS);
    const { status, lines, output } = await (runs.get(row) ?? Promise.reject(new Error("it was not run")));
    assert.is(lines.at(-1), row.last);
    assert.is(status, row.last.includes(" 0 failed") ? 0 : 1);
    for (const part of row.says) assert.ok(output.includes(part), `${part} is not in:\n${output}`);
  });
}

runnerTest("files are summed up, and a filter selects files", async () => {
  const folder = join(root, "several");
  mkdirSync(join(folder, "deep", "er"), { recursive: true });
  writeFileSync(join(folder, "a.test.ts"), `${uvu}${passing}t.run();`);
  writeFileSync(join(folder, "deep", "er", "b.test.ts"), `${uvu}${passing}${failing}t.run();`);
  writeFileSync(join(folder, "helper.ts"), "throw new Error();");
  assert.is((await run("--root", folder)).lines.at(-1), "2 passed, 1 failed, 0 skipped");
  assert.is((await run("--root", folder, "a.test")).lines.at(-1), "1 passed, 0 failed, 0 skipped");
  assert.is((await run("--root", folder, "--except", "none,deep/er/")).lines.at(-1), "1 passed, 0 failed, 0 skipped");
  assert.is((await run("--root", folder, "--except", "a.test", ".test")).lines.at(-1), "1 passed, 1 failed, 0 skipped");
  assert.match((await run("--root", folder, "--except", "a.test,b.test")).output, "no file ending in `.test.ts` matches");
});

runnerTest("--stop-after-ms: files of the first filter run first, and none starts after the time", async () => {
  const folder = join(root, "stopped");
  mkdirSync(folder);
  for (const name of ["a", "b", "c"]) writeFileSync(join(folder, `${name}.test.ts`), `${uvu}${passing}t.run();`);
  const ran = (lines: readonly string[]) => lines.flatMap((line) => /^ok .*\/(\w)\.test\.ts/.exec(line)?.[1] ?? []);
  const all = await run("--root", folder, "--jobs", "1", "--stop-after-ms", "600000", "c.test", "a.test", ".test");
  assert.equal(ran(all.lines), ["c", "a", "b"]);
  assert.not.match(all.output, /did not run/);
  const one = await run("--root", folder, "--jobs", "1", "--stop-after-ms", "1", "c.test", ".test");
  assert.equal(ran(one.lines), ["c"]);
  assert.is(one.lines.at(-2), "2 of 3 files did not run in 1 ms");
  assert.is(one.lines.at(-1), "1 passed, 0 failed, 0 skipped");
  assert.match((await run("--root", folder, "--stop-after-ms", "0")).output, /--stop-after-ms takes a whole number above 0, not `0`/);
});

runnerTest("--again: a failed file is run once more, and one that passes then is named", async () => {
  const folder = join(root, "again");
  mkdirSync(folder);
  const tries = join(folder, "tries");
  writeFileSync(join(folder, "a.test.ts"), `${uvu}${passing}t.run();`);
  writeFileSync(
    join(folder, "b.test.ts"),
    `${uvu}import { appendFileSync, readFileSync } from "node:fs"; appendFileSync(${JSON.stringify(tries)}, "x"); t("f", () => assert.is(readFileSync(${JSON.stringify(tries)}, "utf8"), "xx"));t.run();`,
  );
  const once = await run("--root", folder);
  assert.is(once.lines.at(-1), "1 passed, 1 failed, 0 skipped");
  assert.not.match(once.output, /unstable/);
  rmSync(tries);
  const again = await run("--root", folder, "--again");
  assert.is(again.status, 0);
  assert.is(again.lines.at(-1), "2 passed, 0 failed, 0 skipped");
  assert.match(again.lines.at(-2) ?? "", /^unstable: .*b\.test\.ts: t "f": Expected values to be strictly equal: +\(is\)$/);
  writeFileSync(tries, "xxxx");
  const never = await run("--root", folder, "--again");
  assert.is(never.status, 1);
  assert.is(never.lines.at(-1), "1 passed, 1 failed, 0 skipped");
  assert.match(never.lines.at(-2) ?? "", /^failed: .*b\.test\.ts: t "f": Expected values to be strictly equal: +\(is\)$/);
  assert.not.match(never.output, /unstable/);
  assert.is(readFileSync(tries, "utf8"), "xxxxxx");
});

runnerTest("a file that does not parse does not affect others", async () => {
  const folder = join(root, "torn");
  mkdirSync(folder);
  writeFileSync(join(folder, "a.test.ts"), `${uvu}${passing}t.run();`);
  writeFileSync(join(folder, "b.test.ts"), "const = ;");
  const { lines, output } = await run("--root", folder);
  assert.is(lines.at(-1), "1 passed, 1 failed, 0 skipped");
  assert.match(output, /^ok +\S*a\.test\.ts/m);
  assert.match(output, /^FAIL +\S*b\.test\.ts/m);
});

runnerTest("--output shows the output of passing files", async () => {
  const folder = join(root, "says");
  mkdirSync(folder);
  writeFileSync(join(folder, "a.test.ts"), `${uvu}t("p", () => console.log("figure: 42 of 43"));${passing}t.run();`);
  assert.not.ok((await run("--root", folder)).output.includes("figure"));
  assert.equal((await run("--root", folder, "--output")).lines.slice(1), ["    | figure: 42 of 43", "2 passed, 0 failed, 0 skipped"]);
});

runnerTest("files are transpiled first except with --as-shipped, and see --at-length", async () => {
  const folder = join(root, "how");
  mkdirSync(folder);
  writeFileSync(
    join(folder, "a.test.ts"),
    `${uvu}import { atLength } from ${JSON.stringify(join(project, "tests/at_length.ts"))}; const place: string = import.meta.url;
t("p", () => console.log(process.argv[1]?.endsWith("a.test.mjs"), place.endsWith("how/a.test.ts"), process.env["INGRESSD_TESTS_READY"] !== undefined, atLength("all", "a sample")));t.run();`,
  );
  const said = async (...args: string[]): Promise<string | undefined> => (await run("--root", folder, "--output", ...args)).lines[1];
  assert.is(await said(), "    | true true true a sample");
  assert.is(await said("--at-length"), "    | true true true all");
  assert.is(await said("--as-shipped"), "    | false true false a sample");
});

runnerTest("--at-length runs only files that run a sample otherwise, by themselves or through others", async () => {
  const folder = join(root, "length");
  mkdirSync(folder);
  writeFileSync(
    join(folder, "cases.ts"),
    `import { atLength } from ${JSON.stringify(join(project, "tests/at_length.ts"))}; export const cases = atLength(2, 1);`,
  );
  writeFileSync(join(folder, "a.test.ts"), `${uvu}import { cases } from "./cases.ts"; t("p", () => assert.is(cases, 2));t.run();`);
  writeFileSync(join(folder, "b.test.ts"), `${uvu}${passing}t.run();`);
  const { lines } = await run("--root", folder, "--at-length");
  assert.is(lines.length, 2);
  assert.match(lines[0] ?? "", /a\.test\.ts/);
  assert.is(lines[1], "1 passed, 0 failed, 0 skipped");
  const none = await run("--root", folder, "--at-length", "b.test");
  assert.is(none.status, 1);
  assert.match(none.output, "none of these files runs a sample of its cases");
});

if (process.getuid?.() === 0)
  runnerTest("--own-network: a file sees loopback alone, and its ports are its own", async () => {
    const folder = join(root, "network");
    mkdirSync(folder);
    const server = createServer().listen(0, "127.0.0.1");
    atEnd(() => server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    writeFileSync(
      join(folder, "a.test.ts"),
      `${uvu}import { createServer } from "node:net"; import { networkInterfaces } from "node:os";
t("p", async () => { assert.equal(Object.keys(networkInterfaces()), ["lo"]); await new Promise((done, fail) => { const s = createServer().once("error", fail).listen(${port}, "127.0.0.1", () => s.close(done)); }); });t.run();`,
    );
    const own = await run("--root", folder, "--own-network");
    const shared = await run("--root", folder);
    assert.is(own.lines.at(-1), "1 passed, 0 failed, 0 skipped", own.output);
    assert.is(shared.lines.at(-1), "0 passed, 1 failed, 0 skipped");
  });

runnerTest("no file that matches is a failure", async () => {
  const { status, output } = await run("--root", root, "no-such-name");
  assert.is(status, 1);
  assert.match(output, "no file ending in `.test.ts` matches");
});

runnerTest("an invalid option is reported in one sentence", async () => {
  const { status, output } = await run("--jobs", "none");
  assert.is(status, 1);
  assert.match(output, "--jobs takes a whole number above 0, not `none`");
});

runnerTest.run();
