// Paths of list files and imports: relative, with `/`, whatever system they are written on.
import { failed, type Result } from "../../../runtime/result/result.ts";
import type { Piece } from "../../ast/nodes.ts";
import type { ReadFailure, SourceFile, SourceReader } from "../../source/source.ts";
import type { Report } from "../../diagnostics/report.ts";

/** Reports why a file can't be read. */
export function sayFailure(report: Report, code: "ING501" | "ING505", { text: path, span }: Piece, failure: ReadFailure): void {
  if (path.includes("\\")) {
    const plain = path.replaceAll("\\", "/");
    const meant = /^(?:\/|[A-Za-z]:)/.test(plain) ? null : plain;
    report.say(code, { path, fault: "backslash", meant }, span, meant === null ? {} : { replace: `"${meant}"` });
  } else if (typeof failure === "object") {
    report.say(code, { path, fault: "not_text", line: failure.line, column: failure.column, character: failure.what }, span);
  } else report.say(code, { path, fault: failure }, span);
}

/** No file lies outside of the policy's folder, whatever reads it. */
export function readBelow(reader: SourceReader, path: string, from: SourceFile): Result<SourceFile, ReadFailure> {
  return path.startsWith("/") || path.includes("\\") ? failed("outside") : reader.read(path, from);
}
