// When the server works: by the clock of the test, with its worker as it is.
import * as assert from "uvu/assert";
import type { CompletionItem, Hover } from "vscode-languageserver-protocol/node";
import { stallsAfter, suite } from "../suite.ts";
import { GOOD, has, type Editor } from "./client.ts";
import { editorHere } from "./in_process.ts";

const test = suite("lsp: when");

const REFRESH = "workspace/codeLens/refresh";
const BAD = GOOD.replace("from office\n", "from ofice\n");
const UNUSED = `${GOOD}\nnet unused = 10.0.0.0/8\n`;
const END = { start: { line: 99, character: 0 }, end: { line: 99, character: 0 } };

/** The analysis of this policy takes seconds. */
function large(rules: number): string {
  const lines = Array.from({ length: rules }, (_, i) => `  allow from 10.${i >> 8}.${i & 255}.0/24, 172.16.${i & 255}.0/25 sni "a${i}.example.com"\n`);
  return `edition 1\n\nexpose web on tcp 443 as passthrough {\n  backend 127.0.0.1:8080\n${lines.join("")}}\n`;
}

/** A hover over a set in line 2, answered by the worker after all that it was given before. */
function workersTurn(of: Editor): Promise<Hover | null> {
  return of.connection.sendRequest("textDocument/hover", { textDocument: { uri: of.uri("a.ingress") }, position: { line: 2, character: 5 } });
}

function completion(of: Editor): Promise<CompletionItem[]> {
  return of.connection.sendRequest("textDocument/completion", { textDocument: { uri: of.uri("a.ingress") }, position: { line: 1, character: 0 } });
}

const refreshes = (of: Editor): number => of.messages.filter(({ method }) => method === REFRESH).length;

test("check begins 150 ms after the last change, and not 1 ms earlier", async () => {
  const of = await editorHere();
  await of.open("a.ingress", BAD);
  await of.diagnostics("a.ingress");
  const since = of.count();
  of.clock.advance(149);
  await of.change("a.ingress", "\n", END);
  await workersTurn(of);
  of.clock.advance(149);
  await workersTurn(of);
  // That of the change alone: its text has no error.
  assert.equal([of.count() - since, await of.diagnostics("a.ingress", () => true, since)], [1, []]);
  of.clock.advance(1);
  await of.diagnostics("a.ingress", has("ING201"), since);
});

test("lint and tests begin a second after the last change, and not 1 ms earlier", async () => {
  const of = await editorHere();
  await of.open("a.ingress", UNUSED);
  await of.diagnostics("a.ingress");
  of.clock.advance(999);
  await workersTurn(of);
  await of.change("a.ingress", "\n", END);
  await completion(of);
  of.clock.advance(999);
  await workersTurn(of);
  assert.is(refreshes(of), 0);
  of.clock.advance(1);
  await of.diagnostics("a.ingress", has("ING828"));
  await workersTurn(of);
  assert.is(refreshes(of), 1);
});

test("completion is answered while the worker judges the rules, before their warnings", async () => {
  stallsAfter(60_000);
  const of = await editorHere();
  await of.open("a.ingress", `${large(1_500)}\nnet unused = 10.0.0.0/8\n`);
  await of.diagnostics("a.ingress");
  of.clock.advance(999);
  // The worker has nothing to do now.
  await workersTurn(of);
  of.clock.advance(1);
  for (let i = 0; i < 5; i++) assert.ok((await completion(of)).some(({ label }) => label === "expose"));
  assert.is(refreshes(of), 0);
  await of.diagnostics("a.ingress", has("ING828"));
});

test("a change gives up what the worker does, and what it was about to do", async () => {
  stallsAfter(60_000);
  const of = await editorHere();
  await of.open("a.ingress", large(1_500));
  await of.diagnostics("a.ingress");
  of.clock.advance(1_000);
  await of.change("a.ingress", UNUSED);
  await completion(of);
  const since = of.count();
  of.clock.advance(150);
  await of.diagnostics("a.ingress", () => true, since);
  // Nothing of the large text, whose lint would be in front of this.
  await workersTurn(of);
  assert.is(refreshes(of), 0);
  of.clock.advance(850);
  await of.diagnostics("a.ingress", has("ING828"), since);
  await workersTurn(of);
  assert.is(refreshes(of), 1);
});

test.run();
