// ING1xx: the text. Their data and their words; what the parser expected is in expected_words.ts, forms of other languages
// are in foreign_words.ts.
import { characterName, codePoint, takenFor } from "../../runtime/text/characters.ts";
import { END, ENDS_HERE, MEMBER_HINTS, expectedWords, type Expected, type MemberHint } from "./expected_words.ts";
import { FOREIGN_TOPICS, foreignForm, type ForeignForm, type ForeignTopic } from "./foreign_words.ts";
import { quote } from "./quote.ts";
import { didYouMean, type Words, type WordsOf } from "./sentence.ts";

/** Characters that the language does not have. */
export type Characters =
  | { readonly fault: "nul" }
  /** `mark`: what begins a comment or a text in another language. */
  | { readonly fault: "comment" | "quotes"; readonly mark: string }
  | { readonly fault: "typographic_quote"; readonly character: string }
  /** Blanks of other scripts. */
  | { readonly fault: "blanks"; readonly characters: readonly string[] }
  /** Characters of a word that are not ASCII, the first of them; `meant` is null where a letter looks like no letter of ASCII. */
  | { readonly fault: "word"; readonly characters: readonly string[]; readonly more: number; readonly meant: string | null }
  /** A run of other characters. */
  | { readonly fault: "signs"; readonly text: string; readonly isBehindFrom: boolean };

/** Where a word could begin something. */
type BlockPlace = "clause" | "body" | "line" | "claim" | "bound";

/** A word or a sign that begins nothing there. */
export type Stray =
  | { readonly found: "brace"; readonly isFirst: boolean }
  | { readonly found: "comma" }
  /** `belongs`: where the keyword begins something; null where it begins nothing. */
  | { readonly found: "keyword"; readonly word: string; readonly belongs: "statement" | "clause" | "rule" | "line" | "claim" | "bound" | null }
  | { readonly found: "foreign"; readonly word: string; readonly means: ForeignTopic }
  | { readonly found: "word"; readonly word: string; readonly near: string | null }
  | { readonly found: "other"; readonly text: string; readonly hint: MemberHint | "rule" | null };

export interface SyntaxData {
  ING101: Characters;
  ING102: null;
  ING103: { readonly characters: readonly string[] };
  ING104: { readonly place: "statement" } & (Stray | { readonly found: "allow" });
  ING105: { readonly place: BlockPlace } & Stray;
  ING106:
    | Expected
    | ({ readonly of: "form" } & ForeignForm)
    /** A line of a test with a count or an outcome too many. */
    | { readonly of: "test_line"; readonly found: "count" | "bind_count" | "outcome" }
    | { readonly of: "claim" };
  /** `before`: as written; null at the end of the file. */
  ING107: { readonly before: string | null };
  ING108: null;
  ING109:
    | { readonly fault: "twice"; readonly clause: string; readonly in: "rule" | "claim" | "request" }
    | { readonly fault: "order"; readonly clause: string; readonly later: string };
  ING111: { readonly fault: "missing" | "not_first" };
  ING112: { readonly edition: string };
  ING113: null;
  ING114: null;
  ING115:
    | { readonly fault: "twice" | "outside" | "joined"; readonly text: string }
    /** `params`: the parameters that the template has; null where they are many. */
    | { readonly fault: "unknown"; readonly text: string; readonly template: string; readonly params: readonly string[] | null; readonly near: string | null }
    | { readonly fault: "template_name"; readonly statement: "template" | "use" };
  ING116:
    | { readonly fault: "unknown"; readonly annotation: string; readonly near: string | null }
    | { readonly fault: "lint" }
    | { readonly fault: "code"; readonly code: string; readonly known: boolean }
    | { readonly fault: "before"; readonly statement: string }
    | { readonly fault: "nothing_follows" };
  ING117: { readonly found: "statement" | "clause" };
}

const ASCII_NAMES = "names are letters A to Z, digits, `_` and `-`";
const DOUBLE_QUOTES = "write a text in double quotes";

const SIGNS: ReadonlyMap<string, string> = new Map([
  [";", "statements need no separator: remove it"],
  ["'", DOUBLE_QUOTES],
  ["`", DOUBLE_QUOTES],
  ["&", "the clauses of a rule follow each other without a word between them"],
  ["|", "write two rules, or list the members of a set with commas"],
  ["!", "what is not meant is taken away with `except`"],
  ["+", "sets are joined with commas"],
]);

/** Characters of a run that are named. */
const MOST_NAMED = 4;

const PLACES: Readonly<Record<"statement" | BlockPlace, readonly [what: string, help: string]>> = {
  statement: ["a statement", "a policy is made of statements such as `net`, `ports`, `expose`, `deny` and `test`"],
  clause: ["a clause of an expose", "an expose is made of `backend`, `cert`, `ca`, `alpn`, `cap`, `limit`, `amplify`, `allow`, `deny`, `dryrun` and `use`"],
  body: ["a part of a template", "a template is made of statements, or of the clauses of an expose"],
  line: ["a line of a test", "a test's line is `from ADDRESS to NAME => allow`, `repeat N in TIME from …` or `bind SERVICE on ADDRESS:PORT => deny policy`"],
  claim: ["a claim of an invariant", "a claim is `never from NET to NAME`, `only from NET to NAME` or `always from NET to NAME`"],
  bound: ["a bound of a budget", "a budget has `ports`, `rules`, `prefixes`, `connections`, `module`, `steps`"],
};

