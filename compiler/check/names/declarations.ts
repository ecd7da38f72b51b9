// Names: which may be declared, which are declared twice, which one a mistyped one meant.
import { MAX_NAME_BYTES } from "../../source/bounds.ts";
import type { Piece } from "../../ast/nodes.ts";
import { nearest, nearestAlone } from "../../../runtime/text/nearest.ts";
import type { Declared } from "../../diagnostics/name_words.ts";
import type { NameList } from "../../diagnostics/sentence.ts";
import { BUILTIN_NAMES, isBuiltin } from "./builtin_names.ts";
import type { Report } from "../../diagnostics/report.ts";

const RESERVED: ReadonlySet<string> = new Set(["ingressd", "tcp", "udp", ...BUILTIN_NAMES]);

/** Refuses a reserved or too long name; true if it can be declared. */
export function mayDeclare(report: Report, { text: name, span }: Piece, as: Declared): boolean {
  if (RESERVED.has(name)) {
    report.say("ING203", { name, as, isBuiltin: isBuiltin(name) }, span);
    return false;
  }
  // Names are ASCII, so characters are bytes.
  if (name.length > MAX_NAME_BYTES) {
    report.say("ING205", { name, of: "name" }, span);
    return false;
  }
  return true;
}

/** The declarations by name; the first of a name counts, further ones are refused. */
export function declared<T extends { readonly name: Piece }>(report: Report, nodes: readonly T[], as: Declared): Map<string, T> {
  const byName = new Map<string, T>();
  for (const node of nodes) declare(report, byName, node, as);
  return byName;
}

/** Enters one declaration; false if its name has one already. */
export function declare<T extends { readonly name: Piece }>(report: Report, byName: Map<string, T>, node: T, as: Declared): boolean {
  mayDeclare(report, node.name, as);
  const first = byName.get(node.name.text);
  if (first === undefined) byName.set(node.name.text, node);
  else {
    report.say("ING202", { name: node.name.text, as, inTemplate: node.name.span.origin?.kind === "body" }, node.name.span, {
      related: [{ span: first.name.span, label: "first declared here" }],
    });
  }
  return first === undefined;
}

/** The word that was probably meant; as an edit too where nothing else can be meant. */
export interface Guess {
  readonly word: string;
  readonly replace?: string;
}

/** The edit of a guess, for a diagnostic. */
export function editOf(guess: Guess | null): { readonly replace?: string } {
  return guess?.replace === undefined ? {} : { replace: guess.replace };
}

/** Among the words of the language, of which one alone is near. */
export function didYouMean(name: string, candidates: Iterable<string>): Guess | null {
  const all = [...candidates];
  const guess = nearest(name, all);
  return (
    guess === null ? null
    : nearestAlone(name, all) === null ? { word: guess }
    : { word: guess, replace: guess }
  );
}

/**
 * The nearest among the names of a policy, as long as the report has looks left. A near name is a guess and no edit:
 * another set would let others in, another expose would be another test.
 */
export function nearName(report: Report, name: string, candidates: Iterable<string>): string | null {
  return nearest(name, lookedAt(report, candidates));
}

function* lookedAt(report: Report, candidates: Iterable<string>): Generator<string> {
  for (const candidate of candidates) {
    if (report.looks <= 0) return;
    report.looks--;
    yield candidate;
  }
}

/** The first of the names that there are, for a help. */
export function firstNames(names: Iterable<string>, count: number): NameList {
  const shown: string[] = [];
  for (const name of names) {
    if (shown.length === MOST_LISTED) break;
    shown.push(name);
  }
  return { names: shown, more: Math.max(0, count - shown.length) };
}

const MOST_LISTED = 8;
