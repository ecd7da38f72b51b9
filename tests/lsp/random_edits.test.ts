// Random edits over the built `ingressc lsp`: it never ends, and when the text rests its diagnostics are those of a fresh check.
import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { compile } from "../../compiler/compile.ts";
import { openEdited } from "../../compiler/cli/disk.ts";
import { linePosition, lineRange } from "../../compiler/lsp/positions.ts";
import { lint } from "../../compiler/lint/lint.ts";
import { NO_FACTS, textFacts, type TextFacts } from "../../compiler/lint/text_facts.ts";
import { atLength } from "../at_length.ts";
import { PROJECT } from "../cli/programs.ts";
import { suite } from "../suite.ts";
import { editor, shortly, type Editor } from "./client.ts";
import { applied, numbersOf, randomEdit } from "./edits.ts";

const test = suite("lsp random edits");

const DEMO = readFileSync(`${PROJECT}policies/demo.ingress`, "utf8");
const COMPARED_EVERY = 100;

/** `ingressc check` of the text in a compiler that has read nothing before; warnings are of the day of the test. */
async function fresh(path: string, text: string): Promise<readonly string[]> {
  const opened = openEdited(path, new Map([[path, text]]));
  if (!opened.ok) throw new Error("the text can't be opened");
  let facts: TextFacts = NO_FACTS;
  const { diagnostics, policy, module } = compile(opened.value.entry, opened.value.reader, "host", {
    loaded: (program) => {
      if (!program.incomplete) facts = textFacts(program);
    },
  });
  const warnings =
    policy === null || module === null ? [] : (await lint(policy, () => module, facts, { ignore: new Set(), wallSeconds: Date.now() / 1000 })).warnings;
  return [...diagnostics, ...warnings].map(({ code, span }) => {
    const { start, end } = lineRange(span);
    return `${code} ${start.line}:${start.character}-${end.line}:${end.character}`;
  });
}

const sorted = (words: readonly string[]): readonly string[] => [...new Set(words)].sort();

/** When the newest diagnostics are these. */
async function settled(of: Editor, expected: readonly string[], since: number): Promise<void> {
  const wanted = JSON.stringify(sorted(expected));
  await of.diagnostics("a.ingress", (found) => JSON.stringify(sorted(shortly(found.filter(({ source }) => source === "ingressc")))) === wanted, since);
}

test("after random edits the diagnostics are those of a fresh check", async () => {
  const of = await editor();
  const random = numbersOf(7);
  const path = of.dir.at("a.ingress");
  let text = DEMO;
  await of.open("a.ingress", text);
  const before: string[] = [];
  const edits = atLength(100_000, 1_000);
  for (let n = 1; n <= edits; n++) {
    const undo = before.length > 0 && random() < 0.45 ? before.pop() : undefined;
    if (undo !== undefined) {
      text = undo;
      await of.change("a.ingress", text);
    } else if (before.length > 8) {
      before.length = 0;
      text = DEMO;
      await of.change("a.ingress", text);
    } else {
      before.push(text);
      const edit = randomEdit(text, random);
      const file = { path, text };
      await of.change("a.ingress", edit.text, { start: linePosition(file, edit.start), end: linePosition(file, edit.end) });
      text = applied(text, edit);
    }
    if (n % COMPARED_EVERY !== 0) continue;
    // Whatever is published before the last change is none of its answers.
    await of.connection.sendRequest("textDocument/documentSymbol", { textDocument: { uri: of.uri("a.ingress") } });
    await settled(of, await fresh(path, text), of.count() - 1);
  }
  assert.is(await of.stop(), 0);
  assert.is(of.errors(), "");
});

test.run();
