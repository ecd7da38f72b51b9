// FILE -> a compiled module, or the outcome that says why there is none.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { Profile } from "../../runtime/abi/profiles.ts";
import { compile, type CompileResult } from "../compile.ts";
import type { Program } from "../check/names/program.ts";
import type { CheckedPolicy } from "../policy/policy.ts";
import { isWarning } from "../diagnostics/codes.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { render } from "../diagnostics/render.ts";
import { notTextSays, positionOf, type NotText, type Position, type SourceFile, type SourceReader, type Span } from "../source/source.ts";
import { openPolicy, type DiskPolicy, type Inputs, type OpenFailure } from "./disk.ts";
import { count, usage, type Outcome } from "./outcome.ts";
import { PHASE_WORDS, SILENT, type Progress } from "./progress.ts";
import { sha256 } from "./sha256.ts";
import { shownPath } from "./shown_path.ts";
import { isStandardInput, shownName, standardInputName } from "./standard_input.ts";
import type { Paint } from "./terminal.ts";

export { shownPath };

export interface Compiled {
  readonly disk: DiskPolicy;
  readonly policy: CheckedPolicy;
  /** Made when it is first read. */
  readonly module: Uint8Array;
  /** The semantic JSON that the module has. Made when it is first read, without the module. */
  readonly semantic: Uint8Array;
  readonly stats: NonNullable<CompileResult["stats"]>;
}

export interface NotCompiled {
  readonly outcome: Outcome;
  /** To watch for the change that fixes it. */
  readonly inputs: Inputs;
}

/** `loaded` gets the trees of the policy's files, which are gone afterwards. */
export function compileFile(
  path: string,
  profile: Profile = "host",
  progress: Progress = SILENT,
  loaded: (program: Program) => void = () => undefined,
): Result<Compiled, NotCompiled> {
  const opened = openPolicy(path);
  if (!opened.ok) return failed({ outcome: cannotOpen(path, opened.error.failure), inputs: opened.error.inputs });
  return compileOpened(path, opened.value, profile, progress, loaded);
}

/** Of a policy whose files are read by its own reader. */
export function compileOpened(
  path: string,
  disk: DiskPolicy,
  profile: Profile,
  progress: Progress,
  loaded: (program: Program) => void = () => undefined,
): Result<Compiled, NotCompiled> {
  progress.step(disk.entry.text.length);
  const reader: SourceReader = {
    read(named, from) {
      const file = disk.reader.read(named, from);
      progress.step(file.ok ? file.value.text.length : 0);
      return file;
    },
  };
  const result = compile(disk.entry, reader, profile, {
    sha256,
    begin: (phase) => progress.begin(PHASE_WORDS[phase]),
    loaded,
  });
  const { diagnostics, policy, stats } = result;
  if (diagnostics.length > 0 || policy === null || stats === null) {
    return failed({ outcome: rejected(path, disk, diagnostics), inputs: disk.inputs });
  }
  return ok({
    disk,
    policy,
    get module() {
      if (result.module === null) throw new Error("a policy without errors has no module");
      return result.module;
    },
    get semantic() {
      if (result.semantic === null) throw new Error("a policy without errors has no semantic JSON");
      return result.semantic;
    },
    stats,
  });
}

export function rejected(path: string, disk: DiskPolicy, diagnostics: readonly Diagnostic[]): Outcome {
  const message = `${count(diagnostics.length, "error")} in \`${shownName(path)}\``;
  return {
    class: "reject",
    code: "policy.rejected",
    message,
    ...explainHelp(diagnostics),
    report: (p) => diagnosticsText(disk, diagnostics, p),
    data: { root: disk.root, diagnostics: diagnostics.map(diagnosticJson) },
  };
}

/** Once behind all of them, of the first. */
export function explainHelp([first]: readonly Diagnostic[]): Pick<Outcome, "help"> {
  return first === undefined ? {} : { help: `\`ingressc explain ${first.code}\` says more` };
}

/** Each with its place, as it is seen from the current folder; with an empty line between them. */
export function diagnosticsText(disk: DiskPolicy, diagnostics: readonly Diagnostic[], { color }: Pick<Paint, "color">): string {
  const files = new Map<SourceFile, SourceFile>();
  const shown = (span: Span): Span => {
    const file = files.get(span.file) ?? { ...span.file, path: shownPath(disk.root, span.file.path) };
    files.set(span.file, file);
    return { ...span, file };
  };
  return diagnostics
    .map((d) => ({ ...d, span: shown(d.span), related: d.related.map((r) => ({ ...r, span: shown(r.span) })) }))
    .map((d) => `${render(d, { color }).trimEnd()}\n`)
    .join("\n");
}

export function diagnosticJson(d: Diagnostic): unknown {
  return {
    code: d.code,
    severity: isWarning(d.code) ? "warning" : "error",
    data: d.data,
    message: d.message,
    ...placeJson(d.span),
    label: d.label,
    related: d.related.map((r) => ({ ...placeJson(r.span), label: r.label })),
    help: d.help,
    fix: d.fix === null ? null : { ...placeJson(d.fix.span), text: d.fix.text },
  };
}

function placeJson(span: Span): { file: string; start: Position; end: Position } {
  return { file: span.file.path, start: positionOf(span.file, span.start), end: positionOf(span.file, span.end) };
}

export function cannotOpen(path: string, failure: OpenFailure["failure"]): Outcome {
  const name = `\`${shownName(path)}\``;
  if (isStandardInput(path)) {
    if (failure === "missing")
      return usage("missing_folder", `there is no folder of \`${standardInputName()}\``, "`--stdin-name` names a file in a folder that exists");
    if (failure === "unreadable") return usage("unreadable_file", "standard input can't be read", "pipe a policy into it, or name a file in place of `-`");
  }
  if (typeof failure === "object") return notText(shownName(path), failure);
  switch (failure) {
    case "missing":
      return usage("missing_file", `there is no file ${name}`, "check the path of the policy");
    case "folder":
      return usage("not_a_file", `${name} is a folder`, "name the policy's entry file, for example `policies/demo.ingress`");
    case "special":
      return usage("not_a_file", `${name} is not a regular file`, "a policy is read from a regular file, not from a pipe or a device");
    case "outside":
    case "unreadable":
      return usage("unreadable_file", `${name} can't be read`, "check the permissions of the file and of its folder");
    case "too_large":
      return {
        class: "reject",
        code: "policy.too_large",
        message: `${name} is larger than 4 MiB`,
        help: 'put long address lists into files of their own and name them with `file "…"`',
      };
  }
}

/** `expected`: what kind of file it should be. */
export function notText(path: string, failure: NotText, expected = "a policy is UTF-8 text"): Outcome {
  const { line, column, what } = failure;
  const isBinary = what === "a NUL character";
  return {
    class: "reject",
    code: "policy.not_text",
    message: `\`${path}\` ${notTextSays(failure)}`,
    help: isBinary ? `${expected}; for a compiled module use \`ingressc inspect\`` : `${expected}: save the file as UTF-8`,
    data: { line, column, what },
  };
}
