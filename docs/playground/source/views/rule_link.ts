// A rule in a table, as a button that goes to its place in the editor.
import { button } from "../dom.ts";
import type { RuleText } from "../messages.ts";

export type GoTo = (line: number, column: number) => void;

export function ruleLink({ text, line, column }: RuleText, goTo: GoTo): Node {
  return button(`${text}, line ${line}`, () => goTo(line, column));
}
