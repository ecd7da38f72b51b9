// ingressc, the compiler's command line: the only place of the compiler that knows files,
// processes and exit codes. A command returns an Outcome; it is shown here as text or as the
// JSON envelope {ok, class, code, message, data?}, and its class is the exit code. Nothing a
// person types ends in a stack trace.
import { readFileSync } from "node:fs";
import { COMMON_FLAGS, isArguments, parseArguments } from "./arguments.ts";
import { nearest } from "../nearest.ts";
import type { Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { manual, overview } from "./help.ts";
import { EXIT_CODES, usage, type Outcome } from "./outcome.ts";
import { paint, printable, printableJson, wantsColor } from "./terminal.ts";

const stop = new AbortController();
const words = process.argv.slice(2);
const json = words.slice(0, words.includes("--") ? words.indexOf("--") : words.length).includes("--json");

for (const stream of [process.stdout, process.stderr]) {
  // The reader went away (`| head`): there is nobody left to tell.
  stream.on("error", () => process.exit(EXIT_CODES.delegate));
}

const outcome = await answer(words[0] === "help" ? [...words.slice(1), "--help"] : words);
show(outcome);
process.exitCode = EXIT_CODES[outcome.class];

async function answer(given: readonly string[]): Promise<Outcome> {
  try {
    return await dispatch(given);
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

async function dispatch(given: readonly string[]): Promise<Outcome> {
  const [name, ...rest] = given.filter((w, i) => !(w === "--json" && given.slice(0, i).every((v) => v === "--json")));
  if (name === undefined) return { ...usage("no_command", "no command is given", "`ingressc --help` lists the commands") };
  if (name === "--help" || name === "-h") return textOutcome("help", overview(version()));
  if (name === "--version" || name === "-V") return textOutcome("version", version());
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
  if (extra !== undefined) {
    const quoted = command.operands.at(-1) === "REQUEST" ? ", with the request in quotes" : "";
    return usage("extra_operand", `\`${extra}\` is one operand too many`, `write \`${synopsis}\`${quoted}`);
  }
  if (name === "build" && args.flags.has("watch")) stopOnSignals();
  return command.run(args, { stop: stop.signal, show });
}

function commandNamed(name: string): Command | null {
  return Object.entries<Command>(COMMANDS).find(([n]) => n === name)?.[1] ?? null;
}

/** A command that stays ends cleanly on Ctrl-C; the others keep Node's own behaviour. */
function stopOnSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
}

function show(o: Outcome): void {
  if (json) {
    const { class: kind, code, message } = o;
    const help = o.help === undefined ? {} : { help: o.help };
    const data = o.data === undefined ? {} : { data: o.data };
    process.stdout.write(`${printableJson({ ok: kind === "ok", class: kind, code, message, ...help, ...data })}\n`);
    return;
  }
  const answered = o.class === "ok" || o.class === "no";
  const stream = answered ? process.stdout : process.stderr;
  const p = paint({ color: wantsColor(stream, process.env) });
  const lines: string[] = [];
  if (o.report !== undefined) lines.push(o.report(p));
  if (o.class !== "ok") lines.push(`${p.bold(p.bad("ingressc:"))} ${o.message}`);
  else if (o.report === undefined) lines.push(o.message);
  if (o.help !== undefined) lines.push(`${p.bold("help:")} ${o.help}`);
  stream.write(`${printable(lines.join("\n"))}\n`);
}

function textOutcome(what: "help" | "version", text: string): Outcome {
  return { class: "ok", code: `policy.${what}`, message: text.split("\n")[0] ?? "", report: () => text, data: { [what]: text } };
}

function version(): string {
  const parsed: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  const known = typeof parsed === "object" && parsed !== null && "version" in parsed;
  return known ? String(parsed.version) : "unknown";
}
