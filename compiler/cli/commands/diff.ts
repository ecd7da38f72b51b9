// ingressc diff: what a change opens and closes.
import { ok } from "../../../runtime/result/result.ts";
import { printableJson } from "../../../runtime/shell/printable.ts";
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import { differenceOf } from "../../analysis/difference.ts";
import { withinBudget } from "../../analysis/permitted.ts";
import { entryJson, lineJson } from "../analysis/difference_json.ts";
import { differenceLines, type DiffLine } from "../analysis/difference_lines.ts";
import { endsSoon, endText, type EndsSoon } from "../analysis/ends_soon.ts";
import { readNodes } from "../analysis/nodes.ts";
import type { Side } from "../analysis/side.ts";
import { readSides } from "../analysis/sides.ts";
import { readAccepted, type AcceptedOpening } from "../analysis/accepted.ts";
import { judge, type Judged, type JudgedLine } from "../analysis/judged.ts";
import { sarifText } from "../analysis/sarif.ts";
import type { Surroundings } from "../command.ts";
import { timeText } from "../../wording/time_text.ts";
import { count, usage, type Outcome } from "../outcome.ts";
import type { Paint } from "../terminal.ts";

const FORMATS = ["text", "markdown", "json", "sarif"] as const;
type Format = (typeof FORMATS)[number];

/** Characters of a report; a comment of a merge request has no room for more. */
const MOST_CHARACTERS = 65_536;
const SHAPE = "write `ingressc diff OLD NEW`, or `ingressc diff --git REV FILE`";

interface Request {
  readonly before: Side;
  readonly after: Side;
  readonly format: Format;
  /** Whether the answer is for programs, so that it has every request. */
  readonly isData: boolean;
  readonly nodes: number;
  readonly equivalent: boolean;
  readonly accepted: readonly AcceptedOpening[];
  readonly wallSeconds: number;
}

export async function run(args: Arguments, { progress, wallSeconds }: Surroundings): Promise<Outcome> {
  const format = FORMATS.find((f) => f === (args.flags.get("format") ?? "text"));
  if (format === undefined)
    return usage("unknown_format", `there is no format \`${args.flags.get("format") ?? ""}\``, "write `text`, `markdown`, `json` or `sarif`");
  const nodes = readNodes(args);
  if (!nodes.ok) return nodes.error;
  const equivalent = args.flags.has("equivalent");
  const accept = args.flags.get("accept");
  if (equivalent && accept !== undefined) return usage("accept", "`--equivalent` accepts no difference, and `--accept` does", "omit one of them");
  const accepted = accept === undefined ? ok([]) : readAccepted(accept);
  if (!accepted.ok) return accepted.error;
  const sides = readSides(args, progress, SHAPE);
  if (!sides.ok) return sides.error;
  progress.begin("comparing who is admitted");
  return compared({
    ...sides.value,
    format,
    isData: format === "json" || args.flags.has("json"),
    nodes: nodes.value,
    equivalent,
    accepted: accepted.value,
    wallSeconds,
  });
}

function compared(request: Request): Outcome {
  const { before, after, nodes, accepted, wallSeconds } = request;
  const unverified = before.isModule || after.isModule;
  const result = withinBudget(() => {
    const names = accepted.flatMap(({ sni }) => sni ?? []);
    const difference = differenceOf(before.model, after.model, nodes, names);
    const judged = judge(difference.space, differenceLines(difference, before, after), accepted, wallSeconds);
    const changes = request.isData ? judged.lines.map((line) => lineJson(difference.space, line)) : [];
    return { judged, changes, used: difference.space.diagrams.nodes };
  });
  if (!result.ok) {
    const data = { proven: false, nodes, unverified };
    return {
      ...documentOf(request.format, data),
      class: "no",
      code: "policy.not_proven",
      message: `not proven: treat as opened; the difference of \`${before.path}\` and \`${after.path}\` needs more than ${count(nodes, "node")}`,
      help: "give it more with `--nodes N`, or compare smaller steps",
      data,
    };
  }
  return judgedOutcome(request, result.value);
}

/** The data alone, for `--format json`. */
function documentOf(format: Format, data: unknown): Partial<Outcome> {
  return format === "json" ? { document: true, exact: true, report: () => `${printableJson(data)}\n` } : {};
}

