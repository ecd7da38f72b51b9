// The decision path of a request: a picture of its phases, and a table with the same content.
import { element, paragraph, picture, shape, table, words } from "../dom.ts";
import type { Explained, Path, PathStep, Verdict } from "../messages.ts";
import { ruleLink, type GoTo } from "./rule_link.ts";

export const VERDICT_WORDS: Readonly<Record<Verdict, string>> = { allow: "allow", deny: "deny", depends: "open" };
const SIGNS: Readonly<Record<Verdict, string>> = { allow: "✓", deny: "✕", depends: "…" };
const [WIDTH, HEIGHT, GAP, COLUMNS] = [136, 56, 24, 4];

export function decisionView(explained: Explained, goTo: GoTo): Node {
  if ("trouble" in explained)
    return element(
      "div",
      {},
      paragraph(words(explained.trouble), { class: "deny" }),
      explained.help === null ? null : paragraph(words(`Help: ${explained.help}`)),
    );
  return element("div", {}, ...explained.paths.map((path, i) => pathView(path, explained.paths.length > 1 ? ` ${i + 1}` : "", goTo)));
}

function pathView(path: Path, number: string, goTo: GoTo): Node {
  const { listener, verdict, verdictText, steps, notes, nearMisses } = path;
  return element(
    "div",
    {},
    element("p", { class: verdict }, `${SIGNS[verdict]} ${verdictText}${listener === null ? "" : ` at ${listener}`}`),
    picture(`decision path${number}`, pathPicture(path)),
    table(
      `Phases of the decision${number}`,
      ["Phase", "Decided about", "Result", "Why", "Rule"],
      steps.map((step) => [
        step.phase,
        step.what,
        element("span", { class: step.verdict }, `${SIGNS[step.verdict]} ${VERDICT_WORDS[step.verdict]}`),
        element("span", {}, ...words(step.says)),
        element("span", {}, step.rule === null ? "" : ruleLink(step.rule, goTo), ...step.overrides.flatMap((rule) => [" overrides ", ruleLink(rule, goTo)])),
      ]),
    ),
    notes.length === 0 ? null : element("ul", {}, ...notes.map((note) => element("li", {}, ...words(note)))),
    nearMisses.length === 0 ?
      null
    : element(
        "ul",
        {},
        ...nearMisses.map(({ text, rule }) => element("li", {}, ...words(text), rule === null ? null : ", by ", rule === null ? null : ruleLink(rule, goTo))),
      ),
  );
}

/** One box for each phase, and the verdict behind the last; several rows of boxes where there are many. */
function pathPicture({ steps, verdict, verdictText }: Path): SVGSVGElement {
  const boxes = [...steps.map(boxOf), { title: "verdict", text: verdictText, verdict }];
  const placeOf = (i: number): readonly [x: number, y: number] => [2 + (i % COLUMNS) * (WIDTH + GAP), 2 + Math.floor(i / COLUMNS) * (HEIGHT + GAP)];
  const parts = boxes.flatMap(({ title, text, verdict: own }, i) => {
    const [x, y] = placeOf(i);
    return [
      shape("rect", { x, y, width: WIDTH, height: HEIGHT, rx: 6, class: `fill-${own}` }),
      shape("text", { x: x + 8, y: y + 22 }, `${SIGNS[own]} ${title}`),
      shape("text", { x: x + 8, y: y + 44, class: "small" }, shortened(text)),
      i === boxes.length - 1 ? null : shape("path", { class: "arrow", d: arrow(placeOf(i), placeOf(i + 1)) }),
    ];
  });
  const height = Math.ceil(boxes.length / COLUMNS) * (HEIGHT + GAP) - GAP + 4;
  const label = `Path: ${boxes.map(({ title, text, verdict: own }) => `${title} ${VERDICT_WORDS[own]}${text === "" ? "" : ` (${text})`}`).join(", then ")}`;
  return shape("svg", { viewBox: `0 0 ${COLUMNS * (WIDTH + GAP) - GAP + 4} ${height}`, role: "img", "aria-label": label }, ...parts);
}

/** From a box to the next one, beside it or at the begin of the next row. */
function arrow([x, y]: readonly [number, number], [toX, toY]: readonly [number, number]): string {
  if (y === toY) return `M ${x + WIDTH + 3} ${y + HEIGHT / 2} h ${GAP - 8} m -6 -5 l 6 5 l -6 5`;
  return `M ${x + WIDTH / 2} ${y + HEIGHT + 2} v ${GAP / 2 - 2} H ${toX + WIDTH / 2} v ${GAP / 2 - 4} m -5 -5 l 5 5 l 5 -5`;
}

function boxOf({ phase, verdict, says }: PathStep): { readonly title: string; readonly text: string; readonly verdict: Verdict } {
  return { title: phase, text: verdict === "deny" ? (says.split(":")[0] ?? "") : VERDICT_WORDS[verdict], verdict };
}

function shortened(text: string): string {
  return text.length <= 20 ? text : `${text.slice(0, 19)}…`;
}
