// `ingressc lsp` as an editor meets it: how it starts and ends, its diagnostics, its edits, and what is wrong on the wire.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import type { CodeAction, Diagnostic, TextEdit } from "vscode-languageserver-protocol/node";
import { envelope, ingressc, INGRESSC } from "../cli/programs.ts";
import { atEnd, suite } from "../suite.ts";
import { editor, GOOD, has, shortly, type Editor } from "./client.ts";

const test = suite("lsp server");

/** `ingressc check --json` of a file of the folder, in the form of the protocol. */
async function checked(of: Editor, name: string): Promise<readonly Diagnostic[]> {
  const found = envelope(await ingressc(["check", of.dir.at(name), "--json"]));
  const { diagnostics = [], warnings = [] } = found["data"] as { diagnostics?: readonly Shown[]; warnings?: readonly Shown[] };
  return [...diagnostics, ...warnings].map(({ code, severity, message, label, help, related, ...place }) => ({
    range: rangeOf(place),
    severity: severity === "error" ? 1 : 2,
    source: "ingressc",
    message: `${message}${label === "" ? "" : `: ${label}`}${help === null ? "" : `\nhelp: ${help}`}`,
    code,
    ...(code === "ING828" ? { tags: [1 as const] } : {}),
    ...(related.length === 0 ?
      {}
    : { relatedInformation: related.map((other) => ({ location: { uri: of.uri(other.file), range: rangeOf(other) }, message: other.label })) }),
  }));
}

interface Place {
  readonly start: { readonly line: number; readonly column: number };
  readonly end: { readonly line: number; readonly column: number };
}

interface Shown extends Place {
  readonly code: string;
  readonly severity: string;
  readonly message: string;
  readonly label: string;
  readonly help: string | null;
  readonly related: readonly (Place & { readonly file: string; readonly label: string })[];
}

function rangeOf({ start, end }: Place): Diagnostic["range"] {
  return { start: { line: start.line - 1, character: start.column - 1 }, end: { line: end.line - 1, character: end.column - 1 } };
}

const BAD = `edition 1

net office = 198.51.100.0/24

expose web on tcp 443 {
  backend 127.0.0.1:8080
  allow from ofice
}

expose again on tcp 443 {
  backend 127.0.0.1:8081
  allow from 10.0.0.1/8
}
`;

test("it says what it can, and ends with 0 after a shutdown", async () => {
  const of = await editor();
  assert.is(of.started.serverInfo?.name, "ingressc");
  assert.equal(of.started.capabilities.positionEncoding, "utf-16");
  assert.is(await of.stop(), 0);
  assert.is(of.errors(), "");
});

test("it ends with 1 without a shutdown, and when its input ends", async () => {
  const first = await editor();
  await first.connection.sendNotification("exit");
  assert.is(await first.ended, 1);
  const second = await editor();
  second.child.stdin?.end();
  assert.is(await second.ended, 1);
});

test("the diagnostics are those of check, with other places", async () => {
  const of = await editor();
  of.dir.write("a.ingress", BAD);
  await of.open("a.ingress", BAD);
  const found = await of.diagnostics("a.ingress", has("ING204"));
  assert.equal(found, await checked(of, "a.ingress"));
  const twice = found.find(({ code }) => code === "ING204");
  assert.equal(
    twice?.relatedInformation?.map(({ location }) => [location.uri, location.range.start.line]),
    [[of.uri("a.ingress"), 4]],
  );
  assert.is(twice?.severity, 1);
  // The help is a line of its own.
  assert.is(found.find(({ code }) => code === "ING201")?.message, "there is no net named `ofice`\nhelp: did you mean `office`?");
});

test("the warnings are those of check", async () => {
  const of = await editor();
  const text = `${GOOD}\nnet unused = 10.0.0.0/8\n\n@why "x"\ndeny from 10.0.0.0/9, 10.0.0.0/9\ndeny from 10.0.0.0/16\n`;
  of.dir.write("a.ingress", text);
  await of.open("a.ingress", text);
  const found = await of.diagnostics("a.ingress", has("ING828"));
  const wanted = await checked(of, "a.ingress");
  assert.ok(wanted.length >= 2);
  assert.equal(found, wanted);
});

test("an editor that shows no other places gets none", async () => {
  const of = await editor({ capabilities: {} });
  await of.open("a.ingress", BAD);
  const found = await of.diagnostics("a.ingress", has("ING204"));
  assert.equal(
    found.filter(({ relatedInformation }) => relatedInformation !== undefined),
    [],
  );
});

