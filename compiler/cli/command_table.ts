// The command table of ingressc: one row here, one file in specs/ and one in commands/ for each command.
import type { CommandSpec, ProgramSpec } from "../../runtime/shell/command_table.ts";
import { build } from "./specs/build.ts";
import { check } from "./specs/check.ts";
import { diff } from "./specs/diff.ts";
import { drift } from "./specs/drift.ts";
import { explain } from "./specs/explain.ts";
import { exportSource } from "./specs/export.ts";
import { fmt } from "./specs/fmt.ts";
import { graph } from "./specs/graph.ts";
import { importSource } from "./specs/import.ts";
import { init } from "./specs/init.ts";
import { inspect } from "./specs/inspect.ts";
import { keygen } from "./specs/keygen.ts";
import { learn } from "./specs/learn.ts";
import { list } from "./specs/list.ts";
import { lsp } from "./specs/lsp.ts";
import { pull } from "./specs/pull.ts";
import { push } from "./specs/push.ts";
import { replay } from "./specs/replay.ts";
import { prove } from "./specs/prove.ts";
import { sign } from "./specs/sign.ts";
import { test } from "./specs/test.ts";
import { verify } from "./specs/verify.ts";
import { who } from "./specs/who.ts";

const JSON_FLAG = { json: { short: null, value: null, says: "answer with one JSON envelope per line" } } as const;

const withJson = <T extends CommandSpec>(spec: T): T & CommandSpec => ({ ...spec, flags: { ...spec.flags, ...JSON_FLAG } });

const COMMANDS = {
  check,
  build,
  prove,
  test,
  explain,
  diff,
  graph,
  drift,
  who,
  replay,
  learn,
  list,
  inspect,
  fmt,
  export: exportSource,
  import: importSource,
  init,
  lsp,
  keygen,
  sign,
  verify,
  push,
  pull,
} as const satisfies Readonly<Record<string, CommandSpec>>;

export type CommandName = keyof typeof COMMANDS;

export const INGRESSC: ProgramSpec = {
  name: "ingressc",
  section: 1,
  says: "compiles .ingress policies to the modules that ingressd loads",
  bare: null,
  commands: Object.fromEntries(Object.entries(COMMANDS).map(([name, spec]) => [name, withJson(spec)])),
  notes: ["`--json` works with every command. The language is described in docs/language.md."],
  exits: [],
};

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name);
}
