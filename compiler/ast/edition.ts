// `edition 1`: there, first, once, and one that is known.
import type { Span } from "../source/source.ts";
import type { Cst, Parsed } from "../syntax/cst.ts";
import { node, piece, sayTyped, spanOf, type Reader } from "./reader.ts";

/** `unknown`: another edition's text would be misread, so nothing else is said about it. */
export function judgeEdition(r: Reader, parsed: Parsed, statements: readonly Cst[]): "known" | "unknown" {
  const editions = statements.flatMap((s) => node(s, "edition") ?? []);
  const [first, ...more] = editions;
  const start: Span = { file: r.file, start: 0, end: 0 };
  if (first === undefined) {
    const begins = statements[0] === undefined ? r.file.text.length : spanOf(r, statements[0]).start;
    const torn = parsed.diagnostics.some((d) => d.span.start <= begins && d.code !== "ING101");
    if (!torn) {
      const at = statements[0] === undefined ? start : wordOf(r, statements[0]);
      sayTyped(r, "ING111", { fault: "missing" }, at, { fix: { span: start, text: "edition 1\n" } });
    }
    return "known";
  }
  const number = piece(r, first, "Integer");
  if (number !== null && number.text !== "1") {
    sayTyped(r, "ING112", { edition: number.text }, number.span);
    return "unknown";
  }
  const before = statements[0];
  if (before !== undefined && node(before, "edition") === null) {
    sayTyped(r, "ING111", { fault: "not_first" }, spanOf(r, first), { related: [{ span: wordOf(r, before), label: "this comes before it" }] });
  }
  for (const again of more) {
    sayTyped(r, "ING113", null, spanOf(r, again), {
      related: [{ span: spanOf(r, first), label: "first here" }],
      fix: piece(r, again, "Integer")?.text === number?.text ? { span: spanOf(r, again), text: "" } : null,
    });
  }
  return "known";
}

function wordOf(r: Reader, statement: Cst): Span {
  const { start } = spanOf(r, statement);
  const word = /^@?[A-Za-z]+/.exec(r.file.text.slice(start, start + 32));
  return { file: r.file, start, end: start + (word?.[0].length ?? 1) };
}
