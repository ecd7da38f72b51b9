// The layers of a configuration become settings, one a dotted key, the later layer's in the place
// of the earlier one's: file < environment < flags. An unknown key is a problem of its layer.
//
//   timers.idle_ms     [timers] idle_ms = 5     INGRESSD__TIMERS__IDLE_MS=5     --set timers.idle_ms=5
//   services.web.uid   [services.web] uid = 5   INGRESSD__SERVICES__web__UID=5  --set services.web.uid=5
import type { Field, Keys } from "./field.ts";
import { NAMED, TABLES, TOP, type NamedTable, type Table } from "./keys.ts";
import { quoted } from "../../runtime/text/characters.ts";
import { clip, shown, type Place, type Problem } from "./problem.ts";

export const ENV_PREFIX = "INGRESSD__";

const tables: Readonly<Record<string, Table<Keys>>> = TABLES;
const named: Readonly<Record<string, NamedTable<Keys>>> = NAMED;
const top: Keys = TOP;

export interface Setting {
  readonly path: readonly string[];
  readonly field: Field<unknown>;
  readonly value: unknown;
  readonly place: Place;
}

export interface Layers {
  /** By dotted key; the last layer's word. */
  readonly settings: Map<string, Setting>;
  /** Entries of named tables, by `table.name`: one may be there without any key. */
  readonly entries: Map<string, Place>;
  /** Keys that some layer gave, with a wrong value or a right one. */
  readonly given: Set<string>;
  readonly problems: Problem[];
}

export function newLayers(): Layers {
  return { settings: new Map(), entries: new Map(), given: new Set(), problems: [] };
}

/** The document of a file, as TOML or JSON has it; `at` gives the place of a path. */
export function addDocument(layers: Layers, document: unknown, at: (path: readonly string[]) => Place): void {
  if (!isTable(document)) {
    layers.problems.push({ key: "", reason: "the configuration must be a table", place: at([]) });
    return;
  }
  for (const [key, value] of Object.entries(document)) {
    const field = own(top, key);
    const table = own(tables, key);
    const group = own(named, key);
    if (field !== null) put(layers, { path: [key], field, value, place: at([key]) });
    else if (table !== null) addTable(layers, [key], table.keys, value, at);
    else if (group !== null) addEntries(layers, key, group, value, at);
    else unknown(layers, [], key, [...Object.keys(top), ...Object.keys(tables), ...Object.keys(named)], at([key]));
  }
}

function addTable(layers: Layers, path: readonly string[], keys: Keys, given: unknown, at: (path: readonly string[]) => Place): void {
  if (!isTable(given)) {
    layers.problems.push({
      key: path.join("."),
      value: shown(given),
      reason: `must be a table with the keys ${Object.keys(keys).join(", ")}`,
      place: at(path),
    });
    return;
  }
  for (const [key, value] of Object.entries(given)) {
    const field = own(keys, key);
    if (field === null) unknown(layers, path, key, Object.keys(keys), at([...path, key]));
    else put(layers, { path: [...path, key], field, value, place: at([...path, key]) });
  }
}

function addEntries(layers: Layers, key: string, group: NamedTable<Keys>, given: unknown, at: (path: readonly string[]) => Place): void {
  if (!isTable(given)) {
    layers.problems.push({ key, value: shown(given), reason: `must have one table for each name, such as [${key}.NAME]`, place: at([key]) });
    return;
  }
  for (const [name, value] of Object.entries(given)) {
    const place = at([key, name]);
    if (!isName(layers, key, name, group, place)) continue;
    if (isTable(value)) layers.entries.set(`${key}.${name}`, place);
    addTable(layers, [key, name], group.keys, value, at);
  }
}

/** Every variable that begins with ENV_PREFIX must be a key; other variables are not looked at. */
export function addEnvironment(layers: Layers, env: Readonly<Record<string, string | undefined>>): void {
  for (const [variable, given] of Object.entries(env)) {
    if (!variable.startsWith(ENV_PREFIX) || given === undefined) continue;
    const rest = variable.slice(ENV_PREFIX.length);
    const [, first = "", middle = ""] = /^([A-Z_]+?)__([^]*)$/.exec(rest) ?? [];
    const lower = upperOnly(rest);
    const path =
      first === "" ? [lower]
      : own(named, first.toLowerCase()) === null ? [first.toLowerCase(), upperOnly(middle)]
      : [first.toLowerCase(), ...lastWord(middle)];
    addText(layers, path, given, { layer: "environment", variable: clip(variable) });
  }
}

