// Editors that are unlucky, careless or hostile: `ingressc lsp` continues, says what `check` says, and ends with its editor.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import * as assert from "uvu/assert";
import type { CodeLens, CompletionItem, Hover, Location, SymbolInformation, WorkspaceEdit } from "vscode-languageserver-protocol/node";
import { MAX_SOURCE_BYTES } from "../../compiler/source/bounds.ts";
import { atEnd, suite } from "../suite.ts";
import { editor, GOOD, has, INGRESSC_LSP, type Editor, type Process } from "./client.ts";

const test = suite("lsp hostile");

const START = { line: 0, character: 0 };
const MAIN = `edition 1

import "nets.ingress" as nets

expose web on tcp 443 {
  backend 127.0.0.1:8080
  allow from nets.office
}
`;
const NETS = "edition 1\n\nnet office = 198.51.100.0/24\n";
const BAD = GOOD.replace("from office\n", "from ofice\n");

const at = (of: Editor, name: string, line: number, character: number): object => ({ textDocument: { uri: of.uri(name) }, position: { line, character } });

/** The code of the answer where it is a refusal. */
async function refusal(of: Editor, method: string, params: unknown): Promise<number | null> {
  return of.connection.sendRequest(method, params).then(
    () => null,
    (error: { code?: number }) => error.code ?? 0,
  );
}

async function stillWorks(of: Editor & Process): Promise<void> {
  const since = of.count();
  await of.open("last.ingress", BAD);
  await of.diagnostics("last.ingress", has("ING201"), since);
  assert.is(await of.stop(), 0);
  assert.is(of.errors(), "");
}

test("a text of the most bytes is read, and one of a byte more is refused by its code", async () => {
  const of = await editor();
  const head = "edition 1\n\nnet a = nobody\n#";
  const most = head + "x".repeat(MAX_SOURCE_BYTES - head.length);
  await of.open("a.ingress", most);
  await of.diagnostics("a.ingress", has("ING201"));
  const since = of.count();
  await of.change("a.ingress", "y", { start: { line: 3, character: 1 }, end: { line: 3, character: 1 } });
  await of.diagnostics("a.ingress", has("ING601"), since);
  assert.ok(Array.isArray(await of.connection.sendRequest("textDocument/completion", at(of, "a.ingress", 1, 0))));
  await stillWorks(of);
});

test("a text that is closed while it is checked has no diagnostics afterwards", async () => {
  const of = await editor();
  for (let i = 0; i < 20; i++) {
    await of.open("a.ingress", BAD);
    const test = of.connection.sendRequest("workspace/executeCommand", { command: "ingressc.runTest", arguments: [of.uri("a.ingress"), "office"] });
    const hover = of.connection.sendRequest<Hover>("textDocument/hover", at(of, "a.ingress", 2, 5));
    await of.close("a.ingress");
    assert.is(await test, null);
    // The declaration alone, without the size that the worker would have said.
    assert.equal((await hover).contents, { kind: "markdown", value: "```ingress\nnet office = 198.51.100.0/24\n```" });
  }
  const since = of.count();
  await of.open("b.ingress", BAD);
  await of.diagnostics("b.ingress", has("ING201"), since);
  assert.equal(
    of.published(since).filter(({ uri, diagnostics }) => uri === of.uri("a.ingress") && diagnostics.length > 0),
    [],
  );
  assert.is(await of.stop(), 0);
});

