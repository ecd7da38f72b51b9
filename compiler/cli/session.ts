// From the words of the command line to an outcome, and from an outcome to what is printed.
import { packageVersion } from "../../runtime/package/files.ts";
import { COMMON_FLAGS, isArguments, parseArguments } from "./arguments.ts";
import type { Command, Surroundings } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { manual, overview } from "./help.ts";
import { nearest } from "../diagnostics/nearest.ts";
import { usage, type Outcome } from "./outcome.ts";
import { printable, printableJson, type Paint } from "./terminal.ts";

/** Whether the words ask for JSON, also where they are wrong otherwise. */
export function wantsJson(words: readonly string[]): boolean {
  return words.slice(0, words.includes("--") ? words.indexOf("--") : words.length).includes("--json");
}

/** Never rejects: what fails inside is an outcome too. */
export async function answer(words: readonly string[], surroundings: Surroundings): Promise<Outcome> {
  try {
    return await dispatch(words[0] === "help" ? [...words.slice(1), "--help"] : words, surroundings);
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return {
      class: "internal",
      code: "policy.internal",
      message: "ingressc failed inside, which is a defect of it and not of your policy",
      help: "please report it with the policy and the lines above",
      report: () => text,
    };
  }
}

async function dispatch(given: readonly string[], surroundings: Surroundings): Promise<Outcome> {
  const [name, ...rest] = given.filter((w, i) => !(w === "--json" && given.slice(0, i).every((v) => v === "--json")));
  if (name === undefined) return usage("no_command", "no command is given", "`ingressc --help` lists the commands");
  if (name === "--help" || name === "-h") return textOutcome("help", overview(packageVersion()));
  if (name === "--version" || name === "-V") return textOutcome("version", packageVersion());
  const command = commandNamed(name);
  if (command === null) {
    const near = nearest(name, Object.keys(COMMANDS));
    return usage(
      name.startsWith("-") ? "unknown_flag" : "unknown_command",
      `ingressc has no ${name.startsWith("-") ? "flag" : "command"} \`${name}\``,
      `${near === null ? "" : `did you mean \`${near}\`? `}\`ingressc --help\` lists the commands`,
    );
  }
  const args = parseArguments(rest, { ...command.flags, ...COMMON_FLAGS }, name);
  if (!isArguments(args)) return args;
  if (args.flags.has("help")) return textOutcome("help", manual(name, command));
  const synopsis = ["ingressc", name, ...command.operands].join(" ");
  const missing = command.operands[args.operands.length];
  if (missing !== undefined) return usage("missing_operand", `\`ingressc ${name}\` needs ${missing}`, `write \`${synopsis}\``);
  const extra = args.operands[command.operands.length];
  const several = command.operands.at(-1)?.endsWith("...") === true;
  if (extra !== undefined && !several) {
    const quoted = command.operands.at(-1) === "REQUEST" ? ", with the request in quotes" : "";
    return usage("extra_operand", `\`${extra}\` is one operand too many`, `write \`${synopsis}\`${quoted}`);
  }
  return command.run(args, surroundings);
}

function commandNamed(name: string): Command | null {
  return Object.entries<Command>(COMMANDS).find(([n]) => n === name)?.[1] ?? null;
}

/** The JSON envelope on one line. */
export function envelopeText(o: Outcome): string {
  const { class: kind, code, message } = o;
  const help = o.help === undefined ? {} : { help: o.help };
  const data = o.data === undefined ? {} : { data: o.data };
  return `${printableJson({ ok: kind === "ok", class: kind, code, message, ...help, ...data })}\n`;
}

/** An answer goes to standard output, a complaint to standard error. */
export function isAnswer(o: Outcome): boolean {
  return o.class === "ok" || o.class === "no";
}

export function outcomeText(o: Outcome, p: Paint): string {
  const lines: string[] = [];
  if (o.report !== undefined) lines.push(o.report(p));
  if (o.document === true) return `${printable(lines.join("\n")).trimEnd()}\n`;
  if (o.class !== "ok") lines.push(`${p.bold(p.bad("ingressc:"))} ${o.message}`);
  else if (o.report === undefined) lines.push(o.message);
  if (o.help !== undefined) lines.push(`${p.bold("help:")} ${o.help}`);
  return `${printable(lines.join("\n"))}\n`;
}

function textOutcome(what: "help" | "version", text: string): Outcome {
  return { class: "ok", code: `policy.${what}`, message: text.split("\n")[0] ?? "", report: () => text, data: { [what]: text } };
}
