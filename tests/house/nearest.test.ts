// Which files `npm run ok` lints, and which tests it runs first.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { importersOf, nearest } from "../../scripts/nearest.mjs";
import { suite } from "../suite.ts";

const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
const test = suite("nearest");

const TEXTS: Readonly<Record<string, string>> = {
  "a/one.ts": "",
  "a/two.ts": 'import { one } from "./one.ts";',
  "a/three.ts": 'import "./two.ts";',
  "a/loaded.mjs": "",
  "a/loaded.d.mts": "",
  "a/late.ts": 'const { x } = await import("./loaded.mjs");',
  "a/no.ts": '// `from "./one.js"`\nimport { one } from "one";',
  "tests/far.test.ts": 'import { three } from "../a/three.ts";',
  "tests/near.test.ts": 'import type { one } from "../a/one.ts";',
  "tests/one.test.ts": "",
  "tests/other.test.ts": "",
  "tests/quick.test.ts": "",
};
const FILES = Object.keys(TEXTS);
const importers = importersOf(FILES, (path) => TEXTS[path] ?? "");
const TESTS = FILES.filter((path) => path.endsWith(".test.ts"));
const order = (changed: readonly string[], parts: readonly string[], times = {}, always: readonly string[] = []) =>
  nearest({ changed, importers, times, always, tests: TESTS, parts }).map((path) => path.replace(/^tests\/|\.test\.ts$/g, ""));

const imported: readonly [path: string, by: readonly string[]][] = [
  ["a/one.ts", ["a/two.ts", "tests/near.test.ts"]],
  ["a/two.ts", ["a/three.ts"]],
  ["a/loaded.mjs", ["a/late.ts"]],
  ["a/loaded.d.mts", ["a/late.ts"]],
  ["a/no.ts", []],
];
for (const [path, by] of imported) test(`${path} is imported by ${by.join(", ") || "none"}`, () => assert.equal([...(importers.get(path) ?? [])], by));

const ordered: readonly [name: string, tests: readonly string[], expected: readonly string[]][] = [
  ["a file that no test imports or is named after has no tests", order(["a/no.ts"], []), []],
  ["its importer and its namesake", order(["a/one.ts"], []), ["near", "one"]],
  ["then those of the folder, by distance", order(["a/one.ts"], ["tests/"]), ["near", "one", "far", "other", "quick"]],
  ["equal ones by time", order(["a/one.ts"], ["tests/"], { "tests/near.test.ts": 9, "tests/other.test.ts": 9 }), ["one", "near", "far", "quick", "other"]],
  ["a changed test is first, then `always`", order(["tests/quick.test.ts", "a/one.ts"], [], {}, ["tests/other.test.ts"]), ["quick", "other", "near", "one"]],
];
for (const [name, tests, expected] of ordered) test(name, () => assert.equal(tests, expected));

test("each row of scripts/ok.mjs names a folder or file, and tests", () => {
  const text = readFileSync(`${PROJECT}scripts/ok.mjs`, "utf8");
  const rows = [...text.matchAll(/^ {2}\["([^"]+)", \[([^\]]+)\]\],$/gm)];
  assert.ok(rows.length > 30, `only ${rows.length} rows`);
  const tests = readdirSync(`${PROJECT}tests`, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".test.ts"));
  const seen: string[] = [];
  for (const [, start = "", parts = ""] of rows) {
    assert.equal(
      seen.filter((earlier) => start.startsWith(earlier)),
      [],
      `${start} is after a row that has it`,
    );
    seen.push(start);
    if (start.includes("/") || start.includes(".")) assert.ok(existsSync(PROJECT + start), start);
    for (const [, part = ""] of parts.matchAll(/"([^"]+)"/g))
      assert.ok(
        tests.some((path) => `tests/${path}`.includes(part)),
        `no test has ${part} in its path`,
      );
  }
});

test.run();
