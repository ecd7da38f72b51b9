// Errors and warnings as a list: each with its place, its remedy, and the remedy as an edit where there is one.
import { button, element, paragraph, words } from "../dom.ts";
import type { Problem } from "../messages.ts";
import type { GoTo } from "./rule_link.ts";

const PAGE = "diagnostics.md";

export function problemsView(problems: readonly Problem[], goTo: GoTo, apply: (fix: NonNullable<Problem["fix"]>) => void): Node {
  if (problems.length === 0) return paragraph("None.");
  const items = problems.map(({ severity, code, message, place: { line, column }, help, fix }) =>
    element(
      "li",
      { class: severity },
      element("strong", {}, `${severity} ${code}`),
      ": ",
      ...words(message),
      " ",
      button(`Line ${line}, column ${column}`, () => goTo(line, column)),
      help === null ? null : paragraph(words(`Help: ${help}`)),
      fix === null ? null : button(`Apply the fix of ${code} in line ${line}`, () => apply(fix)),
    ),
  );
  return element(
    "div",
    {},
    element("ul", { class: "items" }, ...items),
    paragraph(`The page ${PAGE} of the documentation explains each code.`, { class: "hint" }),
  );
}
