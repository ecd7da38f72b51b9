// The texts of `--help`, written from a command table.
import { synopsis } from "./command_line.ts";
import { COMMON_FLAGS, type CommandSpec, type FlagSpecs, type ProgramSpec } from "./command_table.ts";
import { EXIT_CODES, EXIT_MEANINGS } from "./exit.ts";

const COLUMNS = 110;
/** Of `exit codes: `. */
const HEAD_COLUMNS = 12;
/** A blank at which no line is broken; it is printed as a blank. */
const FIRM = "\u00a0";

/** `ingressd --help`, without a final newline. */
export function overview(program: ProgramSpec, version: string): string {
  const { name, says, bare, commands, notes } = program;
  const flags = { ...bare?.flags, ...COMMON_FLAGS };
  return [
    `${name} ${version}: ${says}`,
    "",
    ...[
      ...(bare === null ? [] : [usageLine(program, null)]),
      `${name} COMMAND [FLAGS]${Object.values(commands).some(({ operands }) => operands.length > 0) ? " OPERANDS" : ""}`,
    ].map((line, i) => `${i === 0 ? "usage:" : "      "} ${line}`),
    "",
    wrappedRows(Object.entries(commands).map(([command, spec]) => [[command, ...spec.operands].join(" "), spec.summary])),
    "",
    flagRows(flags),
    "",
    ...(bare === null || bare.manual === "" ? [] : [bare.manual, ""]),
    ...notes.flatMap((note) => [wrapped(note, COLUMNS).join("\n"), ""]),
    `\`${name} COMMAND --help\` shows the flags of a command`,
    exits(program),
  ].join("\n");
}

/** `ingressd status --help`, without a final newline. */
export function manual(program: ProgramSpec, command: string, spec: CommandSpec): string {
  return [
    `${program.name} ${command}: ${spec.summary}`,
    "",
    `usage: ${usageLine(program, command)}`,
    "",
    flagRows({ ...spec.flags, ...COMMON_FLAGS }),
    ...(spec.manual === "" ? [] : ["", spec.manual]),
  ].join("\n");
}

/** The help of a command, or of the program where `command` is null. */
export function helpText(program: ProgramSpec, command: string | null, version: string): string {
  const spec = command === null ? undefined : program.commands[command];
  return command === null || spec === undefined ? overview(program, version) : manual(program, command, spec);
}

/** `ingressd status [--json] [--config C.toml]...`. */
export function usageLine(program: ProgramSpec, command: string | null): string {
  const spec = command === null ? program.bare : program.commands[command];
  const required = spec?.required ?? [];
  const optional = Object.entries(spec?.flags ?? {})
    .filter(([name]) => !required.includes(name))
    .map(([name, { value, many }]) => whole(`[--${name}${value === null ? "" : ` ${value}`}]${many === true ? "..." : ""}`));
  const form = synopsis(program, command);
  const behind = form.indexOf(" -- ");
  const words = behind < 0 ? [form, ...optional] : [form.slice(0, behind), ...optional, whole(form.slice(behind + 1))];
  return wrapped(words.join(" "), COLUMNS - 7).join("\n         ");
}

/** The classes with their numbers, and what the program has beside them. */
export function exitRows(program: ProgramSpec): readonly (readonly [code: number, meaning: string])[] {
  const classes = Object.entries(EXIT_CODES).map(
    ([name, code]) => [code, Object.entries(EXIT_MEANINGS).find(([known]) => known === name)?.[1] ?? name] as const,
  );
  return [...classes, ...program.exits];
}

function exits(program: ProgramSpec): string {
  return wrapped(
    `exit codes: ${exitRows(program)
      .map(([code, meaning]) => whole(`${code} ${meaning}`))
      .join(", ")}`,
    COLUMNS - HEAD_COLUMNS,
  ).join(`\n${" ".repeat(HEAD_COLUMNS)}`);
}

function flagRows(flags: FlagSpecs): string {
  return wrappedRows(
    Object.entries(flags).map(([long, { short, value, says }]) => [
      `${short === null ? "" : `-${short}, `}--${long}${value === null ? "" : ` ${value}`}`,
      says,
    ]),
  );
}

/** Rows of `label  value`, the values in one column, indented by two; a long value continues in its column. */
function wrappedRows(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...pairs.map(([label]) => label.length)) + 2;
  return pairs
    .map(([label, value]) => `  ${label.padEnd(width)}${wrapped(value, COLUMNS - width - 2).join(`\n${" ".repeat(width + 2)}`)}`.trimEnd())
    .join("\n");
}

/** Lines of at most `columns` characters, broken between words. */
function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((line) => line.replaceAll(FIRM, " "));
}

/** Text that stays on one line. */
const whole = (text: string): string => text.replaceAll(" ", FIRM);
