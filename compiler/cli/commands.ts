// The code of each command, loaded when the command runs, so that no command slows the start of another. Commands that share most of
// their code are loaded together, because each import of its own becomes several files of the package.
import type { Run } from "./command.ts";
import type { CommandName } from "./command_table.ts";

export const RUNS: Readonly<Record<CommandName, () => Promise<{ readonly run: Run }>>> = {
  check: () => import("./commands/check.ts"),
  build: async () => (await import("./commands/modules.ts")).MODULE_COMMANDS.build,
  prove: async () => (await import("./commands/analysis.ts")).ANALYSIS_COMMANDS.prove,
  test: async () => (await import("./commands/modules.ts")).MODULE_COMMANDS.test,
  explain: async () => (await import("./commands/modules.ts")).MODULE_COMMANDS.explain,
  diff: async () => (await import("./commands/analysis.ts")).ANALYSIS_COMMANDS.diff,
  graph: async () => (await import("./commands/analysis.ts")).ANALYSIS_COMMANDS.graph,
  drift: async () => (await import("./commands/analysis.ts")).ANALYSIS_COMMANDS.drift,
  who: async () => (await import("./commands/analysis.ts")).ANALYSIS_COMMANDS.who,
  replay: async () => (await import("./commands/traffic.ts")).TRAFFIC_COMMANDS.replay,
  learn: async () => (await import("./commands/traffic.ts")).TRAFFIC_COMMANDS.learn,
  list: async () => (await import("./commands/traffic.ts")).TRAFFIC_COMMANDS.list,
  inspect: async () => (await import("./commands/modules.ts")).MODULE_COMMANDS.inspect,
  fmt: async () => (await import("./commands/sources.ts")).SOURCE_COMMANDS.fmt,
  export: async () => (await import("./commands/sources.ts")).SOURCE_COMMANDS.export,
  import: async () => (await import("./commands/sources.ts")).SOURCE_COMMANDS.import,
  init: async () => (await import("./commands/sources.ts")).SOURCE_COMMANDS.init,
  lsp: async () => (await import("./commands/modules.ts")).MODULE_COMMANDS.lsp,
  keygen: async () => (await import("./commands/signatures.ts")).SIGNATURE_COMMANDS.keygen,
  sign: async () => (await import("./commands/signatures.ts")).SIGNATURE_COMMANDS.sign,
  verify: async () => (await import("./commands/signatures.ts")).SIGNATURE_COMMANDS.verify,
  push: async () => (await import("./commands/transfers.ts")).TRANSFER_COMMANDS.push,
  pull: async () => (await import("./commands/transfers.ts")).TRANSFER_COMMANDS.pull,
};
