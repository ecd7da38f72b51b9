// The words that a shell offers at each place of a command line, made from a program's command table. completion_bash.ts and
// completion_zsh.ts write it for their shells; both run in `npm run docs` only.
import { COMMON_FLAGS, type CommandSpec, type FlagSpec, type ProgramSpec } from "./command_table.ts";

/** The offer at a place: one of some words, a file (by its endings, any if there are none), or nothing. */
export type Value =
  { readonly kind: "words"; readonly words: readonly string[] } | { readonly kind: "file"; readonly endings: readonly string[] } | { readonly kind: "text" };

export interface OfferedFlag {
  /** With its dashes. */
  readonly names: readonly string[];
  readonly says: string;
  /** Null for a switch. */
  readonly value: Value | null;
  readonly many: boolean;
}

export interface OfferedWords {
  readonly says: string;
  readonly flags: readonly OfferedFlag[];
  readonly operands: readonly Value[];
  /** The last operand may be repeated. */
  readonly several: boolean;
}

export interface Offered {
  readonly name: string;
  readonly bare: OfferedWords;
  readonly commands: ReadonlyMap<string, OfferedWords>;
  /** The words after `--` are another program with its arguments. */
  readonly runsProgram: boolean;
}

export const HEAD = "Written by `npm run docs` from the command table.";

const text: Value = { kind: "text" };
const file = (...endings: readonly string[]): Value => ({ kind: "file", endings });

/** By the names that operands and values have in the help. */
const VALUES: Readonly<Record<string, Value>> = {
  "X.wasm": file("wasm"),
  "P.wasm": file("wasm"),
  "C.toml": file("toml"),
  "FILE...": file("ingress"),
  FILE: file("ingress"),
  "FILES...": file("ingress", "wasm"),
  KEY: file("key"),
  PUB: file("pub"),
  OUT: file(),
  PATH: file(),
  FOLDER: file(),
  SOCKET: file(),
};

/** Where one name means another kind of file: by `command` or `command --flag`. */
const PLACES: Readonly<Record<string, Value>> = {
  explain: file("ingress", "wasm"),
  who: file("ingress", "wasm"),
  import: file("json"),
  " --trusted-key": file("pub", "pem"),
  " --accept": file("toml"),
  " --audit": file(),
  " --key": file(),
};

export function offered(program: ProgramSpec): Offered {
  const { name, bare, commands } = program;
  const none: CommandSpec = { summary: "", operands: [], flags: {}, manual: "" };
  return {
    name,
    bare: wordsOf("", bare ?? none),
    commands: new Map(Object.entries(commands).map(([command, spec]) => [command, wordsOf(command, spec)])),
    runsProgram: bare?.program !== undefined,
  };
}

function wordsOf(command: string, { summary, operands, flags }: CommandSpec): OfferedWords {
  return {
    says: summary,
    flags: Object.entries({ ...flags, ...COMMON_FLAGS }).map(([long, spec]) => flag(command, long, spec)),
    operands: operands.map((operand, i) => (i === 0 ? PLACES[command] : undefined) ?? VALUES[operand] ?? text),
    several: operands.at(-1)?.endsWith("...") === true,
  };
}

function flag(command: string, long: string, { short, value, says, many, oneOf }: FlagSpec): OfferedFlag {
  const values = oneOf === undefined ? (PLACES[`${command} --${long}`] ?? VALUES[value ?? ""] ?? text) : ({ kind: "words", words: oneOf } as const);
  return { names: [...(short === null ? [] : [`-${short}`]), `--${long}`], says, value: value === null ? null : values, many: many === true };
}
