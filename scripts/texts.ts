// The help and version texts of all programs, by the arguments that request them. The build keeps them as text
// (scripts/build.mjs), so that a program that prints one of them loads nothing else.
import { answerText } from "../runtime/shell/head.ts";
import { PROGRAMS } from "./programs.ts";

/** By program, then by its words with blanks between them. Without a final newline. */
export function texts(version: string): Readonly<Record<string, Readonly<Record<string, string>>>> {
  return Object.fromEntries(
    PROGRAMS.map((program) => {
      const help = (command: string | null): string => answerText(program, { kind: "help", command }, version);
      const shown = answerText(program, { kind: "version" }, version);
      return [
        program.name,
        Object.fromEntries([
          ...["--help", "-h", "help"].map((words) => [words, help(null)]),
          ...["--version", "-V"].map((words) => [words, shown]),
          ...Object.keys(program.commands).flatMap((command) =>
            [`${command} --help`, `${command} -h`, `help ${command}`].map((words) => [words, help(command)]),
          ),
        ]),
      ];
    }),
  );
}
