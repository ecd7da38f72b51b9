// The coverage of the test runner, on a small project: lines of files that run as they are and of built ones, in a
// process and in the process that it starts.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildSync } from "esbuild";
import * as assert from "uvu/assert";
import { createCoverage } from "../coverage.mjs";
import { atEnd, ownFolder, suite } from "../suite.ts";

const test = suite("coverage");
const project = ownFolder("coverage-");

const write = (path: string, text: string): string => {
  mkdirSync(join(project, path, ".."), { recursive: true });
  writeFileSync(join(project, path), text);
  return join(project, path);
};

const parent = write(
  "runtime/parent.mjs",
  `import { spawnSync } from "node:child_process";
// A comment is no line of code.
export function never() {
  return 1;
}
if (process.argv[2] === "other") console.log("other");
spawnSync(process.execPath, [process.argv[3]]);
`,
);
const source = write(
  "gateway/child.ts",
  `interface Left { readonly right: string }

export const both = (word: string): Left => {
  if (word === "long") {
    return { right: "long" };
  }
  return { right: word };
};
both(process.argv[2] ?? "short");
`,
);
write("gateway/words.ts", "export interface Words { readonly all: string }\n");
write("compiler/absent.ts", "export const absent = 1;\n");
write("runtime/engine/main.ts", "export const engine = 1;\n");
const built = join(project, "dist", "child.mjs");
buildSync({ entryPoints: [source], outfile: built, bundle: true, format: "esm", sourcemap: "linked", tsconfigRaw: {} });

/** The lines of each file by what the report has: 1 ran, 0 did not. */
function linesOf(lcov: string): Readonly<Record<string, Readonly<Record<string, string>>>> {
  return Object.fromEntries(
    readFileSync(lcov, "utf8")
      .split("end_of_record\n")
      .filter((part) => part !== "")
      .map((part) => [
        /^SF:(.*)$/m.exec(part)?.[1] ?? "",
        Object.fromEntries([...part.matchAll(/^DA:(\d+),(\d)$/gm)].map(([, line = "", ran = ""]) => [line, ran])),
      ]),
  );
}

test("lines of a process and of its child, by their sources; another run adds to them", () => {
  const coverage = createCoverage(project, [join(project, "dist")]);
  atEnd(() => coverage.remove());
  const run = (...words: readonly string[]): void => {
    const folder = coverage.folder();
    const { status, stderr } = spawnSync(process.execPath, [parent, ...words], { env: { ...process.env, NODE_V8_COVERAGE: folder }, encoding: "utf8" });
    assert.is(status, 0, stderr);
    coverage.read(folder);
  };
  const lcov = join(project, "coverage/lcov.info");
  run("none", built);
  const lines = coverage.report(lcov);
  const once = linesOf(lcov);
  assert.equal(Object.keys(once), ["gateway/child.ts", "runtime/parent.mjs"]);
  assert.equal(once["gateway/child.ts"], { 3: "1", 4: "1", 5: "0", 6: "0", 7: "1", 8: "1", 9: "1" });
  const ofParent = once["runtime/parent.mjs"] ?? {};
  assert.equal([ofParent["4"], ofParent["7"], "2" in ofParent], ["0", "1", false]);
  assert.ok(lines.includes("never loaded: compiler/absent.ts"), lines.join("\n"));
  assert.match(lines.find((line) => line.endsWith("  gateway")) ?? "", /^ 71\.4 % of 7 lines/);
  run("other", write("runtime/none.mjs", "\n"));
  coverage.report(lcov);
  assert.equal(linesOf(lcov)["gateway/child.ts"], once["gateway/child.ts"]);
});

test("what a killed process left half written, and other files, count for nothing", () => {
  const coverage = createCoverage(project, [join(project, "dist")]);
  atEnd(() => coverage.remove());
  const folder = coverage.folder();
  writeFileSync(join(folder, "coverage-1.json"), '{"result":[{"scriptId":"1",');
  writeFileSync(
    join(folder, "coverage-2.json"),
    JSON.stringify({
      result: [
        { url: "node:fs", functions: [] },
        { url: "file:///elsewhere/a.mjs", functions: [{ ranges: [{ startOffset: 0, endOffset: 9, count: 1 }] }] },
      ],
    }),
  );
  coverage.read(folder);
  const lcov = join(project, "coverage/none.info");
  coverage.report(lcov);
  assert.is(readFileSync(lcov, "utf8"), "");
});

test.run();
