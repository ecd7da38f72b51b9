// `ingressc diff --accept FILE`: openings that somebody answers for until a time. An entry is about a listener, and about all that
// opens there or only about some sources and server names.
import { parse, TomlError } from "smol-toml";
import { failed, ok, type Result } from "../../../runtime/result/result.ts";
import { readHostPattern } from "../../check/names/host_names.ts";
import { readTime } from "../../check/names/times.ts";
import { builtinNet } from "../../check/sets/builtin_nets.ts";
import { union } from "../../check/sets/intervals.ts";
import { SetBuilder } from "../../check/sets/set_builder.ts";
import { hostsOfWords } from "../../analysis/names.ts";
import type { AddressSet, HostNode } from "../../policy/policy.ts";
import { readRegular } from "../disk.ts";
import { usage, type Outcome } from "../outcome.ts";
import { decodeText } from "../utf8.ts";

export interface AcceptedOpening {
  readonly listener: string;
  /** Null: every source. */
  readonly from: AddressSet | null;
  /** Null: every server name, and none. */
  readonly sni: HostNode | null;
  readonly owner: string;
  /** UTC seconds; the entry counts before this moment. */
  readonly until: number;
  readonly why: string;
  /** `accepted.toml:3` */
  readonly place: string;
}

const MOST_BYTES = 1_048_576;
const KEYS = ["listener", "from", "sni", "owner", "until", "why"] as const;
type Key = (typeof KEYS)[number];
const EXAMPLE = 'write `[[opening]]`, then `listener = "web"`, `owner = "team"`, `until = 2027-03-01T00:00:00Z` and `why = "…"`';

export function readAccepted(path: string): Result<readonly AcceptedOpening[], Outcome> {
  const bytes = readRegular(path, MOST_BYTES);
  if (!bytes.ok && bytes.error === "missing") return failed(usage("missing_file", `there is no file \`${path}\``, "check the path behind `--accept`"));
  if (!bytes.ok) return failed(refused(path, null, "can't be read", `it is a file of TOML of at most ${MOST_BYTES} bytes that you may read`));
  const text = decodeText(bytes.value);
  if (!text.ok) return failed(refused(path, null, "is no text", "save the file as UTF-8"));
  return decode(path, text.value);
}

function decode(path: string, text: string): Result<readonly AcceptedOpening[], Outcome> {
  let document: Readonly<Record<string, unknown>>;
  try {
    document = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return failed(refused(path, `${error.line}:${error.column}`, `is not TOML: ${error.message.split("\n")[0] ?? ""}`, EXAMPLE));
  }
  const lines = text.split("\n");
  const other = Object.keys(document).find((key) => key !== "opening");
  if (other !== undefined) return failed(refused(path, lineOf(lines, other, 0), `has the key \`${other}\`, which is unknown`, EXAMPLE));
  const list = document["opening"] ?? [];
  if (!Array.isArray(list)) return failed(refused(path, lineOf(lines, "opening", 0), "has an `opening` that is no list of tables", EXAMPLE));
  const starts = lines.flatMap((line, i) => (/^\s*\[\[\s*opening\s*\]\]/.test(line) ? [i] : []));
  const openings: AcceptedOpening[] = [];
  for (const [i, table] of list.entries()) {
    const read = readOpening({ path, lines, start: starts[i] ?? null, end: starts[i + 1] ?? lines.length }, table);
    if (!read.ok) return read;
    openings.push(read.value);
  }
  return ok(openings);
}

/** The lines of an entry; `start` null: it is not written as `[[opening]]`. */
interface Written {
  readonly path: string;
  readonly lines: readonly string[];
  readonly start: number | null;
  readonly end: number;
}

