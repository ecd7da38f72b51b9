// Command-line words -> operands and flags, by the specification that each command states.
import { usage, type Outcome } from "./outcome.ts";
import { nearest } from "../diagnostics/nearest.ts";

export interface FlagSpec {
  /** One letter, for `-o`; null where only the long form exists. */
  readonly short: string | null;
  /** Name of the value in the help; null for a switch. */
  readonly value: string | null;
  readonly says: string;
  /** It may be given more than once; its values are in `lists`. */
  readonly many?: true;
  /** The words that the value may be, for completion. */
  readonly oneOf?: readonly string[];
}

export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

/** Flags that every command has. */
export const COMMON_FLAGS = {
  json: { short: null, value: null, says: "answer with one JSON envelope a line" },
  help: { short: "h", value: null, says: "show this text" },
} as const satisfies FlagSpecs;

export interface Arguments {
  readonly operands: readonly string[];
  /** Present flags; a switch has the value "". */
  readonly flags: ReadonlyMap<string, string>;
  /** The values of flags that may be given more than once, in their order. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
}

export function parseArguments(words: readonly string[], specs: FlagSpecs, command: string): Arguments | Outcome {
  const operands: string[] = [];
  const flags = new Map<string, string>();
  const lists = new Map<string, readonly string[]>();
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word === "--") {
      operands.push(...words.slice(i + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      operands.push(word);
      continue;
    }
    const equals = word.startsWith("--") ? word.indexOf("=") : -1;
    const written = equals < 0 ? word : word.slice(0, equals);
    const found = Object.entries(specs).find(([long, s]) => written === `--${long}` || written === `-${s.short ?? ""}`);
    if (found === undefined || written === "-") return unknownFlag(written, specs, command);
    const [name, spec] = found;
    if (flags.has(name)) return usage("flag_twice", `\`--${name}\` is given twice`, "leave one of them out");
    if (spec.value === null) {
      if (equals >= 0) return usage("flag_value", `\`--${name}\` takes no value`, `write \`--${name}\` alone`);
      flags.set(name, "");
      continue;
    }
    const value = equals < 0 ? words[++i] : word.slice(equals + 1);
    if (value === undefined || value === "" || (equals < 0 && value.startsWith("-") && value !== "-")) {
      return usage("flag_value", `\`${written}\` needs a value`, `write \`${written} ${spec.value}\``);
    }
    if (spec.many === true) lists.set(name, [...(lists.get(name) ?? []), value]);
    else flags.set(name, value);
  }
  return { operands, flags, lists };
}

export function isArguments(x: Arguments | Outcome): x is Arguments {
  return "operands" in x;
}

function unknownFlag(written: string, specs: FlagSpecs, command: string): Outcome {
  const known = Object.entries(specs).flatMap(([long, s]) => [`--${long}`, ...(s.short === null ? [] : [`-${s.short}`])]);
  const near = nearest(written, known.filter((k) => k.startsWith("--")));
  const remedy = `\`ingressc ${command} --help\` lists its flags`;
  return usage(
    "unknown_flag",
    `\`ingressc ${command}\` has no flag \`${written}\``,
    near === null ? remedy : `did you mean \`${near}\`? ${remedy}`,
  );
}
