// Fields of an object of Kubernetes: each may be absent, and one of another kind is a fault, because nothing says what it narrows.
import type { Context } from "./context.ts";
import { entry, itemsOf, type Doc } from "./document.ts";

export const HELP = "give the output of `kubectl get networkpolicies,services -o json`, or the same as YAML";

/** The API takes `null` and an empty list for a field that is not there. */
export function isAbsent(doc: Doc | null): boolean {
  return doc === null || (doc.kind === "word" && doc.value === null) || (doc.kind === "list" && doc.items.length === 0);
}

/** A list that may be absent; where it is of another kind, nothing says what it narrows. */
export function listOf(context: Context, doc: Doc, key: string, of: string): readonly Doc[] {
  const found = entry(doc, key);
  if (found !== null && found.kind !== "list" && !isAbsent(found))
    context.fault("ING874", { at: found.at, end: found.at + 1 }, `\`${key}\` of ${of} is not a list`, HELP);
  return itemsOf(found);
}

/** An object that may be absent. */
export function objectIn(context: Context, doc: Doc, key: string, of: string): Doc | null {
  const found = entry(doc, key);
  if (found === null || found.kind === "object" || (found.kind === "word" && found.value === null)) return found;
  return context.fault("ING874", { at: found.at, end: found.at + 1 }, `\`${key}\` of ${of} is not an object`, HELP);
}

/** A text that may be absent: a number or a word in its place, such as `no` of YAML, is not taken for nothing. */
export function textIn(context: Context, doc: Doc, key: string, of: string): string | null {
  const found = entry(doc, key);
  if (found === null || (found.kind === "word" && found.value === null)) return null;
  return found.kind === "text" ?
      found.value
    : context.fault("ING874", { at: found.at, end: found.at + 1 }, `\`${key}\` of ${of} is not a text`, "write it in quotes");
}
