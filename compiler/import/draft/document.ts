// A JSON document whose values know their places. `json/syntax_error.ts` says whether it is JSON; with `isHuman` it is HuJSON, whose
// comments and commas behind the last member are made blank first, so that every place stays the same.
import { jsonFault } from "../../json/syntax_error.ts";
import type { Context, Stretch } from "./context.ts";

export type Doc = Stretch &
  (
    | { readonly kind: "object"; readonly entries: ReadonlyMap<string, Doc> }
    | { readonly kind: "list"; readonly items: readonly Doc[] }
    | { readonly kind: "text"; readonly value: string }
    | { readonly kind: "number"; readonly value: number }
    | { readonly kind: "word"; readonly value: boolean | null }
  );

/** Brackets that may be open at a time; no document that a program writes has half as many. */
const MAX_DEPTH = 200;

/** Null after a fault. */
export function readDocument(context: Context, isHuman = false): Doc | null {
  const { text: whole } = context.file;
  const bare = whole.startsWith("\ufeff") ? ` ${whole.slice(1)}` : whole;
  const text = isHuman ? withoutComments(bare) : bare;
  const fault = jsonFault(text);
  if (fault !== null) {
    const end = Math.min(text.length, fault.at + 1);
    return context.fault("ING873", { at: fault.at, end }, `this is not JSON: ${fault.says}`, fault.help ?? "give the whole output of the program, unchanged");
  }
  return new Reader(context, text).value(0);
}

/** Strings as they are; a comment without its end lasts to the end of the text. */
function withoutComments(text: string): string {
  const blank = (part: string): string => part.replace(/[^\r\n]/g, " ");
  const bare = text.replace(/"(?:[^"\\\r\n]|\\.)*"|\/\/[^\r\n]*|\/\*[^]*?(?:\*\/|$)/g, (part) => (part.startsWith('"') ? part : blank(part)));
  return bare.replace(/"(?:[^"\\\r\n]|\\.)*"|,(?=\s*[\]}])/g, (part) => (part === "," ? " " : part));
}

/** Of a text that is JSON. */
class Reader {
  readonly #context: Context;
  readonly #text: string;
  #at = 0;

  constructor(context: Context, text: string) {
    this.#context = context;
    this.#text = text;
  }

  value(depth: number): Doc | null {
    this.#blanks();
    const at = this.#at;
    if (depth > MAX_DEPTH)
      return this.#context.fault(
        "ING877",
        { at, end: at + 1 },
        `more than ${MAX_DEPTH} brackets are open here`,
        "give the whole output of the program, unchanged",
      );
    const c = this.#text.charAt(at);
    if (c === "{") return this.#object(depth);
    if (c === "[") return this.#list(depth);
    if (c === '"') {
      const value = this.#string();
      return { kind: "text", value, at, end: this.#at };
    }
    const word = /[^\s,\]}]+/y;
    word.lastIndex = at;
    const token = word.exec(this.#text)?.[0] ?? "null";
    this.#at = at + token.length;
    const value: unknown = JSON.parse(token);
    return typeof value === "number" ?
        { kind: "number", value, at, end: this.#at }
      : { kind: "word", value: value === null ? null : value === true, at, end: this.#at };
  }

  #object(depth: number): Doc | null {
    const at = this.#at++;
    const entries = new Map<string, Doc>();
    for (;;) {
      if (this.#next("}")) return { kind: "object", entries, at, end: this.#at };
      const keyAt = this.#at;
      const key = this.#string();
      const stretch = { at: keyAt, end: this.#at };
      this.#next(":");
      const value = this.value(depth + 1);
      if (value === null) return null;
      if (entries.has(key)) return this.#context.fault("ING873", stretch, "this key appears twice in one object", "keep one of them");
      entries.set(key, value);
      this.#next(",");
    }
  }

  #list(depth: number): Doc | null {
    const at = this.#at++;
    const items: Doc[] = [];
    for (;;) {
      if (this.#next("]")) return { kind: "list", items, at, end: this.#at };
      const value = this.value(depth + 1);
      if (value === null) return null;
      items.push(value);
      this.#next(",");
    }
  }

  /** Skips blanks, and the character if it is there. */
  #next(c: string): boolean {
    this.#blanks();
    if (this.#text.charAt(this.#at) !== c) return false;
    this.#at++;
    this.#blanks();
    return true;
  }

  #string(): string {
    const token = /"(?:[^"\\]|\\.)*"/y;
    token.lastIndex = this.#at;
    const text = token.exec(this.#text)?.[0] ?? '""';
    this.#at += text.length;
    const value: unknown = JSON.parse(text);
    return String(value);
  }

  #blanks(): void {
    while (" \t\r\n".includes(this.#text.charAt(this.#at)) && this.#at < this.#text.length) this.#at++;
  }
}

export function entry(doc: Doc | null | undefined, key: string): Doc | null {
  return doc?.kind === "object" ? (doc.entries.get(key) ?? null) : null;
}

export function textOf(doc: Doc | null | undefined): string | null {
  return doc?.kind === "text" ? doc.value : null;
}

export function numberOf(doc: Doc | null | undefined): number | null {
  return doc?.kind === "number" ? doc.value : null;
}

/** The items of a list; nothing for anything else. */
export function itemsOf(doc: Doc | null | undefined): readonly Doc[] {
  return doc?.kind === "list" ? doc.items : [];
}

/** An object of one key: `{ "match": … }`. */
export function single(doc: Doc): { readonly key: string; readonly value: Doc } | null {
  if (doc.kind !== "object" || doc.entries.size !== 1) return null;
  const [[key, value] = [null, null]] = doc.entries;
  return key === null || value === null ? null : { key, value };
}

/** The list below a key; a fault where there is none, or something else. */
export function needList(context: Context, doc: Doc, key: string, of: string): readonly Doc[] | null {
  const found = entry(doc, key);
  if (found?.kind === "list") return found.items;
  return context.fault(
    "ING874",
    found ?? { at: doc.at, end: doc.at + 1 },
    found === null ? `${of} has no \`${key}\`` : `\`${key}\` of ${of} is not a list`,
    "give the whole output of the program, unchanged",
  );
}

/** The text below a key; a fault where there is none, or something else. */
export function needText(context: Context, doc: Doc, key: string, of: string): string | null {
  const found = entry(doc, key);
  if (found?.kind === "text") return found.value;
  return context.fault(
    "ING874",
    found ?? { at: doc.at, end: doc.at + 1 },
    found === null ? `${of} has no \`${key}\`` : `\`${key}\` of ${of} is not a text`,
    "give the whole output of the program, unchanged",
  );
}
