// What to say about a token that can't begin a statement, a clause or a line of a test.
import type { IToken } from "chevrotain";
import type { DiagnosticCode } from "../codes.ts";
import { nearest } from "../nearest.ts";
import { quote } from "../quote.ts";
import type { Context, Stray } from "./recovery.ts";
import { isKeyword, placesOf, wordsAt, type Keyword } from "./keywords.ts";
import { Comma, LBrace, RBrace } from "./tokens.ts";

interface Complaint {
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly label: string;
  readonly help: string | null;
}

interface PlaceText {
  readonly code: DiagnosticCode;
  readonly what: string;
  readonly words: readonly string[];
  readonly help: string;
}

const PLACE = {
  statement: { code: "ING104", what: "a statement", words: wordsAt("statement"), help: "a policy is made of statements such as `net`, `ports`, `expose`, `deny` and `test`" },
  clause: {
    code: "ING105", what: "a clause of an expose", words: wordsAt("clause", "rule"),
    help: "an expose is made of `backend`, `cert`, `ca`, `cap`, `limit`, `allow`, `deny` and `use`",
  },
  body: {
    code: "ING105", what: "a part of a template", words: wordsAt("statement", "clause", "rule"),
    help: "a template is made of statements, or of the clauses of an expose",
  },
  line: {
    code: "ING105", what: "a line of a test", words: wordsAt("line"),
    help: "a test's line is `from ADDRESS to NAME => allow`, `repeat N in TIME from …` or `bind SERVICE on ADDRESS:PORT => deny policy`",
  },
  claim: {
    code: "ING105", what: "a claim of an invariant", words: wordsAt("claim"),
    help: "a claim is `never from NET to NAME`, `only from NET to NAME` or `always from NET to NAME`",
  },
  bound: { code: "ING105", what: "a bound of a budget", words: wordsAt("bound"), help: `a budget has ${wordsAt("bound").map((w) => `\`${w}\``).join(", ")}` },
} as const satisfies Record<Context, PlaceText>;

/** Words that other languages have here. */
const ELSEWHERE = new Map([
  ["default", "nothing is needed: what no `allow` admits is denied"],
  ["include", "a policy file is read with `import \"PATH\" as NAME`, a list of addresses with `net NAME = file \"PATH\" max N`"],
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
  if (context === "head") return strayInHead(token, previous);
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

function strayInHead({ image }: IToken, previous: IToken): Complaint {
  const member = /^[0-9"[]/.test(image) && /[0-9A-Za-z/\]"]$/.test(previous.image);
  return {
    code: "ING106", message: `expected \`{\`, found ${quote(image)}`, label: "",
    help: member ? "members of a set are separated by commas" : "the first line of an expose is `expose NAME [service S] on tcp PORTS [bind NET] [as MODE] {`",
  };
}

function elsewhere(word: Keyword): string | null {
  const [place] = placesOf(word);
  if (place === undefined) return null;
  switch (place) {
    case "statement": return `\`${word}\` stands at top level, outside every block`;
    case "clause": return `\`${word}\` stands in the block of an expose`;
    case "rule": return `\`${word}\` belongs to an \`allow\` or a \`deny\``;
    case "line": return `\`${word}\` stands in a \`test\``;
    case "claim": return `\`${word}\` stands in an \`invariant\``;
    case "bound": return `\`${word}\` stands in a \`budget\``;
  }
}
