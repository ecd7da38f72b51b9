// Compares two configurations.
import type { Config } from "./keys.ts";

/** The dotted keys whose value differs, in order; of a list the key alone. */
export function changedKeys(before: Config, after: Config): readonly string[] {
  return differing("", before, after);
}

function differing(key: string, before: unknown, after: unknown): readonly string[] {
  // Of an entry that is there once, each key counts.
  if (before === undefined && isTable(after)) return differing(key, {}, after);
  if (after === undefined && isTable(before)) return differing(key, before, {});
  if (!isTable(before) || !isTable(after)) return JSON.stringify(before) === JSON.stringify(after) ? [] : [key];
  const [old, now] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  const names = [...new Set([...old.keys(), ...now.keys()])].sort();
  return names.flatMap((name) => differing(key === "" ? name : `${key}.${name}`, old.get(name), now.get(name)));
}

function isTable(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
