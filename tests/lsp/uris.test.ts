// URIs of editors on every system.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isSameFile } from "../../compiler/cli/disk.ts";
import { belowRoot, pathOf, uriOf } from "../../compiler/cli/lsp/uris.ts";
import { linePosition, lineRange, offsetAt } from "../../compiler/lsp/positions.ts";

const test = suite("lsp uris");

const ROWS: readonly (readonly [uri: string, posix: string | null, windows: string | null])[] = [
  ["file:///policies/a.ingress", "/policies/a.ingress", null],
  ["file:///policies/a%20b.ingress", "/policies/a b.ingress", null],
  ["file:///policies/%C3%BC.ingress", "/policies/\u00fc.ingress", null],
  ["file:///c%3A/policies/a.ingress", "/c:/policies/a.ingress", "C:\\policies\\a.ingress"],
  ["file:///C:/policies/a.ingress", "/C:/policies/a.ingress", "C:\\policies\\a.ingress"],
  ["file://host/share/a.ingress", null, "\\\\host\\share\\a.ingress"],
  ["file://localhost/policies/a.ingress", "/policies/a.ingress", null],
  ["FILE:///C:/policies/a.ingress", "/C:/policies/a.ingress", "C:\\policies\\a.ingress"],
  ["file:///c:/policies/a.ingress", "/c:/policies/a.ingress", "C:\\policies\\a.ingress"],
  ["file:///c%3a/Policies/A.ingress", "/c:/Policies/A.ingress", "C:\\Policies\\A.ingress"],
  ["file:///C:/policies/../nets/./a.ingress", "/C:/nets/a.ingress", "C:\\nets\\a.ingress"],
  ["file:///C:\\policies\\a.ingress", "/C:/policies/a.ingress", "C:\\policies\\a.ingress"],
  ["file:///C:/a%23b%3Fc%25.ingress", "/C:/a#b?c%.ingress", "C:\\a#b?c%.ingress"],
  ["file:///C:/a%5Cb.ingress", "/C:/a\\b.ingress", null],
  ["file:///c:", "/c:", "C:\\"],
  ["file://wsl.localhost/Debian/a%20b.ingress", null, "\\\\wsl.localhost\\Debian\\a b.ingress"],
  // The two forms of a name with an accent are two names; the disk says which of them it has.
  ["file:///policies/u%CC%88.ingress", "/policies/u\u0308.ingress", null],
  ["file:///policies/%FF.ingress", null, null],
  ["file:///policies/%C3%28.ingress", null, null],
  ["file:///policies/%2e%2e/a.ingress", "/a.ingress", null],
  ["vscode-remote://host/policies/a.ingress", null, null],
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
  const names = ["a b.ingress", "\u00fc#1?.ingress", "u\u0308.ingress", "100%.ingress", "%20.ingress", "\u{1f600}.ingress", "a&b=c;d.ingress"];
  for (const name of [...names, "a\\b.ingress", "a\nb.ingress"]) assert.is(pathOf(uriOf(`/policies/${name}`, false), false), `/policies/${name}`);
  for (const folder of ["C:\\policies\\", "D:\\", "\\\\host\\share\\"])
    for (const name of names.filter((name) => !name.includes("?"))) assert.is(pathOf(uriOf(`${folder}${name}`, true), true), `${folder}${name}`);
});

test("a file has a path from a folder only where it is below it", () => {
  const rows: readonly (readonly [windows: boolean, root: string, path: string, below: string | null])[] = [
    [false, "/policies", "/policies/a.ingress", "a.ingress"],
    [false, "/policies", "/policies/nets/a.ingress", "nets/a.ingress"],
    [false, "/policies", "/policies/..a/b.ingress", "..a/b.ingress"],
    [false, "/", "/a.ingress", "a.ingress"],
    [false, "/policies", "/policies/a\\b.ingress", "a\\b.ingress"],
    [false, "/policies", "/policies", null],
    [false, "/policies", "/policiesa.ingress", null],
    [false, "/policies", "/policies2/a.ingress", null],
    [false, "/policies", "/a.ingress", null],
    [false, "/policies", "/", null],
    [true, "C:\\policies", "C:\\policies\\nets\\a.ingress", "nets/a.ingress"],
    [true, "C:\\Policies", "C:\\policies\\a.ingress", "a.ingress"],
    [true, "C:\\", "C:\\a.ingress", "a.ingress"],
    [true, "\\\\host\\share", "\\\\host\\share\\a.ingress", "a.ingress"],
    [true, "C:\\policies", "C:\\policies2\\a.ingress", null],
    [true, "C:\\policies", "D:\\policies\\a.ingress", null],
    [true, "C:\\policies", "\\\\host\\policies\\a.ingress", null],
    [true, "C:\\policies", "C:\\a.ingress", null],
  ];
  for (const [windows, root, path, below] of rows) assert.is(belowRoot(root, path, windows), below, `${root} ${path}`);
});

test("a file that is opened is the one that was looked at", () => {
  const [file, volume] = [
    { ino: 7, dev: 0x5a5a5a5a },
    { ino: 7, dev: 0x1234_5a5a5a5a },
  ];
  assert.equal([isSameFile(file, { ...file }, false), isSameFile(file, { ...file }, true)], [true, true]);
  // Windows has one volume by two numbers.
  assert.equal([isSameFile(file, volume, false), isSameFile(file, volume, true)], [false, true]);
  assert.equal([isSameFile(file, { ...file, ino: 8 }, false), isSameFile(file, { ...file, ino: 8 }, true)], [false, false]);
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
