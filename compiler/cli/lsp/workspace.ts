// The policies around a text: those that import it, in the folders that the editor has open, and their trees as the editor has them.
import { readdirSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import type { Program } from "../../check/names/program.ts";
import { load } from "../../load.ts";
import { EditedText } from "../../lsp/edited_text.ts";
import { MAX_SOURCE_BYTES } from "../../source/bounds.ts";
import type { SourceFile } from "../../source/source.ts";
import { openEdited, openText, realPlace } from "../disk.ts";

/** Policies below the folders that are looked at; past it only those that are open are known. */
const MOST_FILES = 2_000;
/** Policies that one question is about. */
const MOST_ENTRIES = 256;
/** Trees of files that are not open. */
const MOST_TREES = 256;

export interface LoadedProgram {
  readonly root: string;
  readonly program: Program;
}

interface Imports {
  /** Of the file when it was read: bytes and time. */
  readonly stamp: string;
  readonly paths: readonly string[];
}

const IMPORT = /^[ \t]*import[ \t]+"([^"\r\n]*)"/gm;

export class Workspace {
  /** By real path. */
  readonly texts = new Map<string, string>();
  #folders: readonly string[] = [];
  #files: readonly string[] | null = null;
  readonly #imports = new Map<string, Imports>();
  readonly #trees = new Map<string, EditedText>();

  setFolders(folders: readonly string[]): void {
    this.#folders = [...new Set(folders.flatMap((folder) => realPlace(folder) ?? []))];
    this.#files = null;
  }

  /** Files may have come or gone. */
  filesChanged(): void {
    this.#files = null;
  }

  /** The policies that a file is part of: those that import it and that no other one imports; itself where none does. */
  entriesOf(path: string): readonly string[] {
    const importers = this.#importers();
    const seen = new Set([path]);
    const entries: string[] = [];
    const open = [path];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const by = importers.get(next) ?? [];
      if (by.length === 0 && entries.length < MOST_ENTRIES) entries.push(next);
      for (const other of by) {
        if (seen.has(other)) continue;
        seen.add(other);
        open.push(other);
      }
    }
    return entries.length === 0 ? [path] : entries.sort();
  }

  /** Null where the entry file can't be read as a policy. The trees are good until the next call. */
  program(entry: string): LoadedProgram | null {
    const opened = openEdited(entry, this.texts);
    if (!opened.ok) return null;
    const { entry: file, reader, root } = opened.value;
    const { program } = load(file, reader, (one) => this.tree(root, one));
    return program === null ? null : { root, program };
  }

  tree(root: string, file: SourceFile): ReturnType<EditedText["read"]> {
    const key = `${root}\0${file.path}`;
    const text = this.#trees.get(key) ?? new EditedText();
    // The oldest is first.
    this.#trees.delete(key);
    this.#trees.set(key, text);
    const tree = text.read(file);
    if (this.#trees.size > MOST_TREES) this.#forgetOne();
    return tree;
  }

  forget(path: string): void {
    this.#trees.delete(`${dirname(path)}\0${basename(path)}`);
  }

  #forgetOne(): void {
    for (const key of this.#trees.keys()) {
      const [root = "", path = ""] = key.split("\0");
      if (this.texts.has(join(root, path))) continue;
      this.#trees.delete(key);
      return;
    }
  }

  #importers(): ReadonlyMap<string, readonly string[]> {
    const importers = new Map<string, string[]>();
    for (const file of new Set([...this.#policies(), ...this.texts.keys()])) {
      for (const path of this.#importsOf(file)) {
        if (path === file) continue;
        const by = importers.get(path);
        if (by === undefined) importers.set(path, [file]);
        else if (!by.includes(file)) by.push(file);
      }
    }
    return importers;
  }

  #importsOf(file: string): readonly string[] {
    const text = this.texts.get(file);
    if (text !== undefined) return importPaths(file, text);
    const stat = statSync(file, { throwIfNoEntry: false });
    if (stat?.isFile() !== true) return [];
    const stamp = `${stat.size} ${stat.mtimeMs}`;
    const known = this.#imports.get(file);
    if (known?.stamp === stamp) return known.paths;
    const read = openText(file, MAX_SOURCE_BYTES);
    const paths = read.ok ? importPaths(file, read.value.text) : [];
    this.#imports.set(file, { stamp, paths });
    return paths;
  }

  #policies(): readonly string[] {
    if (this.#files !== null) return this.#files;
    const found: string[] = [];
    for (const folder of this.#folders) collect(folder, found);
    return (this.#files = found.length > MOST_FILES ? [] : found);
  }
}

function importPaths(file: string, text: string): readonly string[] {
  return [...text.matchAll(IMPORT)].flatMap(([, path = ""]) => (path === "" || isAbsolute(path) ? [] : (realPlace(join(dirname(file), path)) ?? [])));
}

function collect(folder: string, found: string[]): void {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    // A folder that can't be read has nothing that this user could open.
    return;
  }
  for (const entry of entries) {
    if (found.length > MOST_FILES) return;
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules") collect(path, found);
    else if (entry.isFile() && entry.name.endsWith(".ingress")) found.push(path);
  }
}
