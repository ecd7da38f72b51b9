// The commands that read what other programs have written, loaded together.
import { run as learnRun } from "./learn.ts";
import { run as listRun } from "./list.ts";
import { run as replayRun } from "./replay.ts";
import type { Run } from "../command.ts";

export const TRAFFIC_COMMANDS = { replay: { run: replayRun }, learn: { run: learnRun }, list: { run: listRun } } as const satisfies Readonly<
  Record<string, { readonly run: Run }>
>;
