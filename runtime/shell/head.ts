// The head of a program: what is answered before the rest of it is loaded. Help, version and misuse are the same for all:
//
//   - help and version that were requested go to standard output, exit 0
//   - misuse goes to standard error as `NAME: message` and `help: remedy`, exit 2
//   - with `--json` each is an envelope on standard output
import type { ParsedCommand, Misuse } from "./command_line.ts";
import type { ProgramSpec } from "./command_table.ts";
import { envelopeJson, type Envelope } from "./envelope.ts";
import { EXIT_CODES } from "./exit.ts";
import { helpText } from "./help_text.ts";
import { printable } from "./printable.ts";

/** A question about the program that is answered by text. */
export type TextCommand = Exclude<ParsedCommand, { readonly kind: "run" }>;

/** Prints a help or a version that was requested. `version` is the package's. */
export function printAnswer(program: ProgramSpec, parsed: TextCommand, json: boolean, version: string): void {
  process.stdout.write(json ? `${envelopeJson(textEnvelope(program, parsed, version))}\n` : `${answerText(program, parsed, version)}\n`);
}

/** Says what is wrong with the command line, and has the process end with the class `usage`. */
export function endMisused(program: ProgramSpec, misuse: Misuse, json: boolean): void {
  if (json) process.stdout.write(`${envelopeJson({ class: "usage", ...misuse })}\n`);
  else process.stderr.write(misuseText(program, misuse));
  process.exitCode = EXIT_CODES.usage;
}

function misuseText({ name }: ProgramSpec, { message, help }: Misuse): string {
  return printable(`${name}: ${message}\nhelp: ${help}\n`);
}

/** The text of a help or a version. */
export function answerText(program: ProgramSpec, parsed: TextCommand, version: string): string {
  return parsed.kind === "version" ? `${program.name} ${version}` : helpText(program, parsed.command, version);
}

/** The same for programs. */
export function textEnvelope(program: ProgramSpec, parsed: TextCommand, version: string): Envelope {
  const text = answerText(program, parsed, version);
  return {
    class: "ok",
    code: `policy.${parsed.kind}`,
    message: text.split("\n")[0] ?? "",
    data: { [parsed.kind]: parsed.kind === "version" ? version : text },
  };
}

/**
 * A command that answers and ends: where the reader of its answer is gone (`| head`), nothing can be shown any more, and the
 * process ends with the class `delegate`. A program that keeps serving does not use this, and runs on without a reader.
 */
export function endWithoutReader(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => process.exit(EXIT_CODES.delegate));
}
