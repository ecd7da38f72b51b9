// The tree of a text that is being edited. After a change only the statements that it touches are lexed and parsed again, with one
// more on each side of them; those behind them move. A text with errors in several places is read again from the first of them to the
// last. If a statement alone can't show what it means, because a comment `/* … */` may end anywhere, the whole text is read again.
// The trees, and all places of the last diagnostics, belong to the newest text: those of an older one are gone.
import { build, buildPart, hasEdition } from "../ast/build.ts";
import type { PolicyNode, StatementNode } from "../ast/nodes.ts";
import { hasCode, type Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Tree } from "../load.ts";
import type { SourceFile } from "../source/source.ts";
import { parse, refuseText } from "../syntax/parse.ts";
import type { Parsed } from "../syntax/cst.ts";
import { placesIn, type Place } from "./places.ts";

type Doubtful = PolicyNode["doubtful"];

/** A stretch of whole lines with whole statements; together the pieces are the text. */
interface Piece {
  start: number;
  end: number;
  readonly statements: readonly StatementNode[];
  /** Something is wrong in it; of one piece at most. */
  readonly isTorn: boolean;
  readonly diagnostics: readonly Diagnostic[];
  readonly doubtful: Doubtful | null;
  /** Of its statements and diagnostics, each once. */
  readonly places: readonly Place[];
}

/** How much was read again after a change, for tests and the bench. */
export interface Reading {
  /** Characters that were lexed and parsed. */
  readonly characters: number;
}

export class EditedText {
  #file: SourceFile | null = null;
  /** Null where the text has to be read whole, with the tree that it has then. */
  #pieces: Piece[] | null = null;
  #tree: Tree = { ast: null, diagnostics: [] };
  #reading: Reading = { characters: 0 };

  get reading(): Reading {
    return this.#reading;
  }

  /** The tree of the next text. */
  read(file: SourceFile): Tree {
    if (file === this.#file) return this.#tree;
    const old = this.#file;
    this.#file = file;
    const pieces = old === null || this.#pieces === null || refuseText(file) !== null ? null : this.#edited(this.#pieces, old.text, file);
    if (pieces === null) this.#readWhole(file);
    else {
      this.#pieces = pieces;
      this.#tree = together(file, pieces);
    }
    return this.#tree;
  }

  #readWhole(file: SourceFile): void {
    this.#reading = { characters: file.text.length };
    const parsed = parse(file);
    const built = build(parsed);
    const diagnostics = [...parsed.diagnostics, ...built.diagnostics];
    this.#tree = { ast: built.ast, diagnostics };
    this.#pieces = built.ast === null || parsed.cst === null ? null : piecesOf(parsed, built.ast, diagnostics, 0, file.text.length);
    if (this.#pieces !== null) move(this.#pieces, file, 0);
  }

  /** Null where the whole text has to be read. */
  #edited(pieces: Piece[], before: string, file: SourceFile): Piece[] | null {
    const { text } = file;
    const change = changeOf(before, text);
    if (change === null) {
      this.#reading = { characters: 0 };
      for (const { places } of pieces) for (const place of places) place.file = file;
      return pieces;
    }
    const delta = text.length - before.length;
    const { first, last } = touched(pieces, change.start, change.end);
    const [from, to] = [pieces[first], pieces[last]];
    if (from === undefined || to === undefined) return null;
    const [start, end] = [from.start, to.end + delta];
    this.#reading = { characters: end - start };
    const [edge] = last + 1 < pieces.length ? to.statements : [];
    const read = readPart({ path: file.path, text: text.slice(start, end) }, start === 0, edge === undefined ? null : startOf(edge) + delta - start);
    if (read === null) return null;
    const behind = pieces.slice(last + 1);
    move(read, file, start);
    move(behind, file, delta);
    const ahead = pieces.slice(0, first);
    move(ahead, file, 0);
    return [...ahead, ...read, ...behind];
  }
}

interface Change {
  readonly start: number;
  /** In the text before. */
  readonly end: number;
}

/** The smallest stretch that has all that differs; null where nothing does. */
function changeOf(before: string, after: string): Change | null {
  if (before === after) return null;
  const most = Math.min(before.length, after.length);
  let start = 0;
  // Comparing slices is far faster than comparing characters.
  for (let step = 65_536; step >= 1; step >>>= 4) {
    while (start + step <= most && before.slice(start, start + step) === after.slice(start, start + step)) start += step;
  }
  let same = 0;
  for (let step = 65_536; step >= 1; step >>>= 4) {
    while (
      start + same + step <= most &&
      before.slice(before.length - same - step, before.length - same) === after.slice(after.length - same - step, after.length - same)
    )
      same += step;
  }
  return { start, end: before.length - same };
}

/** The pieces that a change touches and the one that has errors, with all between them and one more on each side. */
function touched(pieces: readonly Piece[], start: number, end: number): { readonly first: number; readonly last: number } {
  let first = pieces.length - 1;
  while (first > 0 && (pieces[first]?.start ?? 0) >= start) first--;
  let last = first;
  while (last + 1 < pieces.length && (pieces[last + 1]?.start ?? 0) <= end) last++;
  const torn = pieces.findIndex(({ isTorn }) => isTorn);
  if (torn >= 0) [first, last] = [Math.min(first, torn), Math.max(last, torn)];
  return { first: Math.max(0, first - 1), last: Math.min(pieces.length - 1, last + 1) };
}