const BELONGS: Readonly<Record<NonNullable<Extract<Stray, { found: "keyword" }>["belongs"]>, string>> = {
  statement: "belongs at top level, outside every block",
  clause: "belongs in the block of an expose",
  rule: "belongs to an `allow` or a `deny`",
  line: "belongs in a `test`",
  claim: "belongs in an `invariant`",
  bound: "belongs in a `budget`",
};

const TEST_LINES: Readonly<Record<"count" | "bind_count" | "outcome", readonly [found: string, help: string]>> = {
  count: ["a count", "counts belong to `repeat N in TIME from …`"],
  bind_count: ["a count", "a bind is tested once"],
  outcome: ["a second outcome", "one connection has one outcome; several have `repeat N in TIME` before them"],
};

const ONE_CLAUSE = "list the members in one clause, separated by commas";

export const SYNTAX_WORDS: WordsOf<SyntaxData> = {
  ING101: characters,
  ING102: () => ({ message: "the text has no closing quote", help: 'a text ends on the line where it begins: add `"`' }),
  ING103: (data) => ({
    message: `a text contains a control character: ${data.characters.map(characterName).join(", ")}`,
    help: "remove it, or write the text anew",
  }),
  ING104: (data) =>
    data.found === "allow" ?
      { message: "`allow` does not begin a statement", help: "write `allow` in the block of an expose; at top level a rule can only deny" }
    : stray(data.place, data),
  ING105: (data) => stray(data.place, data),
  ING106: (data) => {
    switch (data.of) {
      case "form":
        return foreignForm(data);
      case "test_line": {
        const [found, help] = TEST_LINES[data.found];
        return { message: `expected the next line of the test, found ${found}`, help };
      }
      case "claim":
        return { message: "the invariant claims nothing", help: PLACES.claim[1] };
      default:
        return expectedWords(data);
    }
  },
  ING107: ({ before }) => ({
    message: `the block is not closed ${before === null ? `at ${END}` : `before ${quote(before)}`}`,
    help: before === null ? "add the `}` that closes the block" : "close the block with `}`, or move the text into another block",
    label: before === null ? ENDS_HERE : "",
    related: ["opened here"],
  }),
  ING108: () => ({ message: "this `}` closes nothing", help: "remove it, or look above for a block that was closed too early" }),
  ING109: (data) =>
    data.fault === "order" ?
      {
        message: `${quote(data.clause)} comes before ${quote(data.later)} in a rule`,
        help: "the order is `named`, `on`, `from`, `sni`, `client`, `after`, `until`",
        related: ["after this"],
      }
    : {
        message: `${quote(data.clause)} appears twice in one ${data.in}`,
        help: data.in === "request" || data.clause === "named" || data.clause === "after" || data.clause === "until" ? "keep one of them" : ONE_CLAUSE,
        related: ["first here"],
      },
  ING111: ({ fault }) =>
    fault === "missing" ?
      { message: "a policy begins with `edition 1`", help: "write it as the first line" }
    : { message: "`edition 1` is not the first statement", help: "move it to the top of the file", related: ["this comes before it"] },
  ING112: ({ edition }) => ({ message: `edition ${quote(edition)} is not one that this release reads`, help: "this release reads `edition 1`" }),
  ING113: () => ({ message: "`edition` appears twice", help: "keep the first one", related: ["first here"] }),
  ING114: () => ({
    message: "`on` is only for a `deny` at top level",
    help: "a rule in an expose applies to all its ports; move the rule out of the block, or split the expose",
  }),
  ING115: parameter,
  ING116: (data) => {
    const help = "write an annotation before an `expose`, a `dial`, a rule or a set; `@lint off` also before an `import` or a `template`";
    switch (data.fault) {
      case "unknown":
        return {
          message: `${quote(`@${data.annotation}`)} is not an annotation`,
          help: data.near === null ? "the annotations are `@owner`, `@ticket`, `@why` and `@lint`" : didYouMean(`@${data.near}`),
        };
      case "lint":
        return {
          message: "`@lint` does not say which warning is off",
          help: 'write the code of the warning, and why it is off: `@lint off ING823 "a second line of defence"`',
        };
      case "code":
        return {
          message: `${quote(data.code)} is ${data.known ? "an error, which can't be off" : "not the code of a warning"}`,
          help: "warnings have the codes ING818 to ING899, as `ingressc check` shows them",
        };
      case "before":
        return {
          message: `\`${data.statement}\` has no annotations${data.statement === "import" || data.statement === "template" ? " but `@lint off`" : ""}`,
          help,
        };
      case "nothing_follows":
        return { message: "nothing follows that the annotation is about", help };
    }
  },
  ING117: ({ found }) => {
    const [is, was] = found === "clause" ? ["a clause of an expose", "a statement"] : ["a statement", "a clause of an expose"];
    return {
      message: `this is ${is}, and the template already has ${was}`,
      help: "make two templates: one to be used at top level, one to be used in an expose",
      related: [`${was} here`],
    };
  },
};

