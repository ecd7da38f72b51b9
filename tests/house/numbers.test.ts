// The numbers of verdicts and the offsets of the layout: numbers never change, every number has a name, and both
// compilers read the files alike.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as layout from "../../runtime/abi/layout.ts";
import { CODES as DIAGNOSTICS } from "../../compiler/diagnostics/codes.ts";
import { CODES, REASON_NAMES, isCode } from "../../runtime/abi/names.ts";
import * as verdicts from "../../runtime/abi/verdicts.ts";
import { read } from "./sources.ts";

const house = suite("numbers");

/** One line per number, written by `npm run docs`, which only adds rows. */
const PINNED = read("tests/house/code_numbers.txt")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => line.split(" "));
const pinned = (kind: string): ReadonlyMap<number, string> => new Map(PINNED.filter(([k]) => k === kind).map(([, n, word]) => [Number(n), word ?? ""]));
const wordsOf = (rows: Readonly<Record<number, string>>): ReadonlyMap<number, string> => new Map(Object.entries(rows).map(([n, word]) => [Number(n), word]));

house("verdict 0 is a deny", () => {
  assert.is(verdicts.VERDICT_DENY, 0);
  assert.is(verdicts.VERDICT_ALLOW, 1);
});

house("no number was given another word, and every one is pinned", () => {
  assert.equal([...wordsOf(REASON_NAMES)], [...pinned("reason")]);
  const words = Object.fromEntries(Object.entries(CODES).map(([n, { name }]) => [n, name]));
  assert.equal([...wordsOf(words)], [...pinned("code")]);
  const diagnostics = new Set(Object.keys(DIAGNOSTICS));
  // The number of a removed diagnostic is never reused.
  for (const [n, word] of pinned("diagnostic"))
    assert.ok(word === "gone" ? !diagnostics.has(`ING${n}`) : diagnostics.has(`ING${n}`), `ING${n} is pinned as ${word}`);
  assert.equal(
    [...diagnostics].filter((code) => pinned("diagnostic").get(Number(code.slice(3))) !== "used"),
    [],
  );
});

for (const prefix of ["VERDICT_", "REASON_", "CODE_"]) {
  house(`${prefix} numbers and names are one to one`, () => {
    const numbers = Object.entries(verdicts)
      .filter(([name]) => name.startsWith(prefix))
      .map(([, n]) => n);
    assert.is(new Set(numbers).size, numbers.length);
  });
}

house("every code has a unique name, a reason and a sentence", () => {
  const rows = Object.values(CODES);
  assert.is(new Set(rows.map((r) => r.name)).size, rows.length);
  for (const row of rows) {
    assert.match(row.name, /^[a-z][a-z_]*[a-z]$/);
    assert.match(row.says, /^[a-z].*[a-z]$/);
    assert.ok(row.reason in REASON_NAMES);
  }
});

house("only the allowing codes have no reason", () => {
  const without = Object.values(CODES)
    .filter((c) => c.reason === verdicts.REASON_NONE)
    .map((c) => c.name);
  assert.equal(without, ["allowed", "loopback_bind", "gateway_bind", "open", "open_identity", "direct_bind", "dial_bind"]);
});

house("a number without a name is not a code", () => {
  const codes = pinned("code");
  for (let n = -1; n <= 256; n++) assert.is(isCode(n), codes.has(n), String(n));
  for (const n of [1.5, Number.NaN, 2 ** 32]) assert.not.ok(isCode(n), String(n));
});

house("both compilers read the same literals", () => {
  for (const file of ["runtime/abi/verdicts.ts", "runtime/abi/layout.ts"]) {
    const exports = read(file)
      .split("\n")
      .filter((line) => line.startsWith("export"));
    assert.ok(exports.length > 10);
    for (const line of exports) {
      const literal = /^export const [A-Z][A-Z0-9_]* = (-?(?:0x[0-9a-f]+|\d+));$/.exec(line)?.[1];
      assert.ok(literal !== undefined, `not a plain literal: ${line}`);
      const value = Number(literal);
      assert.ok(value >= -(2 ** 31) && value < 2 ** 31, `asc makes an i64 of it: ${line}`);
    }
  }
});

const HALF_WORDS: ReadonlySet<string> = new Set(["R_LIMIT_KIND", "R_LIMIT_FROM"]);

/** The fields of a record are in order, within the record, and do not overlap. */
const records: readonly { readonly prefix: string; readonly bytes: number; readonly wide: readonly string[] }[] = [
  { prefix: "H_", bytes: layout.HEADER_BYTES, wide: ["H_FAMILY4", "H_FAMILY6"] },
  { prefix: "F_", bytes: layout.FAMILY_BYTES, wide: [] },
  { prefix: "R_LISTENER_", bytes: layout.LISTENER_BYTES, wide: ["R_LISTENER_IDENTITY", "R_LISTENER_BINDER"] },
  { prefix: "R_RESIDUAL_", bytes: layout.RESIDUAL_BYTES, wide: [] },
  { prefix: "R_ENTRY_", bytes: layout.PORT_ENTRY_BYTES, wide: [] },
  { prefix: "R_LIMIT_", bytes: layout.LIMIT_BYTES, wide: ["R_LIMIT_IDENTITY"] },
  { prefix: "R_BATCH_", bytes: layout.BATCH_BYTES, wide: [] },
  { prefix: "R_STATE_", bytes: layout.STATE_BYTES, wide: ["R_STATE_IDENTITY", "R_STATE_PRINT", "R_STATE_DEBT"] },
];

for (const { prefix, bytes, wide } of records) {
  house(`the fields of ${prefix}* do not overlap`, () => {
    const fields = Object.entries(layout)
      .filter(([name]) => name.startsWith(prefix))
      .sort((a, b) => a[1] - b[1]);
    assert.ok(fields.length > 2);
    let free = 0;
    for (const [name, at] of fields) {
      assert.ok(at >= free, `${name} overlaps the field before it`);
      const size =
        name.startsWith("H_FAMILY") ? layout.FAMILY_BYTES
        : wide.includes(name) ? 8
        : name === "R_BATCH_SOURCE" ? 16
        : HALF_WORDS.has(name) ? 2
        : 4;
      if (size === 8 || size === 2) assert.is(at % size, 0, `${name} is not aligned`);
      free = at + size;
    }
    assert.ok(free <= bytes, `${prefix}* need ${free} bytes of ${bytes}`);
  });
}

house.run();
