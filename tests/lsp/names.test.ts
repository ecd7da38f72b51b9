// Names across imports, lists and templates over the built `ingressc lsp`: definition, references, rename, outline, hover, completion.
import * as assert from "uvu/assert";
import type { CompletionItem, DocumentSymbol, Hover, Location, Position, WorkspaceEdit } from "vscode-languageserver-protocol/node";
import { suite } from "../suite.ts";
import { editor, has, type Editor } from "./client.ts";

const test = suite("lsp names");

const NETS = `edition 1

net office = 198.51.100.0/24
net all_offices = office, 203.0.113.0/24

template service($name, $port, $who) {
  net allowed = $who
  expose $name on tcp $port {
    backend 127.0.0.1:8080
    allow named usual from allowed
  }
}
`;

const MAIN = `edition 1

import "lib/nets.ingress" as nets

hosts sites = "www.example.com", "*.example.org"
ports web_ports = 443, 8443

expose web on tcp web_ports as passthrough {
  backend 127.0.0.1:8080
  allow named staff from nets.office except 198.51.100.0/28 sni sites
  deny from private
}

use nets.service(console, 9443, nets.office)

test "staff" {
  from 198.51.100.77 to web sni "www.example.com" => allow by staff
  from 198.51.100.77 to console => allow
}
`;

async function opened(): Promise<Editor> {
  const of = await editor();
  of.dir.write("main.ingress", MAIN);
  of.dir.write("lib/nets.ingress", NETS);
  of.dir.write("other.ingress", 'edition 1\nimport "lib/nets.ingress" as n\nexpose x on tcp 1 {\n  backend 127.0.0.1:2\n  allow from n.office\n}\n');
  await of.open("main.ingress", MAIN);
  return of;
}

/** Where the n-th `word` of a text is; `into` characters behind its start. */
function at(text: string, word: string, into = 0, n = 0): Position {
  let offset = text.indexOf(word);
  for (let i = 0; i < n; i++) offset = text.indexOf(word, offset + 1);
  assert.ok(offset >= 0, word);
  const before = text.slice(0, offset + into).split("\n");
  return { line: before.length - 1, character: before.at(-1)?.length ?? 0 };
}

const short = (of: Editor, places: readonly Location[]): readonly string[] =>
  places.map(({ uri, range: { start, end } }) => `${uri.slice(of.uri("a").length - 1)} ${start.line}:${start.character}-${end.character}`).sort();

function request<T>(of: Editor, method: string, name: string, position: Position, more: object = {}): Promise<T> {
  return of.connection.sendRequest(`textDocument/${method}`, { textDocument: { uri: of.uri(name) }, position, ...more });
}

test("a name leads to its declaration, also in another file", async () => {
  const of = await opened();
  const rows: readonly (readonly [word: string, into: number, n: number, expected: readonly string[]])[] = [
    ["nets.office", 6, 0, ["lib/nets.ingress 2:4-10"]],
    ["nets.office", 1, 0, ["main.ingress 2:29-33"]],
    ["sni sites", 5, 0, ["main.ingress 4:6-11"]],
    ["web_ports as", 3, 0, ["main.ingress 5:6-15"]],
    ["to web", 4, 0, ["main.ingress 7:7-10"]],
    ["by staff", 5, 0, ["main.ingress 9:14-19"]],
    ["nets.service", 8, 0, ["lib/nets.ingress 5:9-16"]],
    ["lib/nets", 2, 0, ["lib/nets.ingress 0:0-0"]],
    ["private", 2, 0, []],
    ["backend", 2, 0, []],
    ["127.0.0.1", 2, 0, []],
  ];
  for (const [word, into, n, expected] of rows)
    assert.equal(short(of, await request(of, "definition", "main.ingress", at(MAIN, word, into, n))), expected, word);
  await of.open("lib/nets.ingress", NETS);
  const inTemplate: readonly (readonly [word: string, into: number, n: number, expected: readonly string[]])[] = [
    ["$who", 1, 1, ["lib/nets.ingress 5:31-35"]],
    ["$name", 1, 1, ["lib/nets.ingress 5:17-22"]],
    ["from allowed", 6, 0, ["lib/nets.ingress 6:6-13"]],
  ];
  for (const [word, into, n, expected] of inTemplate)
    assert.equal(short(of, await request(of, "definition", "lib/nets.ingress", at(NETS, word, into, n))), expected, word);
});

