// Annotations are written before an expose, a `dial`, a rule or a set and belong to it: `@owner "web"`; `@lint off` also before an import or a
// template.
import { isDiagnosticCode, isWarning } from "../diagnostics/codes.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { nearest } from "../../runtime/text/nearest.ts";
import type { DataOf } from "../diagnostics/words.ts";
import type { Cst } from "../syntax/cst.ts";
import type { AnnotationName, AnnotationNode, Piece } from "./nodes.ts";
import { isBroken, joined, piece, say, spanOf, type Reader } from "./reader.ts";

const NAMES: readonly AnnotationName[] = ["owner", "ticket", "why", "lint"];

/** Null where it is wrong. */
export function buildAnnotation(r: Reader, cst: Cst): AnnotationNode | null {
  const at = piece(r, cst, "At");
  const name = piece(r, cst, "Name");
  const value = piece(r, cst, "Text");
  if (at === null || name === null || value === null) return null;
  const known = NAMES.find((n) => n === name.text);
  if (known === undefined) {
    const guess = nearest(name.text, NAMES);
    const fix: Diagnostic["fix"] = guess === null ? null : { span: name.span, text: guess };
    say(r, "ING116", { fault: "unknown", annotation: name.text, near: guess }, joined(at, name), { fix });
    return null;
  }
  if (known === "lint") return buildLint(r, cst, value);
  return { name: known, value, span: spanOf(r, cst) };
}

/** `@lint off ING821 "why"`; null where it does not say which warning is meant. */
function buildLint(r: Reader, cst: Cst, value: Piece): AnnotationNode | null {
  const [word, code] = [piece(r, cst, "Name", 1), piece(r, cst, "Name", 2)];
  const span = spanOf(r, cst);
  if (isBroken(r, cst)) return null;
  if (word?.text !== "off" || code === null) {
    say(r, "ING116", { fault: "lint" }, span);
    return null;
  }
  if (!isDiagnosticCode(code.text) || !isWarning(code.text)) {
    say(r, "ING116", { fault: "code", code: code.text, known: isDiagnosticCode(code.text) }, code.span);
    return null;
  }
  return { name: "lint", off: code, value, span };
}

/** One item of a block, in the order of the text. */
export interface Item<T> {
  readonly cst: Cst;
  /** An annotation, or another node; null where it can't be used. */
  readonly built: T | AnnotationNode | null;
}

type Annotated = { readonly kind: string; readonly annotations: readonly AnnotationNode[] };

/** Gives each annotation to what follows it; one that nothing follows that can have it is refused. */
export function attach<T extends { readonly kind: string }>(r: Reader, items: readonly Item<T>[]): T[] {
  const out: T[] = [];
  let pending: AnnotationNode[] = [];
  let torn = false;
  for (const { cst, built } of items) {
    if (built !== null && !("kind" in built)) {
      torn = false;
      pending.push(built);
      continue;
    }
    if (built === null || pending.length === 0) {
      if (built !== null) out.push(built);
      else if (cst.name === "edition") refuse(r, pending, { fault: "before", statement: "edition" });
      // A broken annotation was reported already; those beside it still belong to the next node.
      if (cst.name !== "annotation") pending = [];
      torn = cst.name === "annotation";
      continue;
    }
    if (canHave(built, pending)) out.push({ ...built, annotations: once(r, pending) });
    else {
      out.push(built);
      refuse(r, pending, { fault: "before", statement: built.kind });
    }
    pending = [];
  }
  if (!torn) refuse(r, pending, { fault: "nothing_follows" });
  return out;
}

/** An import and a template are nobody's and need no reason; a warning about one may be off. */
function canHave<T extends { readonly kind: string }>(built: T, pending: readonly AnnotationNode[]): built is T & Annotated {
  const isBare = built.kind === "template" || built.kind === "import";
  return "annotations" in built && (!isBare || pending.every(({ name }) => name === "lint"));
}

function once(r: Reader, pending: readonly AnnotationNode[]): AnnotationNode[] {
  const seen = new Map<string, AnnotationNode>();
  for (const annotation of pending) {
    // Several warnings may be off.
    const key = `${annotation.name} ${annotation.off?.text ?? ""}`;
    const first = seen.get(key);
    if (first === undefined) seen.set(key, annotation);
    else say(r, "ING405", { clause: `@${annotation.name}`, in: "annotations" }, annotation.span, { related: [first.span] });
  }
  return [...seen.values()];
}

/** At the first of them; not where something misspelt follows. */
function refuse(r: Reader, pending: readonly AnnotationNode[], data: DataOf<"ING116">): void {
  const [first] = pending;
  const last = pending.at(-1);
  if (first === undefined || last === undefined || r.brokenAfter.has(last.span.end)) return;
  if (r.reported.some((d) => d.span.start >= first.span.start && d.span.end <= last.span.end)) return;
  say(r, "ING116", data, joined(first, last));
}
