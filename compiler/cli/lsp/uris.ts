// URIs of an editor and paths of the disk. Only `file:` URIs are files; the others are texts of their own.
import { posix, resolve, win32 } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Null where the URI names no file of this machine. `windows`: whether paths have drives and backslashes. */
export function pathOf(uri: string, windows = process.platform === "win32"): string | null {
  try {
    const url = new URL(uri);
    if (url.protocol !== "file:") return null;
    const path = fileURLToPath(url, { windows });
    if (path.includes("\0")) return null;
    // Editors write a drive in either case. Alone it is its root, and not the folder that is current on it.
    return windows ? win32.normalize(path.replace(/^[a-z]:$/i, "$&\\")).replace(/^[a-z]:/, (drive) => drive.toUpperCase()) : resolve(path);
  } catch {
    return null;
  }
}

export function uriOf(path: string, windows = process.platform === "win32"): string {
  return pathToFileURL(path, { windows }).href;
}

/** The path of a file from a folder, with `/`; null where the file is not below it. */
export function belowRoot(root: string, path: string, windows = process.platform === "win32"): string | null {
  const { relative, isAbsolute, sep } = windows ? win32 : posix;
  const below = relative(root, path);
  if (below === "" || below === ".." || below.startsWith(`..${sep}`) || isAbsolute(below)) return null;
  return below.split(sep).join("/");
}
