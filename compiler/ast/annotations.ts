// Annotations are written before an expose, a `dial`, a rule or a set and belong to it: `@owner "web"`.
import { diagnostic } from "../diagnostics/diagnostic.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { nearest } from "../../runtime/text/nearest.ts";
import { quote } from "../diagnostics/quote.ts";
import type { Cst } from "../syntax/cst.ts";
import type { AnnotationName, AnnotationNode } from "./nodes.ts";
import { joined, piece, say, spanOf, type Reader } from "./reader.ts";

const NAMES: readonly AnnotationName[] = ["owner", "ticket", "why"];

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
    say(
      r,
      "ING116",
      `${quote(`@${name.text}`)} is not an annotation`,
      joined(at, name),
      guess === null ? "the annotations are `@owner`, `@ticket` and `@why`" : `did you mean \`@${guess}\`?`,
      { fix },
    );
    return null;
  }
  return { name: known, value, span: spanOf(r, cst) };
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
      else if (cst.name === "edition") refuse(r, pending, "`edition` has no annotations");
      // A broken annotation was reported already; those beside it still belong to the next node.
      if (cst.name !== "annotation") pending = [];
      torn = cst.name === "annotation";
      continue;
    }
    if (canHave(built)) out.push({ ...built, annotations: once(r, pending) });
    else {
      out.push(built);
      refuse(r, pending, `\`${built.kind}\` has no annotations`);
    }
    pending = [];
  }
  if (!torn) refuse(r, pending, "nothing follows that the annotation is about");
  return out;
}

function canHave<T extends { readonly kind: string }>(built: T): built is T & Annotated {
  return "annotations" in built && built.kind !== "template";
}

function once(r: Reader, pending: readonly AnnotationNode[]): AnnotationNode[] {
  const seen = new Map<AnnotationName, AnnotationNode>();
  for (const annotation of pending) {
    const first = seen.get(annotation.name);
    if (first === undefined) seen.set(annotation.name, annotation);
    else
      r.diagnostics.push(
        diagnostic("ING405", { clause: `@${annotation.name}`, in: "annotations" }, annotation.span, { related: [{ span: first.span, label: "first here" }] }),
      );
  }
  return [...seen.values()];
}

/** At the first of them; not where something misspelt follows. */
function refuse(r: Reader, pending: readonly AnnotationNode[], message: string): void {
  const [first] = pending;
  const last = pending.at(-1);
  if (first === undefined || last === undefined || r.brokenAfter.has(last.span.end)) return;
  if (r.reported.some((d) => d.span.start >= first.span.start && d.span.end <= last.span.end)) return;
  say(r, "ING116", message, joined(first, last), "write an annotation before an `expose`, a `dial`, a rule or a set");
}
