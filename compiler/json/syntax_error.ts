// Where a text stops being JSON (RFC 8259). `JSON.parse` says whether it is; its messages name a
// place or not, as the version of the engine has it.
import { characterName, unseenIn } from "../../runtime/text/characters.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { quote as quoteOf } from "../diagnostics/quote.ts";

export interface SyntaxFault {
  /** UTF-16 offset. */
  readonly at: number;
  /** `expected a value, found `]`` */
  readonly says: string;
  readonly help: string | null;
}

type Wanted = "value" | "key" | "colon" | "more" | "end";

/** The first fault, or null where the text is JSON; linear, and without recursion. */
export function jsonFault(text: string): SyntaxFault | null {
  const open: ("{" | "[")[] = [];
  let wanted: Wanted = "value";
  /** An empty list or object may end at once. */
  let isFirst = false;
  let isAfterComma = false;
  for (let at = skipBlanks(text, 0); ; at = skipBlanks(text, at)) {
    const c = text.charAt(at);
    const top = open.at(-1);
    if (wanted === "end") return at === text.length ? null : fault(text, at, "the end of the document", "one value is a document");
    const closes = (c === "}" && top === "{") || (c === "]" && top === "[");
    if (closes && (wanted === "more" || (isFirst && (wanted === "key" || wanted === "value")))) {
      open.pop();
      wanted = open.length === 0 ? "end" : "more";
      isFirst = isAfterComma = false;
      at++;
      continue;
    }
    if (closes && isAfterComma) return fault(text, at, wanted === "key" ? "a key" : "a value", "write a comma only between two of them: remove the one before");
    isAfterComma = isFirst = false;
    /** Of a text; null where the token is no text. */
    let end: Result<number, SyntaxFault> | null = null;
    switch (wanted) {
      case "more":
        if (c !== ",") return fault(text, at, `\`,\` or \`${top === "{" ? "}" : "]"}\``, null);
        wanted = top === "{" ? "key" : "value";
        isAfterComma = true;
        at++;
        break;
      case "colon":
        if (c !== ":") return fault(text, at, "`:`", "write a value after its key and a colon");
        wanted = "value";
        at++;
        break;
      case "key":
        if (c !== '"') return fault(text, at, "a key", "write keys in double quotes");
        wanted = "colon";
        end = stringEnd(text, at);
        break;
      case "value":
        if (c === "{" || c === "[") {
          open.push(c);
          wanted = c === "{" ? "key" : "value";
          isFirst = true;
          at++;
          break;
        }
        wanted = open.length === 0 ? "end" : "more";
        if (c === '"') end = stringEnd(text, at);
        else {
          const word = /(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![A-Za-z0-9_.+-])/y;
          word.lastIndex = at;
          if (!word.test(text))
            return fault(
              text,
              at,
              "a value",
              /['`]/.test(c) ? "write texts in double quotes"
              : c === "/" || c === "#" ? "JSON has no comments"
              : null,
            );
          at = word.lastIndex;
        }
        break;
    }
    if (end === null) continue;
    if (!end.ok) return end.error;
    at = end.value;
  }
}

/** Behind the closing quote. */
function stringEnd(text: string, quote: number): Result<number, SyntaxFault> {
  for (let at = quote + 1; ; at++) {
    const c = text.charAt(at);
    if (c === '"') return ok(at + 1);
    if (c === "" || c === "\n" || c === "\r")
      return failed({ at: quote, says: "a text has no closing quote", help: 'a text ends on the line where it begins: add `"`' });
    if (c < " ")
      return failed({ at, says: `a text contains ${characterName(c)}`, help: `write \`\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}\` for it` });
    if (c !== "\\") continue;
    const escape = /["\\/bfnrt]|u[0-9A-Fa-f]{4}/y;
    escape.lastIndex = at + 1;
    if (!escape.test(text)) return failed({ at, says: `${quoteOf(text.slice(at, at + 2))} begins no escape`, help: "a `\\` itself is written `\\\\`" });
    at = escape.lastIndex - 1;
  }
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (at < text.length && " \t\r\n".includes(text.charAt(at))) at++;
  return at;
}

function fault(text: string, at: number, wanted: string, help: string | null): SyntaxFault {
  const [word = ""] = /^(?:[A-Za-z0-9_.+-]+|[^]?)/u.exec(text.slice(at, at + 40)) ?? [];
  const unseen = unseenIn(word);
  const found =
    word === "" ? "the end of the document"
    : unseen.length > 0 ? unseen.map(characterName).join(", ")
    : quoteOf(word);
  return { at, says: `expected ${wanted}, found ${found}`, help };
}
