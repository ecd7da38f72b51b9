// `ingressd/compiler`: the compiler for programs that embed it, in Node, a browser or another runtime. It reads no file and
// no clock by itself: the texts come from the caller.
import { MAX_LIST_BYTES } from "./source/bounds.ts";
import { compile, checkSource, type CompileStats } from "./compile.ts";
import type { Diagnostic } from "./diagnostics/diagnostic.ts";
import { format } from "./format/format.ts";
import { render } from "./diagnostics/render.ts";
import { positionOf, type Position, type ReadFailure, type SourceFile, type SourceReader, type Span } from "./source/source.ts";
import { failed, ok, type Result } from "../runtime/result/result.ts";

/** A policy to compile. */
export interface PolicySource {
  /** The path of the entry file below the policy root, with `/`: diagnostics name it. */
  readonly path: string;
  readonly text: string;
  /** The texts of other files, which the policy imports or lists, by their path below the policy root. */
  readonly files?: Readonly<Record<string, string>>;
}

export interface CompileOptions {
  /** `os`: a module of one page of memory, for a host without an operating system. Default `host`. */
  readonly profile?: "host" | "os";
  /** SHA-256 of bytes, where the platform has a faster one than JavaScript. */
  readonly sha256?: (bytes: Uint8Array) => Uint8Array;
}

/** A half-open range of a file. Lines and columns count from 1, columns in UTF-16 units. */
export interface Place {
  readonly file: string;
  readonly start: Position;
  readonly end: Position;
}

/** One error, with its place and its remedy. */
export interface Problem {
  /** `ING` and three digits; docs/diagnostics.md explains each. */
  readonly code: string;
  /** One sentence, lower case, no period. */
  readonly message: string;
  readonly place: Place;
  /** The remedy; null where there is none to name. */
  readonly help: string | null;
  /** The remedy as an edit. */
  readonly fix: { readonly place: Place; readonly text: string } | null;
  /** The error as `ingressc` prints it, with the source line, without colour. */
  readonly rendered: string;
}

export interface CompiledPolicy {
  /** The bytes of a `.wasm` file as `ingressc build` writes it. The policy's own tests are not run. */
  readonly module: Uint8Array;
  readonly stats: CompileStats;
}

/** The module of a policy, or every error of it, in the order of the text. */
export function compilePolicy(source: PolicySource, { profile = "host", sha256 }: CompileOptions = {}): Result<CompiledPolicy, readonly Problem[]> {
  const { entry, reader } = inputs(source);
  const { module, stats, diagnostics } = compile(entry, reader, profile, sha256 === undefined ? {} : { sha256 });
  return module === null || stats === null ? failed(diagnostics.map(problemOf)) : ok({ module, stats });
}

/** Every error of a policy, without a module; empty where it has none. */
export function checkPolicy(source: PolicySource): readonly Problem[] {
  const { entry, reader } = inputs(source);
  return checkSource(entry, reader).diagnostics.map(problemOf);
}

/** A policy in the one layout of `ingressc fmt`, or the errors of its syntax. Throws where the formatter has a defect. */
export function formatPolicy({ path, text }: PolicySource): Result<string, readonly Problem[]> {
  const formatted = format({ path, text });
  if (formatted.kind === "defect") throw new Error(`the formatter has a defect: ${formatted.what}`);
  return formatted.kind === "broken" ? failed(formatted.diagnostics.map(problemOf)) : ok(formatted.text);
}

function inputs({ path, text, files = {} }: PolicySource): { readonly entry: SourceFile; readonly reader: SourceReader } {
  const entry: SourceFile = { path, text };
  const known = new Map<string, SourceFile>([
    ...Object.entries(files).map(([name, other]): [string, SourceFile] => [name, { path: name, text: other }]),
    [path, entry],
  ]);
  return { entry, reader: { read: (name, from) => readFrom(known, name, from) } };
}

function readFrom(known: ReadonlyMap<string, SourceFile>, path: string, from: SourceFile | null): SourceFile | ReadFailure {
  if (path.startsWith("/")) return "outside";
  const parts = from === null ? [] : from.path.split("/").slice(0, -1);
  for (const part of path.split("/")) {
    if (part === ".." && parts.pop() === undefined) return "outside";
    if (part !== ".." && part !== "." && part !== "") parts.push(part);
  }
  const file = known.get(parts.join("/"));
  if (file === undefined) return "missing";
  return new TextEncoder().encode(file.text).length > MAX_LIST_BYTES ? "too_large" : file;
}

function problemOf(diagnostic: Diagnostic): Problem {
  const { code, message, span, help, fix } = diagnostic;
  return {
    code,
    message,
    place: placeOf(span),
    help,
    fix: fix === null ? null : { place: placeOf(fix.span), text: fix.text },
    rendered: render(diagnostic, { color: false }),
  };
}

function placeOf({ file, start, end }: Span): Place {
  return { file: file.path, start: positionOf(file, start), end: positionOf(file, end) };
}
