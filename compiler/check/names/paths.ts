// Paths of list files and imports: relative, with `/`, whatever system they are written on.
import { quote } from "../../diagnostics/quote.ts";
import type { Piece } from "../../ast/nodes.ts";
import { notTextSays, type NotText, type ReadFailure, type SourceFile, type SourceReader } from "../../source/source.ts";
import type { Report } from "../../diagnostics/report.ts";

/** What is wrong with a file that can't be had, in words. */
export type FailureWords = Readonly<Record<Exclude<ReadFailure, NotText>, readonly [what: string, help: string]>>;

/** Says why a file can't be had. */
export function sayFailure(report: Report, code: "ING501" | "ING505", { text, span }: Piece, failure: ReadFailure, words: FailureWords): void {
  if (text.includes("\\")) {
    const meant = text.replaceAll("\\", "/");
    const isBelow = !/^(?:\/|[A-Za-z]:)/.test(meant);
    report.sayUntyped(code, `${quote(text)} has a \`\\\`, and paths use \`/\``, span, {
      help: isBelow ? `write ${quote(meant)}` : `a path is relative to the file that names it, such as \`lists/bad.txt\``, ...(isBelow ? { replace: `"${meant}"` } : {}),
    });
  } else if (typeof failure === "object") {
    report.sayUntyped(code, `${quote(text)} ${notTextSays(failure)}`, span, { help: "save the file as UTF-8" });
  } else {
    const [what, help] = words[failure];
    report.sayUntyped(code, `${quote(text)} ${what}`, span, { help });
  }
}

/** No file lies outside of the policy's folder, whatever reads it. */
export function readBelow(reader: SourceReader, path: string, from: SourceFile): SourceFile | ReadFailure {
  return path.startsWith("/") || path.includes("\\") ? "outside" : reader.read(path, from);
}
