// What to say about a token that can't begin a statement, a clause or a line of a test.
import type { DiagnosticCode } from "../codes.ts";
import { nearest } from "../nearest.ts";
import { quote } from "../quote.ts";
import type { Context, Stray } from "./recovery.ts";
import { isKeyword, KEYWORDS, wordsAt } from "./keywords.ts";
import { Comma, LBrace, RBrace } from "./tokens.ts";

interface Complaint {
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly label: string;
  readonly help: string | null;
}

const PLACE = {
  statement: { code: "ING104", what: "a statement", words: wordsAt("statement"), help: "a policy is made of `net`, `ports`, `expose`, `deny` and `test`" },
  clause: {
    code: "ING105", what: "a clause of an expose", words: [...wordsAt("clause", "rule"), "deny"],
    help: "an expose is made of `backend`, `cap`, `limit`, `allow` and `deny`",
  },
  line: { code: "ING105", what: "a line of a test", words: ["from", "bind", "repeat"], help: "a test's line is `from ADDRESS to NAME => allow` or `bind SERVICE on ADDRESS:PORT => deny policy`" },
} as const satisfies Record<Context, { code: DiagnosticCode; what: string; words: readonly string[]; help: string }>;

/** Words that other languages have here. */
const ELSEWHERE = new Map([
  ["default", "nothing is needed: what no `allow` admits is denied"],
  ["include", "a list of addresses is read with `net NAME = file \"PATH\" max N`"],
  ["group", "a set of addresses is `net NAME = …`, of ports `ports NAME = …`"],
  ["port", "ports stand in the first line of an expose: `expose NAME on tcp 443 { … }`"],
  ["listen", "ports stand in the first line of an expose: `expose NAME on tcp 443 { … }`"],
  ["accept", "the word is `allow`"],
  ["permit", "the word is `allow`"],
  ["drop", "the word is `deny`"],
  ["reject", "the word is `deny`"],
  ["block", "the word is `deny`"],
]);

export function strayComplaint({ context, token, previous }: Stray): Complaint {
  const { code, what, words, help } = PLACE[context];
  const text = quote(token.image);
  if (token.tokenType === RBrace) {
    return { code: "ING108", message: "this `}` closes nothing", label: "", help: "remove it, or look above for a block that was closed too early" };
  }
  if (token.tokenType === LBrace) {
    return { code, message: `expected ${what}, found \`{\``, label: "", help };
  }
  if (token.tokenType === Comma) {
    return { code, message: "a comma stands only between the members of a set", label: "", help: "remove it" };
  }
  const word = token.image;
  if (isKeyword(word)) return { code, message: `${text} does not begin ${what}`, label: "", help: elsewhere(word) ?? help };
  if (/^[A-Za-z_]/.test(word)) {
    const guess = nearest(word, words);
    const known = ELSEWHERE.get(word.toLowerCase());
    return {
      code,
      message: `${text} is not ${what}`,
      label: "",
      help: known ?? (guess === null ? help : `did you mean \`${guess}\`?`),
    };
  }
  const comment = word.startsWith("//") || word.startsWith("/*");
  const inSet = /[0-9A-Za-z/\]"]$/.test(previous.image) && /^[0-9"[]/.test(word);
  return {
    code,
    message: `expected ${what}, found ${text}`,
    label: "",
    help: comment ? "a comment begins with `#`" : inSet ? "members of a set are separated by commas" : help,
  };
}

function elsewhere(word: keyof typeof KEYWORDS): string | null {
  switch (KEYWORDS[word].stands) {
    case "statement": return `\`${word}\` stands at top level, outside every block`;
    case "clause": return `\`${word}\` stands in the block of an expose`;
    case "rule": return `\`${word}\` belongs to an \`allow\` or a \`deny\``;
    case "word": return null;
  }
}
