// The register of commands: one row here and one file in commands/.
import type { Command } from "./command.ts";
import { build } from "./commands/build.ts";
import { check } from "./commands/check.ts";
import { explain } from "./commands/explain.ts";
import { inspect } from "./commands/inspect.ts";
import { test } from "./commands/test.ts";

export const COMMANDS = { check, build, test, explain, inspect } as const satisfies Readonly<Record<string, Command>>;
