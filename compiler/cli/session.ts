// From the words of the command line to an outcome, and from an outcome to what is printed.
import { readCommandLine, type ParsedCommand, type Misuse } from "../../runtime/shell/command_line.ts";
import { envelopeJson } from "../../runtime/shell/envelope.ts";
import { textEnvelope, answerText } from "../../runtime/shell/head.ts";
import { printable } from "../../runtime/shell/printable.ts";
import { packageVersion } from "../../runtime/package/files.ts";
import type { Surroundings } from "./command.ts";
import { INGRESSC, isCommandName } from "./command_table.ts";
import { RUNS } from "./commands.ts";
import { usage, type Outcome } from "./outcome.ts";
import { STANDARD_INPUT, takeStandardInput } from "./standard_input.ts";
import type { Paint } from "./terminal.ts";

/** Never rejects: what fails inside is an outcome too. */
export async function answer(words: readonly string[], surroundings: Surroundings): Promise<Outcome> {
  try {
    const invocation = readCommandLine(INGRESSC, words);
    return invocation.ok ? await answered(invocation.value, surroundings) : misused(invocation.error);
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return {
      class: "internal",
      code: "policy.internal",
      message: "an internal error of ingressc, which is a defect of it and not of your policy",
      help: "please report it with the policy and the lines above",
      report: () => text,
    };
  }
}

async function answered(invocation: ParsedCommand, surroundings: Surroundings): Promise<Outcome> {
  if (invocation.kind !== "run") {
    const text = answerText(INGRESSC, invocation, packageVersion());
    const { code, message, data } = textEnvelope(INGRESSC, invocation, packageVersion());
    return { class: "ok", code, message, report: () => text, data };
  }
  const { command, args } = invocation;
  if (command === null || !isCommandName(command)) throw new Error(`the command table has \`${command}\`, and commands.ts has not`);
  const name = args.flags.get("stdin-name") ?? null;
  const takesInput = INGRESSC.commands[command]?.flags["stdin-name"] !== undefined;
  const unused = name !== null && !args.operands.includes(STANDARD_INPUT);
  if (unused) return usage("unused_name", "`--stdin-name` names standard input, and no file is `-`", "write `-` in place of a file, or omit `--stdin-name`");
  if (takesInput && args.operands.filter((word) => word === STANDARD_INPUT).length > 1)
    return usage("input_twice", "standard input can be read once, and `-` is written twice", "write `-` in place of one file");
  takeStandardInput(takesInput, name);
  const { run } = await RUNS[command]();
  return run(args, surroundings);
}

function misused({ code, message, help }: Misuse): Outcome {
  return { class: "usage", code, message, help };
}

/** The JSON envelope on one line. */
export function envelopeText({ class: kind, code, message, help, data }: Outcome): string {
  return `${envelopeJson({ class: kind, code, message, help, data })}\n`;
}

/** An answer goes to standard output, a complaint to standard error. */
export function isAnswer(o: Outcome): boolean {
  return o.class === "ok" || o.class === "no";
}

export function outcomeText(o: Outcome, p: Paint): string {
  if (o.exact === true && o.report !== undefined) return o.report(p);
  const lines: string[] = [];
  if (o.report !== undefined) lines.push(o.report(p));
  if (o.document === true) return `${printable(lines.join("\n")).trimEnd()}\n`;
  if (o.class !== "ok") lines.push(`${p.bold(p.bad("ingressc:"))} ${o.message}`);
  else if (o.report === undefined) lines.push(o.message);
  if (o.help !== undefined) lines.push(`${p.bold("help:")} ${o.help}`);
  return `${printable(lines.join("\n"))}\n`;
}
