// The address strip: ranges of addresses from left to right, the module's answer above, one layer for each rule below, and a table with
// the same content.
import { button, element, paragraph, picture, shape, table, type Child } from "../dom.ts";
import type { Strip } from "../messages.ts";
import { VERDICT_WORDS } from "./decision.ts";
import { ruleLink, type GoTo } from "./rule_link.ts";

const [LABEL, WIDTH, ROW, TOP] = [190, 640, 26, 30];

/** `turn` shows the page that begins with a range. */
export function stripView(strip: Strip | null, pageSize: number, goTo: GoTo, turn: (first: number) => void): Node {
  if (strip === null) return paragraph("The picture is drawn when the policy has no error.");
  const { listener, layers, ranges, first, total } = strip;
  const pages = total > pageSize ? pagesView(first, ranges.length, total, pageSize, turn) : null;
  return element(
    "div",
    {},
    paragraph(
      "Each column is a range of source addresses in which every rule says the same; the columns are not to scale. Caps and limits are not in the picture.",
      { class: "hint" },
    ),
    pages,
    picture("address strip", stripPicture(strip)),
    table(
      `Addresses and what ${listener} answers`,
      ["Addresses", "How many", "Answer", "Rules that name them"],
      ranges.map(({ text, addresses, verdict, says, layers: own }) => [
        element("code", {}, text),
        addresses,
        element("span", {}, element("span", { class: verdict }, VERDICT_WORDS[verdict]), ` (${says})`),
        element("span", {}, ...own.flatMap((i): Child[] => (layers[i] === undefined ? [] : [ruleLink(layers[i].rule, goTo), " "]))),
      ]),
    ),
    layers.length === 0 ?
      null
    : table(
        `Layers of ${listener}, from the top`,
        ["Rule", "Conditions beside the source", "Effect"],
        layers.map(({ rule, conditions, dryrun, unused }) => [
          ruleLink(rule, goTo),
          conditions.length === 0 ? "none" : conditions.join(", "),
          unused !== null ? `no effect: ${unused}`
          : dryrun ? "only tried out"
          : "has an effect",
        ]),
      ),
  );
}

function pagesView(first: number, shown: number, total: number, pageSize: number, turn: (first: number) => void): Node {
  return element(
    "div",
    { class: "bar", role: "group", "aria-label": "Ranges" },
    button("Previous ranges", () => turn(Math.max(0, first - pageSize)), { disabled: first === 0 }),
    element("span", {}, `Ranges ${first + 1} to ${first + shown} of ${total}`),
    button("Next ranges", () => turn(first + pageSize), { disabled: first + shown >= total }),
  );
}

function stripPicture({ listener, layers, ranges }: Strip): SVGSVGElement {
  const each = (WIDTH - LABEL) / Math.max(1, ranges.length);
  const height = TOP + ROW * (layers.length + 1) + 8;
  const cell = (column: number, row: number, kind: string): Node =>
    shape("rect", { x: LABEL + column * each, y: TOP + row * ROW, width: each, height: ROW - 6, class: kind });
  const rows = [
    ...ranges.map(({ verdict }, i) => cell(i, 0, `fill-${verdict}`)),
    ...layers.flatMap(({ action, unused, dryrun }, row) =>
      ranges.flatMap(({ layers: own }, i) => (own.includes(row) ? [cell(i, row + 1, unused !== null || dryrun ? "fill-unused" : `fill-${action}`)] : [])),
    ),
  ];
  const labels = [
    shape("text", { x: 0, y: TOP + 15 }, "answer"),
    ...layers.map(({ rule: { text, line }, unused, dryrun }, row) =>
      shape(
        "text",
        { x: 0, y: TOP + (row + 1) * ROW + 15, class: "small" },
        shortened(
          `${
            unused !== null ? "∅ "
            : dryrun ? "? "
            : ""
          }${line}: ${text}`,
        ),
      ),
    ),
  ];
  const few = ranges.length <= 8;
  const edges = ranges.map(({ text }, i) => (few ? shape("text", { x: LABEL + i * each, y: 18, class: "small" }, fitting(text, each)) : null));
  const label = `Address strip of ${listener}: ${ranges.length} ranges, ${ranges.filter(({ verdict }) => verdict === "allow").length} of them allowed, ${layers.length} layers, ${layers.filter(({ unused }) => unused !== null).length} without effect. The tables below have the same content.`;
  return shape("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": label }, ...edges, ...rows, ...labels);
}

function shortened(text: string): string {
  return text.length <= 30 ? text : `${text.slice(0, 29)}…`;
}

function fitting(text: string, width: number): string {
  const most = Math.floor(width / 6.2);
  return text.length <= most ? text : `${text.slice(0, Math.max(1, most - 1))}…`;
}
