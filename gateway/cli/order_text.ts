// The answer of a gateway as text for people: nested keys as indented lines, in the order in which
// the gateway gives them.

export function reportText(done: string, report: unknown): string {
  return [done, ...lines(report, "  ")].join("\n");
}

function lines(value: unknown, indent: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item: unknown) => entry("-", item, indent));
  if (typeof value !== "object" || value === null) return [`${indent}${plain(value)}`];
  return Object.entries(value).flatMap(([key, inner]) => entry(`${key}:`, inner, indent));
}

function entry(head: string, value: unknown, indent: string): string[] {
  if (Array.isArray(value) && value.length === 0) return [`${indent}${head} none`];
  if (typeof value !== "object" || value === null) return [`${indent}${head} ${plain(value)}`];
  const flat = oneLine(value);
  if (flat !== null) return [`${indent}${head} ${flat}`];
  return [`${indent}${head}`, ...lines(value, `${indent}  `)];
}

/** An object of plain values on one line, if it fits. */
function oneLine(value: object): string | null {
  if (Array.isArray(value)) return null;
  const parts: string[] = [];
  for (const [key, inner] of Object.entries(value)) {
    if (typeof inner === "object" && inner !== null) return null;
    parts.push(`${key}=${plain(inner)}`);
  }
  const text = parts.join(" ");
  return (
    text.length > 0 && text.length <= 120 ? text
    : parts.length === 0 ? "none"
    : null
  );
}

function plain(value: unknown): string {
  if (value === null || value === undefined) return "none";
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "none");
}