/**
 * The pieces of a part of a text, at places within the part. `edge`: where its last statement begins, which did not change; null at
 * the end of the text. Null where the part can't be read by itself.
 */
function readPart(part: SourceFile, isFirst: boolean, edge: number | null): Piece[] | null {
  if (part.text.includes("/*")) return null;
  const parsed = parse(part);
  if (parsed.cst === null || (isFirst ? !hasEdition(parsed) : hasEdition(parsed))) return null;
  const { ast, diagnostics: unbuilt } = isFirst ? build(parsed) : buildPart(parsed);
  if (ast === null) return null;
  const diagnostics = [...parsed.diagnostics, ...unbuilt];
  if (edge !== null && !isSound(ast, parsed, diagnostics, edge)) return null;
  return diagnostics.some(isAboutAll) ? null : piecesOf(parsed, ast, diagnostics, 0, part.text.length);
}

/** Whether a part reads up to its last statement as if the rest of the text followed it. */
function isSound({ statements }: PolicyNode, { brokenAfter, misplacedParams }: Parsed, diagnostics: readonly Diagnostic[], edge: number): boolean {
  if (!statements.some((node) => startOf(node) === edge)) return false;
  if (statements.some((node) => startOf(node) < edge && node.span.end > edge)) return false;
  return diagnostics.every(({ span }) => span.start < edge && span.end <= edge) && [...brokenAfter, ...misplacedParams].every((at) => at < edge);
}

/** Whether an error looks at the whole text: at its bounds, at its edition, or at what other statements declare. */
function isAboutAll(d: Diagnostic): boolean {
  if (WHOLE.has(d.code)) return true;
  return hasCode(d, "ING106") && d.data.of === "form" && d.data.form === "rule_without_from";
}

const WHOLE: ReadonlySet<string> = new Set(["ING111", "ING112", "ING113", "ING601", "ING602", "ING606"]);

/** A text cut before its statements; around errors it stays in one piece. */
function piecesOf(parsed: Parsed, { statements, doubtful }: PolicyNode, diagnostics: readonly Diagnostic[], start: number, end: number): Piece[] {
  const { file } = parsed;
  const whole = parsed.whole && diagnostics.length === 0;
  const places = diagnostics.flatMap(({ span, related, fix }) => [span, ...related.map((other) => other.span), ...(fix === null ? [] : [fix.span])]);
  const torn = [...places.flatMap((span) => [span.start, span.end]), ...parsed.brokenAfter, ...parsed.misplacedParams];
  const [low, high] = torn.length === 0 ? [start, end] : [Math.min(...torn), Math.max(...torn)];
  const cuts: { readonly at: number; readonly index: number }[] = [];
  statements.forEach((node, index) => {
    const at = cutBefore(file.text, startOf(node));
    if (index > 0 && at !== null && at > start) cuts.push({ at, index });
  });
  const before = whole ? [] : cuts.filter(({ at }) => at <= low).slice(0, -1);
  const behind = whole ? [] : cuts.filter(({ at }) => at > high).slice(1);
  const kept = whole ? cuts : [...before, ...behind];
  return [{ at: start, index: 0 }, ...kept].map(({ at, index }, i) => {
    const next = kept[i];
    const own = statements.slice(index, next?.index);
    const isTorn = !whole && i === before.length;
    const found = isTorn ? diagnostics : [];
    return { start: at, end: next?.at ?? end, statements: own, isTorn, diagnostics: found, doubtful: isTorn ? doubtful : null, places: placesIn([own, found]) };
  });
}

/** Where the line begins that a statement begins; null where something is before it there. */
function cutBefore(text: string, at: number): number | null {
  const line = text.lastIndexOf("\n", at - 1) + 1;
  return /^[ \t]*$/.test(text.slice(line, at)) ? line : null;
}

/** With its annotations. */
function startOf(node: StatementNode): number {
  const [first] = "annotations" in node ? node.annotations : [];
  return first === undefined ? node.span.start : Math.min(first.span.start, node.span.start);
}

function move(pieces: readonly Piece[], file: SourceFile, by: number): void {
  for (const piece of pieces) {
    piece.start += by;
    piece.end += by;
    for (const place of piece.places) {
      place.file = file;
      // A part that was expected and is missing has no place.
      if (place.end === 0) continue;
      place.start += by;
      place.end += by;
    }
  }
}

function together(file: SourceFile, pieces: readonly Piece[]): Tree {
  const diagnostics = pieces.flatMap((piece) => piece.diagnostics);
  const doubtful = pieces.find((piece) => piece.doubtful !== null)?.doubtful ?? NO_DOUBTS;
  const ast: PolicyNode = { file, statements: pieces.flatMap(({ statements }) => statements), incomplete: diagnostics.length > 0, doubtful };
  return { ast, diagnostics };
}

const NO_DOUBTS: Doubtful = { names: new Set(), imports: new Set(), all: false };
