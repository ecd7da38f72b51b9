// The two policies of a comparison, as the words of a command name them: OLD and NEW, or one file with `--git REV`.
import { failed, ok, type Result } from "../../../runtime/result/result.ts";
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import { SharedSets } from "../../analysis/model.ts";
import { usage, type Outcome } from "../outcome.ts";
import type { Progress } from "../progress.ts";
import { readRevision } from "./git_side.ts";
import { readSide, type Side } from "./side.ts";

export interface TwoSides {
  readonly before: Side;
  readonly after: Side;
}

/** `shape`: how the command is written, as advice. */
export function readSides({ operands, flags }: Arguments, progress: Progress, shape: string): Result<TwoSides, Outcome> {
  const rev = flags.get("git");
  const wanted = rev === undefined ? 2 : 1;
  if (operands.length !== wanted)
    return failed(usage("operands", `expected ${rev === undefined ? "two files" : "one file with `--git`"}, found ${operands.length}`, shape));
  const [first = "", second = first] = operands;
  const shared = new SharedSets();
  const before = rev === undefined ? readSide(first, progress, shared) : readRevision(rev, first, progress, shared);
  if (!before.ok) return before;
  const after = readSide(second, progress, shared);
  return after.ok ? ok({ before: before.value, after: after.value }) : after;
}
