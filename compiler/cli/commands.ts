// The register of commands: one row here and one file in commands/.
import type { Command } from "./command.ts";
import { build } from "./commands/build.ts";
import { check } from "./commands/check.ts";
import { explain } from "./commands/explain.ts";
import { exportSource } from "./commands/export.ts";
import { fmt } from "./commands/fmt.ts";
import { importSource } from "./commands/import.ts";
import { inspect } from "./commands/inspect.ts";
import { keygen } from "./commands/keygen.ts";
import { sign } from "./commands/sign.ts";
import { test } from "./commands/test.ts";
import { verify } from "./commands/verify.ts";

export const COMMANDS = {
  check, build, test, explain, inspect, fmt, export: exportSource, import: importSource, keygen, sign, verify,
} as const satisfies Readonly<Record<string, Command>>;
