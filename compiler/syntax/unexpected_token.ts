// Words for a token that can't begin a statement, a clause or a line of a test.
import type { IToken } from "chevrotain";
import type { UntypedCode } from "../diagnostics/words.ts";
import { nearest, nearestAlone } from "../../runtime/text/nearest.ts";
import { quote } from "../diagnostics/quote.ts";
import type { Context, Stray } from "./recovery.ts";
import { foreignKeyword } from "./foreign_keywords.ts";
import { isKeyword, placesOf, wordsAt, type Keyword } from "./keywords.ts";
import { Comma, LBrace, RBrace, startsLine } from "./tokens.ts";

interface Complaint {
  readonly code: UntypedCode;
  readonly message: string;
  readonly label: string;
  readonly help: string | null;
  /** The text that should replace the token; empty where it should be removed, null where it may be one thing or another. */
  readonly instead: string | null;
}

interface PlaceText {
  readonly code: UntypedCode;
  readonly what: string;
  readonly words: readonly string[];
  readonly help: string;
}

const PLACE = {
  statement: {
    code: "ING104",
    what: "a statement",
    words: wordsAt("statement"),
    help: "a policy is made of statements such as `net`, `ports`, `expose`, `deny` and `test`",
  },
  clause: {
    code: "ING105",
    what: "a clause of an expose",
    words: wordsAt("clause", "rule"),
    help: "an expose is made of `backend`, `cert`, `ca`, `cap`, `limit`, `allow`, `deny` and `use`",
  },
  body: {
    code: "ING105",
    what: "a part of a template",
    words: wordsAt("statement", "clause", "rule"),
    help: "a template is made of statements, or of the clauses of an expose",
  },
  line: {
    code: "ING105",
    what: "a line of a test",
    words: wordsAt("line"),
    help: "a test's line is `from ADDRESS to NAME => allow`, `repeat N in TIME from …` or `bind SERVICE on ADDRESS:PORT => deny policy`",
  },
  claim: {
    code: "ING105",
    what: "a claim of an invariant",
    words: wordsAt("claim"),
    help: "a claim is `never from NET to NAME`, `only from NET to NAME` or `always from NET to NAME`",
  },
  bound: {
    code: "ING105",
    what: "a bound of a budget",
    words: wordsAt("bound"),
    help: `a budget has ${wordsAt("bound")
      .map((w) => `\`${w}\``)
      .join(", ")}`,
  },
} as const satisfies Record<Context, PlaceText>;

export function unexpectedToken({ context, token, previous }: Stray): Complaint {
  if (context === "head") return strayInHead(token, previous);
  const { code, what, words, help } = PLACE[context];
  const text = quote(token.image);
  const none = { label: "", instead: null };
  if (token.tokenType === RBrace) {
    return {
      ...none,
      code: "ING108",
      message: "this `}` closes nothing",
      help: "remove it, or look above for a block that was closed too early",
      instead: null,
    };
  }
  if (token.tokenType === LBrace)
    return {
      ...none,
      code,
      message: `expected ${what}, found \`{\``,
      help: token.startOffset === 0 ? "a policy as JSON becomes one by `ingressc import`" : help,
    };
  if (token.tokenType === Comma) {
    return { ...none, code, message: "a comma is only allowed between the members of a set", help: "remove it", instead: "" };
  }
  const word = token.image;
  if (isKeyword(word)) return { ...none, code, message: `${text} does not begin ${what}`, help: otherPlace(word) ?? help };
  if (/^[A-Za-z_]/.test(word)) {
    const known = foreignKeyword(word);
    const guess = known === null ? nearest(word, words) : null;
    // Behind the members of a set it may be a word that belongs to them, such as `except`.
    const isFirst = startsLine(token) || previous.tokenType === LBrace || previous.tokenType === RBrace;
    const said =
      known ?? (guess === null ? { help, instead: null } : { help: `did you mean \`${guess}\`?`, instead: isFirst ? nearestAlone(word, words) : null });
    return { code, message: `${text} is not ${what}`, label: "", ...said };
  }
  const said = separated(previous, word) ??
    (word === "-" ? A_RANGE : null) ?? {
      help:
        /^(?:allow|deny)$/.test(previous.image) && /^[0-9-]+$/.test(word) ?
          "write ports after `on` in a `deny` at top level (`deny on tcp 22`), addresses after `from`"
        : help,
      instead: null,
    };
  return { code, message: `expected ${what}, found ${text}`, label: "", ...said };
}

const A_RANGE = { help: "a range of ports is `9500-9509`, without blanks; a range of addresses is written as prefixes", instead: null };

function strayInHead({ image }: IToken, previous: IToken): Complaint {
  const said = separated(previous, image) ??
    (image === "-" ? A_RANGE : null) ?? { help: "the first line of an expose is `expose NAME [service S] on tcp PORTS [bind NET] [as MODE] {`", instead: null };
  return { code: "ING106", message: `expected \`{\`, found ${quote(image)}`, label: "", ...said };
}

/** Where a member follows a member. A mask, the end of a range, an exception or a clause may be meant as well. */
function separated(previous: IToken, word: string): Pick<Complaint, "help" | "instead"> | null {
  const isMember = /^[0-9"[]/.test(word) && /[0-9A-Za-z/\]"]$/.test(previous.image) && !isKeyword(previous.image);
  return isMember ? { help: "members of a set are separated by commas, and `except` comes before those that are taken out", instead: null } : null;
}

function otherPlace(word: Keyword): string | null {
  const [place] = placesOf(word);
  if (place === undefined) return null;
  switch (place) {
    case "statement":
      return `\`${word}\` belongs at top level, outside every block`;
    case "clause":
      return `\`${word}\` belongs in the block of an expose`;
    case "rule":
      return `\`${word}\` belongs to an \`allow\` or a \`deny\``;
    case "line":
      return `\`${word}\` stands in a \`test\``;
    case "claim":
      return `\`${word}\` stands in an \`invariant\``;
    case "bound":
      return `\`${word}\` stands in a \`budget\``;
  }
}
