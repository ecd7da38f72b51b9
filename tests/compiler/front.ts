// The compiler's front on a text, for tests: parse, build, check, with all that they say.
import { build } from "../../compiler/ast/build.ts";
import { check } from "../../compiler/check/check.ts";
import type { CheckedPolicy } from "../../compiler/check/policy.ts";
import type { Diagnostic } from "../../compiler/diagnostic.ts";
import { positionOf, type ReadFailure, type SourceFile, type SourceReader } from "../../compiler/source.ts";
import { parse } from "../../compiler/syntax/parse.ts";

export interface Read {
  readonly policy: CheckedPolicy | null;
  readonly diagnostics: readonly Diagnostic[];
}

/** A reader of files that stand in memory, by path. */
export function filesOf(files: Readonly<Record<string, string>>): SourceReader {
  return {
    read(path): SourceFile | ReadFailure {
      if (path.split("/").includes("..")) return "outside";
      return Object.hasOwn(files, path) ? { path, text: files[path] ?? "" } : "missing";
    },
  };
}

export function front(text: string, reader: SourceReader = filesOf({}), path = "policy.ingress"): Read {
  const parsed = parse({ path, text });
  const built = build(parsed);
  const { policy, diagnostics } = check(built.ast, reader);
  return { policy, diagnostics: [...parsed.diagnostics, ...built.diagnostics, ...diagnostics] };
}

/** The codes of a text's diagnostics, in their order. */
export function codes(text: string, files: Readonly<Record<string, string>> = {}): string[] {
  return front(text, filesOf(files)).diagnostics.map((d) => d.code);
}

/** `ING303 2 10.1.2.3/8`: code, line (with its file, if that is another) and the text of the span. */
export function brief(d: Diagnostic, path: string): string {
  const { file, start, end } = d.span;
  const line = positionOf(file, start).line;
  const text = file.text.slice(start, end).split("\n")[0] ?? "";
  return `${d.code} ${file.path === path ? "" : `${file.path}:`}${line} ${text}`.trimEnd();
}
