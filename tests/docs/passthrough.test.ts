// docs/passthrough.md has the reader's words, in its order, and its bounds.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { HELLO_BYTES, HELLO_RECORDS, RECORD_BYTES } from "../../gateway/tls/client_hello.ts";
import { HELLO_FAULTS } from "../../gateway/tls/hello_faults.ts";
import { LABEL_BYTES, NAME_BYTES } from "../../gateway/tls/server_name.ts";

const page = readFileSync(new URL("../../docs/passthrough.md", import.meta.url), "utf8");
const test = suite("docs/passthrough.md");

test("has one row for each word, and no other", () => {
  const words = [...page.matchAll(/^\| `(\w+)` \| \S/gm)].map(([, word]) => word);
  assert.equal(words, [...HELLO_FAULTS]);
});

test("states the bounds of the reader", () => {
  const n = (value: number): string => value.toLocaleString("en-US");
  for (const row of [
    `over all records | ${n(HELLO_BYTES)} bytes |`,
    `spread over | ${n(HELLO_RECORDS)} |`,
    `content of a record | 1 to ${n(RECORD_BYTES)} bytes |`,
    `server name | ${n(NAME_BYTES)} bytes |`,
    `label of a server name | ${n(LABEL_BYTES)} bytes |`,
  ])
    assert.ok(page.includes(row), row);
});

test.run();
