// Reads the project's own source files for the house tests.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));

export interface Source {
  /** Relative to the project's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

const EXCLUDED = new Set(["node_modules", ".git", "build", "dist", "target"]);

function walk(folder: string, endings: readonly string[]): Source[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return EXCLUDED.has(entry.name) ? [] : walk(path, endings);
    if (!entry.isFile() || !endings.some((ending) => entry.name.endsWith(ending))) return [];
    return [{ path, text: readFileSync(join(root, path), "utf8") }];
  });
}

/** Every file in the project with one of the endings. */
export function sources(...endings: readonly string[]): readonly Source[] {
  return walk("", endings).sort((a, b) => (a.path < b.path ? -1 : 1));
}

export function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}