function lineOf(lines: readonly string[], key: string, from: number, end = lines.length): string | null {
  const at = lines.findIndex((line, i) => i >= from && i < end && line.replace(/^\s*\[*\s*"?/, "").startsWith(key));
  return at < 0 ? null : String(at + 1);
}

function readOpening(at: Written, table: unknown): Result<AcceptedOpening, Outcome> {
  const wrong = (key: string | null, what: string, help: string): Result<never, Outcome> => {
    const line = (key === null || at.start === null ? null : lineOf(at.lines, key, at.start, at.end)) ?? (at.start === null ? null : String(at.start + 1));
    return failed(refused(at.path, line, what, help));
  };
  if (!isTable(table)) return wrong(null, "has an `opening` that is no table", EXAMPLE);
  const unknown = Object.keys(table).find((key) => !KEYS.some((known) => known === key));
  if (unknown !== undefined)
    return wrong(unknown, `has the key \`${unknown}\`, which an opening doesn't have`, `the keys are ${KEYS.map((k) => `\`${k}\``).join(", ")}`);
  const texts = new Map<Key, string>();
  for (const key of ["listener", "owner", "why"] as const) {
    const value = table[key];
    if (typeof value !== "string" || value.trim() === "")
      return wrong(key in table ? key : null, `has an opening ${key in table ? `whose \`${key}\` is no text` : `without \`${key}\``}`, EXAMPLE);
    texts.set(key, value);
  }
  const until = readUntil(table["until"]);
  if (until === null)
    return wrong(
      "until" in table ? "until" : null,
      `has an opening ${"until" in table ? "whose `until` is no time" : "without `until`"}`,
      "write `until = 2027-03-01T00:00:00Z`: it counts before this time",
    );
  const from = table["from"] === undefined ? ok(null) : readFrom(table["from"]);
  if (!from.ok)
    return wrong(
      "from",
      `has an opening with \`from\` ${from.error}`,
      "write a prefix, an address, a built-in net such as `private`, or a list of these; the nets of a policy may change with it",
    );
  const sni = table["sni"] === undefined ? ok(null) : readNames(table["sni"]);
  if (!sni.ok) return wrong("sni", `has an opening with \`sni\` ${sni.error}`, 'write a name or a pattern such as `"*.example.com"`, or a list of these');
  const text = (key: Key): string => texts.get(key) ?? "";
  const place = at.start === null ? at.path : `${at.path}:${at.start + 1}`;
  return ok({ listener: text("listener"), from: from.value, sni: sni.value, owner: text("owner"), until, why: text("why"), place });
}

/** A date of TOML has no zone and begins at 00:00 UTC. */
function readUntil(value: unknown): number | null {
  if (value instanceof Date) {
    const seconds = Math.floor(value.getTime() / 1000);
    return Number.isSafeInteger(seconds) && seconds > 0 ? seconds : null;
  }
  if (typeof value !== "string") return null;
  const time = readTime(value);
  return time.ok ? time.value : null;
}

function readFrom(value: unknown): Result<AddressSet, string> {
  const words = textsOf(value);
  if (words === null) return failed("that is neither a text nor a list of texts");
  const sets: AddressSet[] = [];
  for (const word of words) {
    const builtin = builtinNet(word);
    const builder = new SetBuilder();
    if (builtin !== undefined) sets.push(builtin);
    else if (builder.scan(word, 0, word.length)) sets.push(builder.done());
    else return failed(`\`${word}\`, which is no prefix`);
  }
  return ok(union(sets));
}

function readNames(value: unknown): Result<HostNode, string> {
  const words = textsOf(value);
  if (words === null) return failed("that is neither a text nor a list of texts");
  const canonical: string[] = [];
  for (const word of words) {
    const read = readHostPattern(word);
    if (!read.ok) return failed(`\`${word}\`: ${read.error.message}`);
    canonical.push(word.toLowerCase().replace(/\.$/, ""));
  }
  return ok(hostsOfWords(canonical));
}

function textsOf(value: unknown): readonly string[] | null {
  const list: unknown = typeof value === "string" ? [value] : value;
  return Array.isArray(list) && list.length > 0 && list.every((item) => typeof item === "string") ? list : null;
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function refused(path: string, place: string | null, what: string, help: string): Outcome {
  return { class: "reject", code: "policy.accept_file", message: `\`${path}${place === null ? "" : `:${place}`}\` ${what}`, help, data: { file: path, place } };
}
