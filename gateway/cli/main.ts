// The head of ingressd: reads the command line, answers help and version, and loads what the command needs. Everything
// that decides or listens is behind `import()`, so that no command costs another one's start.
import { wantsJson } from "../../runtime/shell/command_line.ts";
import { endMisused, endWithoutReader, printAnswer } from "../../runtime/shell/head.ts";
import { prepareThread } from "../../runtime/host/load_thread.ts";
import { packageVersion } from "../../runtime/package/files.ts";
import { parseCommand } from "./arguments.ts";
import { INGRESSD } from "./command_table.ts";

export async function main(words: readonly string[]): Promise<void> {
  const parsed = parseCommand(words);
  if (!parsed.ok) {
    endWithoutReader();
    return endMisused(INGRESSD, parsed.error, wantsJson(words));
  }
  const command = parsed.value;
  switch (command.kind) {
    case "help":
    case "version":
      endWithoutReader();
      return printAnswer(INGRESSD, command, wantsJson(words), packageVersion());
    case "status":
    case "reload":
    case "reopen":
    case "block":
    case "unblock":
    case "blocks":
    case "explain":
      return (await import("./orders.ts")).runOrder(command);
    case "check-config":
      return (await import("./check_config.ts")).runCheckConfig(command);
    case "expose":
      return (await import("./expose_command.ts")).runExpose(command.intent);
    case "serve":
      prepareThread();
      return (await import("./serve.ts")).serve(command);
    default:
      return command satisfies never;
  }
}