test("the text of the editor counts, and not that of the disk, in imports too", async () => {
  const of = await editor();
  of.dir.write("nets.ingress", "edition 1\nnet office = 198.51.100.0/24\n");
  const main = `edition 1\n\nimport "nets.ingress" as nets\n\nexpose web on tcp 443 {\n  backend 127.0.0.1:8080\n  allow from nets.home\n}\n`;
  await of.open("main.ingress", main);
  await of.diagnostics("main.ingress", has("ING201"));
  const before = of.count();
  await of.open("nets.ingress", "edition 1\nnet home = 203.0.113.0/24\n");
  await of.diagnostics("main.ingress", (found) => !has("ING201")(found), before);
  const since = of.count();
  await of.close("nets.ingress");
  await of.diagnostics("main.ingress", has("ING201"), since);
});

test("a list that is open and not on the disk is read, and its errors are shown in it", async () => {
  const of = await editor();
  await of.open("bad.txt", "198.51.100.0/24\n10.0.0.1/8\n");
  await of.open("a.ingress", GOOD.replace("198.51.100.0/24", 'file "bad.txt" max 10'));
  const found = await of.diagnostics("bad.txt", has("ING502"));
  assert.equal(shortly(found), ["ING502 1:0-1:10"]);
});

test("changes are of UTF-16 units and of lines with any end", async () => {
  const of = await editor();
  const text = "edition 1\r\n# \u{1f600}\u{1f600}\r\nnet office = 10.0.0.0/8 # \u{1f600} x\r\nnet b = office, nobody\r\n";
  await of.open("a.ingress", text);
  assert.equal(shortly(await of.diagnostics("a.ingress", has("ING201"))), ["ING201 3:16-3:22"]);
  const since = of.count();
  // In the comment behind the face of two units, then in the word behind it all.
  await of.change("a.ingress", "y", { start: { line: 2, character: 29 }, end: { line: 2, character: 30 } });
  await of.change("a.ingress", "office", { start: { line: 3, character: 16 }, end: { line: 3, character: 22 } });
  assert.equal(shortly(await of.diagnostics("a.ingress", (found) => !has("ING201")(found), since)), []);
  await of.change("a.ingress", "\u{1f600}", { start: { line: 2, character: 0 }, end: { line: 2, character: 0 } });
  assert.equal(shortly(await of.diagnostics("a.ingress", has("ING101"), since)).slice(0, 1), ["ING101 2:0-2:2"]);
});

test("formatting is that of fmt, keeps the ends of lines, and does not touch a broken text", async () => {
  const of = await editor();
  const loose = "edition 1\nnet a = 10.0.0.0/8\nnet   b = any   # why\n";
  of.dir.write("a.ingress", loose);
  await ingressc(["fmt", of.dir.at("a.ingress")]);
  const formatted = readFileSync(of.dir.at("a.ingress"), "utf8");
  const format = (name: string): Promise<TextEdit[]> =>
    of.connection.sendRequest("textDocument/formatting", { textDocument: { uri: of.uri(name) }, options: { tabSize: 2, insertSpaces: true } });
  await of.open("a.ingress", loose);
  assert.equal(
    (await format("a.ingress")).map(({ newText }) => newText),
    [formatted],
  );
  await of.change("a.ingress", formatted);
  assert.equal(await format("a.ingress"), []);
  await of.change("a.ingress", loose.replaceAll("\n", "\r\n"));
  assert.equal(
    (await format("a.ingress")).map(({ newText }) => newText),
    [formatted.replaceAll("\n", "\r\n")],
  );
  await of.change("a.ingress", "edition 1\nnet a =   \n");
  assert.equal(await format("a.ingress"), []);
  assert.is(await format("none.ingress"), null);
});

test("a fix is an edit of its finding, and all of them are those of check --fix", async () => {
  const of = await editor();
  const text = "edition 1\n\nexpose web on tcp 443 {\n  alow from 10.0.0.0/8\n  backend 127.0.0.1:8080;\n}\n";
  await of.open("a.ingress", text);
  const found = await of.diagnostics("a.ingress", has("ING105"));
  const actions = (range: Diagnostic["range"] | undefined, only: readonly string[] | undefined): Promise<CodeAction[]> =>
    of.connection.sendRequest("textDocument/codeAction", { textDocument: { uri: of.uri("a.ingress") }, range, context: { diagnostics: found, only } });
  const at = (code: string): Diagnostic["range"] | undefined => found.find((d) => d.code === code)?.range;
  for (const [code, title, newText] of [
    ["ING101", "remove it", ""],
    ["ING105", "write `allow`", "allow"],
  ] as const) {
    const [fix] = await actions(at(code), undefined);
    assert.equal(fix?.edit?.changes?.[of.uri("a.ingress")], [{ range: at(code), newText }], code);
    assert.is(fix?.title, title);
  }
  of.dir.write("a.ingress", text);
  await ingressc(["check", "--fix", of.dir.at("a.ingress")]);
  const all = await actions({ start: { line: 0, character: 0 }, end: { line: 0, character: 0 } }, ["source.fixAll"]);
  assert.equal(
    all.map(({ edit }) => edit?.changes?.[of.uri("a.ingress")]?.[0]?.newText),
    [readFileSync(of.dir.at("a.ingress"), "utf8")],
  );
  assert.equal(await actions({ start: { line: 0, character: 0 }, end: { line: 0, character: 0 } }, undefined), []);
});

