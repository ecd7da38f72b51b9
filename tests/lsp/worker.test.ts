// The worker over the built `ingressc lsp`: check, lint and tests after a change, lenses that run tests in the module, and when each
// begins by a clock that the test moves.
import * as assert from "uvu/assert";
import type { CodeAction, CodeLens, CompletionItem } from "vscode-languageserver-protocol/node";
import { Schedule } from "../../compiler/cli/lsp/schedule.ts";
import { manualClock } from "../manual_clock.ts";
import { suite } from "../suite.ts";
import { editor, GOOD, has, shortly } from "./client.ts";

const test = suite("lsp worker");

const FAILS = GOOD.replace("to web => allow", "to web => deny cidr");

test("check begins 150 ms after the last change, and lint and tests after a second", () => {
  const clock = manualClock();
  const begun: string[] = [];
  const schedule = new Schedule(
    clock,
    () => begun.push("check"),
    () => begun.push("lint"),
  );
  const rows: readonly (readonly [ms: number, begun: readonly string[]])[] = [
    [149, []],
    [1, ["check"]],
    [849, ["check"]],
    [1, ["check", "lint"]],
    [10_000, ["check", "lint"]],
  ];
  schedule.changed();
  for (const [ms, expected] of rows) {
    clock.advance(ms);
    assert.equal(begun, expected);
  }
  begun.length = 0;
  for (let i = 0; i < 50; i++) {
    schedule.changed();
    clock.advance(149);
  }
  assert.equal(begun, []);
  clock.advance(1);
  assert.equal(begun, ["check"]);
  schedule.changed();
  clock.advance(999);
  assert.equal(begun, ["check", "check"]);
  schedule.stop();
  clock.advance(10_000);
  assert.equal(begun, ["check", "check"]);
});

test("warnings and lines of tests that fail come when the text rests, and go with what made them", async () => {
  const of = await editor();
  await of.open("a.ingress", `${FAILS}\nnet unused = 10.0.0.0/8\n`);
  const found = await of.diagnostics("a.ingress", (all) => has("ING828")(all) && all.some(({ source }) => source === "ingressc test"));
  assert.equal([...shortly(found)].sort(), ["ING828 14:4-14:10", "ingressc test 10:2-10:39"]);
  assert.equal(found.find(({ code }) => code === "ING828")?.tags, [1]);
  assert.match(found.find(({ source }) => source === "ingressc test")?.message as string, /^expected `deny cidr`, and the module says `allow`[^\n]*\n[^\n]+$/);
  const since = of.count();
  // Both move with the text at once, before anything is computed.
  await of.change("a.ingress", "# a comment\n", { start: { line: 1, character: 0 }, end: { line: 1, character: 0 } });
  assert.equal([...shortly(await of.diagnostics("a.ingress", () => true, since))].sort(), ["ING828 15:4-15:10", "ingressc test 11:2-11:39"]);
  await of.change("a.ingress", GOOD);
  await of.diagnostics("a.ingress", (all) => all.length === 0, of.count());
});

test("an error hides the warnings, as in check", async () => {
  const of = await editor();
  const text = `${GOOD}\nnet unused = 10.0.0.0/8\n`;
  await of.open("a.ingress", text);
  await of.diagnostics("a.ingress", has("ING828"));
  const since = of.count();
  await of.change("a.ingress", text.replace("from office\n", "from nobody\n"));
  const found = await of.diagnostics("a.ingress", has("ING201"), since);
  assert.not(has("ING828")(found));
});

test("a warning can be turned off where it is", async () => {
  const of = await editor();
  const text = `${GOOD}\nnet unused = 10.0.0.0/8\n`;
  await of.open("a.ingress", text);
  const found = await of.diagnostics("a.ingress", has("ING828"));
  const params = { textDocument: { uri: of.uri("a.ingress") }, range: found[0]?.range, context: { diagnostics: found } };
  const [action] = await of.connection.sendRequest<CodeAction[]>("textDocument/codeAction", params);
  assert.is(action?.title, "turn ING828 off here");
  const [edit] = action?.edit?.changes?.[of.uri("a.ingress")] ?? [];
  assert.ok(edit !== undefined);
  const since = of.count();
  await of.change("a.ingress", edit.newText, edit.range);
  const after = await of.diagnostics("a.ingress", (all) => all.length === 0, since);
  assert.equal(after, []);
});

test("a lens runs its test in the module of the text as it is", async () => {
  const of = await editor();
  await of.open("a.ingress", FAILS);
  const lenses = (): Promise<CodeLens[]> => of.connection.sendRequest("textDocument/codeLens", { textDocument: { uri: of.uri("a.ingress") } });
  const [lens] = await lenses();
  assert.equal([lens?.range.start, lens?.command?.arguments], [{ line: 9, character: 5 }, [of.uri("a.ingress"), "office"]]);
  const run = (): Promise<unknown> =>
    of.connection.sendRequest("workspace/executeCommand", { command: lens?.command?.command, arguments: lens?.command?.arguments });
  assert.equal(await run(), { name: "office", lines: 2, failed: 1 });
  assert.is((await lenses())[0]?.command?.title, "run test (1 of 2 failed)");
  await of.change("a.ingress", GOOD);
  assert.equal(await run(), { name: "office", lines: 2, failed: 0 });
  assert.is((await lenses())[0]?.command?.title, "run test (2 passed)");
  await of.change("a.ingress", GOOD.replace("from office\n", "from nobody\n"));
  assert.is(await run(), null);
  assert.equal(
    of.messages.flatMap(({ method, params }) => (method === "window/showMessage" ? [(params as { readonly message: string }).message] : [])),
    ['"office": 1 of 2 lines failed', '"office": 2 lines passed', '"office" did not run: the policy has errors, or it has no such test'],
  );
  // This editor refuses every request that it has no answer to.
  assert.is(await of.stop(), 0);
});

test("completion answers while the worker is busy, and a change gives its work up", async () => {
  const of = await editor();
  // The analysis of these takes seconds.
  const rules = Array.from({ length: 3_000 }, (_, i) => `  allow from 10.${i >> 8}.${i & 255}.0/24, 172.16.${i & 255}.0/25 sni "a${i}.example.com"\n`);
  const text = `edition 1\n\nexpose web on tcp 443 as passthrough {\n  backend 127.0.0.1:8080\n${rules.join("")}}\n`;
  await of.open("a.ingress", text);
  await of.diagnostics("a.ingress");
  for (let i = 0; i < 20; i++) {
    await of.change("a.ingress", "\n", { start: { line: 1, character: 0 }, end: { line: 1, character: 0 } });
    const items = await of.connection.sendRequest<CompletionItem[]>("textDocument/completion", {
      textDocument: { uri: of.uri("a.ingress") },
      position: { line: 1, character: 0 },
    });
    assert.ok(items.some(({ label }) => label === "expose"));
  }
  await of.change("a.ingress", GOOD.replace("from office\n", "from nobody\n"));
  await of.diagnostics("a.ingress", has("ING201"));
  assert.is(await of.stop(), 0);
});

test.run();
