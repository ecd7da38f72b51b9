// Patterns of names as regular expressions, and back.

const LABEL = "[^.]+";

/** Of a wildcard pattern: `*.s` is one label more, `**.s` two or more. */
export function patternExpression(pattern: string): string {
  if (pattern === "*") return `^${LABEL}$`;
  if (pattern === "**") return "\\.";
  const tail = pattern.replace(/^\*+\./, "").replaceAll(".", "\\.");
  return pattern.startsWith("**") ? `\\.${LABEL}\\.${tail}$` : `^${LABEL}\\.${tail}$`;
}

/** Null where it is no expression of this program. */
export function patternOf(expression: string): string | null {
  const tail = /(?:\\\.|^\^)\[\^\.\]\+\\\.([a-z0-9_\\.-]+)\$$/.exec(expression)?.[1]?.replaceAll("\\.", ".");
  const tried = tail === undefined ? ["*", "**"] : [`*.${tail}`, `**.${tail}`];
  return tried.find((pattern) => patternExpression(pattern) === expression) ?? null;
}
