// The manual page of a program in roff's man macros, written from its command table; it runs in `npm run docs` only.
//
// Only macros that groff and mandoc both have: .TH .SH .SS .PP .TP .IP .nf .fi .B .RS .RE. The version is not in it, so that
// a page changes only where a command line does.
import { usageLine, exitRows } from "./help_text.ts";
import { COMMON_FLAGS, type CommandSpec, type FlagSpecs, type ProgramSpec } from "./command_table.ts";

const SEE_ALSO = [
  ["ingressc", 1],
  ["ingressd", 8],
  ["ingress-guard", 8],
] as const;

export function manPage(program: ProgramSpec): string {
  const { name, section, says, bare, commands, notes } = program;
  return `${[
    '.\\" Written by `npm run docs` from the command table.',
    `.TH ${name.toUpperCase().replaceAll("-", "\\-")} ${section} "" ingressd "ingressd manual"`,
    ".SH NAME",
    `${plain(name)} \\- ${plain(says)}`,
    ".SH SYNOPSIS",
    ...[...(bare === null ? [] : [null]), ...Object.keys(commands)].flatMap((command, i) => [
      ...(i === 0 ? [] : [".br"]),
      `.B ${plain(usageLine(program, command).replaceAll(/\s+/g, " "))}`,
    ]),
    ".SH DESCRIPTION",
    `${plain(name)} ${plain(says)}.`,
    ...paragraphs(bare?.manual ?? ""),
    ".SH OPTIONS",
    ...flagLines({ ...bare?.flags, ...COMMON_FLAGS }),
    ".SH COMMANDS",
    ...Object.entries(commands).flatMap(([command, spec]) => commandLines(program, command, spec)),
    ...(notes.length === 0 ? [] : [".SH NOTES", ...notes.flatMap((note, i) => [...(i === 0 ? [] : [".PP"]), plain(note)])]),
    ".SH EXIT STATUS",
    ...exitRows(program).flatMap(([code, meaning]) => [".TP", String(code), plain(meaning)]),
    ".SH SEE ALSO",
    SEE_ALSO.filter(([other]) => other !== name)
      .map(([other, number]) => `${plain(other)}(${number})`)
      .join(", "),
  ].join("\n")}\n`;
}

function commandLines(program: ProgramSpec, command: string, spec: CommandSpec): string[] {
  return [
    `.SS ${plain(`${program.name} ${[command, ...spec.operands].join(" ")}`)}`,
    `${plain(spec.summary)}.`,
    ...paragraphs(spec.manual),
    ...flagLines(spec.flags),
  ];
}

/** Paragraphs of a manual text; indented lines are examples, and stay as they are. */
function paragraphs(text: string): string[] {
  return text === "" ?
      []
    : text
        .split("\n\n")
        .flatMap((paragraph) =>
          paragraph.startsWith("  ") ? [".PP", ".nf", ...paragraph.split("\n").map(plain), ".fi"] : [".PP", ...paragraph.split("\n").map(plain)],
        );
}

function flagLines(flags: FlagSpecs): string[] {
  return Object.entries(flags).flatMap(([long, { short, value, says }]) => [
    ".TP",
    `.B ${plain(`${short === null ? "" : `-${short}, `}--${long}${value === null ? "" : ` ${value}`}`)}`,
    plain(says),
  ]);
}

/** Text that roff prints as it is: a backslash, a hyphen that is typed, and a `.` or `'` that begins a line. */
function plain(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll('"', "\\(dq")
    .replace(/^(?=[.'])/, "\\&");
}
