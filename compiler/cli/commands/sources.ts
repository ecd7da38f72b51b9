// The commands that write policies in another form, and the formatter for `lsp`, loaded together.
import { run as exportRun } from "./export.ts";
import { run as fmtRun } from "./fmt.ts";
import { run as importRun } from "./import.ts";
import { run as initRun } from "./init.ts";
export { format } from "../../format/format.ts";
import type { Run } from "../command.ts";

export const SOURCE_COMMANDS = {
  fmt: { run: fmtRun },
  export: { run: exportRun },
  import: { run: importRun },
  init: { run: initRun },
} as const satisfies Readonly<Record<string, { readonly run: Run }>>;
