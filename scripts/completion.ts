// Completions of bash and zsh for ingressc and ingressd, written from their command tables.
import { COMMON_FLAGS, type FlagSpec } from "../compiler/cli/arguments.ts";
import type { Command } from "../compiler/cli/command.ts";
import { COMMANDS as COMPILER } from "../compiler/cli/commands.ts";
import { COMMANDS as GATEWAY, OPTIONS, SERVE, type CommandSpec, type OptionSpec } from "../gateway/command_table.ts";

/** What may stand somewhere: one of some words, a file (by its endings, any if there are none), or free text. */
type Value = { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "file"; readonly endings: readonly string[] }
  | { readonly kind: "text" };

interface Flag {
  /** With its dashes. */
  readonly names: readonly string[];
  readonly says: string;
  /** Null for a switch. */
  readonly value: Value | null;
  readonly many: boolean;
}

interface Words {
  readonly says: string;
  readonly flags: readonly Flag[];
  readonly operands: readonly Value[];
  /** The last operand may be repeated. */
  readonly several: boolean;
}

interface Program {
  readonly name: string;
  readonly bare: Words;
  readonly commands: ReadonlyMap<string, Words>;
}

const text: Value = { kind: "text" };
const file = (...endings: readonly string[]): Value => ({ kind: "file", endings });

/** By the names that operands and values have in the help. */
const VALUES: Readonly<Record<string, Value>> = {
  "X.wasm": file("wasm"), "P.wasm": file("wasm"), "C.toml": file("toml"), "FILE...": file("ingress"), FILE: file("ingress"),
  KEY: file("key"), PUB: file("pub"), OUT: file(), PATH: file(),
};

/** Where one name means another kind of file. */
const OPERANDS: Readonly<Record<string, Value>> = { explain: file("ingress", "wasm"), import: file("json") };

function flag(long: string, spec: FlagSpec | OptionSpec): Flag {
  const { oneOf } = spec;
  const value = oneOf === undefined ? VALUES[spec.value ?? ""] ?? text : { kind: "words", words: oneOf } as const;
  return {
    names: [...(spec.short === null ? [] : [`-${spec.short}`]), `--${long}`],
    says: spec.says,
    value: spec.value === null ? null : value,
    many: "many" in spec && spec.many === true,
  };
}

const flags = (specs: Readonly<Record<string, FlagSpec | OptionSpec>>): Flag[] => Object.entries(specs).map(([long, spec]) => flag(long, spec));

function ingressc(): Program {
  const words = (name: string, { summary, operands, flags: own }: Command): Words => ({
    says: summary,
    flags: flags({ ...own, ...COMMON_FLAGS }),
    operands: operands.map((operand, i) => (i === 0 ? OPERANDS[name] : undefined) ?? VALUES[operand] ?? text),
    several: operands.at(-1)?.endsWith("...") === true,
  });
  return {
    name: "ingressc",
    bare: { says: "", flags: flags({ help: COMMON_FLAGS.help, version: { short: "V", value: null, says: "show the version" } }), operands: [], several: false },
    commands: new Map(Object.entries<Command>(COMPILER).map(([name, command]) => [name, words(name, command)])),
  };
}

function ingressd(): Program {
  const words = ({ says, options }: CommandSpec): Words => ({
    says, operands: [], several: false,
    flags: [...options, "help", "version"].flatMap((name) => Object.entries<OptionSpec>(OPTIONS).filter(([long]) => long === name).map(([long, spec]) => flag(long, spec))),
  });
  return { name: "ingressd", bare: words(SERVE), commands: new Map(Object.entries<CommandSpec>(GATEWAY).map(([name, spec]) => [name, words(spec)])) };
}

export const PROGRAMS: readonly Program[] = [ingressc(), ingressd()];

const HEAD = "Written by `npm run docs` from the command table.";

