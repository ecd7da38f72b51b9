// The words for a column: a declared net where its range equals one, the whole internet in words, else the largest of its prefixes.
import { byWeight, weightOf, type NamedNet } from "../wording/largest_parts.ts";
import { listText, sourcesText } from "../wording/sources_text.ts";
import { grouped } from "../../runtime/text/number.ts";
import type { SourceColumn } from "./source_columns.ts";

export interface ColumnText {
  /** `office`, `the whole internet but office`, `10.0.0.0/8 and 7 more`, `all other addresses`, `12 other ranges` */
  readonly label: string;
  /** How much it is: `256 addresses`; null where the label says it. */
  readonly size: string | null;
  /** The smallest declared net that has all of it and more; null: there is none. */
  readonly within: string | null;
}

/** A label that is longer is shortened, if there is a shorter one. */
const LONGEST = 40;

export function columnTexts(columns: readonly SourceColumn[], nets: readonly NamedNet[]): readonly ColumnText[] {
  const weights = columns.map(({ set }, i) => ({ i, weight: weightOf(set) }));
  const largest = columns.length < 2 ? -1 : ([...weights].sort(byWeight)[0]?.i ?? -1);
  return columns.map(({ set, ranges }, i) => {
    const [text, shorter] = [2, 1].map((most) => sourcesText(set, nets, most));
    const { size = null, within = null } = text ?? {};
    const about = { size, within: within?.name ?? null };
    if (ranges > 1) return { label: `${grouped(ranges)} other ranges`, ...about };
    const labels = [text, shorter].map((shown) => plain(listText(shown?.parts ?? [], shown?.more)));
    const label = labels.find((one) => one.length <= LONGEST);
    // Where the largest range has no short name, it is what the other columns don't have.
    if (i === largest && (label === undefined || (text?.more ?? 0) > 0)) return { label: "all other addresses", size, within: null };
    return { label: label ?? labels[1] ?? "", ...about };
  });
}

function plain(text: string): string {
  return text.replaceAll("`", "");
}
