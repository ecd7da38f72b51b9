// Replaces shown_path.ts where there is no current folder.

/** A path of the policy as it is, relative to its root. */
export function shownPath(_root: string, path: string): string {
  return path;
}
