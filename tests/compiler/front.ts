// The compiler's front on a text, for tests: load, parse, build, check, with all that they say.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { compile, checkSource } from "../../compiler/compile.ts";
import type { CheckedPolicy } from "../../compiler/policy/policy.ts";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.ts";
import type { Profile } from "../../runtime/abi/profiles.ts";
import { positionOf, type ReadFailure, type SourceFile, type SourceReader } from "../../compiler/source/source.ts";

export interface Read {
  readonly policy: CheckedPolicy | null;
  readonly diagnostics: readonly Diagnostic[];
}

/** A reader of files in memory, by path; a path with `..` may not go above the top. */
export function filesOf(files: Readonly<Record<string, string>>): SourceReader {
  return {
    read(path, from): Result<SourceFile, ReadFailure> {
      const parts: string[] = from === null ? [] : from.path.split("/").slice(0, -1);
      for (const part of path.split("/")) {
        if (part === "..") {
          if (parts.pop() === undefined) return failed("outside");
        } else if (part !== "." && part !== "") parts.push(part);
      }
      const real = parts.join("/");
      return Object.hasOwn(files, real) ? ok({ path: real, text: files[real] ?? "" }) : failed("missing");
    },
  };
}

/** For the profile `os` with what it refuses of a policy that is sound, also of its size. */
export function front(text: string, reader: SourceReader = filesOf({}), path = "policy.ingress", profile: Profile = "host"): Read {
  if (profile === "os") return compile({ path, text }, reader, profile);
  return checkSource({ path, text }, reader);
}

/** The codes of a text's diagnostics, in their order. */
export function codes(text: string, files: Readonly<Record<string, string>> = {}, profile: Profile = "host"): string[] {
  return front(text, filesOf(files), "policy.ingress", profile).diagnostics.map((d) => d.code);
}

/** `ING303 2 10.1.2.3/8`: code, line (with its file, if that is another) and the text of the span. */
export function brief(d: Diagnostic, path: string): string {
  const { file, start, end } = d.span;
  const line = positionOf(file, start).line;
  const text = file.text.slice(start, end).split("\n")[0] ?? "";
  return `${d.code} ${file.path === path ? "" : `${file.path}:`}${line} ${text}`.trimEnd();
}
