// The form of a program's command table. One table for each program says all that its command line has; command_line.ts
// reads words by it, and the help (help_text.ts), the completions (completion_bash.ts, completion_zsh.ts) and the manual page
// (man_page.ts) are written from it.

export interface FlagSpec {
  /** One letter, for `-o`; null where only the long form exists. */
  readonly short: string | null;
  /** Name of the value in the help; null for a switch. */
  readonly value: string | null;
  readonly says: string;
  /** It may be given more than once; its values are in `lists`. */
  readonly many?: true;
  /** It takes the place of the command's last operand. */
  readonly isOperand?: true;
  /** The words that the value may be, where it can't be any other. */
  readonly oneOf?: readonly string[];
}

export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

export interface CommandSpec {
  /** One line for the list of commands. */
  readonly summary: string;
  /** Names of the operands, all required; the last may end in `...` and is one or more. */
  readonly operands: readonly string[];
  /** A word of this form is enough by itself, in place of all operands; `name` is what the help calls it. */
  readonly alone?: { readonly name: string; readonly form: RegExp };
  /** Its own flags, beside the common ones. */
  readonly flags: FlagSpecs;
  /** Names of flags without which the command does nothing, for the usage line. */
  readonly required?: readonly string[];
  /** The names of the words after `--`, where they are another program with its arguments. Else they are operands. */
  readonly program?: string;
  /** A description for `--help`; may be empty. */
  readonly manual: string;
}

export interface ProgramSpec {
  readonly name: "ingressc" | "ingressd" | "ingress-guard";
  /** Of its manual page: 1 for everybody, 8 for administrators. */
  readonly section: 1 | 8;
  /** A description in one line. */
  readonly says: string;
  /** Without a command; null where there has to be one. */
  readonly bare: CommandSpec | null;
  readonly commands: Readonly<Record<string, CommandSpec>>;
  /** Paragraphs of the help behind the flags. */
  readonly notes: readonly string[];
  /** Exit codes beside those of exit.ts: number and meaning. */
  readonly exits: readonly (readonly [code: number, meaning: string])[];
}

/** Flags that every program and every command has. */
export const COMMON_FLAGS = {
  help: { short: "h", value: null, says: "show this text" },
  version: { short: "V", value: null, says: "show the version" },
} as const satisfies FlagSpecs;
