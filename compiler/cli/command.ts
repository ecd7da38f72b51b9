// The inputs of a command beside its arguments. Its row of the command table is in specs/, what it does is in commands/.
import type { Arguments } from "../../runtime/shell/command_line.ts";
import type { Outcome } from "./outcome.ts";
import type { Progress } from "./progress.ts";

export interface Surroundings {
  /** Aborted by Ctrl-C or SIGTERM; only a command that keeps running listens to it. */
  readonly stop: AbortSignal;
  /** The time now, in UTC seconds. */
  readonly wallSeconds: number;
  /** Gets what the command is busy with; `show` ends it. */
  readonly progress: Progress;
  /** Shows an outcome at once, for a command that has several. */
  show(outcome: Outcome): void;
}

export type Run = (args: Arguments, surroundings: Surroundings) => Promise<Outcome>;
