// A text that is read again after each edit has the tree and the errors of the same text read whole, and of a small change only the
// statements around it are read.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { treeOf, type Tree } from "../../compiler/load.ts";
import { EditedText } from "../../compiler/lsp/edited_text.ts";
import { atLength } from "../at_length.ts";
import { PROJECT } from "../cli/programs.ts";
import { applied, numbersOf, randomEdit } from "./edits.ts";

const test = suite("lsp edited text");

const POLICIES = ["policies/demo.ingress", "tests/lsp/many_kinds.ingress"].map((path) => readFileSync(`${PROJECT}${path}`, "utf8"));

/** Everything of a tree but the objects of its file. */
function plain({ ast, diagnostics }: Tree): string {
  return JSON.stringify([ast, diagnostics], (key, value: unknown) => {
    if (key === "file") return undefined;
    return value instanceof Set ? [...(value as Set<unknown>)].sort() : value;
  });
}

function firstDifference(found: string, whole: string): string {
  let at = 0;
  while (found[at] === whole[at]) at++;
  return `${found.slice(Math.max(0, at - 300), at + 100)}\n${whole.slice(Math.max(0, at - 300), at + 100)}`;
}

/** Texts and their edits until one is read otherwise than whole; the number of edits. */
function walk(start: string, edits: number, seed: number): void {
  const random = numbersOf(seed);
  const edited = new EditedText();
  let text = start;
  const before: string[] = [];
  for (let n = 0; n < edits; n++) {
    const undo = before.length > 0 && random() < 0.45 ? before.pop() : undefined;
    if (undo === undefined) {
      before.push(text);
      text = applied(text, randomEdit(text, random));
    } else text = undo;
    // Far from any policy little is left to read apart.
    if (before.length > 12 || text.length > 4 * start.length) {
      text = start;
      before.length = 0;
    }
    const file = { path: "a.ingress", text };
    const [found, whole] = [plain(edited.read(file)), plain(treeOf({ path: "a.ingress", text }))];
    if (found !== whole) assert.unreachable(`seed ${seed}, edit ${n}: ${JSON.stringify(text)}\n${firstDifference(found, whole)}`);
  }
}

test("a text after each of many random edits is read as if it were read whole", () => {
  const edits = atLength(25_000, 200);
  POLICIES.forEach((policy, i) => {
    walk(policy, edits, 11 + i);
    walk(policy.replaceAll("\n", "\r\n"), edits, 21 + i);
  });
});

/** `n` exposes with rules and sets. */
function large(n: number): string {
  const parts = Array.from(
    { length: n },
    (_, i) => `net n${i} = 10.${i >> 8}.${i & 255}.0/24\n\nexpose e${i} on tcp ${1000 + i} {\n  backend 127.0.0.1:1\n  allow from n${i}\n}\n`,
  );
  return `edition 1\n\n${parts.join("\n")}`;
}

test("of a small change only the statements around it are read again, also while one of them is broken", () => {
  const text = large(300);
  const edited = new EditedText();
  edited.read({ path: "a", text });
  assert.is(edited.reading.characters, text.length);
  const at = text.indexOf("n150\n}");
  const steps = [
    text,
    applied(text, { start: at, end: at + 4, text: "n15" }),
    applied(text, { start: at, end: at + 4, text: "" }),
    applied(text, { start: at, end: at + 4, text: "10.0.0.0/8,\n" }),
    applied(text, { start: at + 4, end: at + 4, text: " except" }),
    text,
    applied(text, { start: at + 4, end: at + 6, text: "\n" }),
    text,
  ];
  for (const [i, step] of steps.entries()) {
    const tree = edited.read({ path: "a", text: step });
    assert.is(firstDifference(`${plain(tree)}!`, `${plain(treeOf({ path: "a", text: step }))}?`).at(-1), "?", String(i));
    if (i !== 6) assert.ok(edited.reading.characters < 1_500, `step ${i}: ${edited.reading.characters} characters`);
  }
});

test("a parameter outside of a template is reported once the torn statement before it is repaired, and the second once the first is gone", () => {
  const expose = "expose web on tcp 80 {\n  backend 127.0.0.1:1\n  allow from $a\n}\n";
  const rest = Array.from({ length: 6 }, (_, i) => `net n${i} = 10.0.0.0/8\n\n`).join("");
  for (const [broken, repaired] of [
    [`edition 1\nexpos x on tcp 1 {\n}\n\n${rest}${expose}`, `edition 1\n\n${rest}${expose}`],
    [`edition 1\nnet first = $a\n\n${rest}${expose}`, `edition 1\nnet first = 10.0.0.1\n\n${rest}${expose}`],
  ] as const) {
    const edited = new EditedText();
    edited.read({ path: "a", text: broken });
    const found = edited.read({ path: "a", text: repaired });
    assert.is(plain(found), plain(treeOf({ path: "a", text: repaired })));
    assert.equal(
      found.diagnostics.map(({ code }) => code),
      ["ING115"],
    );
  }
});

test("what ends nowhere has the whole text read, and so has what is before the edition", () => {
  const text = large(20);
  const edited = new EditedText();
  edited.read({ path: "a", text });
  const at = text.indexOf("net n10");
  for (const put of ["/* ", "edition 1\n", "deny bad\n", "\0"]) {
    const changed = applied(text, { start: at, end: at, text: put });
    assert.is(plain(edited.read({ path: "a", text: changed })), plain(treeOf({ path: "a", text: changed })), put);
    assert.is(edited.reading.characters, changed.length, put);
    edited.read({ path: "a", text });
  }
});

test.run();
