// URIs of editors on every system.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { pathOf, uriOf } from "../../compiler/cli/lsp/uris.ts";
import { linePosition, lineRange, offsetAt } from "../../compiler/lsp/positions.ts";

const test = suite("lsp uris");

const ROWS: readonly (readonly [uri: string, posix: string | null, windows: string | null])[] = [
  ["file:///policies/a.ingress", "/policies/a.ingress", null],
  ["file:///policies/a%20b.ingress", "/policies/a b.ingress", null],
  ["file:///policies/%C3%BC.ingress", "/policies/\u00fc.ingress", null],
  ["file:///c%3A/policies/a.ingress", "/c:/policies/a.ingress", "C:\\policies\\a.ingress"],
  ["file:///C:/policies/a.ingress", "/C:/policies/a.ingress", "C:\\policies\\a.ingress"],
  ["file://host/share/a.ingress", null, "\\\\host\\share\\a.ingress"],
  ["file:///policies/a%2Fb.ingress", null, null],
  ["file:///policies/%00.ingress", null, null],
  ["untitled:Untitled-1", null, null],
  ["git:/policies/a.ingress?ref", null, null],
  ["https://policies.example/a.ingress", null, null],
  ["/policies/a.ingress", null, null],
  ["", null, null],
];

test("only a URI of a file of this machine has a path", () => {
  for (const [uri, posix, windows] of ROWS) {
    assert.is(pathOf(uri, false), posix, uri);
    assert.is(pathOf(uri, true), windows, uri);
  }
});

test("the URI of a path leads back to it", () => {
  for (const path of ["/policies/a b.ingress", "/policies/\u00fc#1?.ingress", "/policies/100%.ingress"]) assert.is(pathOf(uriOf(path, false), false), path);
  for (const path of ["C:\\policies\\a b.ingress", "D:\\\u00fc#1.ingress"]) assert.is(pathOf(uriOf(path, true), true), path);
});

test("positions are of lines with any end, and of UTF-16 units", () => {
  const file = { path: "a", text: "a\u{1f600}b\r\nc\rd\n\ne" };
  const starts = [0, 6, 8, 10, 11];
  starts.forEach((start, line) => {
    assert.equal(linePosition(file, start), { line, character: 0 });
    assert.is(offsetAt(file, { line, character: 0 }), start);
  });
  assert.equal(lineRange({ file, start: 1, end: 3 }), { start: { line: 0, character: 1 }, end: { line: 0, character: 3 } });
  const beyond: readonly (readonly [line: number, character: number, offset: number])[] = [
    [0, 4, 4],
    [0, 5, 4],
    [0, 900, 4],
    [1, 2, 7],
    [3, 1, 10],
    [4, 1, 12],
    [4, 2, 12],
    [5, 0, 12],
    [-1, 0, 0],
    [0, -1, 0],
  ];
  for (const [line, character, offset] of beyond) assert.is(offsetAt(file, { line, character }), offset, `${line}:${character}`);
});

test.run();
