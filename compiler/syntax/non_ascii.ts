// Characters outside of ASCII where only ASCII is read: blanks that are none, what can't be seen, and
// what looks like a letter or a sign of the language. They are reported once, by their code points, and
// read as what they are taken for, so that a word is not torn at them.
import { asSeen, characterName, codePoint, takenFor } from "../../runtime/text/characters.ts";
import { quote } from "../diagnostics/quote.ts";

/** A word, or some signs, with such characters. */
export interface NonAscii {
  readonly start: number;
  readonly end: number;
  readonly message: string;
  readonly help: string;
  /** The text that was probably meant; null where it is not known. */
  readonly instead: string | null;
}

/** Replaces characters that are taken out of a word, so that all places stay. */
export const GAP = "\0";
const WORD = /[A-Za-z0-9_$*.:%/[\]-]/;
const QUOTES = "“”„‟«»‘’‛＂";

/** The text with what it is taken for, place by place, and all that is not ASCII; linear. */
export function withoutNonAscii(text: string): { readonly text: string; readonly nonAscii: readonly NonAscii[] } {
  // eslint-disable-next-line no-control-regex -- what is not ASCII is what it looks for
  return /[^\x00-\x7f]|[\u000b\u000c]/.test(text) ? new Scan(text).all() : { text, nonAscii: [] };
}

class Scan {
  readonly #text: string;
  readonly #nonAscii: NonAscii[] = [];
  readonly #out: string[] = [];
  #kept = 0;

  constructor(text: string) {
    this.#text = text;
  }