test("a rename across an import that is not saved writes the text of the editor", async () => {
  const of = await editor();
  of.dir.write("nets.ingress", "edition 1\n\nnet home = 203.0.113.0/24\n");
  await of.open("nets.ingress", NETS);
  await of.open("main.ingress", MAIN);
  const edit = await of.connection.sendRequest<WorkspaceEdit>("textDocument/rename", { ...at(of, "main.ingress", 6, 20), newName: "hq" });
  const places = Object.entries(edit.changes ?? {}).map(([uri, edits]) => [
    uri,
    edits.map(({ range: { start }, newText }) => [start.line, start.character, newText]),
  ]);
  assert.equal(Object.fromEntries(places), { [of.uri("nets.ingress")]: [[2, 4, "hq"]], [of.uri("main.ingress")]: [[6, 18, "hq"]] });
  // Closed without being saved: the disk's text counts, and has no such name.
  await of.close("nets.ingress");
  assert.is(await of.connection.sendRequest("textDocument/prepareRename", at(of, "main.ingress", 6, 20)), null);
  assert.is(await refusal(of, "textDocument/rename", { ...at(of, "main.ingress", 6, 20), newName: "hq" }), -32_602);
  await stillWorks(of);
});

test("imports in a circle are reported, and questions about their names are answered", async () => {
  const of = await editor();
  const one = 'edition 1\n\nimport "two.ingress" as two\n\nnet a = two.b\n';
  const two = 'edition 1\n\nimport "one.ingress" as one\n\nnet b = one.a\n';
  of.dir.write("own.ingress", 'edition 1\n\nimport "own.ingress" as own\n');
  for (const [name, text] of [
    ["one.ingress", one],
    ["two.ingress", two],
  ] as const) {
    of.dir.write(name, text);
    await of.open(name, text);
  }
  await of.diagnostics("two.ingress", has("ING506"));
  for (const method of ["textDocument/definition", "textDocument/hover", "textDocument/prepareRename", "textDocument/completion"])
    assert.is(await refusal(of, method, at(of, "one.ingress", 4, 13)), null, method);
  assert.is(await refusal(of, "textDocument/references", { ...at(of, "one.ingress", 4, 5), context: { includeDeclaration: true } }), null);
  await of.open("own.ingress", 'edition 1\n\nimport "own.ingress" as own\n');
  await of.diagnostics("own.ingress", has("ING506"));
  await stillWorks(of);
});

test("an import that is removed from the disk is missed once the editor says so, and is found again when it is back", async () => {
  const of = await editor();
  of.dir.write("nets.ingress", NETS);
  await of.open("main.ingress", MAIN);
  const watched = (type: number): Promise<void> =>
    of.connection.sendNotification("workspace/didChangeWatchedFiles", { changes: [{ uri: of.uri("nets.ingress"), type }] });
  await of.diagnostics("main.ingress", () => true, of.count());
  rmSync(of.dir.at("nets.ingress"));
  await watched(3);
  await of.diagnostics("main.ingress", has("ING505"));
  assert.equal(await of.connection.sendRequest<Location[]>("textDocument/definition", at(of, "main.ingress", 6, 20)), []);
  const since = of.count();
  of.dir.write("nets.ingress", NETS);
  await watched(1);
  await of.diagnostics("main.ingress", (found) => found.length === 0, since);
  await stillWorks(of);
});

test("imports that are no text, a folder, a FIFO or of another user are reported at the import", async () => {
  const of = await editor();
  writeFileSync(of.dir.at("bytes.ingress"), Uint8Array.of(0x65, 0xff, 0xfe, 0x00));
  mkdirSync(of.dir.at("folder.ingress"));
  spawnSync("mkfifo", [of.dir.at("fifo.ingress")]);
  for (const name of ["bytes", "folder", "fifo", "missing"]) {
    await of.open(`${name}_main.ingress`, MAIN.replace("nets.ingress", `${name}.ingress`));
    const found = await of.diagnostics(`${name}_main.ingress`, (all) => all.some(({ code }) => /^ING50/.test(String(code))));
    assert.is(found[0]?.range.start.line, 2, name);
  }
  await stillWorks(of);
});

