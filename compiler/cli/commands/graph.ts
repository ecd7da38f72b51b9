// ingressc graph: the exposure matrix of a policy, or of a change, as a picture, a table or data.
import { realPaths, writeModule } from "../write.ts";
import { failed, ok, type Result } from "../../../runtime/result/result.ts";
import { printableJson } from "../../../runtime/shell/printable.ts";
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import { matrixOf, type Matrix } from "../../graph/matrix.ts";
import { matrixSvg } from "../../graph/svg.ts";
import { matrixTable } from "../../graph/table.ts";
import { summaryText } from "../../graph/cell_words.ts";
import { matrixJson } from "../analysis/matrix_json.ts";
import { readNodes } from "../analysis/nodes.ts";
import { readSide, type Side } from "../analysis/side.ts";
import { readSides } from "../analysis/sides.ts";
import type { Surroundings } from "../command.ts";
import { count, usage, type Outcome } from "../outcome.ts";
import type { Progress } from "../progress.ts";
import { shownName } from "../standard_input.ts";

const FORMATS = ["svg", "text", "json"] as const;
const SHAPE = "write `ingressc graph FILE`, `ingressc graph OLD NEW`, or `ingressc graph --git REV FILE`";

interface Drawn {
  /** Null: one policy is drawn. */
  readonly before: Side | null;
  readonly after: Side;
}

export async function run(args: Arguments, { progress }: Surroundings): Promise<Outcome> {
  const format = FORMATS.find((f) => f === (args.flags.get("format") ?? "svg"));
  if (format === undefined) return usage("unknown_format", `there is no format \`${args.flags.get("format") ?? ""}\``, "write `svg`, `text` or `json`");
  const nodes = readNodes(args);
  if (!nodes.ok) return nodes.error;
  const drawn = readDrawn(args, progress);
  if (!drawn.ok) return drawn.error;
  const { before, after } = drawn.value;
  progress.begin("computing who is admitted");
  const matrix = matrixOf(before, after, { nodes: nodes.value });
  if (!matrix.ok) {
    return {
      class: "no",
      code: "policy.not_proven",
      message: `not proven: the matrix needs more than ${count(nodes.value, "node")}`,
      help: "give it more with `--nodes N`; nothing was drawn",
      data: { proven: false, nodes: nodes.value },
    };
  }
  const title = titleOf(drawn.value);
  const data = { ...matrixJson(matrix.value), unverified: [before, after].some((side) => side?.isModule === true) };
  const text = textOf(format, matrix.value, title, data);
  const out = args.flags.get("out");
  const message = `drew \`${title}\` (${summaryText(matrix.value)})`;
  if (out === undefined) {
    const document = format === "text" ? { report: () => text.trimEnd() } : { report: () => text, document: true as const, exact: true as const };
    return { class: "ok", code: "policy.graphed", message, data, ...document };
  }
  const trouble = await writeModule(out, Buffer.from(text), await realPaths(args.operands), "-o", "picture");
  return trouble ?? { class: "ok", code: "policy.graphed", message: `${message} in \`${out}\``, data: { ...data, out } };
}

function readDrawn(args: Arguments, progress: Progress): Result<Drawn, Outcome> {
  if (args.flags.has("git") || args.operands.length === 2) return readSides(args, progress, SHAPE);
  const [file = ""] = args.operands;
  if (args.operands.length !== 1) return failed(usage("operands", `expected one file or two, found ${args.operands.length}`, SHAPE));
  const side = readSide(file, progress);
  return side.ok ? ok({ before: null, after: side.value }) : side;
}

function titleOf({ before, after }: Drawn): string {
  return [before, after].flatMap((side) => (side === null ? [] : [shownName(side.path)])).join(" → ");
}

/** With a final newline. */
function textOf(format: (typeof FORMATS)[number], matrix: Matrix, title: string, data: unknown): string {
  if (format === "svg") return matrixSvg(matrix, title);
  return `${format === "text" ? matrixTable(matrix, title) : printableJson(data)}\n`;
}
