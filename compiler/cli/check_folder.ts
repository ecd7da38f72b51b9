// `ingressc check FOLDER` and `ingressc test FOLDER`: every policy below a folder, each with its own outcome. A file that another one
// imports is checked with it, and not by itself, because its paths are relative to the folder of the policy.
import { readdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { EXIT_CODES } from "../../runtime/shell/exit.ts";
import { readTree } from "../format/format.ts";
import { openText } from "./disk.ts";
import { count, usage, type Outcome } from "./outcome.ts";
import type { Paint } from "./terminal.ts";
import { MAX_SOURCE_BYTES } from "../source/bounds.ts";

/** Files below a folder that are looked at; a tree with more is no folder of policies. */
const MAX_FILES = 10_000;

interface Tree {
  /** As they are named from the folder that was given. */
  readonly files: string[];
  readonly unreadable: string[];
}

/** The words for one policy and for several, of which nothing or something is wrong; and the codes of the whole. */
interface Words {
  readonly good: readonly [one: string, several: string];
  readonly bad: readonly [one: string, several: string];
  readonly codes: readonly [good: string, bad: string];
}

export const CHECKED: Words = { good: ["is valid", "are valid"], bad: ["is", "are"], codes: ["policy.all_valid", "policy.some_rejected"] };
export const TESTED: Words = { good: ["passes its tests", "pass their tests"], bad: ["does", "do"], codes: ["policy.all_passed", "policy.some_failed"] };

/** `check` is what the command does with one file. */
export async function checkFolder(folder: string, words: Words, check: (file: string) => Promise<Outcome>): Promise<Outcome> {
  const tree: Tree = { files: [], unreadable: [] };
  walk(folder, tree);
  if (tree.files.length > MAX_FILES)
    return usage("too_many_policies", `\`${folder}\` has more than ${MAX_FILES} policies below it`, "name a folder that has fewer");
  if (tree.files.length === 0 && tree.unreadable.length === 0)
    return usage(
      "no_policies",
      `\`${folder}\` has no policy below it, no file whose name ends in \`.ingress\``,
      "name the folder of your policies, or a policy",
    );
  const results: { readonly file: string; readonly outcome: Outcome }[] = tree.unreadable.map((path) => ({
    file: path,
    outcome: { class: "usage", code: "usage.unreadable_file", message: `the folder \`${path}\` can't be read`, help: "check its permissions" },
  }));
  for (const file of entriesOf(tree.files)) results.push({ file, outcome: await check(file) });
  return together(folder, words, results);
}

function walk(folder: string, tree: Tree): void {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    tree.unreadable.push(folder);
    return;
  }
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (tree.files.length > MAX_FILES) return;
    const path = join(folder, entry.name);
    // Links to folders are not followed, because they may lead round in a circle.
    if (entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules") walk(path, tree);
    else if (!entry.isDirectory() && entry.name.endsWith(".ingress")) tree.files.push(path);
  }
}

/** The files that no other one imports; of files that import each other in a circle, the first. */
function entriesOf(files: readonly string[]): readonly string[] {
  const imports = new Map(files.map((file) => [file, importsOf(file)]));
  const real = new Map(files.map((file) => [realOf(file), file]));
  const imported = new Set([...imports.values()].flat());
  const covered = new Set<string>();
  const cover = (file: string): void => {
    const open = [file];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (covered.has(next)) continue;
      covered.add(next);
      open.push(...(imports.get(next) ?? []).flatMap((path) => real.get(path) ?? []));
    }
  };
  const entries = files.filter((file) => !imported.has(realOf(file)));
  entries.forEach(cover);
  for (const file of files) {
    if (covered.has(file)) continue;
    entries.push(file);
    cover(file);
  }
  return entries;
}

/** Real paths; none of a file that can't be read whole, which is then checked by itself. */
function importsOf(file: string): readonly string[] {
  const text = openText(file, MAX_SOURCE_BYTES);
  if (!text.ok || !/\bimport\b/.test(text.value.text)) return [];
  const tree = readTree({ path: file, text: text.value.text });
  if (!tree.ok) return [];
  return tree.value.statements.flatMap((node) => (node.kind === "import" ? [realOf(join(dirname(text.value.real), node.path.text))] : []));
}

function realOf(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}

/** With the worst class, the one with the largest exit code. */
function together(folder: string, words: Words, results: readonly { readonly file: string; readonly outcome: Outcome }[]): Outcome {
  const bad = results.filter(({ outcome }) => outcome.class !== "ok");
  const worst = bad.map(({ outcome }) => outcome.class).sort((a, b) => EXIT_CODES[b] - EXIT_CODES[a])[0];
  const goods = results.length - bad.length;
  const good = `${count(goods, "policy").replace(/policys$/, "policies")} below \`${folder}\` ${words.good[goods === 1 ? 0 : 1]}`;
  return {
    class: worst ?? "ok",
    code: words.codes[worst === undefined ? 0 : 1],
    message:
      worst === undefined ? good : (
        `${good}, and ${bad.length} ${words.bad[bad.length === 1 ? 0 : 1]} not: ${bad
          .slice(0, 5)
          .map(({ file }) => `\`${file}\``)
          .join(", ")}${bad.length > 5 ? " and more" : ""}`
      ),
    report: (paint) =>
      [...results.flatMap(({ file, outcome }) => linesOf(words === TESTED ? file : null, outcome, paint)), ...(worst === undefined ? [good] : [])].join("\n"),
    data: {
      policies: results.map(({ file, outcome: { class: kind, code, message, data } }) => ({
        file,
        class: kind,
        code,
        message,
        ...(data === undefined ? {} : { data }),
      })),
    },
  };
}

/** `file` where the outcome does not name it. */
function linesOf(file: string | null, { report, message, help }: Outcome, paint: Paint): readonly string[] {
  const text = report?.(paint);
  const lines = file === null ? [] : [`${file}:`];
  if (text !== undefined) lines.push(text);
  if (text?.endsWith(message) !== true) lines.push(message);
  return help === undefined ? lines : [...lines, `help: ${help}`];
}
