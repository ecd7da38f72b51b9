// Random edits over the built `ingressc lsp`: it never ends, and when the text rests its diagnostics are those of a fresh check.
import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import type { CodeAction, Diagnostic, TextEdit } from "vscode-languageserver-protocol/node";
import { compile } from "../../compiler/compile.ts";
import { openEdited } from "../../compiler/cli/disk.ts";
import { diagnosticOf } from "../../compiler/cli/lsp/diagnostics.ts";
import { findingOf } from "../../compiler/cli/lsp/findings.ts";
import { uriOf } from "../../compiler/cli/lsp/uris.ts";
import { linePosition, lineRange } from "../../compiler/lsp/positions.ts";
import { lint } from "../../compiler/lint/lint.ts";
import { NO_FACTS, textFacts, type TextFacts } from "../../compiler/lint/text_facts.ts";
import { atLength } from "../at_length.ts";
import { PROJECT } from "../cli/programs.ts";
import { atEnd, suite } from "../suite.ts";
import { editor, type Editor } from "./client.ts";
import { applied, numbersOf, randomEdit } from "./edits.ts";

const test = suite("lsp random edits");

const DEMO = readFileSync(`${PROJECT}policies/demo.ingress`, "utf8");
const COMPARED_EVERY = 100;

/** A diagnostic as the editor has it, with the edit of its fix where it names one. */
type Whole = readonly [diagnostic: Diagnostic, fix: readonly TextEdit[]];

/** `ingressc check` of the text in a compiler that has read nothing before; warnings are of the day of the test. */
async function fresh(of: Editor, text: string): Promise<readonly Whole[]> {
  const path = of.dir.at("a.ingress");
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
  return [...diagnostics, ...warnings].map((d) => {
    const finding = findingOf(opened.value.root, d);
    const newText = text.includes("\r\n") ? finding.fix?.text.replaceAll("\n", "\r\n") : finding.fix?.text;
    return [
      diagnosticOf(finding, uriOf, { related: true, tags: true }),
      finding.fix === null || newText === undefined ? [] : [{ range: finding.fix.range, newText }],
    ];
  });
}

/** Of each with all its parts, in the order of its form. */
function form(found: readonly unknown[]): string {
  return found
    .map((one) => JSON.stringify(one, (_, value: unknown) => (isRecord(value) ? Object.fromEntries(Object.entries(value).sort()) : value)))
    .sort()
    .join("\n");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** When the newest diagnostics, other than of tests, are these, with the same fixes. */
async function settled(of: Editor, text: string, since: number): Promise<number> {
  const expected = await fresh(of, text);
  const wanted = form(expected.map(([diagnostic]) => diagnostic));
  const own = (found: readonly Diagnostic[]): readonly Diagnostic[] => found.filter(({ source }) => source === "ingressc");
  // The diagnostics that were found, for a test that stalls here.
  let differs = "";
  atEnd(() => differs === "" || process.stderr.write(`${JSON.stringify(text)}\n${differs}\n\n${wanted}\n`));
  await of.diagnostics("a.ingress", (found) => (differs = form(own(found))) === wanted, since);
  differs = "";
  const range = lineRange({ file: { path: "", text }, start: 0, end: text.length });
  const params = { textDocument: { uri: of.uri("a.ingress") }, range, context: { diagnostics: [], only: ["quickfix"] } };
  const actions = await of.connection.sendRequest<CodeAction[]>("textDocument/codeAction", params);
  const fixes = actions.filter(({ isPreferred }) => isPreferred).map(({ diagnostics = [], edit }) => [diagnostics[0], edit?.changes?.[of.uri("a.ingress")]]);
  const wantedFixes = expected.filter(([, fix]) => fix.length > 0);
  assert.is(form(fixes), form(wantedFixes), JSON.stringify(text));
  return wantedFixes.length;
}

test("after random edits the diagnostics are those of a fresh check", async () => {
  const of = await editor({ parent: process.pid });
  const random = numbersOf(7);
  const path = of.dir.at("a.ingress");
  let text = DEMO;
  await of.open("a.ingress", text);
  const before: string[] = [];
  const edits = atLength(100_000, 1_000);
  let fixes = 0;
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
    fixes += await settled(of, text, of.count() - 1);
  }
  assert.ok(fixes > edits / (5 * COMPARED_EVERY), `${fixes} fixes`);
  assert.is(await of.stop(), 0);
  assert.is(of.errors(), "");
});

test.run();
