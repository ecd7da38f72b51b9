// The completion of a program for zsh.
import { HEAD, type Offered, type OfferedFlag, type OfferedWords, type Value } from "./completion_words.ts";

export function zshCompletion({ name, bare, commands, runsProgram }: Offered): string {
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
  const spec = ({ names, says, value, many }: OfferedFlag): string[] =>
    names.map((one) => {
      const others =
        many ? "*"
        : names.length > 1 ? `(${names.join(" ")})`
        : "";
      const equals = value !== null && one.startsWith("--") ? "=" : "";
      return quoted(`${others}${one}${equals}[${plain(says)}]${value === null ? "" : `:value:${say(value)}`}`);
    });
  const argumentsOf = ({ flags: own, operands, several }: OfferedWords): string[] => [
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
    `    command) ${runsProgram ? "if (( ${words[(I)--]} )); then _command_names -e; else _describe -t commands command commands; fi" : "_describe -t commands command commands"} ;;`,
    "    argument)",
    "      case $line[1] in",
    ...[...commands].flatMap(([command, words]) => [
      `        ${command})`,
      "          _arguments \\",
      ...lines(argumentsOf(words), "            "),
      "          ;;",
    ]),
    ...(runsProgram ? ["        *) _normal ;;"] : []),
    "      esac ;;",
    "  esac",
    "}",
    "",
    `_${name} "$@"`,
    "",
  ].join("\n");
}