function characters(data: Characters): Words {
  switch (data.fault) {
    case "nul":
      return { message: "a NUL character: this is not a text file", help: "a policy is UTF-8 text" };
    case "comment":
      return { message: `${quote(data.mark)} does not begin a comment`, help: "a comment begins with `#` and ends with its line" };
    case "quotes":
      return { message: `${quote(data.mark)} does not begin a text`, help: DOUBLE_QUOTES };
    case "typographic_quote":
      return { message: `\`${data.character}\` is ${characterName(data.character)} and does not begin a text`, help: DOUBLE_QUOTES };
    case "blanks":
      return { message: `${data.characters.map(characterName).join(" and ")} is no blank of the language`, help: "put a plain space there" };
    case "word":
      return {
        message: wordCharacters(data),
        help:
          data.meant === null ? ASCII_NAMES
          : data.meant === "" ? "remove it"
          : `write ${quote(data.meant)}`,
      };
    case "signs": {
      const each = [...new Set(data.text)];
      const names = each.filter((c) => c > "~").map(characterName);
      const what = `${names.length === 0 ? "" : `, ${names.slice(0, MOST_NAMED).join(", ")},`} ${each.length === 1 ? "is not a character" : "are not characters"}`;
      const isNot = data.text === "!" && data.isBehindFrom;
      return {
        message: `${quote(data.text)}${what} of the language`,
        help: isNot ? "everyone but a set is `any except SET`" : (SIGNS.get(data.text.slice(0, 1)) ?? `${ASCII_NAMES}; a comment begins with \`#\``),
      };
    }
  }
}

function wordCharacters({ characters: [only = "", ...others], more }: Extract<Characters, { fault: "word" }>): string {
  if (others.length > 0) {
    const each = [only, ...others].map((c) => ((takenFor(c) ?? "") === "" ? characterName(c) : `${codePoint(c)} for \`${takenFor(c) ?? ""}\``));
    return `the word has characters that the language does not have: ${each.join(", ")}${more > 0 ? ", …" : ""}`;
  }
  const as = takenFor(only);
  if (as === "") return `${characterName(only)} can't be seen, and is not a character of the language`;
  return `\`${only}\` is ${characterName(only)}${as === null ? "" : `, which looks like \`${as}\``}, and not a character of the language`;
}

function stray(place: "statement" | BlockPlace, data: Stray): Words {
  const [what, help] = PLACES[place];
  switch (data.found) {
    case "brace":
      return { message: `expected ${what}, found \`{\``, help: data.isFirst ? "a policy as JSON becomes one by `ingressc import`" : help };
    case "comma":
      return { message: "a comma is only allowed between the members of a set", help: "remove it" };
    case "keyword":
      return { message: `${quote(data.word)} does not begin ${what}`, help: data.belongs === null ? help : `\`${data.word}\` ${BELONGS[data.belongs]}` };
    case "foreign":
      return { message: `${quote(data.word)} is not ${what}`, help: FOREIGN_TOPICS[data.means] };
    case "word":
      return { message: `${quote(data.word)} is not ${what}`, help: data.near === null ? help : didYouMean(data.near) };
    case "other":
      return {
        message: `expected ${what}, found ${quote(data.text)}`,
        help:
          data.hint === null ? help
          : data.hint === "rule" ? "write ports after `on` in a `deny` at top level (`deny on tcp 22`), addresses after `from`"
          : MEMBER_HINTS[data.hint],
      };
  }
}

function parameter(data: SyntaxData["ING115"]): Words {
  switch (data.fault) {
    case "twice":
      return { message: `${quote(data.text)} appears twice in the list of parameters`, help: "give one of them another name", related: ["first here"] };
    case "joined":
      return {
        message: `${quote(data.text)} joins a parameter with other text`,
        help: "a parameter is replaced by a whole word such as `127.0.0.1:8080`: let the argument be all of it",
      };
    case "outside":
      return { message: `${quote(data.text)} is used outside of a template`, help: "use a parameter in the block of the template that lists it" };
    case "unknown":
      return {
        message: `${quote(data.text)} is not a parameter of ${quote(data.template)}`,
        help:
          data.near === null ?
            `add it to the list: \`template ${data.template}(${[...(data.params ?? ["…"]), data.text].join(", ")})\``
          : didYouMean(data.near),
        related: ["of this template"],
      };
    case "template_name":
      return data.statement === "use" ?
          { message: "a parameter can't be the name of a template", help: "write the template's name" }
        : { message: "a template's name can't be a parameter", help: "write a name" };
  }
}
