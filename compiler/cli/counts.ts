// The caps and limits of a listener as its module states them, and which of them count a source.
import type { ListenerInfo } from "../../runtime/host/module.ts";
import type { Address } from "../../runtime/net/address.ts";
import { isWithin, parsePrefix } from "../../runtime/net/prefix.ts";
import type { Semantic, SemanticCount } from "./semantic.ts";

export interface Counted {
  /** As a policy writes it, with prefixes in place of the names of nets. */
  readonly text: string;
  readonly dryrun: boolean;
  /** Whether it counts some sources alone. */
  readonly ofSome: boolean;
  /** `identity`: it counts no source, but every client that shows a certificate. */
  readonly per: SemanticCount["per"];
  /** Whether it counts the source. */
  readonly counts: boolean;
}

/** Prefixes that are shown of a `from`. */
const MOST_PREFIXES = 3;

export function countsOf({ expose, nets }: Semantic, { id }: Pick<ListenerInfo, "id">, source: Address): readonly Counted[] {
  return (expose[id]?.counts ?? []).map((count) => {
    const prefixes = count.from === null ? null : (nets.get(count.from) ?? []);
    const isIn = (text: string): boolean => {
      const prefix = parsePrefix(text);
      return prefix !== null && isWithin(prefix, source);
    };
    const { dryrun, per } = count;
    return { text: countText(count, prefixes), dryrun, ofSome: prefixes !== null, per, counts: per !== "identity" && (prefixes?.some(isIn) ?? true) };
  });
}

function countText({ dryrun, most, rate, per, v4, v6 }: SemanticCount, prefixes: readonly string[] | null): string {
  const number =
    rate === null ? `cap ${most}`
    : rate.burst === rate.count ? `limit ${rate.count}/${windowText(rate.periodMs)}`
    : `limit ${rate.count}/${windowText(rate.periodMs)} burst ${rate.burst}`;
  const key = per === "source" && (v4 !== 32 || v6 !== 64) ? ` /${v4} /${v6}` : "";
  const of = rate === null && per === "listener" ? "connections" : `per ${per}`;
  return `${dryrun ? "dryrun " : ""}${number} ${of}${key}${prefixes === null ? "" : ` from ${prefixesText(prefixes)}`}`;
}

function prefixesText(prefixes: readonly string[]): string {
  const more = prefixes.length - MOST_PREFIXES;
  return `${prefixes.slice(0, MOST_PREFIXES).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

const WINDOWS = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
  [1_000, "s"],
] as const;

/** `s`, `30s`, `7d`. */
function windowText(ms: number): string {
  const [size, unit] = WINDOWS.find(([each]) => ms % each === 0) ?? ([1, "ms"] as const);
  return ms === size ? unit : `${ms / size}${unit}`;
}
