// Lists of prefixes as others publish them -> their prefixes, each with its place and with the groups by which a part of the
// list can be picked. A format is recognised by its form, never by the name of the file.
import type { LIST_FORMATS } from "../flags.ts";
import { failed, ok, type Result } from "../../../runtime/result/result.ts";

type Format = (typeof LIST_FORMATS)[number];

export interface Entry {
  /** As published. */
  readonly text: string;
  /** `line 12`, `prefixes[3].ipv6_prefix` */
  readonly place: string;
  /** Words that `--only` may name: a service, a region, a country. */
  readonly groups: readonly string[];
}

export interface Published {
  readonly format: Format;
  readonly entries: readonly Entry[];
}

/** Why a text is no list. */
export interface Unlisted {
  readonly place: string;
  readonly what: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** `wanted` null: by its form. */
export function readPublished(text: string, wanted: Format | null): Result<Published, Unlisted> {
  const trimmed = text.trimStart();
  const isJson = trimmed.startsWith("{") || trimmed.startsWith("[");
  if (isJson && wanted !== "geofeed" && wanted !== "text") {
    const lines = jsonLines(text);
    if (lines !== null && (wanted === null || wanted === "spamhaus")) return spamhausLines(lines);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      return no("the file", `it is not JSON (${error instanceof Error ? error.message : "unknown"}), and perhaps cut off`);
    }
    return ofJson(value, wanted);
  }
  if (isJson || (wanted !== null && wanted !== "geofeed" && wanted !== "text" && wanted !== "spamhaus"))
    return no("the file", `it is not of the format \`${wanted ?? ""}\``);
  return ofText(text, wanted === "spamhaus" ? "text" : wanted);
}

const no = (place: string, what: string): Result<never, Unlisted> => failed({ place, what });

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Two objects or more on lines of their own, as Spamhaus writes them; null for any other text. */
function jsonLines(text: string): readonly { readonly value: Fields; readonly number: number }[] | null {
  const found: { value: Fields; number: number }[] = [];
  let number = 0;
  for (const line of text.split("\n")) {
    number++;
    if (line.trim() === "") continue;
    try {
      const value: unknown = JSON.parse(line);
      if (!isFields(value)) return null;
      found.push({ value, number });
    } catch {
      return null;
    }
  }
  return found.some(({ value }) => "cidr" in value) ? found : null;
}

function spamhausLines(lines: readonly { readonly value: Fields; readonly number: number }[]): Result<Published, Unlisted> {
  const entries: Entry[] = [];
  let stated: number | null = null;
  for (const { value, number } of lines) {
    if (value["type"] === "metadata") {
      if (typeof value["records"] === "number") stated = value["records"];
      continue;
    }
    const { cidr } = value;
    if (typeof cidr !== "string") return no(`line ${number}`, "it has no `cidr`");
    entries.push({ text: cidr, place: `line ${number}`, groups: words(value["rir"], value["sblid"]) });
  }
  if (stated === null) return no("the file", "the line with the number of records, the last one, is not there, so that it may be cut off");
  if (stated !== entries.length) return no("the file", `it states ${stated} records and has ${entries.length}, so that it may be cut off`);
  return ok({ format: "spamhaus", entries });
}

function words(...values: readonly unknown[]): readonly string[] {
  return values.filter((value): value is string => typeof value === "string" && value !== "");
}

function ofJson(value: unknown, wanted: Format | null): Result<Published, Unlisted> {
  if (!isFields(value)) return no("the file", "it is JSON of no format that is known");
  const format = wanted ?? formatOf(value);
  switch (format) {
    case "aws":
      return aws(value);
    case "gcp":
      return gcp(value);
    case "azure":
      return azure(value);
    case "github":
      return github(value);
    case "fastly":
      return fastly(value);
    default:
      return no("the file", "it is JSON of no format that is known");
  }
}

function formatOf(value: Fields): Format | null {
  const { prefixes, values, addresses } = value;
  if (Array.isArray(addresses) && "ipv6_addresses" in value) return "fastly";
  if (Array.isArray(values) && "changeNumber" in value) return "azure";
  if (Array.isArray(prefixes) && "ipv6_prefixes" in value) return "aws";
  if (Array.isArray(prefixes) && "syncToken" in value) return "gcp";
  return "verifiable_password_authentication" in value || Array.isArray(value["hooks"]) ? "github" : null;
}

