// Words of a command line, read by a program's command table. The rules are the same for all programs:
//
//   - `--help`, `-h`, `--version` and `-V` before a `--` are answered, whatever else is written there; `help COMMAND` is
//     `COMMAND --help`
//   - the command is the first word that is neither a flag nor a flag's value; flags may be before it
//   - a value follows its flag as the next word, which doesn't begin with `-` (`-` alone is standard output), or behind `=`
//   - a flag is given once, unless its row says that it may be repeated
//   - after `--` nothing is a flag or a command
import { failed, ok, type Result } from "../result/result.ts";
import { nearest } from "../text/nearest.ts";
import { COMMON_FLAGS, type CommandSpec, type FlagSpecs, type ProgramSpec } from "./command_table.ts";

export interface Arguments {
  readonly operands: readonly string[];
  /** Present flags; a switch has the value "". */
  readonly flags: ReadonlyMap<string, string>;
  /** The values of flags that may be given more than once, in their order. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
  /** The words after `--` where they are another program with its arguments; else empty. */
  readonly program: readonly string[];
}

export type ParsedCommand =
  /** `command` null: of the program. */
  | { readonly kind: "help"; readonly command: string | null }
  | { readonly kind: "version" }
  /** `command` null: none is written, and the program has a use without one. */
  | { readonly kind: "run"; readonly command: string | null; readonly args: Arguments };

/** A command line that can't be read; exit class `usage`. */
export interface Misuse {
  /** `usage.<snake_case>`, never reworded. */
  readonly code: string;
  readonly message: string;
  /** The words to write instead. */
  readonly help: string;
}

/** Whether the words request JSON, also where they are wrong otherwise. */
export function wantsJson(words: readonly string[]): boolean {
  return beforeSeparator(words).includes("--json");
}

export function readCommandLine(program: ProgramSpec, words: readonly string[]): Result<ParsedCommand, Misuse> {
  if (words[0] === "help") return readCommandLine(program, [...words.slice(1), "--help"]);
  const at = commandAt(program, words);
  const command = at === null ? null : (words[at] ?? null);
  if (command !== null && !Object.hasOwn(program.commands, command))
    return failed(strangeFlag(program, words.slice(0, at ?? 0)) ?? unknownCommand(program, command));
  const spec = command === null ? program.bare : (program.commands[command] ?? null);
  const own = beforeSeparator(words);
  if (own.some((word) => word === "--help" || word === "-h")) return ok({ kind: "help", command });
  if (own.some((word) => word === "--version" || word === "-V")) return ok({ kind: "version" });
  if (spec === null) {
    const [first] = own.filter((word) => word !== "--json");
    return failed(
      first === undefined ?
        misuse("no_command", "no command is given", `\`${program.name} --help\` lists the commands`)
      : unknownFlag(program, null, first, {}),
    );
  }
  const args = readArguments(
    program,
    command,
    spec,
    words.filter((_, i) => i !== at),
  );
  return args.ok ? ok({ kind: "run", command, args: args.value }) : args;
}

/** How a command is written: `ingressc explain FILE REQUEST`. */
export function synopsis(program: ProgramSpec, command: string | null): string {
  const spec = command === null ? program.bare : program.commands[command];
  const needed = (spec?.required ?? []).map((name) => `--${name} ${spec?.flags[name]?.value ?? ""}`);
  return [
    program.name,
    ...(command === null ? [] : [command]),
    ...needed,
    ...(spec?.operands ?? []),
    ...(spec?.program === undefined ? [] : ["--", spec.program]),
  ].join(" ");
}

/** The index of the word that is the command; null where there is none. */
function commandAt(program: ProgramSpec, words: readonly string[]): number | null {
  const specs = allFlags(program);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word === "--") return null;
    if (!word.startsWith("-") || word === "-") return i;
    const next = words[i + 1];
    const takesNext = !word.includes("=") && specs.some((flags) => (named(word, flags)?.[1].value ?? null) !== null);
    if (takesNext && next !== undefined && isValue(next)) i++;
  }
  return null;
}

/** A flag that no command has: whether the word after it is its value can't be known. */
function strangeFlag(program: ProgramSpec, words: readonly string[]): Misuse | null {
  const written = words
    .map((word) => word.replace(/^(--[^=]*)=[^]*$/, "$1"))
    .find((word) => word.startsWith("-") && allFlags(program).every((flags) => named(word, flags) === null));
  return written === undefined ? null : unknownFlag(program, null, written, program.bare?.flags ?? {});
}

const allFlags = (program: ProgramSpec): FlagSpecs[] => [COMMON_FLAGS, program.bare?.flags ?? {}, ...Object.values(program.commands).map(({ flags }) => flags)];

