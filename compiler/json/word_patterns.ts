// The words of source JSON as patterns: what the lexer reads as one token of the kind that a place
// wants. In a template its parameters are allowed in most places.
import { CODES, isDiagnosticCode, isWarning } from "../diagnostics/codes.ts";
import { object, text, wordOr, type Shape } from "./shape.ts";

const NAME = "[A-Za-z_][A-Za-z0-9_\\-]*";
const QUALIFIED = `${NAME}(?:\\.${NAME})+`;
const WORD = "[A-Za-z0-9_*.:%\\/\\[\\]\\-]+";
const NUMBER = "[0-9]+";
const RANGE = "[0-9]+-[0-9]+";
const RATE = "[0-9]+\\/[0-9]*[A-Za-z]+";
const SLASH = "\\/[0-9]+";
/** A word that is nothing else. */
const LITERAL = `(?!(?:${[NAME, QUALIFIED, NUMBER, RANGE, RATE, SLASH].join("|")})$)${WORD}`;

/** Between quotes: no quote, no character that ends a line or steers a terminal, no half of a pair. */
const QUOTED = '[^"\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]*';

const A_NAME = "a name is a letter or `_`, then letters, digits, `_` and `-`";

export const parameter = text({ pattern: `\\$${NAME}`, what: "a parameter", help: 'a parameter is a `$` and a name: "$a"' });

export const plainName = text({ pattern: NAME, what: "a name", help: A_NAME });

/** The code of a warning. */
export const warningCode = text({
  pattern: Object.keys(CODES)
    .filter((code) => isDiagnosticCode(code) && isWarning(code))
    .join("|"),
  what: "the code of a warning",
  help: 'write it as `ingressc check` shows it: "ING823"',
});

/** A template, or one out of an import. */
export const path = text({ pattern: `${NAME}(?:\\.${NAME})*`, what: "a name, or one out of an import", help: 'write "name" or "alias.name"' });

const plainText = text({
  pattern: QUOTED,
  what: "a text that can be written in quotes",
  help: 'remove `"`, line breaks and other control characters: the language has no escapes',
});

export type TextJson = string | { readonly param: string };

/** The words as they may be inside and outside of a template. */
export function wordsIn(template: boolean) {
  const word = (pattern: string, what: string, help: string): Shape<string> => text({ pattern: template ? `${pattern}|\\$${NAME}` : pattern, what, help });
  const quoted: Shape<TextJson> = template ? wordOr(plainText, object({ param: parameter }, {})) : plainText;
  return {
    name: word(NAME, "a name", A_NAME),
    /** `tcp` and `udp` begin a port. */
    exposeName: word(`(?!(?:tcp|udp)$)${NAME}`, "the name of an expose", `${A_NAME}; \`tcp\` and \`udp\` are none`),
    /** A word that begins a line of a test would begin one. */
    reason: word(`(?!(?:from|bind|repeat)$)${NAME}`, "a reason", "the reasons are policy, cidr, sni, rate and mtls"),
    /** A member that is one word. */
    word: word(WORD, "a word", 'a name, an address, a prefix, a port or a range; a text is `{"text": "…"}`'),
    number: word(NUMBER, "a number in quotes", 'write its digits as a string: "4000"'),
    factor: word(`${NUMBER}|any`, 'a number in quotes, or "any"', 'write its digits as a string: "30"'),
    rate: word(RATE, "a rate", 'write a number and a window: "200/s", "6/30s"'),
    slash: word(SLASH, "a prefix length", 'write it with its slash: "/24"'),
    literal: word(LITERAL, "a literal", 'write it as in a policy: "2027-03-01T00:00Z", "10s"'),
    endpoint: word(`${LITERAL}|${NUMBER}`, "an address with a port", 'write it as in a policy: "127.0.0.1:8080"'),
    quoted,
    /** Of a member, where a parameter is a word. */
    plainText,
  };
}