test("a text outside of every folder, and one in no file, are read", async () => {
  const of = await editor({ inFolder: false });
  await of.open("a.ingress", BAD);
  await of.diagnostics("a.ingress", has("ING204"));
  await of.open("untitled:Untitled-1", "edition 1\nnet a = \n");
  assert.equal(shortly(await of.diagnostics("untitled:Untitled-1", has("ING106"))), ["ING106 1:6-1:7"]);
  for (const uri of ["git:/a.ingress?ref", "file://otherhost/share/a.ingress", "file:///%00.ingress", "not a uri"]) {
    await of.open(uri, "edition 1\nnet a = \n");
    assert.equal(await of.connection.sendRequest("textDocument/definition", { textDocument: { uri }, position: { line: 1, character: 5 } }), [], uri);
  }
  assert.is(await of.stop(), 0);
});

test("what it does not know is refused by its own answer, and it continues", async () => {
  const of = await editor();
  for (const method of ["textDocument/none", "ingressc/none"]) {
    const answer = await of.connection.sendRequest(method, {}).then(
      () => "answered",
      (error: { code?: number }) => error.code,
    );
    assert.is(answer, -32_601, method);
  }
  await of.connection.sendNotification("ingressc/none", {});
  const wrong = [
    { command: "ingressc.runTest", arguments: [] },
    { command: "ingressc.runTest", arguments: [1, 2] },
    { command: "ingressc.none", arguments: [of.uri("a.ingress"), "office"] },
  ];
  for (const params of wrong) {
    const answer = await of.connection.sendRequest("workspace/executeCommand", params).then(
      () => "answered",
      (error: { code?: number }) => error.code,
    );
    assert.is(answer, -32_602, JSON.stringify(params));
  }
  await of.change("never_opened.ingress", "edition 1\n");
  for (const position of [
    { line: 900, character: 0 },
    { line: 0, character: 900 },
  ]) {
    await of.open("a.ingress", GOOD);
    const found = await of.connection.sendRequest("textDocument/definition", { textDocument: { uri: of.uri("a.ingress") }, position });
    assert.equal(found, []);
    await of.close("a.ingress");
  }
  assert.is(await of.stop(), 0);
});

test("a message that is none does not end it, and nothing but the protocol is on standard output", async () => {
  const child = spawn(process.execPath, [...INGRESSC, "lsp"], { stdio: ["pipe", "pipe", "pipe"] });
  atEnd(() => child.kill("SIGKILL"));
  let out = "";
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
    // An editor waits for the answer to `shutdown`.
    if (text.includes('"id":2')) send(JSON.stringify({ jsonrpc: "2.0", method: "exit" }));
  });
  child.stderr.resume();
  const send = (body: string): void => void child.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  send("{ this is no JSON");
  send("[]");
  send('{"jsonrpc":"2.0"}');
  send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params: { processId: null, rootUri: null, capabilities: {} } }));
  send(JSON.stringify({ jsonrpc: "2.0", method: "initialized", params: {} }));
  send(JSON.stringify({ jsonrpc: "2.0", id: 2, method: "shutdown" }));
  assert.is(await ended, 0);
  const ids: unknown[] = [];
  for (let rest = out; rest !== "";) {
    const [head, length] = /^Content-Length: (\d+)\r\n\r\n/.exec(rest) ?? [];
    assert.ok(head !== undefined, `no header: ${JSON.stringify(rest.slice(0, 80))}`);
    const body = Buffer.from(rest.slice(head.length)).subarray(0, Number(length)).toString();
    ids.push((JSON.parse(body) as { id?: unknown }).id);
    rest = rest.slice(head.length + body.length);
  }
  assert.equal(
    ids.filter((id) => id === 1 || id === 2),
    [1, 2],
  );
});

test("it takes no operand and no --json", async () => {
  for (const [args, code] of [
    [["lsp", "a.ingress"], "usage.extra_operand"],
    [["lsp", "--json"], "usage.protocol"],
  ] as const) {
    const ended = await ingressc([...args, ...(args.length === 2 && args[1] === "--json" ? [] : ["--json"])]);
    assert.equal([ended.code, envelope(ended)["code"]], [2, code]);
  }
});

test.run();