  all(): { readonly text: string; readonly nonAscii: readonly NonAscii[] } {
    const text = this.#text;
    // Comments and texts in quotes are left alone; typographic quotes are quotes.
    // eslint-disable-next-line no-control-regex -- what is not ASCII is what it looks for
    const next = /[#"'`\u000b\u000c]|[^\x00-\x7f]/gu;
    for (let match = next.exec(text); match !== null; match = next.exec(text)) {
      const [first] = match;
      const { index } = match;
      if (first === "#" || takenFor(first) === "#") {
        if (first !== "#") this.#sign(index, first);
        next.lastIndex = this.#first(index, /\n/g);
      } else if (first === '"') next.lastIndex = this.#first(index + 1, /["\r\n]/g) + 1;
      else if (first === "'" || first === "`") {
        const close = this.#first(index + 1, /['"`\r\n]/g);
        if (text.charAt(close) === first) next.lastIndex = close + 1;
      } else if (index === 0 && first === "\ufeff") this.#put(0, 1, " ");
      else next.lastIndex = QUOTES.includes(first) ? this.#quotes(index, first) : this.#other(index, first);
    }
    this.#out.push(text.slice(this.#kept));
    return { text: this.#out.join(""), nonAscii: this.#nonAscii };
  }

  #other(at: number, c: string): number {
    const as = takenFor(c);
    if (as === " ") return this.#blanks(at);
    if (as === null ? !LETTER.test(c) : as !== "" && !WORD.test(as)) return as === null ? at + c.length : this.#sign(at, c);
    return this.#word(at);
  }

  #quotes(at: number, open: string): number {
    const close = this.#first(at + 1, /[“”„‟«»‘’‛＂"\r\n]/g);
    const isClosed = QUOTES.includes(this.#text.charAt(close)) && close < this.#text.length;
    const end = isClosed ? close + 1 : at + 1;
    this.#put(at, at + 1, '"');
    if (isClosed) this.#put(close, end, '"');
    const instead = isClosed ? `"${this.#text.slice(at + 1, close)}"` : null;
    this.#nonAscii.push({
      start: at,
      end,
      message: `\`${open}\` is ${characterName(open)} and does not begin a text`,
      help: "write a text in double quotes",
      instead,
    });
    return end;
  }

  #sign(at: number, c: string): number {
    const as = takenFor(c) ?? c;
    this.#put(at, at + c.length, as.padEnd(c.length));
    this.#nonAscii.push({ start: at, end: at + c.length, ...described([c], as) });
    return at + c.length;
  }

  #blanks(at: number): number {
    const found = new Set<string>();
    let end = at;
    for (let c = characterAt(this.#text, end); c !== "" && takenFor(c) === " "; c = characterAt(this.#text, end)) {
      found.add(c);
      end += c.length;
    }
    this.#put(at, end, " ".repeat(end - at));
    const message = `${[...found].map(characterName).join(" and ")} is no blank of the language`;
    this.#nonAscii.push({ start: at, end, message, help: "put a plain space there", instead: " " });
    return end;
  }

  /** A whole word, however many such characters it has. */
  #word(at: number): number {
    const text = this.#text;
    let start = at;
    while (start > this.#kept && WORD.test(text.charAt(start - 1))) start--;
    const found: { readonly c: string; readonly at: number }[] = [];
    let end = at;
    for (let c = characterAt(text, end); c !== ""; end += c.length, c = characterAt(text, end)) {
      if (WORD.test(c)) continue;
      const as = takenFor(c);
      const belongs =
        c <= "\x7f" || QUOTES.includes(c) ? false
        : as === null ? LETTER.test(c)
        : as === "" || WORD.test(as);
      if (!belongs) break;
      found.push({ c, at: end });
    }
    const written = text.slice(start, end);
    const isWord = [...written].some((c) => WORD.test(takenFor(c) ?? c) || LETTER.test(c));
    for (const { c, at: place } of found) {
      const as = takenFor(c);
      // A letter without a likeness keeps its word in one piece.
      this.#put(
        place,
        place + c.length,
        (as === null ? "_"
        : as === "" && !isWord ? " "
        : as
        ).padEnd(c.length, isWord ? GAP : " "),
      );
    }
    const last = found.at(-1);
    const to = last === undefined ? end : last.at + last.c.length;
    const seen = found.every(({ c }) => takenFor(c) !== null) ? asSeen(written) : null;
    this.#nonAscii.push({
      start: at,
      end: to,
      ...described([...new Set(found.map(({ c }) => c))], seen),
      instead: seen === null ? null : asSeen(text.slice(at, to)),
    });
    return end;
  }

  #put(start: number, end: number, as: string): void {
    this.#out.push(this.#text.slice(this.#kept, start), as);
    this.#kept = end;
  }

  /** Where the first match is, or the end of the text. */
  #first(from: number, what: RegExp): number {
    what.lastIndex = from;
    return what.exec(this.#text)?.index ?? this.#text.length;
  }
}

const LETTER = /[\p{L}\p{M}\p{N}]/u;
/** Characters that one message names. */
const MOST_NAMED = 4;

/** `seen` is the word as it is taken; null where it has letters that look like no letter of ASCII. */
function described(characters: readonly string[], seen: string | null): Omit<NonAscii, "start" | "end"> {
  const [only = ""] = characters;
  const help =
    seen === null ? "names are letters A to Z, digits, `_` and `-`"
    : seen === "" ? "remove it"
    : `write ${quote(seen)}`;
  if (characters.length > 1) {
    const each = characters.slice(0, MOST_NAMED).map((c) => ((takenFor(c) ?? "") === "" ? characterName(c) : `${codePoint(c)} for \`${takenFor(c) ?? ""}\``));
    return {
      message: `the word has characters that the language does not have: ${each.join(", ")}${characters.length > MOST_NAMED ? ", …" : ""}`,
      help,
      instead: seen,
    };
  }
  const as = takenFor(only);
  if (as === "") return { message: `${characterName(only)} can't be seen, and is not a character of the language`, help, instead: "" };
  const likeness = as === null ? "" : `, which looks like \`${as}\``;
  return { message: `\`${only}\` is ${characterName(only)}${likeness}, and not a character of the language`, help, instead: as };
}

/** With both halves of a pair; empty at the end. */
function characterAt(text: string, at: number): string {
  const code = text.codePointAt(at);
  return code === undefined ? "" : String.fromCodePoint(code);
}
