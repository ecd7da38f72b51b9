// Chevrotain comes as a hundred files, with six hundred of lodash-es behind them, and as one file of
// the same code, which its package does not export by name. This puts the one in place of the many:
// ingressc starts in half the time. Where the file is not there, nothing changes.
import { existsSync } from "node:fs";
import * as modules from "node:module";
import { fileURLToPath } from "node:url";
import { initialize, resolveSync } from "./chevrotain_hooks.mjs";

const bundle = new URL("../chevrotain.mjs", import.meta.resolve("chevrotain")).href;
if (existsSync(fileURLToPath(bundle))) {
  if (modules.registerHooks === undefined) modules.register("./chevrotain_hooks.mjs", import.meta.url, { data: bundle });
  else {
    initialize(bundle);
    modules.registerHooks({ resolve: resolveSync });
  }
}