test("ten folders are looked at, also one in another, one that is missing and one that is no file", async () => {
  const of = await editor();
  const folders = Array.from({ length: 10 }, (_, i) => `f${i}`);
  for (const name of folders) {
    mkdirSync(of.dir.at(name));
    of.dir.write(`${name}/nets.ingress`, NETS);
    of.dir.write(`${name}/main.ingress`, MAIN);
  }
  const served = of.connection.onRequest("workspace/workspaceFolders", () => [
    ...folders.map((name) => ({ uri: of.uri(name), name })),
    { uri: of.uri(""), name: "all" },
    { uri: of.uri("none"), name: "none" },
    { uri: "untitled:folder", name: "untitled" },
  ]);
  await of.connection.sendNotification("workspace/didChangeWorkspaceFolders", { event: { added: [], removed: [] } });
  for (const name of folders) {
    await of.open(`${name}/nets.ingress`, NETS);
    const found = await of.connection.sendRequest<Location[]>("textDocument/references", {
      ...at(of, `${name}/nets.ingress`, 2, 5),
      context: { includeDeclaration: false },
    });
    assert.equal(
      found.map(({ uri }) => uri),
      [of.uri(`${name}/main.ingress`)],
    );
  }
  served.dispose();
  await stillWorks(of);
});

test("one file under two names is one text, that of the name that was opened first, until it is closed", async () => {
  const of = await editor();
  of.dir.write("a.ingress", GOOD);
  symlinkSync(of.dir.at("a.ingress"), of.dir.at("b.ingress"));
  await of.open("a.ingress", GOOD);
  await of.open("b.ingress", BAD);
  await of.diagnostics("a.ingress", () => true, of.count());
  await of.close("a.ingress");
  await of.diagnostics("b.ingress", has("ING201"));
  await stillWorks(of);
});

test("a text that is opened twice is the second one", async () => {
  const of = await editor();
  await of.open("a.ingress", GOOD);
  await of.diagnostics("a.ingress");
  await of.open("a.ingress", BAD);
  await of.diagnostics("a.ingress", has("ING201"));
  await stillWorks(of);
});

test("an editor that numbers no versions has its changes read", async () => {
  const of = await editor();
  await of.open("a.ingress", GOOD);
  await of.diagnostics("a.ingress", () => true, of.count());
  await of.connection.sendNotification("textDocument/didChange", { textDocument: { uri: of.uri("a.ingress"), version: 1 }, contentChanges: [{ text: BAD }] });
  await of.diagnostics("a.ingress", has("ING201"));
  await stillWorks(of);
});

test("an editor without abilities is sent nothing that it does not know", async () => {
  const of = await editor({ capabilities: {} });
  const text = `${GOOD}\nnet office = 10.0.0.0/8\n`;
  await of.open("a.ingress", text);
  await of.diagnostics("a.ingress", has("ING202"));
  await of.change("a.ingress", `${GOOD}\nnet unused = 10.0.0.0/8\n`);
  await of.diagnostics("a.ingress", has("ING828"));
  for (const params of of.published(0)) {
    assert.equal(Object.keys(params), ["uri", "diagnostics"]);
    for (const found of params.diagnostics) assert.equal(Object.keys(found).sort(), ["code", "message", "range", "severity", "source"]);
  }
  const whole = { textDocument: { uri: of.uri("a.ingress") }, range: { start: START, end: { line: 99, character: 0 } }, context: { diagnostics: [] } };
  assert.is(await of.connection.sendRequest("textDocument/codeAction", whole), null);
  const symbols = await of.connection.sendRequest<SymbolInformation[]>("textDocument/documentSymbol", at(of, "a.ingress", 0, 0));
  assert.equal(symbols.map(({ name, containerName }) => [name, containerName]).slice(0, 3), [
    ["office", undefined],
    ["web", undefined],
    ["backend 127.0.0.1:8080", "web"],
  ]);
  assert.ok(symbols.every((symbol) => symbol.location.uri === of.uri("a.ingress") && !("children" in symbol)));
  const hover = await of.connection.sendRequest<Hover>("textDocument/hover", at(of, "a.ingress", 2, 5));
  assert.equal(hover.contents, { kind: "plaintext", value: "net office = 198.51.100.0/24\n\n256 addresses\n\n198.51.100.0/24" });
  const items = await of.connection.sendRequest<CompletionItem[]>("textDocument/completion", at(of, "a.ingress", 1, 0));
  assert.ok(items.length > 5 && items.every(({ insertTextFormat, textEdit }) => insertTextFormat === 1 && !textEdit?.newText.includes("$0")));
  assert.equal(of.messages, []);
  await stillWorks(of);
});

