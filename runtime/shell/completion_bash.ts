// The completion of a program for bash.
import { HEAD, type Offered, type OfferedWords, type Value } from "./completion_words.ts";

export function bashCompletion({ name, bare, commands, runsProgram }: Offered): string {
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
  const clause = (command: string, { flags: own, operands, several }: OfferedWords): string[] => [
    `    ${command === "" ? "''" : command})`,
    ...(own.every(({ value }) => value === null) ?
      []
    : [
        "      case $before in",
        ...own.flatMap(({ names, value }) => (value === null ? [] : [`        ${names.join("|")}) ${say(value)}; return ;;`])),
        "      esac",
      ]),
    `      case $word in -*) _${name}_words ${own.flatMap(({ names }) => names).join(" ")}; return ;; esac`,
    ...(command === "" ? [`      _${name}_words ${[...commands.keys()].join(" ")} ;;`]
    : operands.length === 0 ? ["      ;;"]
    : [
        "      case $operand in",
        ...operands.map((operand, i) => `        ${several && i === operands.length - 1 ? "*" : i}) ${say(operand)} ;;`),
        "      esac ;;",
      ]),
  ];
  const all = [...(bare.flags.length === 0 ? [] : [["", bare] as const]), ...commands];
  const valued = [
    ...new Set(
      [...commands.values(), bare]
        .flatMap((w) => w.flags)
        .filter((f) => f.value !== null)
        .flatMap((f) => f.names),
    ),
  ];
  return [
    `# bash completion for ${name}. ${HEAD}`,
    `# Source it, or put it where bash-completion looks: /usr/share/bash-completion/completions/${name}`,
    "",
    `_${name}_words() { # WORD... : those that begin as the word under the cursor`,
    '  mapfile -t COMPREPLY < <(compgen -W "$*" -- "$word")',
    "}",
    "",
    `_${name}_files() { # ENDING... : folders, and files with one of the endings (any, where none is given)`,
    "  local ending",
    "  mapfile -t COMPREPLY < <(",
    '    if [ $# = 0 ]; then compgen -f -- "$word"; else compgen -d -- "$word"; fi',
    '    for ending; do compgen -f -X "!*.$ending" -- "$word"; done',
    "  )",
    "  compopt -o filenames 2>/dev/null",
    "}",
    "",
    `_${name}() {`,
    "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command='' operand=0 i",
    "  COMPREPLY=()",
    "  # Readline takes `=` for a word of its own.",
    "  if [ \"$word\" = = ]; then word=''; fi",
    '  if [ "$before" = = ]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi',
    "  for ((i = 1; i < COMP_CWORD; i++)); do",
    "    case ${COMP_WORDS[i]} in",
    `      ${valued.join("|")}) ((i++)); if [ "\${COMP_WORDS[i]}" = = ]; then ((i++)); fi ;;`,
    "      -*) ;;",
    '      *) if [ -z "$command" ]; then command=${COMP_WORDS[i]}; else ((operand++)); fi ;;',
    "    esac",
    "  done",
    ...(runsProgram ?
      [
        "  for ((i = 1; i < COMP_CWORD; i++)); do",
        '    if [ "${COMP_WORDS[i]}" = -- ]; then',
        '      if [ $i = $((COMP_CWORD - 1)) ]; then mapfile -t COMPREPLY < <(compgen -c -- "$word"); else mapfile -t COMPREPLY < <(compgen -f -- "$word"); fi',
        "      return",
        "    fi",
        "  done",
      ]
    : []),
    "  case $command in",
    ...all.flatMap(([command, words]) => clause(command, words)),
    "  esac",
    "}",
    `complete -F _${name} ${name}`,
    "",
  ].join("\n");
}
