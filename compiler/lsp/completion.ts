// The words that can be written at a place: those that the language has there, and the names of the policy that fit. It looks at the tokens
// between the start of the statement and the place, so that it answers for a text that is being written and has no tree yet.
import type { SetDeclaration } from "../ast/nodes.ts";
import { BUILTIN_NAMES } from "../check/names/builtin_names.ts";
import type { SourceFile } from "../source/source.ts";
import { WORDS, wordsAt, type Keyword } from "../syntax/keywords.ts";
import { lex } from "../syntax/tokens.ts";
import { SNIPPETS } from "./snippets.ts";

type SetKind = SetDeclaration["kind"];

export interface Offer {
  readonly label: string;
  readonly kind: "keyword" | "snippet" | "set" | "template" | "expose" | "rule" | "value";
  readonly detail: string;
  /** With `${1:…}` and `$0`, as LSP has them; null: the label. */
  readonly snippet: string | null;
}

/** The names that a file can say. */
export interface Known {
  readonly sets: readonly { readonly kind: SetKind; readonly name: string }[];
  readonly templates: readonly { readonly name: string; readonly params: readonly string[] }[];
  readonly exposes: readonly string[];
  readonly rules: readonly string[];
}

export interface Offered {
  /** Where the word begins that is being written. */
  readonly start: number;
  readonly offers: readonly Offer[];
}

type Block = "top" | "expose" | "template" | "test" | "invariant" | "budget";

interface Place {
  /** The images of the tokens before the word, from the start of the statement. */
  readonly before: readonly string[];
  readonly block: Block;
  readonly beginsLine: boolean;
}

const WORD = /[A-Za-z0-9_$*.:%/[\]-]*$/;
const STATEMENT = /^(?:[a-z]+\b|@)/;

export function offersAt(file: SourceFile, offset: number, known: Known): Offered {
  const start = offset - (WORD.exec(file.text.slice(Math.max(0, offset - MOST_WORD), offset))?.[0].length ?? 0);
  const place = placeAt(file.text, start);
  return { start, offers: place === null ? [] : offers(place, known) };
}

const MOST_WORD = 256;

/** Null in a comment and in a text in quotes. */
function placeAt(text: string, offset: number): Place | null {
  const from = statementStart(text, offset);
  const part = text.slice(from, offset);
  const { tokens, comments, unclosed } = lex(part);
  const line = part.slice(part.lastIndexOf("\n") + 1);
  const last = tokens.at(-1);
  if (unclosed.some((token) => token === last && !part.slice(token.startOffset).includes("\n"))) return null;
  const comment = comments.at(-1);
  if (comment !== undefined && !part.slice(comment.startOffset).includes("\n")) return null;
  const before = tokens.map(({ image }) => image);
  return { before, block: blockOf(before), beginsLine: line.trim() === "" };
}

/** The last line before the place that begins a statement without being indented. */
function statementStart(text: string, offset: number): number {
  for (let at = text.lastIndexOf("\n", offset - 1); ; at = text.lastIndexOf("\n", at - 1)) {
    if (at < 0) return 0;
    if (at + 1 < offset && STATEMENT.test(text.slice(at + 1, at + 12))) return at + 1;
    if (at === 0) return 0;
  }
}

const BLOCKS: ReadonlySet<string> = new Set<Block>(["expose", "template", "test", "invariant", "budget"]);

/** By the word at the start of the outermost block that is open. */
function blockOf(before: readonly string[]): Block {
  const open: Block[] = [];
  let head = "";
  let isHead = true;
  for (const image of before) {
    if (image === "{") {
      open.push(isBlock(head) ? head : (open.at(-1) ?? "top"));
      isHead = true;
    } else if (image === "}") {
      open.pop();
      isHead = true;
    } else if (isHead && isBlock(image)) {
      head = image;
      isHead = false;
    }
  }
  return open.at(-1) ?? "top";
}

function isBlock(word: string): word is Exclude<Block, "top"> {
  return BLOCKS.has(word);
}

/** After one of these a line continues. */
const CONTINUES: ReadonlySet<string> = new Set([",", "=", "=>", "(", "except", "from", "to", "sni", "client", "for", "via", "as", "use", "on"]);

function offers({ before, block, beginsLine }: Place, known: Known): readonly Offer[] {
  const last = before.at(-1) ?? "";
  if (last === "@") return WORDS.annotation.map((word) => snippet(word, "annotation", word === "lint" ? 'lint off ${1:ING833} "${2:why}"' : `${word} "$1"`));
  if (beginsLine && !CONTINUES.has(last)) return beginnings(block);
  const kind = setKindAt(before, block);
  if (kind !== null) return setOffers(kind, known);
  return wordsAfter(last, before, block, known);
}