function readArguments(program: ProgramSpec, command: string | null, spec: CommandSpec, words: readonly string[]): Result<Arguments, Misuse> {
  const specs: FlagSpecs = { ...spec.flags, ...COMMON_FLAGS };
  const operands: string[] = [];
  const flags = new Map<string, string>();
  const lists = new Map<string, readonly string[]>();
  let rest: readonly string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word === "--") {
      rest = words.slice(i + 1);
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      operands.push(word);
      continue;
    }
    const equals = word.startsWith("--") ? word.indexOf("=") : -1;
    const written = equals < 0 ? word : word.slice(0, equals);
    const found = named(written, specs);
    if (found === null) return failed(unknownFlag(program, command, written, specs));
    const [name, flag] = found;
    if (flags.has(name) && flag.many !== true) return failed(misuse("flag_twice", `\`--${name}\` is given twice`, "remove one of them"));
    if (flag.value === null) {
      if (equals >= 0) return failed(misuse("flag_value", `\`--${name}\` takes no value`, `write \`--${name}\` alone`));
      flags.set(name, "");
      continue;
    }
    const value = equals < 0 ? words[++i] : word.slice(equals + 1);
    if (value === undefined || value === "" || (equals < 0 && !isValue(value))) {
      return failed(misuse("flag_value", `\`${written}\` needs a value`, `write \`${written} ${flag.value}\``));
    }
    flags.set(name, value);
    if (flag.many === true) lists.set(name, [...(lists.get(name) ?? []), value]);
  }
  if (spec.program === undefined) operands.push(...rest);
  if (operands.length === 1 && spec.alone?.form.test(operands[0] ?? "") === true) return ok({ operands, flags, lists, program: [] });
  const replacing = [...flags.keys()].find((name) => specs[name]?.isOperand === true);
  const wrong = wrongOperands(program, command, replacing === undefined ? spec : { ...spec, operands: spec.operands.slice(0, -1) }, operands, replacing);
  return wrong === null ? ok({ operands, flags, lists, program: spec.program === undefined ? [] : rest }) : failed(wrong);
}

/** `replacing`: the flag that takes the place of an operand that `spec` does not have then. */
function wrongOperands(program: ProgramSpec, command: string | null, spec: CommandSpec, operands: readonly string[], replacing?: string): Misuse | null {
  const form =
    replacing === undefined ?
      synopsis(program, command)
    : [called(program, command), ...spec.operands, `--${replacing} ${spec.flags[replacing]?.value ?? ""}`].join(" ");
  const missing = spec.operands[operands.length];
  if (missing !== undefined) return misuse("missing_operand", `\`${called(program, command)}\` needs ${missing}`, `write \`${form}\``);
  const extra = operands[spec.operands.length];
  if (extra === undefined || spec.operands.at(-1)?.endsWith("...") === true) return null;
  const quoted = spec.operands.at(-1) === "REQUEST" ? ", with the request in quotes" : "";
  return misuse("extra_operand", `\`${extra}\` is one operand too many`, `write \`${form}\`${quoted}`);
}

function unknownCommand(program: ProgramSpec, word: string): Misuse {
  const near = nearest(word, Object.keys(program.commands));
  const guarded = program.bare?.program === undefined ? "" : `; a program to run is written after \`--\`, as in \`${synopsis(program, null)}\``;
  return misuse("unknown_command", `unknown command \`${word}\``, `${didYouMean(near)}\`${program.name} --help\` lists the commands${guarded}`);
}

function unknownFlag(program: ProgramSpec, command: string | null, written: string, specs: FlagSpecs): Misuse {
  const near = nearest(
    written,
    Object.keys({ ...specs, ...COMMON_FLAGS }).map((name) => `--${name}`),
  );
  const takers = [...(program.bare !== null && command !== null ? [[null, program.bare] as const] : []), ...Object.entries(program.commands)]
    .filter(([name, spec]) => name !== command && named(written, spec.flags) !== null)
    .map(([name]) => (name === null ? `${program.name} without a command` : `\`${program.name} ${name}\``));
  const other = takers.length > 0 && named(written, specs) === null && written !== "--json" ? `it is a flag of ${takers.join(", ")}; ` : "";
  return misuse(
    "unknown_flag",
    command === null ? `unknown flag \`${written}\`` : `\`${called(program, command)}\` has no flag \`${written}\``,
    `${other === "" ? didYouMean(near) : other}\`${called(program, command)} --help\` lists its flags`,
  );
}

const called = (program: ProgramSpec, command: string | null): string => (command === null ? program.name : `${program.name} ${command}`);
const didYouMean = (near: string | null): string => (near === null ? "" : `did you mean \`${near}\`? `);
const misuse = (code: string, message: string, help: string): Misuse => ({ code: `usage.${code}`, message, help });
const isValue = (word: string): boolean => word === "-" || !word.startsWith("-");
const beforeSeparator = (words: readonly string[]): readonly string[] => words.slice(0, words.includes("--") ? words.indexOf("--") : words.length);

function named(written: string, specs: FlagSpecs): readonly [name: string, FlagSpecs[string]] | null {
  return Object.entries(specs).find(([long, { short }]) => written === `--${long}` || (short !== null && written === `-${short}`)) ?? null;
}
