// Reading JSON that another program wrote, whose form nothing has checked.

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value at a path of keys; undefined where something on the way is no object. */
export function at(value: unknown, ...keys: readonly string[]): unknown {
  let found = value;
  for (const key of keys) found = isFields(found) && Object.hasOwn(found, key) ? found[key] : undefined;
  return found;
}

/** Empty where it is no list. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Undefined where it is not JSON. */
export function parsed(source: string): unknown {
  try {
    return JSON.parse(source) as unknown;
  } catch {
    return undefined;
  }
}

/** A value in one short line. */
export function shown(value: unknown): string {
  const line = (JSON.stringify(value) ?? "nothing").replace(/[^ -~]/g, "?");
  return line.length > 160 ? `${line.slice(0, 160)}…` : line;
}

/** Equal for values that differ in the order of their keys alone. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isFields(inner) ? Object.fromEntries(Object.entries(inner).sort(([x], [y]) => (x < y ? -1 : 1))) : inner,
  );
}
