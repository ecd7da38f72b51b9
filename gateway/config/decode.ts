// Settings -> Config: defaults for missing keys, the rules of each table, and the rules that no schema can
// express (rules.ts). Every problem is reported, not only the first.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { hasFallback, isNeeded, type Keys } from "./field.ts";
import { NAMED, TABLES, TOP, type Config, type Table, type TableRules } from "./keys.ts";
import type { Layers, Setting } from "./layers.ts";
import { shown, type Place, type Problem } from "./problem.ts";
import { RULES } from "./rules.ts";

export interface Decoded {
  readonly config: Config;
  /** Of each key that a layer gave, where its value comes from. */
  readonly places: ReadonlyMap<string, Place>;
}

const tables: Readonly<Record<string, Table<Keys>>> = { ...TABLES };

/** The problems of the layers come along. */
export function decode({ settings, entries, given, problems: found }: Layers): Result<Decoded, readonly Problem[]> {
  const problems = [...found];
  const placeOf = (...keys: readonly string[]): Place =>
    keys.map((key) => settings.get(key)?.place ?? entries.get(key)).find((place) => place !== undefined) ?? { layer: "default" };

  function tableOf(prefix: readonly string[], keys: Keys, rules: TableRules, says: string): Readonly<Record<string, unknown>> {
    const at = (key: string): Setting | undefined => settings.get([...prefix, key].join("."));
    const name = (key: string): string => [...prefix, key].join(".");
    const lacks = (key: string): boolean => !given.has(name(key));
    for (const [key, field] of Object.entries(keys)) {
      if (isNeeded(field) && lacks(key)) problems.push({ key: name(key), reason: `is missing; it is: ${field.says}`, place: placeOf(prefix.join(".")) });
    }
    for (const [key, other] of Object.entries(rules.without ?? {})) {
      const setting = at(key);
      if (setting !== undefined && lacks(other)) {
        problems.push({
          key: name(key),
          value: shown(setting.value),
          reason: `has no effect without \`${name(other)}\`: give that too, or remove this key`,
          place: setting.place,
        });
      }
    }
    if (rules.someOf?.every(lacks) === true) {
      problems.push({
        key: prefix.join("."),
        reason: `needs ${rules.someOf.map((key) => `\`${key}\``).join(" or ")}; it is: ${says}`,
        place: placeOf(prefix.join(".")),
      });
    }
    return Object.fromEntries(
      Object.entries(keys).flatMap(([key, field]): [string, unknown][] => {
        const setting = at(key);
        if (setting !== undefined) return [[key, setting.value]];
        return hasFallback(field) ? [[key, field.fallback]] : [];
      }),
    );
  }

  const values: [string, unknown][] = Object.entries(tableOf([], TOP, {}, ""));
  for (const [key, table] of Object.entries(tables)) values.push([key, tableOf([key], table.keys, table, table.says)]);
  for (const [key, group] of Object.entries(NAMED)) {
    const names = [...entries.keys()].filter((entry) => entry.startsWith(`${key}.`)).map((entry) => entry.slice(key.length + 1));
    values.push([key, Object.fromEntries(names.map((name) => [name, tableOf([key, name], group.keys, group, group.entry)]))]);
  }
  const config: unknown = Object.fromEntries(values);
  if (problems.length > 0) return failed(problems);
  if (!isConfig(config)) throw new Error("the rows of the configuration contradict each other");
  for (const rule of RULES) {
    for (const { key, reason, near } of rule(config)) {
      const value = settings.get(key)?.value;
      problems.push({ key, ...(value !== undefined && { value: shown(value) }), reason, place: placeOf(key, ...(near ?? [])) });
    }
  }
  return problems.length > 0 ? failed(problems) : ok({ config, places: new Map([...settings].map(([key, { place }]) => [key, place])) });
}

/** Compares the assembled configuration with the rows once more. */
function isConfig(value: unknown): value is Config {
  const rows = (of: unknown): [string, unknown][] => (typeof of === "object" && of !== null ? Object.entries(of) : []);
  const inner = (of: unknown, key: string): unknown => rows(of).find(([name]) => name === key)?.[1];
  const fits = (of: unknown, keys: Keys): boolean =>
    Object.entries(keys).every(([key, field]) => {
      const found = inner(of, key);
      return found === undefined ? !hasFallback(field) && !isNeeded(field) : field.is(found);
    });
  return (
    fits(value, TOP) &&
    Object.entries(tables).every(([key, { keys }]) => fits(inner(value, key), keys)) &&
    Object.entries(NAMED).every(([key, { keys }]) => rows(inner(value, key)).every(([, entry]) => fits(entry, keys)))
  );
}
