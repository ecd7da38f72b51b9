// The commands that answer from the analysis of a policy, and the hovers of `lsp`, loaded together.
import { run as diffRun } from "./diff.ts";
import { run as driftRun } from "./drift.ts";
import { run as graphRun } from "./graph.ts";
import { run as proveRun } from "./prove.ts";
import { run as whoRun } from "./who.ts";
export { describe } from "../lsp/hover.ts";
import type { Run } from "../command.ts";

export const ANALYSIS_COMMANDS = {
  diff: { run: diffRun },
  graph: { run: graphRun },
  drift: { run: driftRun },
  who: { run: whoRun },
  prove: { run: proveRun },
} as const satisfies Readonly<Record<string, { readonly run: Run }>>;