function beginnings(block: Block): readonly Offer[] {
  const words =
    block === "top" ? wordsAt("statement")
    : block === "expose" ? wordsAt("clause")
    : block === "template" ? wordsAt("statement", "clause").filter((word) => word !== "edition" && word !== "import" && word !== "template")
    : block === "test" ? wordsAt("line")
    : block === "invariant" ? wordsAt("claim")
    : wordsAt("bound");
  return words.map((word) => {
    const text = snippetOf(word, block);
    return text === undefined ? keyword(word) : snippet(word, DETAILS[block], text);
  });
}

const DETAILS: Readonly<Record<Block, string>> = {
  top: "statement",
  expose: "clause",
  template: "statement or clause",
  test: "line of a test",
  invariant: "claim",
  budget: "bound",
};

function snippetOf(word: Keyword, block: Block): string | undefined {
  const own = SNIPPETS[block === "template" ? "top" : block];
  return own[word] ?? (block === "template" ? SNIPPETS.expose[word] : undefined);
}

/** The kind of set of which a member is due, or null. */
function setKindAt(before: readonly string[], block: Block): SetKind | null {
  const last = before.at(-1);
  const isMember = last === "," || last === "except";
  // Back to the word that begins the set.
  let at = before.length - 1;
  if (isMember) while (at > 0 && !OPENS_SET.has(before[at] ?? "") && before[at] !== "{") at--;
  const word = before[at] ?? "";
  const declared = before[at - 2];
  if (word === "=") return isSetKind(declared) ? declared : null;
  if (block === "test") return null;
  switch (word) {
    case "from":
    case "bind":
    case "via":
      return "net";
    case "sni":
    case "for":
      return "hosts";
    case "client":
      return "ids";
    case "tcp":
    case "udp":
      return before[at - 1] === "on" || before[at - 1] === "," || before[at - 1] === "to" ? "ports" : null;
    default:
      return null;
  }
}

const OPENS_SET: ReadonlySet<string> = new Set(["=", "from", "bind", "via", "sni", "for", "client", "tcp", "udp"]);

function isSetKind(word: string | undefined): word is SetKind {
  return word === "net" || word === "ports" || word === "hosts" || word === "ids";
}

function setOffers(kind: SetKind, { sets }: Known): readonly Offer[] {
  const names = sets.filter((set) => set.kind === kind).map(({ name }): Offer => ({ label: name, kind: "set", detail: kind, snippet: null }));
  const builtin = kind === "net" ? BUILTIN_NAMES.map((name): Offer => ({ label: name, kind: "value", detail: "net of the language", snippet: null })) : [];
  const list = kind === "net" || kind === "hosts" ? [snippet("file", "list file", 'file "$1" max ${2:1000}')] : [];
  const ids = kind === "ids" ? (["uri", "dns", "ip", "sha256"] as const).map((type) => snippet(type, "identity", `${type} "$1"`)) : [];
  return [...names, ...builtin, ...list, ...ids];
}

function wordsAfter(last: string, before: readonly string[], block: Block, known: Known): readonly Offer[] {
  const exposes = known.exposes.map((name): Offer => ({ label: name, kind: "expose", detail: "expose", snippet: null }));
  switch (last) {
    case "as":
      return WORDS.mode.map((mode) => ({ label: mode, kind: "value", detail: "mode", snippet: null }));
    case "use":
      return known.templates.map(({ name, params }) => ({
        label: name,
        kind: "template",
        detail: `${name}(${params.join(", ")})`,
        snippet: `${name}(${params.map((param, i) => `\${${i + 1}:${param.slice(1)}}`).join(", ")})`,
      }));
    case "on":
    case "per":
      return (last === "on" ? ["tcp", "udp"] : ["source", "listener", "identity"]).map(keyword);
    case "to":
      return [...exposes, ...(block === "invariant" ? ["any", "tcp", "udp"] : ["tcp", "udp"]).map(keyword)];
    case "=>":
      return [keyword("allow"), ...WORDS.reason.map((reason) => keyword(`deny ${reason}`))];
    case "by":
      return known.rules.map((name) => ({ label: name, kind: "rule", detail: "rule", snippet: null }));
    case "deny":
      if (block === "test") return WORDS.reason.map(keyword);
      break;
  }
  if (block === "test") return ["via", "to", "sni", "client", "=>", "by"].map(keyword);
  if (block === "invariant") return ["from", "sni", "client", "to", "as", "at"].map(keyword);
  if (before.includes("expose") && block === "top") return ["on", "bind", "via", "for", "as"].map(keyword);
  return wordsAt("rule").map(keyword);
}

function keyword(label: string): Offer {
  return { label, kind: "keyword", detail: "", snippet: null };
}

function snippet(label: string, detail: string, text: string): Offer {
  return { label, kind: "snippet", detail, snippet: text };
}