test("parameters of a wrong form are refused, and it continues", async () => {
  const of = await editor();
  await of.open("a.ingress", GOOD);
  const methods = ["hover", "definition", "references", "rename", "prepareRename", "completion", "documentSymbol", "formatting", "codeAction", "codeLens"];
  const wrong: readonly unknown[] = [null, [], {}, "x", { textDocument: null }, { textDocument: { uri: 7 } }, { textDocument: { uri: of.uri("a.ingress") } }];
  for (const method of methods) for (const params of wrong) await refusal(of, `textDocument/${method}`, params);
  for (const position of [
    null,
    {},
    { line: "1", character: "1" },
    { line: -1, character: -1 },
    { line: 1e300, character: 1e300 },
    { line: 0.5, character: 0.5 },
  ])
    for (const method of methods)
      await refusal(of, `textDocument/${method}`, {
        textDocument: { uri: of.uri("a.ingress") },
        position,
        range: { start: position, end: position },
        newName: 7,
        context: {},
      });
  for (const method of ["didOpen", "didChange", "didClose", "didSave"])
    for (const params of wrong) await of.connection.sendNotification(`textDocument/${method}`, params as object);
  for (const params of wrong) await of.connection.sendNotification("workspace/didChangeWatchedFiles", params as object);
  await of.open("b.ingress", GOOD);
  const lenses = await of.connection.sendRequest<CodeLens[]>("textDocument/codeLens", { textDocument: { uri: of.uri("b.ingress") } });
  assert.is(lenses.length, 1);
  assert.is(await of.stop(), 0);
});

test("it ends when its input ends or its output is closed, also while its worker is busy, and is not left behind by an editor that is killed", async () => {
  const busy = `edition 1\n\nexpose web on tcp 443 as passthrough {\n  backend 127.0.0.1:8080\n${Array.from({ length: 5_000 }, (_, i) => `  allow from 10.${i >> 8}.${i & 255}.0/24 sni "a${i}.example.com"\n`).join("")}}\n`;
  const first = await editor();
  await first.open("a.ingress", busy);
  void first.connection.sendRequest("textDocument/hover", at(first, "a.ingress", 2, 8)).catch(() => undefined);
  first.child.stdin?.end();
  assert.is(await first.ended, 1);
  const second = await editor();
  second.child.stdout?.destroy();
  await second.open("a.ingress", BAD);
  assert.is(await second.ended, 5);
  // A process between this one and the server, which is killed.
  const between = spawn(process.execPath, ["-e", BETWEEN, JSON.stringify(INGRESSC_LSP)], { stdio: ["pipe", "pipe", "inherit"] });
  atEnd(() => between.kill("SIGKILL"));
  const [line] = (await once(between.stdout.setEncoding("utf8"), "data")) as [string];
  const server = Number(line);
  atEnd(() => isThere(server) && process.kill(server, "SIGKILL"));
  assert.ok(isThere(server));
  between.kill("SIGKILL");
  // The server has this pipe too, until it ends.
  await once(between, "close");
});

const BETWEEN = `
  const [program, ...words] = JSON.parse(process.argv[1]);
  const server = require("node:child_process").spawn(program, words, { stdio: ["pipe", "pipe", 1] });
  server.stdout.resume();
  console.log(server.pid);
`;

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("it ends with the process that its editor names, though its input stays open", async () => {
  const other = spawn(process.execPath, ["-e", "process.stdin.resume()"], { stdio: ["pipe", "ignore", "ignore"] });
  atEnd(() => other.kill("SIGKILL"));
  const of = await editor({ parent: other.pid ?? 0 });
  await of.open("a.ingress", BAD);
  await of.diagnostics("a.ingress", has("ING201"));
  other.kill("SIGKILL");
  assert.is(await of.ended, 1);
});

test.run();
