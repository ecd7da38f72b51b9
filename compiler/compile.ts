// The compiler, top to bottom: text -> tree -> checked policy -> tables -> module. Pure: files
// come through the reader, and what comes out is bytes and diagnostics. The tests of a policy are
// run in the finished module by those who asked for it (compiler/cli).
import { build } from "./ast/build.ts";
import { check } from "./check/check.ts";
import type { CheckedPolicy } from "./check/policy.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { engineBytes } from "./emit/engine.ts";
import { writeImage } from "./emit/image.ts";
import { semanticJson } from "./emit/json.ts";
import { sourceMap } from "./emit/map.ts";
import { spliceModule } from "./emit/module.ts";
import { selfTests } from "./emit/vectors.ts";
import { lower } from "./lower/lower.ts";
import { parse } from "./syntax/parse.ts";
import type { SourceFile, SourceReader } from "./source.ts";
import { MAX_PAGES, PAGE_BYTES } from "../runtime/abi/layout.ts";

export interface CompileStats {
  readonly listeners: number;
  readonly rules: number;
  /** Prefixes in all nets of the semantic JSON, each net counted once. */
  readonly prefixes: number;
  /** Stretches of the address space that the tables tell apart, of both families. */
  readonly stretches: number;
  readonly classes: number;
  /** Bytes of the module without its custom sections. */
  readonly coreBytes: number;
  readonly memoryBytes: number;
  /** The most loop iterations of one decision. */
  readonly maxSteps: number;
}

export interface CompileResult {
  /** Empty exactly when there is a module. */
  readonly diagnostics: readonly Diagnostic[];
  readonly policy: CheckedPolicy | null;
  readonly module: Uint8Array | null;
  readonly stats: CompileStats | null;
}

export function compile(entry: SourceFile, reader: SourceReader): CompileResult {
  const parsed = parse(entry);
  const built = build(parsed);
  const checked = check(built.ast, reader);
  const diagnostics = inOrder(entry, [...parsed.diagnostics, ...built.diagnostics, ...checked.diagnostics]);
  const { policy } = checked;
  if (policy === null || diagnostics.length > 0) return { diagnostics, policy: null, module: null, stats: null };

  const tables = lower(policy);
  const image = tables === null ? null : writeImage(tables);
  if (tables === null || image === null) {
    return { diagnostics: [tooLarge(entry)], policy, module: null, stats: null };
  }
  const semantic = semanticJson(policy, tables.rules);
  const texts = {
    semantic: semantic.text,
    map: sourceMap(tables),
    vectors: JSON.stringify(selfTests(policy, tables.rules)),
  };
  const module = spliceModule(engineBytes(), image, texts);
  const stats: CompileStats = {
    listeners: tables.listeners.length,
    rules: tables.rules.length,
    prefixes: semantic.prefixes,
    stretches: tables.v4.classes.length + tables.v6.classes.length,
    classes: tables.classCount,
    coreBytes: engineBytes().length + image.data.length,
    memoryBytes: image.pages * PAGE_BYTES,
    maxSteps: image.maxSteps,
  };
  return { diagnostics: [], policy, module, stats };
}

/** As a reader meets them: the entry file from top to bottom, then each list file. */
function inOrder(entry: SourceFile, diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const files = [...new Set([entry, ...diagnostics.map((d) => d.span.file)])];
  return [...diagnostics].sort((x, y) => files.indexOf(x.span.file) - files.indexOf(y.span.file) || x.span.start - y.span.start);
}

function tooLarge(entry: SourceFile): Diagnostic {
  return {
    code: "ING607",
    message: `the policy needs more than ${(MAX_PAGES * PAGE_BYTES) / 2 ** 20} MiB of memory`,
    span: { file: entry, start: 0, end: 0 },
    label: "",
    related: [],
    help: "split the largest sets, or drop listeners that no longer serve",
    fix: null,
  };
}
