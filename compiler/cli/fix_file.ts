// FILE with its fixes written: every text that they change, each in one step, below the policy root.
import { realpathSync } from "node:fs";
import { join } from "node:path";
import { MAX_LIST_BYTES } from "../source/bounds.ts";
import { quote } from "../diagnostics/quote.ts";
import { shownPath } from "./compiled.ts";
import { readRegular, type DiskPolicy } from "./disk.ts";
import { fixAll, type Edit } from "./fixes.ts";
import type { Outcome } from "./outcome.ts";
import { replaceText } from "./write.ts";

export { fixAll };

export interface FixedFile {
  /** Edits in files that were written. */
  readonly edits: readonly Edit[];
  /** The first file that can't be written; those before it are. */
  readonly trouble: Outcome | null;
}

export async function fixFile(disk: DiskPolicy): Promise<FixedFile> {
  const { edits, texts } = fixAll(disk.entry, disk.reader);
  const written = new Set<string>();
  for (const [path, { before, after }] of texts) {
    const absolute = join(disk.root, path);
    const trouble = moved(absolute) ?? (await replaceText(absolute, before, `${mark(absolute)}${after}`));
    if (trouble !== null) return { edits: edits.filter((e) => written.has(e.file)), trouble };
    written.add(path);
  }
  return { edits, trouble: null };
}

export function editLine(root: string, { code, file, place, before, after }: Edit): string {
  const where = `${shownPath(root, file)}:${place.line}:${place.column}`;
  const [from, to] = [before.trim(), after.trim()];
  if (to === "") return `fixed ${where}: removed ${quote(from)} (${code})`;
  return from === "" ? `fixed ${where}: inserted ${quote(to)} (${code})` : `fixed ${where}: ${quote(from)} is ${quote(to)} now (${code})`;
}

/** The reader gave a real path; a link that is there now would lead to another file. */
function moved(path: string): Outcome | null {
  try {
    if (realpathSync.native(path) === path) return null;
  } catch {
    // Told below: what is gone can't be written.
  }
  return {
    class: "delegate",
    code: "policy.changed_meanwhile",
    message: `\`${path}\` was changed by somebody else meanwhile`,
    help: "nothing was changed in it; run it again",
  };
}

/** A byte order mark is not part of the text that was read, and stays. */
function mark(path: string): string {
  const bytes = readRegular(path, MAX_LIST_BYTES);
  return bytes.ok && bytes.value[0] === 0xef && bytes.value[1] === 0xbb && bytes.value[2] === 0xbf ? "\ufeff" : "";
}
