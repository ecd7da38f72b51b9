// The tests that start a gateway: .ci/run runs those in the folders of tests/with_a_gateway.txt a second time with Node's
// forwarder. A test in another folder that starts one is in the list below, with the reason why it runs once.
import { existsSync } from "node:fs";
import { posix } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { read, sources } from "./sources.ts";

const house = suite("with a gateway");

const FOLDERS = read("tests/with_a_gateway.txt").trim().split("\n");

const AS_A_USER = "commands as a user gives them, in which a forwarder can't be named";
const ONCE: readonly (readonly [path: string, because: string])[] = [
  ["tests/cli/demo.test.ts", AS_A_USER],
  ["tests/cli/readme.test.ts", AS_A_USER],
  ["tests/docs/quick_start.test.ts", AS_A_USER],
  ["tests/host/register.test.ts", "it prints the version of ingressd, and starts nothing"],
];

/** A text that starts a gateway: by the shipped program, or by `npm start`. */
const STARTS = /"gateway\/ingressd\.mjs"|(?:\(|\.\.\.)INGRESSD\b(?!\.)|policies\/demo\/start\.mjs/;
/** Helpers that only name the program for those who start it. */
const NAMES_IT = ["tests/cli/programs.ts"];
const DAEMON = "gateway/daemon.ts";

const texts = new Map(sources(".ts", ".mjs").map(({ path, text }) => [path, text]));

function importsOf(path: string): readonly string[] {
  const found = (texts.get(path) ?? "").matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]+)"/g);
  return [...found].map(([, to = ""]) => posix.normalize(posix.join(posix.dirname(path), to)));
}

/** The file and everything that it imports. */
function closureOf(path: string): ReadonlySet<string> {
  const all = new Set([path]);
  for (const one of all) for (const to of importsOf(one)) all.add(to);
  return all;
}

function startsOne(path: string): boolean {
  const all = closureOf(path);
  return all.has(DAEMON) || [...all].some((one) => one.startsWith("tests/") && !NAMES_IT.includes(one) && STARTS.test(texts.get(one) ?? ""));
}

house("every test that starts a gateway is in one of the folders, or in the list of those that run once", () => {
  const found = [...texts.keys()].filter(
    (path) => path.startsWith("tests/") && path.endsWith(".test.ts") && !path.startsWith("tests/house/") && startsOne(path),
  );
  const others = found.filter((path) => !FOLDERS.some((folder) => path.startsWith(`${folder}/`)));
  assert.equal(others.sort(), ONCE.map(([path]) => path).sort());
  for (const folder of FOLDERS) {
    assert.ok(existsSync(folder), folder);
    assert.ok(
      found.some((path) => path.startsWith(`${folder}/`)),
      `${folder} has a test that starts a gateway`,
    );
  }
});

house("CI runs them with Node's forwarder, those of TLS with Node's engine", () => {
  const run = read(".ci/run");
  assert.match(run, /with_node \$version \$hash env TEST_FORWARDER=node node tests\/run\.mjs \\\$\(cat tests\/with_a_gateway\.txt\)"$/m);
  assert.match(run, /^of_tls="tests\/tls \$\(echo \$\(grep -l '"\.\.\/tls\/' tests\/gateway\/\*\.test\.ts\)\)"$/m);
  assert.match(run, /TEST_TLS_ENGINE=node node tests\/run\.mjs \$of_tls$/m);
});

house.run();
