// ING5xx: list files and imports. Their data and their words.
import { MAX_LIST_BYTES, MAX_LIST_ERRORS } from "../source/bounds.ts";
import { literalWords, type LiteralProblem } from "./literal_words.ts";
import { quote } from "./quote.ts";
import type { Words, WordsOf } from "./sentence.ts";

/** Why a file can't be read. */
export type FileFault =
  | { readonly fault: "missing" | "outside" | "too_large" | "unreadable" }
  /** `meant` is the path with `/`, null where that would lead out of the policy's folder. */
  | { readonly fault: "backslash"; readonly meant: string | null }
  | { readonly fault: "not_text"; readonly line: number; readonly column: number; readonly character: string };

/** Entries of a list file, by the kind of set. */
export type Entry = "address or prefix" | "name or pattern";

export interface FileData {
  ING501: { readonly path: string } & FileFault;
  ING502:
    | { readonly fault: "two_entries"; readonly entry: Entry }
    | { readonly fault: "entry"; readonly of: LiteralProblem }
    /** `meant` is the entry without the characters, null where that is no entry either. */
    | { readonly fault: "unseen"; readonly token: string; readonly characters: readonly string[]; readonly meant: string | null };
  ING503: { readonly path: string; readonly max: number };
  ING504: { readonly path: string; readonly errors: number; readonly entry: Entry };
  ING505: { readonly path: string } & FileFault;
  ING506: { readonly path: string; readonly files: number };
  ING507: { readonly path: string; readonly entries: number; readonly min: number };
}

type Plain = "missing" | "outside" | "too_large" | "unreadable";

const LIST_FAULTS: Readonly<Record<Plain, readonly [fault: string, help: string]>> = {
  missing: ["does not exist", "the path is relative to the file that names it"],
  outside: ["is outside of the policy's folder", "list files are in the folder of the policy or below it, without `..` or links that lead out of it"],
  too_large: [`is larger than ${MAX_LIST_BYTES / 1024 / 1024} MiB`, "split it into several files"],
  unreadable: ["can't be read", "check that it is a file and its permissions"],
};

const IMPORT_FAULTS: Readonly<Record<Plain, readonly [fault: string, help: string]>> = {
  missing: ["does not exist", "the path is relative to the file that imports it"],
  outside: ["is outside of the policy's folder", "imports are in the entry file's folder or below it, without links that lead out of it"],
  too_large: ["is too large", 'put long lists into list files: `file "…" max N`'],
  unreadable: ["can't be read", "check that it is a file and its permissions"],
};

function fileFault(path: string, data: FileFault, faults: Readonly<Record<Plain, readonly [fault: string, help: string]>>): Words {
  switch (data.fault) {
    case "backslash":
      return {
        message: `${quote(path)} has a \`\\\`, and paths use \`/\``,
        help: data.meant === null ? "a path is relative to the file that names it, such as `lists/bad.txt`" : `write ${quote(data.meant)}`,
      };
    case "not_text":
      return { message: `${quote(path)} is not UTF-8 text: line ${data.line}, column ${data.column} has ${data.character}`, help: "save the file as UTF-8" };
    default: {
      const [fault, help] = faults[data.fault];
      return { message: `${quote(path)} ${fault}`, help };
    }
  }
}

export const FILE_WORDS: WordsOf<FileData> = {
  ING501: (data) => fileFault(data.path, data, LIST_FAULTS),
  ING502: (data) => {
    switch (data.fault) {
      case "two_entries":
        return { message: "more than one entry on a line", help: `a list has one ${data.entry} a line; a comment begins with \`#\` or \`;\`` };
      case "entry":
        return literalWords(data.of);
      case "unseen":
        return {
          message: `${quote(data.token)} holds ${data.characters.join(", ")}`,
          help: data.meant === null || data.meant === "" ? "remove it" : `write ${quote(data.meant)}`,
        };
    }
  },
  ING503: ({ path, max }) => ({ message: `${quote(path)} has more than ${max} entries`, help: "raise `max`, or check why the list is so long" }),
  ING504: ({ path, errors, entry }) => ({
    message: `${quote(path)} has ${errors} errors, of which ${MAX_LIST_ERRORS} are shown`,
    help: `has it one ${entry} a line?`,
  }),
  ING505: (data) => fileFault(data.path, data, IMPORT_FAULTS),
  ING506: ({ path, files }) => ({
    message: `${quote(path)} imports itself`,
    label: files === 0 ? "" : "and this closes the circle",
    help: "take out one of the imports: what both files need goes into a third",
  }),
  ING507: ({ path, entries, min }) => ({
    message: `${quote(path)} has ${entries === 0 ? "no entries" : `${entries} ${entries === 1 ? "entry" : "entries"}`}, fewer than its \`min\` of ${min}`,
    help: "check why the list is so short: a download may have failed; or lower `min`",
  }),
};
