// ingressc list: a published list of prefixes as a plain list file, merged and sorted.
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { grouped } from "../../../runtime/text/number.ts";
import { nearest } from "../../../runtime/text/nearest.ts";
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import { failed, ok, type Result } from "../../../runtime/result/result.ts";
import { readPrefix } from "../../check/names/literals.ts";
import { SetBuilder } from "../../check/sets/set_builder.ts";
import { printable, quote } from "../../diagnostics/quote.ts";
import { prefixText } from "../../emit/prefixes.ts";
import { MAX_LIST_BYTES, MAX_PREFIXES } from "../../source/bounds.ts";
import { cannotOpen } from "../compiled.ts";
import { readRegular } from "../disk.ts";
import type { Surroundings } from "../command.ts";
import { count, usage, type Outcome } from "../outcome.ts";
import { isStandardInput, readStandardInput, shownName } from "../standard_input.ts";
import { LIST_FORMATS as FORMATS } from "../flags.ts";
import { readPublished, type Entry, type Published, type Unlisted } from "../traffic/published.ts";
import { decodeText } from "../utf8.ts";
import { realPaths, writeModule } from "../write.ts";

/** Groups that a message names. */
const MOST_NAMED = 8;

export async function run(args: Arguments, { progress }: Surroundings): Promise<Outcome> {
  const file = args.operands[0] ?? "";
  const wanted = args.flags.get("format");
  const format = FORMATS.find((one) => one === wanted) ?? null;
  if (wanted !== undefined && format === null) return usage("unknown_format", `there is no format ${quote(wanted)}`, `write one of ${FORMATS.join(", ")}`);
  const bytes = isStandardInput(file) ? readStandardInput(MAX_LIST_BYTES) : readRegular(file, MAX_LIST_BYTES);
  const opened = (outcome: Outcome): Outcome => ({ ...outcome, help: "name a list as it was published, which is UTF-8 text" });
  if (!bytes.ok) return bytes.error === "too_large" ? tooLarge(shownName(file)) : opened(cannotOpen(file, bytes.error));
  const text = decodeText(bytes.value);
  if (!text.ok) return opened(cannotOpen(file, text.error));
  progress.step(text.value.length);
  progress.begin("reading the list");
  const published = readPublished(text.value, format);
  if (!published.ok) return unlisted(shownName(file), published.error);
  const picked = pick(published.value, args.lists.get("only") ?? []);
  if (!picked.ok) return picked.error;
  progress.begin("merging its entries");
  const set = setOf(picked.value);
  if (!set.ok) return unlisted(shownName(file), set.error);
  if (picked.value.length === 0) return empty(shownName(file));
  const { lines, count: prefixes } = prefixText(set.value);
  const source = args.flags.get("source") ?? (isStandardInput(file) ? shownName(file) : basename(file));
  const hash = createHash("sha256").update(bytes.value).digest("hex");
  const only = args.lists.get("only") ?? [];
  const list = [
    `# source: ${printable(source)}`,
    `# sha256: ${hash}`,
    `# format: ${published.value.format}${only.length === 0 ? "" : `, only ${only.map(printable).join(", ")}`}`,
    `# count: ${prefixes} (of ${picked.value.length} as published)`,
    new TextDecoder().decode(lines),
    "",
  ].join("\n");
  return written(args.flags.get("output") ?? null, isStandardInput(file) ? [] : [file], list, {
    format: published.value.format,
    source,
    sha256: hash,
    published: picked.value.length,
    count: prefixes,
  });
}

async function written(
  out: string | null,
  inputs: readonly string[],
  list: string,
  data: { readonly published: number; readonly count: number; readonly [key: string]: unknown },
): Promise<Outcome> {
  const message = `${count(data.count, "line")} from ${count(data.published, "entry").replace(/entrys$/, "entries")}`;
  const outcome: Outcome = { class: "ok", code: "policy.listed", message, data };
  if (out === null || out === "-") return { ...outcome, data: { ...data, list }, report: () => list, document: true, exact: true };
  return (await writeModule(out, Buffer.from(list), await realPaths(inputs), "-o", "list")) ?? { ...outcome, report: () => `wrote ${out}: ${message}` };
}

/** The entries of any of the groups; all without any. */
function pick({ entries }: Published, only: readonly string[]): Result<readonly Entry[], Outcome> {
  if (only.length === 0) return ok(entries);
  const known = new Set(entries.flatMap(({ groups }) => groups));
  const strange = only.find((word) => !known.has(word));
  if (strange !== undefined) {
    const near = nearest(strange, [...known]);
    const some = [...known].slice(0, MOST_NAMED).map(quote).join(", ");
    const help =
      known.size === 0 ? "a list of this format has no groups: omit `--only`"
      : near === null ? `it has ${some}${known.size > MOST_NAMED ? ", …" : ""}`
      : `did you mean ${quote(near)}?`;
    return failed(usage("unknown_group", `nothing in the list is of ${quote(strange)}`, help));
  }
  const wanted = new Set(only);
  return ok(entries.filter(({ groups }) => groups.some((group) => wanted.has(group))));
}

function setOf(entries: readonly Entry[]): Result<ReturnType<SetBuilder["done"]>, Unlisted> {
  if (entries.length > MAX_PREFIXES) return failed({ place: "the file", what: `it has more than ${grouped(MAX_PREFIXES)} entries` });
  const builder = new SetBuilder();
  for (const { text, place } of entries) {
    const prefix = readPrefix(text);
    if (!prefix.ok) return failed({ place, what: prefix.error.message });
    builder.addPrefix(prefix.value);
  }
  return ok(builder.done());
}

function unlisted(name: string, { place, what }: Unlisted): Outcome {
  return {
    class: "reject",
    code: "policy.list_malformed",
    message: `\`${name}\` can't be read as a list: ${place}: ${printable(what)}`,
    help: `download it again; formats are ${FORMATS.join(", ")} (\`--format\` names one)`,
    data: { place, what },
  };
}

function empty(name: string): Outcome {
  return {
    class: "reject",
    code: "policy.list_empty",
    message: `\`${name}\` has no entry`,
    help: "an empty list is mostly a failed download: nothing is written",
  };
}

function tooLarge(name: string): Outcome {
  return { class: "reject", code: "policy.too_large", message: `\`${name}\` is larger than 64 MiB`, help: "split it, or pick a part of it before" };
}