/** The strings of a list, or where one is not. */
function strings(list: unknown, place: string, groups: readonly string[]): Result<readonly Entry[], Unlisted> {
  if (!Array.isArray(list)) return no(place, "it is no list");
  const entries: Entry[] = [];
  for (const [i, text] of list.entries()) {
    if (typeof text !== "string") return no(`${place}[${i}]`, "it is no text");
    entries.push({ text, place: `${place}[${i}]`, groups });
  }
  return ok(entries);
}

function joined(format: Format, parts: readonly Result<readonly Entry[], Unlisted>[]): Result<Published, Unlisted> {
  const entries: Entry[] = [];
  for (const part of parts) {
    if (!part.ok) return part;
    for (const entry of part.value) entries.push(entry);
  }
  return ok({ format, entries });
}

function aws(value: Fields): Result<Published, Unlisted> {
  const read = (list: unknown, place: string, key: string): Result<readonly Entry[], Unlisted> =>
    objects(list, place, (one) => [key, one[key], words(one["service"], one["region"], one["network_border_group"])]);
  return joined("aws", [read(value["prefixes"], "prefixes", "ip_prefix"), read(value["ipv6_prefixes"], "ipv6_prefixes", "ipv6_prefix")]);
}

function gcp(value: Fields): Result<Published, Unlisted> {
  return joined("gcp", [
    objects(value["prefixes"], "prefixes", (one) => {
      const key = "ipv6Prefix" in one ? "ipv6Prefix" : "ipv4Prefix";
      return [key, one[key], words(one["service"], one["scope"])];
    }),
  ]);
}

function azure(value: Fields): Result<Published, Unlisted> {
  const { values } = value;
  if (!Array.isArray(values)) return no("values", "it is no list");
  return joined(
    "azure",
    values.map((one: unknown, i) => {
      const properties = isFields(one) ? one["properties"] : undefined;
      if (!isFields(one) || !isFields(properties)) return no(`values[${i}]`, "it has no `properties`");
      return strings(
        properties["addressPrefixes"],
        `values[${i}].properties.addressPrefixes`,
        words(one["name"], properties["systemService"], properties["region"]),
      );
    }),
  );
}

/** Keys whose lists are no prefixes. */
const NO_PREFIXES: ReadonlySet<string> = new Set(["ssh_keys", "domains"]);

function github(value: Fields): Result<Published, Unlisted> {
  return joined(
    "github",
    Object.entries(value).flatMap(([key, list]) => (Array.isArray(list) && !NO_PREFIXES.has(key) ? [strings(list, key, [key])] : [])),
  );
}

function fastly(value: Fields): Result<Published, Unlisted> {
  return joined("fastly", [strings(value["addresses"], "addresses", []), strings(value["ipv6_addresses"], "ipv6_addresses", [])]);
}

function objects(
  list: unknown,
  place: string,
  read: (one: Fields) => readonly [key: string, text: unknown, groups: readonly string[]],
): Result<readonly Entry[], Unlisted> {
  if (!Array.isArray(list)) return no(place, "it is no list");
  const entries: Entry[] = [];
  for (const [i, one] of list.entries()) {
    const here = `${place}[${i}]`;
    if (!isFields(one)) return no(here, "it is no object");
    const [key, text, groups] = read(one);
    if (typeof text !== "string") return no(here, `it has no \`${key}\``);
    entries.push({ text, place: `${here}.${key}`, groups });
  }
  return ok(entries);
}

/** One prefix a line, with `#` and `;` before comments: netsets, Spamhaus, ipsum; or geofeed (RFC 8805), with commas. */
function ofText(text: string, wanted: "geofeed" | "text" | null): Result<Published, Unlisted> {
  const entries: Entry[] = [];
  let number = 0;
  let isFeed = wanted === "geofeed";
  for (const line of text.split("\n")) {
    number++;
    // Only a line that begins so is a comment of a geofeed, and of any other list the rest of a line may be one.
    const content = /^\s*[#;]/.test(line) ? "" : line.trim();
    if (content === "") continue;
    if (entries.length === 0 && wanted === null) isFeed = /^[0-9A-Fa-f:.]+(?:\/\d+)?,/.test(content);
    const place = `line ${number}`;
    if (isFeed) {
      const [prefix = "", country = "", region = "", city = ""] = content.split(",").map((part) => part.trim());
      entries.push({ text: prefix, place, groups: words(country, region, city) });
      continue;
    }
    const [prefix = "", column] = content.replace(/\s*[#;].*$/, "").split(/\s+/);
    entries.push({ text: prefix, place, groups: [] });
    // ipsum has the number of lists behind the address.
    if (column !== undefined && !/^\d+$/.test(column)) return no(place, "the prefix is followed by more than a number or a comment");
  }
  return ok({ format: isFeed ? "geofeed" : "text", entries });
}