test("references are those of every policy of the folder that has the declaration", async () => {
  const of = await opened();
  const references = (includeDeclaration: boolean): Promise<Location[]> =>
    request(of, "references", "main.ingress", at(MAIN, "nets.office", 6), { context: { includeDeclaration } });
  const used = ["lib/nets.ingress 3:18-24", "main.ingress 13:37-43", "main.ingress 9:30-36", "other.ingress 4:15-21"];
  assert.equal(short(of, await references(false)), used);
  assert.equal(short(of, await references(true)), [...used, "lib/nets.ingress 2:4-10"].sort());
});

test("a rename writes every place, and the result is the same policy", async () => {
  const of = await opened();
  const edit = await request<WorkspaceEdit>(of, "rename", "main.ingress", at(MAIN, "nets.office", 6), { newName: "hq" });
  assert.equal(
    Object.keys(edit.changes ?? {})
      .map((uri) => uri.slice(of.uri("a").length - 1))
      .sort(),
    ["lib/nets.ingress", "main.ingress", "other.ingress"],
  );
  assert.equal(
    Object.values(edit.changes ?? {}).flatMap((edits) => edits.map(({ newText }) => newText)),
    ["hq", "hq", "hq", "hq", "hq"],
  );
  const parameter = await (async () => {
    await of.open("lib/nets.ingress", NETS);
    return request<WorkspaceEdit>(of, "rename", "lib/nets.ingress", at(NETS, "$name"), { newName: "$title" });
  })();
  assert.is(parameter.changes?.[of.uri("lib/nets.ingress")]?.length, 2);
  const alias = await request<WorkspaceEdit>(of, "rename", "main.ingress", at(MAIN, "as nets", 4), { newName: "places" });
  assert.is(alias.changes?.[of.uri("main.ingress")]?.length, 4);
});

test("a name that can't be is refused with its reason", async () => {
  const of = await opened();
  const rows: readonly (readonly [name: string, says: RegExp])[] = [
    ["2nd", /a name has letters/],
    ["", /a name has letters/],
    ["a.b", /a name has letters/],
    ["from", /word of the language/],
    ["any", /reserved|any/],
    ["ingressd", /ingressd/],
    ["x".repeat(129), /128/],
    ["all_offices", /already/],
  ];
  for (const [newName, says] of rows) {
    const answer = await request<unknown>(of, "rename", "main.ingress", at(MAIN, "nets.office", 6), { newName }).then(
      () => "renamed",
      (error: Error) => error.message,
    );
    assert.match(answer, says, newName);
  }
  assert.is(await request(of, "prepareRename", "main.ingress", at(MAIN, "private", 2)), null);
  assert.equal(await request(of, "prepareRename", "main.ingress", at(MAIN, "nets.office", 6)), {
    range: { start: { line: 9, character: 30 }, end: { line: 9, character: 36 } },
    placeholder: "office",
  });
});

test("the outline has statements with what is in them", async () => {
  const of = await opened();
  const found = await of.connection.sendRequest<DocumentSymbol[]>("textDocument/documentSymbol", { textDocument: { uri: of.uri("main.ingress") } });
  assert.equal(
    found.map(({ name, children = [] }) => [name, children.map((child) => child.name)]),
    [
      ["nets", []],
      ["sites", []],
      ["web_ports", []],
      ["web", ["backend 127.0.0.1:8080", "staff", "deny from private"]],
      ["nets.service", []],
      ["staff", []],
    ],
  );
});

test("a hover says how large a set is, who can reach an expose, and what a rule alone admits", async () => {
  const of = await opened();
  await of.diagnostics("main.ingress");
  const text = async (word: string, into: number): Promise<string> => {
    const found = await request<Hover | null>(of, "hover", "main.ingress", at(MAIN, word, into));
    return found === null ? "" : (found.contents as { value: string }).value;
  };
  assert.match(await text("nets.office", 6), /net office = 198\.51\.100\.0\/24[^]*256 addresses/);
  assert.match(await text("sites", 2), /2 names and patterns[^]*www\.example\.com/);
  assert.match(await text("web_ports", 2), /2 ports/);
  assert.match(await text("expose web", 8), /web[^]*tcp 443[^]*can be reached[^]*240 addresses/);
  assert.match(await text("allow named", 2), /alone it admits[^]*240 addresses/);
  assert.match(await text("deny from", 2), /alone it refuses nobody/);
  assert.match(await text("private", 2), /10\.0\.0\.0\/8/);
  assert.is(await text("127.0.0.1", 2), "");
  assert.is(await text("edition", 2), "");
});

