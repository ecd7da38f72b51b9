// The texts of --help, made from the register.
import { COMMON_FLAGS } from "./arguments.ts";
import type { Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { rows } from "./terminal.ts";

export function overview(version: string): string {
  return [
    `ingressc ${version}: compiles .ingress policies to the modules that ingressd loads`,
    "",
    "usage: ingressc COMMAND [FLAGS] OPERANDS",
    "",
    rows(Object.entries(COMMANDS).map(([name, c]) => [[name, ...c.operands].join(" "), c.summary])),
    "",
    "`ingressc COMMAND --help` tells more about one of them; `--json` works with all",
    "exit codes: 0 ok, 1 the answer is no, 2 usage, 3 rejected, 4 missing dependency,",
    "            5 a delegate failed, 6 unsupported, 7 internal error",
  ].join("\n");
}

export function manual(name: string, command: Command): string {
  const flags = Object.entries({ ...command.flags, ...COMMON_FLAGS }).map(([long, f]): [string, string] => [
    `${f.short === null ? "" : `-${f.short}, `}--${long}${f.value === null ? "" : ` ${f.value}`}`,
    f.says,
  ]);
  const own = Object.entries(command.flags).map(([long, f]) => `[--${long}${f.value === null ? "" : ` ${f.value}`}]${f.many === true ? "..." : ""}`);
  return [
    `ingressc ${name}: ${command.summary}`,
    "",
    `usage: ${["ingressc", name, ...command.operands, ...own, "[--json]"].join(" ")}`,
    "",
    rows(flags),
    "",
    command.manual,
  ].join("\n");
}
