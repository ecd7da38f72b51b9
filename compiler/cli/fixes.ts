// The fixes of a policy's errors, applied to its texts until none is left to apply. Nothing is
// written here: the result is the fixed files, and each edit in its order.
import { build } from "../ast/build.ts";
import { checkSource } from "../compile.ts";
import type { DiagnosticCode } from "../diagnostics/codes.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { isReadFailure, positionOf, type Position, type SourceFile, type SourceReader } from "../source/source.ts";
import { parse } from "../syntax/parse.ts";

export interface Edit {
  readonly code: DiagnosticCode;
  readonly file: string;
  /** Its place when it was edited; a later round counts in the text that an earlier one wrote. */
  readonly place: Position;
  readonly before: string;
  readonly after: string;
}

export interface Fixed {
  readonly edits: readonly Edit[];
  /** By path below the policy root: the files that are other now. */
  readonly texts: ReadonlyMap<string, { readonly before: string; readonly after: string }>;
}

/** Fixing one error can uncover the next; more rounds than this are no progress. */
const MAX_ROUNDS = 50;

interface Fix {
  readonly code: DiagnosticCode;
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export function fixAll(entry: SourceFile, reader: SourceReader): Fixed {
  const originals = new Map<string, string>();
  const fixed = new Map<string, SourceFile>();
  const edits: Edit[] = [];
  const now = (file: SourceFile): SourceFile => fixed.get(file.path) ?? file;
  const over: SourceReader = {
    read(path, from) {
      const file = reader.read(path, from);
      return isReadFailure(file) ? file : now(file);
    },
  };
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const { diagnostics, files } = checkSource(now(entry), over);
    const policies = new Set(files.map((f) => f.path));
    let progress = false;
    for (const [file, fixes] of byFile(diagnostics)) {
      const { text, applied } = applyAll(file, fixes, policies.has(file.path));
      if (text === file.text) continue;
      progress = true;
      originals.set(file.path, originals.get(file.path) ?? file.text);
      fixed.set(file.path, { path: file.path, text });
      edits.push(
        ...applied.map(({ code, start, end, text: after }) => ({
          code,
          file: file.path,
          place: positionOf(file, start),
          before: file.text.slice(start, end),
          after,
        })),
      );
    }
    if (!progress) break;
  }
  const texts = new Map(
    [...fixed].flatMap(([path, { text: after }]) => {
      const before = originals.get(path) ?? after;
      return before === after ? [] : [[path, { before, after }] as const];
    }),
  );
  return { edits, texts };
}

/** In the order of the text. Where two errors want different texts in one place, neither is right. */
function byFile(diagnostics: readonly Diagnostic[]): Map<SourceFile, Fix[]> {
  const files = new Map<SourceFile, Map<string, Fix | null>>();
  for (const { code, fix } of diagnostics) {
    if (fix === null) continue;
    const {
      span: { file, start, end },
    } = fix;
    const places = files.get(file) ?? new Map<string, Fix | null>();
    files.set(file, places);
    const text = file.text.includes("\r\n") ? fix.text.replaceAll("\n", "\r\n") : fix.text;
    const key = `${start} ${end}`;
    const there = places.get(key);
    places.set(
      key,
      there === undefined ? { code, start, end, text }
      : there?.text === text ? there
      : null,
    );
  }
  return new Map([...files].map(([file, places]) => [file, [...places.values()].filter((f) => f !== null).sort((x, y) => x.start - y.start || x.end - y.end)]));
}

/** Those that don't overlap; all at once, or one by one where that would tear the text. */
function applyAll(file: SourceFile, fixes: readonly Fix[], policy: boolean): { readonly text: string; readonly applied: readonly Fix[] } {
  const apart: Fix[] = [];
  let last = -1;
  for (const fix of fixes) {
    if (fix.start < last || (fix.start === last && fix.start === fix.end)) continue;
    apart.push(fix);
    last = fix.end;
  }
  const all = applied(file.text, apart);
  if (!policy) return { text: all, applied: apart };
  const before = torn(file);
  if (torn({ path: file.path, text: all }) <= before) return { text: all, applied: apart };
  const sound = apart.filter((fix) => torn({ path: file.path, text: applied(file.text, [fix]) }) <= before);
  const text = applied(file.text, sound);
  return torn({ path: file.path, text }) <= before ? { text, applied: sound } : { text: file.text, applied: [] };
}

function applied(text: string, fixes: readonly Fix[]): string {
  let out = "";
  let at = 0;
  for (const { start, end, text: put } of fixes) {
    out += text.slice(at, start) + put;
    at = end;
  }
  return out + text.slice(at);
}

/** How many errors the text has as text. */
function torn(file: SourceFile): number {
  const parsed = parse(file);
  return parsed.diagnostics.length + build(parsed).diagnostics.length;
}
