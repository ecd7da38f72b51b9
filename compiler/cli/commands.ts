// The code of each command, loaded when the command runs, so that no command slows the start of another.
import type { Arguments } from "../../runtime/shell/command_line.ts";
import type { Surroundings } from "./command.ts";
import type { CommandName } from "./command_table.ts";
import type { Outcome } from "./outcome.ts";

export type Run = (args: Arguments, surroundings: Surroundings) => Promise<Outcome>;

export const RUNS: Readonly<Record<CommandName, () => Promise<{ readonly run: Run }>>> = {
  check: () => import("./commands/check.ts"),
  build: () => import("./commands/build.ts"),
  prove: () => import("./commands/prove.ts"),
  test: () => import("./commands/test.ts"),
  explain: () => import("./commands/explain.ts"),
  diff: () => import("./commands/diff.ts"),
  who: () => import("./commands/who.ts"),
  replay: () => import("./commands/replay.ts"),
  learn: () => import("./commands/learn.ts"),
  list: () => import("./commands/list.ts"),
  inspect: () => import("./commands/inspect.ts"),
  fmt: () => import("./commands/fmt.ts"),
  export: () => import("./commands/export.ts"),
  import: () => import("./commands/import.ts"),
  init: () => import("./commands/init.ts"),
  keygen: () => import("./commands/keygen.ts"),
  sign: () => import("./commands/sign.ts"),
  verify: () => import("./commands/verify.ts"),
};