test("completion offers what can be written there", async () => {
  const of = await opened();
  const rows: readonly (readonly [text: string, some: readonly string[], none: readonly string[]])[] = [
    ["", ["edition", "expose", "net", "test"], ["backend", "allow"]],
    ["e", ["expose"], ["backend"]],
    ["expose x on ", ["tcp", "udp"], ["expose"]],
    ["expose x on tcp ", ["web_ports"], ["sites", "nets.office"]],
    ["expose x on tcp 1 as ", ["passthrough", "mtls"], ["web_ports"]],
    ["expose x on tcp 1 {\n  ", ["allow", "backend", "limit"], ["expose", "test"]],
    ["expose x on tcp 1 {\n  allow from ", ["nets.office", "nets.all_offices", "any", "file"], ["sites", "web_ports"]],
    ["expose x on tcp 1 {\n  allow from nets.", ["nets.office"], ["sites"]],
    ["expose x on tcp 1 {\n  allow from any except ", ["nets.office"], ["sites"]],
    ["expose x on tcp 1 {\n  allow from any sni ", ["sites"], ["nets.office"]],
    ["expose x on tcp 1 {\n  allow from any client ", ["uri", "dns"], ["nets.office"]],
    ["expose x on tcp 1 {\n  allow from any ", ["sni", "until"], ["expose"]],
    ["net x = ", ["nets.office", "any"], ["sites"]],
    ["hosts x = sites, ", ["sites", "file"], ["any"]],
    ["use ", ["nets.service"], ["web"]],
    ['test "t" {\n  ', ["from", "repeat", "bind"], ["allow"]],
    ['test "t" {\n  from 198.51.100.7 to ', ["web", "tcp"], ["nets.office", "$name"]],
    ['test "t" {\n  from 198.51.100.7 to web => ', ["allow", "deny cidr"], ["web"]],
    ['test "t" {\n  from 198.51.100.7 to web => allow by ', ["staff"], ["web"]],
    ['invariant "i" {\n  ', ["never", "only", "always"], ["from"]],
    ["@", ["owner", "why", "lint"], ["expose"]],
    ["# a comment ", [], ["expose"]],
    ['@why "', [], ["expose", "owner"]],
  ];
  for (const [written, some, none] of rows) {
    const text = `${MAIN}\n${written}`;
    await of.change("main.ingress", text);
    const items = await request<CompletionItem[]>(of, "completion", "main.ingress", at(`${text}\u0000`, "\u0000"));
    const labels = items.map(({ label }) => label);
    assert.equal(
      [some.filter((label) => !labels.includes(label)), none.filter((label) => labels.includes(label))],
      [[], []],
      `${JSON.stringify(written)}: ${labels.join(" ")}`,
    );
  }
});

test("each snippet, with its own words in its places, is a policy without errors in its text", async () => {
  const of = await editor({ capabilities: {} });
  const inside: readonly (readonly [before: string, after: string])[] = [
    ["edition 1\n", ""],
    ["edition 1\nexpose x on tcp 1 {\n  ", "\n}\n"],
    ['edition 1\ntest "t" {\n  ', "\n}\n"],
    ['edition 1\ninvariant "i" {\n  ', "\n}\n"],
    ["edition 1\nbudget {\n  ", "\n}\n"],
  ];
  await of.open("a.ingress", "");
  for (const [before, after] of inside) {
    await of.change("a.ingress", before + after);
    const items = await request<CompletionItem[]>(of, "completion", "a.ingress", at(`${before}\u0000`, "\u0000"));
    assert.ok(items.length > 2, before);
    for (const { label, textEdit } of items) {
      // A second edition is an error, a keyword is none alone, and what is empty is for the author to fill in.
      if (label === "edition" || textEdit === undefined || textEdit.newText === label || /use |template /.test(textEdit.newText)) continue;
      const since = of.count();
      await of.change("a.ingress", `${before}${textEdit.newText}${after}`);
      const found = await of.diagnostics("a.ingress", () => true, since);
      assert.equal(
        found.filter(({ code }) => typeof code === "string" && code.startsWith("ING1")).map(({ code, message }) => `${code ?? ""} ${message as string}`),
        [],
        textEdit.newText,
      );
    }
  }
});

test("a definition of a broken text is found in its whole statements", async () => {
  const of = await editor();
  const text = "edition 1\nnet a = 10.0.0.0/8\nnet b = \nexpose web on tcp 443 {\n  backend 127.0.0.1:8080\n  allow from a\n}\n";
  await of.open("a.ingress", text);
  await of.diagnostics("a.ingress", has("ING106"));
  assert.equal(short(of, await request(of, "definition", "a.ingress", at(text, "from a", 5))), ["a.ingress 1:4-5"]);
});

test.run();
