// The commands that use a compiled module, loaded together.
import { run as buildRun } from "./build.ts";
import { run as explainRun } from "./explain.ts";
import { run as inspectRun } from "./inspect.ts";
import { run as lspRun } from "./lsp.ts";
import { run as testRun } from "./test.ts";
import type { Run } from "../command.ts";

export const MODULE_COMMANDS = {
  build: { run: buildRun },
  test: { run: testRun },
  explain: { run: explainRun },
  inspect: { run: inspectRun },
  lsp: { run: lspRun },
} as const satisfies Readonly<Record<string, { readonly run: Run }>>;
