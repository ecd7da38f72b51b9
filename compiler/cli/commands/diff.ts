// ingressc diff: what a change opens and closes.
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import { differenceOf } from "../../analysis/difference.ts";
import { withinBudget } from "../../analysis/permitted.ts";
import { differenceLines, type DiffLine } from "../analysis/difference_lines.ts";
import { readNodes } from "../analysis/nodes.ts";
import { readSide, type Side } from "../analysis/side.ts";
import type { Surroundings } from "../command.ts";
import { count, usage, type Outcome } from "../outcome.ts";
import type { Paint } from "../terminal.ts";

const FORMATS = ["text", "markdown"] as const;
type Format = (typeof FORMATS)[number];

/** Characters of a report; a comment of a merge request has no room for more. */
const MOST_CHARACTERS = 65_536;

export async function run(args: Arguments, { progress }: Surroundings): Promise<Outcome> {
  const [old = "", now = ""] = args.operands;
  const format = FORMATS.find((f) => f === (args.flags.get("format") ?? "text"));
  if (format === undefined)
    return usage(
      "unknown_format",
      `there is no format \`${args.flags.get("format") ?? ""}\``,
      "write `text` or `markdown`; `--json` has an envelope for programs",
    );
  const nodes = readNodes(args);
  if (!nodes.ok) return nodes.error;
  const before = readSide(old, progress);
  if (!before.ok) return before.error;
  const after = readSide(now, progress);
  if (!after.ok) return after.error;
  return compared(before.value, after.value, format, nodes.value, args.flags.has("equivalent"));
}

function compared(before: Side, after: Side, format: Format, nodes: number, equivalent: boolean): Outcome {
  const result = withinBudget(() => {
    const difference = differenceOf(before.model, after.model, nodes);
    const lines = differenceLines(difference, before, after);
    return { lines, used: difference.space.diagrams.nodes };
  });
  if (!result.ok) {
    return {
      class: "no",
      code: "policy.not_proven",
      message: `not proven: treat as opened; the difference of \`${before.path}\` and \`${after.path}\` needs more than ${count(nodes, "node")}`,
      help: "give it more with `--nodes N`, or compare smaller steps",
      data: { proven: false, nodes },
    };
  }
  const { lines, used } = result.value;
  const openings = lines.filter(({ effect }) => effect === "opens").length;
  const closings = lines.filter(({ effect }) => effect === "closes").length;
  const counts = `${count(openings, "opening")}, ${count(closings, "closing")}`;
  const no = equivalent ? lines.length > 0 : openings > 0;
  const message =
    lines.length === 0 ? `\`${before.path}\` and \`${after.path}\` are equivalent`
    : equivalent ? `\`${before.path}\` and \`${after.path}\` differ: ${counts}`
    : counts;
  return {
    class: no ? "no" : "ok",
    code:
      lines.length === 0 ? "policy.equivalent"
      : no && !equivalent ? "policy.opens"
      : equivalent ? "policy.differs"
      : "policy.opens_nothing",
    message,
    data: { proven: true, nodes: used, equivalent: lines.length === 0, openings, closings, changes: lines.map(lineJson) },
    ...(format === "markdown" ?
      { document: true as const, report: () => cut([`### ${counts}`, ...lines.map(markdownLine)], "\n") }
    : { report: (p: Paint) => cut([...lines.map((line) => textLine(line, p)), ...(no ? [] : [message])], "\n") }),
  };
}

function lineJson({ kind, effect, listener, place, text, rows, witness, fact }: DiffLine): unknown {
  return { kind, effect, listener, place, text, ...(rows !== null && { rows: rows.rows, moreRows: rows.more }), witness, ...(fact !== null && { fact }) };
}

function textLine(line: DiffLine, p: Paint): string {
  const sign =
    line.effect === "opens" ? p.bad("+")
    : line.effect === "closes" ? p.good("-")
    : " ";
  return `${sign} ${p.bold(line.listener)}${placeOf(line)}: ${plain(line.text)}${exampleOf(line, "\n    for example: ", "")}`;
}

/** Texts have marks around words for Markdown; a terminal shows the words alone. */
function plain(text: string): string {
  return text.replaceAll("`", "");
}

function markdownLine(line: DiffLine): string {
  return `**${line.listener}**${placeOf(line)}: ${line.text}${exampleOf(line, "; for example `", "`")}  `;
}

function placeOf({ place }: DiffLine): string {
  return place === "" ? "" : ` (${place})`;
}

function exampleOf({ witness }: DiffLine, before: string, after: string): string {
  return witness === null ? "" : `${before}${witness}${after}`;
}

/** Whole lines, and how many are not shown. */
function cut(lines: readonly string[], end: string): string {
  const shown: string[] = [];
  let length = 0;
  for (const line of lines) {
    length += line.length + end.length;
    if (length > MOST_CHARACTERS - 100) return [...shown, `and ${lines.length - shown.length} lines more (\`--json\` has all of them)`].join(end);
    shown.push(line);
  }
  return shown.join(end);
}
