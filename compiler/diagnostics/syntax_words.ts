// ING111 to ING114: the edition, and `on` in the wrong place. Their data and their words. The other codes of the
// family ING1xx have their words where they are made.
import { quote } from "./quote.ts";
import type { WordsOf } from "./sentence.ts";

export interface SyntaxData {
  ING111: { readonly fault: "missing" | "not_first" };
  ING112: { readonly edition: string };
  ING113: null;
  ING114: null;
}

export const SYNTAX_WORDS: WordsOf<SyntaxData> = {
  ING111: ({ fault }) =>
    fault === "missing" ?
      { message: "a policy begins with `edition 1`", help: "write it as the first line" }
    : { message: "`edition 1` is not the first statement", help: "move it to the top of the file" },
  ING112: ({ edition }) => ({ message: `edition ${quote(edition)} is not one that this release reads`, help: "this release reads `edition 1`" }),
  ING113: () => ({ message: "`edition` appears twice", help: "keep the first one" }),
  ING114: () => ({
    message: "`on` is only for a `deny` at top level",
    help: "a rule in an expose applies to all its ports; move the rule out of the block, or split the expose",
  }),
};
