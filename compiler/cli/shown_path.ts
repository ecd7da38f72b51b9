// How paths of a policy are shown. A bundle for browsers replaces this file by shown_path_portable.ts.
import { relative, resolve } from "node:path";

/** A path of the policy (relative to its root) as it is seen from the current folder. */
export function shownPath(root: string, path: string): string {
  const absolute = resolve(root, path);
  const fromHere = relative(process.cwd(), absolute);
  return fromHere.startsWith("..") ? absolute : fromHere;
}
