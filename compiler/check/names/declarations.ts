// Names: which may be declared, which are declared twice, which one a mistyped one meant.
import { grouped } from "../../../runtime/text/number.ts";
import { MAX_NAME_BYTES } from "../../source/bounds.ts";
import type { Piece } from "../../ast/nodes.ts";
import { nearest, nearestAlone } from "../../../runtime/text/nearest.ts";
import { quote } from "../../diagnostics/quote.ts";
import { BUILTIN_NAMES, isBuiltin } from "./builtin_names.ts";
import type { Report } from "../../diagnostics/report.ts";

const RESERVED: ReadonlySet<string> = new Set(["ingressd", "tcp", "udp", ...BUILTIN_NAMES]);

/** Refuses a reserved or too long name; true if it may stand. */
export function mayDeclare(report: Report, name: Piece, what: string): boolean {
  if (RESERVED.has(name.text)) {
    const why = isBuiltin(name.text) ? "it is a built-in net" : "it has a meaning of its own";
    report.sayUntyped("ING203", `${quote(name.text)} can't be the name of ${what}`, name.span, { help: `${why}; choose another name` });
    return false;
  }
  // Names are ASCII, so characters are bytes.
  if (name.text.length > MAX_NAME_BYTES) {
    report.sayUntyped("ING205", `a name has at most ${MAX_NAME_BYTES} characters, and ${quote(name.text)} has ${name.text.length}`, name.span, { help: "choose a shorter name" });
    return false;
  }
  return true;
}

/** The declarations by name; the first of a name stands, further ones are refused. */
export function declared<T extends { readonly name: Piece }>(report: Report, nodes: readonly T[], what: string): Map<string, T> {
  const byName = new Map<string, T>();
  for (const node of nodes) declare(report, byName, node, what);
  return byName;
}

/** Enters one declaration; false if its name has one already. */
export function declare<T extends { readonly name: Piece }>(report: Report, byName: Map<string, T>, node: T, what: string): boolean {
  mayDeclare(report, node.name, what);
  const first = byName.get(node.name.text);
  if (first === undefined) byName.set(node.name.text, node);
  else {
    report.sayUntyped("ING202", `${quote(node.name.text)} is declared twice as ${what}`, node.name.span, {
      label: "declared again here",
      related: [{ span: first.name.span, label: "first declared here" }],
      help: node.name.span.origin?.kind === "body" ? "let the template have a parameter for the name, so that each use has its own" : "rename one of them",
    });
  }
  return first === undefined;
}

/** The help that names what was probably meant; as an edit too where nothing else can be meant. */
export interface Guess {
  readonly word: string;
  readonly help: string;
  readonly replace?: string;
}

/** Among the words of the language, of which one alone is near. */
export function didYouMean(name: string, candidates: Iterable<string>): Guess | null {
  const all = [...candidates];
  const guess = nearest(name, all);
  return guess === null ? null : nearestAlone(name, all) === null ? maybe(guess) : meant(guess);
}

/**
 * Among the names of a policy, as long as the report has looks left. A near name is a guess and no edit:
 * another set would let others in, another expose would be another test.
 */
export function guessed(report: Report, name: string, candidates: Iterable<string>): Guess | null {
  const near = nearName(report, name, candidates);
  return near === null ? null : maybe(near);
}

/** The nearest name itself. */
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

/** The first names of those that there are, for a help: "`a`, `b` and 3 more"; null where there is none. */
export function listed(names: Iterable<string>, count: number): string | null {
  const shown: string[] = [];
  for (const name of names) {
    if (shown.length === MOST_LISTED) break;
    shown.push(quote(name));
  }
  if (count > shown.length) shown.push(`${grouped(count - shown.length)} more`);
  const last = shown.pop();
  return last === undefined ? null : shown.length === 0 ? last : `${shown.join(", ")} and ${last}`;
}

const MOST_LISTED = 8;

export function meant(word: string): Guess {
  return { ...maybe(word), replace: word };
}

/** The same where something else may be meant. */
export function maybe(word: string): Guess {
  return { word, help: `did you mean \`${word}\`?` };
}