interface Found {
  readonly judged: Judged;
  /** Of every line, for programs. */
  readonly changes: readonly unknown[];
  readonly used: number;
}

function judgedOutcome({ before, after, format, equivalent, wallSeconds }: Request, { judged, changes, used }: Found): Outcome {
  const { lines, expired, unused } = judged;
  const soon = endsSoon(after.model, wallSeconds);
  const modules = [before, after].filter(({ isModule }) => isModule);
  const openings = lines.filter(({ line, accepted }) => line.effect === "opens" && accepted.length === 0).length;
  const closings = lines.filter(({ line }) => line.effect === "closes").length;
  const acceptedCount = lines.filter(({ accepted }) => accepted.length > 0).length;
  const counts = `${count(openings, "opening")}, ${count(closings, "closing")}${acceptedCount === 0 ? "" : `, ${acceptedCount} accepted`}`;
  const no = equivalent ? lines.length > 0 : openings > 0;
  const message =
    lines.length === 0 ? `\`${before.path}\` and \`${after.path}\` are equivalent`
    : equivalent ? `\`${before.path}\` and \`${after.path}\` differ: ${counts}`
    : counts;
  const notes = [
    ...soon.map((end) => endText(end, wallSeconds)),
    ...expired.map(({ listener, owner, until, place }) => `the accepted opening of \`${listener}\` by ${owner} ended at ${timeText(until)} (${place})`),
    ...unused.map(({ listener, owner, place }) => `the accepted opening of \`${listener}\` by ${owner} is not needed: nothing of it opens (${place})`),
    ...modules.map(({ path }) => `\`${path}\` is a module, and what it says of itself was believed: verify its signature with \`ingressc verify\``),
  ];
  const data = {
    proven: true,
    nodes: used,
    equivalent: lines.length === 0,
    openings,
    closings,
    accepted: acceptedCount,
    changes,
    endsSoon: soon.map(soonJson),
    expired: expired.map(entryJson),
    unused: unused.map(entryJson),
    unverified: modules.length > 0,
  };
  return {
    class: no ? "no" : "ok",
    code:
      lines.length === 0 ? "policy.equivalent"
      : no && !equivalent ? "policy.opens"
      : equivalent ? "policy.differs"
      : "policy.opens_nothing",
    message,
    data,
    ...(format === "json" ? documentOf(format, data)
    : format === "sarif" ? { document: true as const, report: () => sarifText(lines, before, after, MOST_CHARACTERS) }
    : format === "markdown" ?
      { document: true as const, report: () => cut([`### ${counts}`, ...lines.map(markdownLine), ...notes.map((note) => `_${note}_  `)], "\n") }
    : { report: (p: Paint) => cut([...lines.map((line) => textLine(line, p)), ...notes.map((note) => `! ${plain(note)}`), ...(no ? [] : [message])], "\n") }),
  };
}

function soonJson({ listener, proto, until }: EndsSoon): unknown {
  return { listener, proto, until: timeText(until) };
}

function textLine({ line, accepted }: JudgedLine, p: Paint): string {
  const sign =
    accepted.length > 0 ? "~"
    : line.effect === "opens" ? p.bad("+")
    : line.effect === "closes" ? p.good("-")
    : " ";
  return `${sign} ${p.bold(line.listener)}${placeOf(line)}: ${plain(line.text)}${exampleOf(line, "\n    for example: ", "")}${acceptedText(accepted, "\n    ")}`;
}

function acceptedText(accepted: readonly AcceptedOpening[], before: string): string {
  return accepted.map(({ owner, until, why }) => `${before}accepted by ${owner} until ${timeText(until)}: ${why}`).join("");
}

/** Texts have marks around words for Markdown; a terminal shows the words alone. */
function plain(text: string): string {
  return text.replaceAll("`", "");
}

function markdownLine({ line, accepted }: JudgedLine): string {
  return `**${line.listener}**${placeOf(line)}: ${line.text}${exampleOf(line, "; for example `", "`")}${acceptedText(accepted, "; ")}  `;
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
    if (length > MOST_CHARACTERS - 100) return [...shown, `and ${count(lines.length - shown.length, "line")} more (\`--json\` has all of them)`].join(end);
    shown.push(line);
  }
  return shown.join(end);
}