/** `web__UID` -> `web`, `uid` */
function lastWord(text: string): string[] {
  const at = text.lastIndexOf("__");
  return at < 0 ? [text] : [text.slice(0, at), upperOnly(text.slice(at + 2))];
}

/** A word of a variable's name as a key; what is not written in capitals is none. */
function upperOnly(text: string): string {
  return /^[A-Z0-9_]+$/.test(text) ? text.toLowerCase() : text;
}

/** `KEY=VALUE` */
export function addFlag(layers: Layers, assignment: string): void {
  const at = assignment.indexOf("=");
  const place: Place = { layer: "flag", flag: `--set ${clip(assignment)}` };
  if (at < 1) layers.problems.push({ key: "", reason: "must be KEY=VALUE, such as --set timers.idle_ms=60000", place });
  else addText(layers, assignment.slice(0, at).split("."), assignment.slice(at + 1), place);
}

/** One key that a flag of its own names. */
export function addValue(layers: Layers, path: readonly string[], value: string, flag: string): void {
  addText(layers, path, value, { layer: "flag", flag });
}

function addText(layers: Layers, path: readonly string[], given: string, place: Place): void {
  const [first = "", second, third] = path;
  const table = own(tables, first);
  const group = own(named, first);
  if (group !== null && second !== undefined && third !== undefined && path.length === 3) {
    const field = own(group.keys, third);
    if (field === null) return unknown(layers, [first, second], third, Object.keys(group.keys), place);
    if (!isName(layers, first, second, group, place)) return;
    layers.entries.set(`${first}.${second}`, layers.entries.get(`${first}.${second}`) ?? place);
    return put(layers, { path, field, value: field.fromText(given), place });
  }
  const field =
    path.length === 1 ? own(top, first)
    : path.length === 2 && table !== null ? own(table.keys, second ?? "")
    : null;
  if (field !== null) return put(layers, { path, field, value: field.fromText(given), place });
  if (table !== null && path.length > 1) return unknown(layers, [first], path.slice(1).join("."), Object.keys(table.keys), place);
  if (table !== null || group !== null) {
    const example = table !== null ? `${first}.${Object.keys(table.keys)[0] ?? ""}` : `${first}.NAME.${Object.keys(group?.keys ?? {})[0] ?? ""}`;
    layers.problems.push({ key: path.join("."), reason: `is a table: name one of its keys, such as ${example}`, place });
    return;
  }
  unknown(layers, [], path.join("."), [...Object.keys(top), ...Object.keys(tables), ...Object.keys(named)], place);
}

/** A wrong value is a problem even where a later layer has another one. */
function put({ settings, given, problems }: Layers, setting: Setting): void {
  const { path, field, value, place } = setting;
  const key = path.join(".");
  given.add(key);
  if (field.is(value)) settings.set(key, setting);
  else problems.push({ key, value: shown(value), reason: `must be ${field.wanted}; it is: ${field.says}`, place });
}

function isName(layers: Layers, key: string, name: string, { name: { pattern, says } }: NamedTable<Keys>, place: Place): boolean {
  if (new RegExp(pattern, "u").test(name)) return true;
  layers.problems.push({ key, reason: `can't have the name ${shown(name)}; it is: ${says}`, place });
  return false;
}

/** Keys that people look for, of facilities that this release does not have. */
const LATER = new Set(["proxy_protocol", "socket_activation"]);

function unknown({ problems }: Layers, path: readonly string[], key: string, known: readonly string[], place: Place): void {
  if (LATER.has(key)) {
    problems.push({ key: [...path, key].join("."), reason: "is not supported in this release: remove it", place, code: "unsupported" });
    return;
  }
  const where = path.length === 0 ? "" : ` in \`${path.join(".")}\``;
  problems.push({ key: "", reason: `unknown key ${quoted(clip(key))}${where}: the keys here are ${known.join(", ")}`, place });
}

/** TOML's dates are objects too. */
function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function own<V>(rows: Readonly<Record<string, V>>, key: string): V | null {
  return Object.hasOwn(rows, key) ? (rows[key] ?? null) : null;
}
