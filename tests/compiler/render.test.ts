// The rendering on the edges that golden cases can't show well: colour, control characters,
// long lines, wide characters, tabs, places at the end, and lists that must not be shown.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.ts";
import { render } from "../../compiler/diagnostics/render.ts";
import { filesOf, front } from "./front.ts";

const rendering = suite("render");

function diagnostic(text: string, start: number, end: number, more: Partial<Diagnostic> = {}): Diagnostic {
  return { code: "ING201", data: null, message: "m", span: { file: { path: "p", text }, start, end }, label: "", related: [], help: null, fix: null, ...more };
}

const plain = (d: Diagnostic): string => render(d, { color: false });
/** The source line and the line of carets. */
const lines = (d: Diagnostic): string[] => plain(d).split("\n").slice(3);

rendering("carets are under their text", () => {
  assert.equal(lines(diagnostic("one two three", 4, 7)), ["1 | one two three", "  |     ^^^"]);
  assert.equal(lines(diagnostic("one two", 4, 7, { label: "here" })), ["1 | one two", "  |     ^^^ here"]);
  assert.equal(lines(diagnostic("\tone\ttwo", 5, 8)), ["1 |  one two", "  |      ^^^"]);
  assert.equal(lines(diagnostic("漢字 x", 3, 4)), ["1 | 漢字 x", "  |      ^"]);
  assert.equal(lines(diagnostic("e\u0301 x", 3, 4)), ["1 | e\u0301 x", "  |   ^"]);
  assert.equal(lines(diagnostic("one\r\ntwo\r\n", 5, 8)), ["2 | two", "  | ^^^"]);
});

rendering("places at the edges", () => {
  assert.equal(lines(diagnostic("", 0, 0)), ["1 |", "  | ^"]);
  assert.equal(lines(diagnostic("abc", 3, 3)), ["1 | abc", "  |    ^"]);
  assert.equal(lines(diagnostic("abc\n", 4, 4)), ["2 |", "  | ^"]);
  assert.equal(lines(diagnostic("ab\ncd", 1, 5)), ["1 | ab", "  |  ^"]);
});

rendering("long lines are shortened around the place", () => {
  for (const [before, behind] of [
    [0, 5000],
    [5000, 0],
    [5000, 5000],
    [50, 60],
  ] as const) {
    const text = `${"a".repeat(before)}XYZ${"b".repeat(behind)}`;
    const [source = "", carets = ""] = lines(diagnostic(text, before, before + 3));
    assert.ok(source.length <= 110, `${source.length} columns`);
    const at = carets.indexOf("^");
    assert.is(source.slice(at, at + 3), "XYZ");
    assert.match(source, "…");
  }
  const [source = "", carets = ""] = lines(diagnostic("x".repeat(100_000), 0, 100_000));
  assert.ok(source.length <= 110 && carets.length <= 110);
});

rendering("nothing of the source reaches the terminal as a command", () => {
  const evil = "\u001b[2J\u0007\u202e\u0000\ud800\u009b31m";
  const out = plain(
    diagnostic(`a ${evil} b`, 2, 2 + evil.length, {
      message: `bad \`${evil}\``,
      label: evil,
      help: evil,
      fix: { span: { file: { path: "p", text: "" }, start: 0, end: 0 }, text: evil },
      span: { file: { path: `p${evil}`, text: `a ${evil} b` }, start: 2, end: 2 + evil.length },
    }),
  );
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  assert.not.match(out.replaceAll("\n", ""), /[\u0000-\u001f\u007f-\u009f\u202e\ud800]/);
  const [, carets = ""] = out.split("\n").slice(4);
  assert.match(carets, "\\u{1b}");
});

rendering("colour only wraps", () => {
  const d = diagnostic("one two", 4, 7, { help: "h", related: [{ span: { file: { path: "q", text: "x" }, start: 0, end: 1 }, label: "there" }] });
  // eslint-disable-next-line no-control-regex -- colours are control characters
  assert.is(render(d, { color: true }).replace(/\u001b\[[0-9;]*m/g, ""), plain(d));
  assert.match(render(d, { color: true }), "\u001b[1;31merror[ING201]");
});

rendering("a list shows no more than the token, at every place of the line", () => {
  const secret = "s3cret";
  const { diagnostics } = front('edition 1\nnet a = file "l" max 9\n', filesOf({ l: `${secret} x\n  10.0.0.1/8 # ${secret}\n${"y".repeat(500)}${secret}\n` }));
  assert.is(diagnostics.length, 3);
  for (const d of diagnostics) {
    const out = plain(d);
    assert.not.match(out, secret);
    assert.ok(
      out.split("\n").every((line) => line.length < 160),
      out,
    );
  }
});

rendering("line numbers share one gutter", () => {
  const text = `${"x\n".repeat(11)}y`;
  const file = { path: "p", text };
  const d = diagnostic(text, 0, 0, { span: { file, start: 22, end: 23 }, related: [{ span: { file, start: 2, end: 3 }, label: "first" }] });
  assert.equal(plain(d).split("\n"), ["error[ING201]: m", "  --> p:12:1", "   |", "12 | y", "   | ^", "   |", "  --> p:2:1", " 2 | x", "   | - first"]);
});

rendering("a fix is said once", () => {
  const span = { file: { path: "p", text: "abc" }, start: 0, end: 3 };
  assert.match(plain(diagnostic("abc", 0, 3, { help: "use it", fix: { span, text: "new" } })), "help: use it\nfix: write `new`");
  assert.not.match(plain(diagnostic("abc", 0, 3, { help: "write `new`", fix: { span, text: "new" } })), "fix:");
  assert.match(plain(diagnostic("abc", 0, 3, { help: "drop it", fix: { span, text: "" } })), "fix: remove it");
});

rendering.run();
