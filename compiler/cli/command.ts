// The shape of a command; commands.ts is the register, one file a command stands in commands/.
import type { Arguments, FlagSpecs } from "./arguments.ts";
import type { Outcome } from "./outcome.ts";
import type { Progress } from "./progress.ts";

export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** Names of the operands, all required; the last may end in `...` and stands for one or more. */
  readonly operands: readonly string[];
  /** Its own flags, beside the common ones. */
  readonly flags: FlagSpecs;
  /** What it does, for `--help`; ends with examples. */
  readonly manual: string;
  run(args: Arguments, surroundings: Surroundings): Promise<Outcome>;
}

export interface Surroundings {
  /** Aborted by Ctrl-C or SIGTERM; only a command that stays listens to it. */
  readonly stop: AbortSignal;
  /** The time now, in UTC seconds. */
  readonly wallSeconds: number;
  /** Told what the command is busy with; `show` ends it. */
  readonly progress: Progress;
  /** Shows an outcome at once, for a command that has several. */
  show(outcome: Outcome): void;
}
