// URIs of an editor and paths of the disk. Only `file:` URIs are files; the others are texts of their own.
import { resolve, win32 } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Null where the URI names no file of this machine. `windows`: whether paths have drives and backslashes. */
export function pathOf(uri: string, windows = process.platform === "win32"): string | null {
  try {
    const url = new URL(uri);
    if (url.protocol !== "file:") return null;
    const path = fileURLToPath(url, { windows });
    if (path.includes("\0")) return null;
    // Editors write a drive in either case.
    return windows ? win32.normalize(path).replace(/^[a-z]:/, (drive) => drive.toUpperCase()) : resolve(path);
  } catch {
    return null;
  }
}

export function uriOf(path: string, windows = process.platform === "win32"): string {
  return pathToFileURL(path, { windows }).href;
}
