// HAProxy's configuration: lines of words, in sections that begin with a word of their own.
import type { Context, Stretch } from "../draft/context.ts";

export interface Line extends Stretch {
  readonly words: readonly string[];
}

export interface Section {
  readonly kind: "frontend" | "backend" | "listen" | "defaults" | "other";
  readonly name: string;
  readonly head: Line;
  readonly lines: readonly Line[];
  /** The lines of the `defaults` that apply to it. */
  readonly defaults: readonly Line[];
}

const KINDS = ["frontend", "backend", "listen", "defaults"] as const;
const OTHERS: ReadonlySet<string> = new Set([
  "global",
  "userlist",
  "peers",
  "resolvers",
  "mailers",
  "program",
  "cache",
  "ring",
  "http-errors",
  "log-forward",
  "fcgi-app",
  "crt-store",
  "traces",
  "log-profile",
]);
const HELP = "check the file with `haproxy -c -f FILE`";

/** Null after a fault. */
export function readHaproxy(context: Context): readonly Section[] | null {
  const sections: { readonly kind: Section["kind"]; readonly name: string; readonly head: Line; readonly lines: Line[]; readonly defaults: readonly Line[] }[] =
    [];
  const defaults = new Map<string, readonly Line[]>();
  let latest: readonly Line[] = [];
  for (const line of linesOf(context)) {
    const [word = "", name = ""] = line.words;
    if (word.startsWith(".")) return context.fault("ING874", line, `\`${word}\` depends on the machine`, "remove the lines that don't apply to yours");
    const kind = KINDS.find((known) => known === word) ?? (OTHERS.has(word) ? ("other" as const) : null);
    if (kind === null) {
      const section = sections.at(-1);
      if (section === undefined)
        return context.fault("ING873", line, `\`${word}\` is in no section`, "a file begins with `global`, `defaults`, `frontend`, `backend` or `listen`");
      section.lines.push(line);
      continue;
    }
    if (name === "" && (kind === "frontend" || kind === "backend" || kind === "listen")) return context.fault("ING874", line, `this ${kind} has no name`, HELP);
    const from = line.words.indexOf("from");
    const section = { kind, name, head: line, lines: [], defaults: from > 0 ? (defaults.get(line.words[from + 1] ?? "") ?? []) : latest };
    sections.push(section);
    if (kind === "defaults") {
      latest = section.lines;
      defaults.set(name, section.lines);
    }
  }
  return sections;
}

function linesOf(context: Context): readonly Line[] {
  const lines: Line[] = [];
  const { text } = context.file;
  for (const match of text.matchAll(/[^\r\n]+/g)) {
    const words: string[] = [];
    const token = /\s*(?:#.*|((?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s#"'\\])+)|(.))/y;
    for (let at = 0; at < match[0].length;) {
      token.lastIndex = at;
      const found = token.exec(match[0]);
      if (found === null) break;
      at = token.lastIndex;
      if (found[2] !== undefined && found[2].trim() !== "")
        context.fault("ING873", { at: match.index + at - 1, end: match.index + at }, "this text has no closing quote", HELP);
      if (found[1] !== undefined)
        words.push(
          found[1].replace(
            /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g,
            (_, double?: string, single?: string, escaped?: string) => double ?? single ?? escaped ?? "",
          ),
        );
    }
    if (words.length > 0) lines.push({ words, at: match.index, end: match.index + match[0].length });
  }
  return lines;
}

export function linesWith(lines: readonly Line[], ...words: readonly string[]): readonly Line[] {
  return lines.filter((line) => words.every((word, i) => line.words[i] === word));
}

export function shown({ words }: Line): string {
  return `\`${words.join(" ")}\``;
}
