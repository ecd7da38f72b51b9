// Colours of the language in the editor. They only help the eye: what a word means is the compiler's to say.
import { HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { tags } from "@lezer/highlight";
import type { Extension } from "@codemirror/state";
import { isKeyword, placesOf } from "../../../compiler/syntax/keywords.ts";

export const language = StreamLanguage.define({
  name: "ingress",
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match(/^#.*/)) return "comment";
    if (stream.match(/^"(?:[^"\\]|\\.)*"?/)) return "string";
    if (stream.match(/^@[a-z]+/)) return "annotation";
    if (stream.match(/^(?:[0-9a-fA-F]{0,4}:){2,}[0-9a-fA-F:.]*(?:\/\d+)?/) || stream.match(/^\d[\d.:/A-Za-z-]*/)) return "number";
    const start = stream.pos;
    if (!stream.match(/^[A-Za-z_][A-Za-z0-9_-]*/)) {
      stream.next();
      return null;
    }
    const word = stream.string.slice(start, stream.pos);
    if (!isKeyword(word)) return null;
    return placesOf(word).includes("statement") ? "definitionKeyword" : "keyword";
  },
  tokenTable: { annotation: tags.annotation, definitionKeyword: tags.definitionKeyword },
  languageData: { commentTokens: { line: "#" } },
});

const colours = [
  { tag: tags.definitionKeyword, color: "var(--key)", fontWeight: "bold" },
  { tag: tags.keyword, color: "var(--key)" },
  { tag: tags.string, color: "var(--string)" },
  { tag: tags.annotation, color: "var(--string)" },
  { tag: tags.number, color: "var(--number)" },
  { tag: tags.comment, color: "var(--comment)" },
];

export const highlighting: Extension = [language, syntaxHighlighting(HighlightStyle.define(colours))];