export function bashCompletion({ name, bare, commands }: Program): string {
  const say = (value: Value): string => {
    switch (value.kind) {
      case "words":
        return `_${name}_words ${value.words.join(" ")}`;
      case "file":
        return `_${name}_files${value.endings.map((ending) => ` ${ending}`).join("")}`;
      case "text":
        return ":";
    }
  };
  const clause = (command: string, { flags: own, operands, several }: Words): string[] => [
    `    ${command === "" ? "''" : command})`,
    ...(own.every(({ value }) => value === null) ? [] : [
      "      case $before in",
      ...own.flatMap(({ names, value }) => (value === null ? [] : [`        ${names.join("|")}) ${say(value)}; return ;;`])),
      "      esac",
    ]),
    `      case $word in -*) _${name}_words ${own.flatMap(({ names }) => names).join(" ")}; return ;; esac`,
    ...(command === "" ? [`      _${name}_words ${[...commands.keys()].join(" ")} ;;`]
      : operands.length === 0 ? ["      ;;"]
        : ["      case $operand in", ...operands.map((operand, i) => `        ${several && i === operands.length - 1 ? "*" : i}) ${say(operand)} ;;`), "      esac ;;"]),
  ];
  const all = [...(bare.flags.length === 0 ? [] : [["", bare] as const]), ...commands];
  const valued = [...new Set([...commands.values(), bare].flatMap((w) => w.flags).filter((f) => f.value !== null).flatMap((f) => f.names))];
  return [
    `# bash completion for ${name}. ${HEAD}`,
    `# Source it, or put it where bash-completion looks: /usr/share/bash-completion/completions/${name}`,
    "",
    `_${name}_words() { # WORD... : those that begin as the word under the cursor`,
    "  mapfile -t COMPREPLY < <(compgen -W \"$*\" -- \"$word\")",
    "}",
    "",
    `_${name}_files() { # ENDING... : folders, and files with one of the endings (any, where none is given)`,
    "  local ending",
    "  mapfile -t COMPREPLY < <(",
    "    if [ $# = 0 ]; then compgen -f -- \"$word\"; else compgen -d -- \"$word\"; fi",
    "    for ending; do compgen -f -X \"!*.$ending\" -- \"$word\"; done",
    "  )",
    "  compopt -o filenames 2>/dev/null",
    "}",
    "",
    `_${name}() {`,
    "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command='' operand=0 i",
    "  COMPREPLY=()",
    "  # Readline takes `=` for a word of its own.",
    "  if [ \"$word\" = = ]; then word=''; fi",
    "  if [ \"$before\" = = ]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi",
    "  for ((i = 1; i < COMP_CWORD; i++)); do",
    "    case ${COMP_WORDS[i]} in",
    `      ${valued.join("|")}) ((i++)); if [ "\${COMP_WORDS[i]}" = = ]; then ((i++)); fi ;;`,
    "      -*) ;;",
    "      *) if [ -z \"$command\" ]; then command=${COMP_WORDS[i]}; else ((operand++)); fi ;;",
    "    esac",
    "  done",
    "  case $command in",
    ...all.flatMap(([command, words]) => clause(command, words)),
    "  esac",
    "}",
    `complete -F _${name} ${name}`,
    "",
  ].join("\n");
}

export function zshCompletion({ name, bare, commands }: Program): string {
  const quoted = (words: string): string => `'${words.replaceAll("'", "'\\''")}'`;
  const plain = (words: string): string => words.replace(/[[\]:\\]/g, "\\$&");
  const say = (value: Value): string => {
    switch (value.kind) {
      case "words":
        return `(${value.words.join(" ")})`;
      case "file":
        return value.endings.length === 0 ? "_files" : `_files -g "*.(${value.endings.join("|")})(-.)"`;
      case "text":
        return " ";
    }
  };
  const spec = ({ names, says, value, many }: Flag): string[] => names.map((one) => {
    const others = many ? "*" : names.length > 1 ? `(${names.join(" ")})` : "";
    const equals = value !== null && one.startsWith("--") ? "=" : "";
    return quoted(`${others}${one}${equals}[${plain(says)}]${value === null ? "" : `:value:${say(value)}`}`);
  });
  const argumentsOf = ({ flags: own, operands, several }: Words): string[] => [
    ...own.flatMap(spec),
    ...operands.map((operand, i) => quoted(`${several && i === operands.length - 1 ? "*" : i + 1}:operand:${say(operand)}`)),
  ];
  const lines = (words: readonly string[], indent: string): string[] => words.map((word, i) => `${indent}${word}${i === words.length - 1 ? "" : " \\"}`);
  return [
    `#compdef ${name}`,
    `# zsh completion for ${name}. ${HEAD}`,
    `# Put it into a folder of $fpath under the name _${name}.`,
    "",
    `_${name}() {`,
    "  local curcontext=$curcontext state line",
    "  local -a commands",
    "  commands=(",
    ...[...commands].map(([command, { says }]) => `    ${quoted(`${command}:${plain(says)}`)}`),
    "  )",
    "  _arguments -C \\",
    ...lines([...argumentsOf(bare), "'1:command:->command'", "'*::argument:->argument'"], "    "),
    "  case $state in",
    "    command) _describe -t commands command commands ;;",
    "    argument)",
    "      case $line[1] in",
    ...[...commands].flatMap(([command, words]) => [`        ${command})`, "          _arguments \\", ...lines(argumentsOf(words), "            "), "          ;;"]),
    "      esac ;;",
    "  esac",
    "}",
    "",
    `_${name} "$@"`,
    "",
  ].join("\n");
}
