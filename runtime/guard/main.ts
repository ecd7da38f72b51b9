// The head of ingress-guard: reads the command line, answers help and version, and loads what the command needs.
import { packageVersion } from "../package/files.ts";
import { wantsJson } from "../shell/command_line.ts";
import { endMisused, endWithoutReader, printAnswer } from "../shell/head.ts";
import { parseCommand } from "./arguments.ts";
import { INGRESS_GUARD } from "./command_table.ts";

export async function main(words: readonly string[]): Promise<void> {
  const parsed = parseCommand(words);
  if (!parsed.ok) {
    endWithoutReader();
    return endMisused(INGRESS_GUARD, parsed.error, wantsJson(words));
  }
  const command = parsed.value;
  switch (command.kind) {
    case "help":
    case "version":
      endWithoutReader();
      return printAnswer(INGRESS_GUARD, command, wantsJson(words), packageVersion());
    case "status":
      return (await import("./status_command.ts")).showStatus(command.json);
    case "run":
      return (await import("./guard_program.ts")).guardProgram(command, words);
    default:
      return command satisfies never;
  }
}
