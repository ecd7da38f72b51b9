// The results of the policy's tests, which ran in the module, and of its invariants.
import { button, element, paragraph, table, words } from "../dom.ts";
import type { Claim, TestLine } from "../messages.ts";
import type { GoTo } from "./rule_link.ts";

export function testsView(lines: readonly TestLine[] | null, goTo: GoTo): Node {
  if (lines === null) return paragraph("The tests run when the policy has no error.");
  if (lines.length === 0) return paragraph("The policy has no tests.");
  const failed = lines.filter(({ passed }) => !passed).length;
  const sorted = [...lines.filter(({ passed }) => !passed), ...lines.filter(({ passed }) => passed)];
  return element(
    "div",
    {},
    paragraph(failed === 0 ? `All ${lines.length} test lines pass.` : `${failed} of ${lines.length} test lines fail.`, {
      class: failed === 0 ? "allow" : "deny",
    }),
    table(
      "Test lines, those that fail first",
      ["Line", "Result", "Request", "Expected", "Actual"],
      sorted.map(({ test, question, expected, actual, passed, place: { line, column }, because }) => [
        button(`${line}`, () => goTo(line, column), { "aria-label": `Line ${line} of the policy` }),
        element("span", { class: passed ? "allow" : "deny" }, passed ? "pass" : "fail"),
        element("span", {}, element("code", {}, question), element("br"), element("span", { class: "hint" }, test)),
        expected,
        passed ? actual : element("span", {}, ...words(`${actual} (${because})`)),
      ]),
    ),
  );
}

const VERDICTS: Readonly<Record<Claim["verdict"], string>> = { proven: "proven", not_proven: "not proven", false: "false" };

/** Null where the policy has no invariant. */
export function claimsView(claims: readonly Claim[], goTo: GoTo): Node | null {
  if (claims.length === 0) return null;
  return table(
    "Invariants",
    ["Line", "Result", "Claim", "A request that contradicts it"],
    claims.map(({ invariant, claim, verdict, place: { line, column }, witness }) => [
      button(`${line}`, () => goTo(line, column), { "aria-label": `Line ${line} of the policy` }),
      element("span", { class: verdict === "proven" ? "allow" : "deny" }, VERDICTS[verdict]),
      element("span", {}, element("code", {}, claim), element("br"), element("span", { class: "hint" }, invariant)),
      witness === null ? "none" : element("span", {}, ...words(witness)),
    ]),
  );
}
