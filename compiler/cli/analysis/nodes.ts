// `--nodes N`, for the commands that analyse.
import { failed, ok, type Result } from "../../../runtime/result/result.ts";
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import { MOST_NODES } from "../../analysis/budget.ts";
import { usage, type Outcome } from "../outcome.ts";

/** Of four numbers of 32 bits each; with tables and caches a node takes about forty bytes. */
const MOST = 64_000_000;

export function readNodes({ flags }: Arguments): Result<number, Outcome> {
  const word = flags.get("nodes");
  if (word === undefined) return ok(MOST_NODES);
  const nodes = /^[1-9][0-9]{0,8}$/.test(word) ? Number(word) : 0;
  if (nodes > 0 && nodes <= MOST) return ok(nodes);
  return failed(usage("nodes", `\`${word}\` is no number of nodes`, `write a whole number from 1 to ${MOST}; without \`--nodes\` it is ${MOST_NODES}`));
}
