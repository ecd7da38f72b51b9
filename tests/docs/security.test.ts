// docs/security/ingress.md: every threat names a test, and every test that it names is there.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isMissing } from "./named_tests.ts";

const test = suite("security");
const page = readFileSync(new URL("../../docs/security/ingress.md", import.meta.url), "utf8");
const NAMED = /`(tests\/[^`]+)`/g;

test("each threat has its test", () => {
  // The table of layers says what each does not cover; threats follow it.
  const rows = page
    .replace(/\n\| layer \|[^]*?\n\n/, "\n\n")
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| ---") && !/^\| (threat|who or what) \|/.test(line));
  const threats = rows.filter((line) => line.split(" | ").length === 3);
  assert.ok(threats.length > 40, `${threats.length}`);
  assert.equal(
    threats.filter((line) => !/\| `tests\/[^`]+` \|$/.test(line)),
    [],
  );
});

test("each test is there", () => {
  const named = [...page.matchAll(NAMED)].map((match) => match[1] ?? "");
  assert.ok(named.length > 40);
  assert.equal(
    named.map(isMissing).filter((missing) => missing !== null),
    [],
  );
});

test("the attackers of the model each have a section", () => {
  for (const heading of [
    "A client on the network",
    "A local service",
    "A program that binds for itself",
    "The author of a policy",
    "A tampered or older file",
    "A local user",
    "A backend",
    "Assumptions at the boundary",
    "What is not protected",
  ]) {
    assert.ok(page.includes(`\n## ${heading}\n`), heading);
  }
  assert.match(page, /DSoftBus forwarding is not provided/);
});

test("a name that is not there is noticed", () => {
  for (const wrong of [
    "tests/none.test.ts: x",
    "tests/docs/security.test.ts: no such title is here".replace("title", "test"),
    "docs/x.test.ts: x",
    "tests/docs/security.test.ts",
  ]) {
    assert.type(isMissing(wrong), "string", wrong);
  }
});

test.run();
