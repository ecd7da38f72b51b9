// The address strip of a listener: the addresses of a family, cut at every edge of a rule's sources. Each range has the rules
// that name it and the module's own answer. Rules that the warnings find without effect say so.
import { ruleBook, type StatedRule } from "../../../../compiler/cli/matching.ts";
import { timesText } from "../../../../compiler/cli/near_miss.ts";
import { freshEngine } from "../../../../compiler/cli/policy_tests.ts";
import { semanticOf } from "../../../../compiler/cli/semantic.ts";
import { codeSays } from "../../../../compiler/cli/test_report.ts";
import { positionOf } from "../../../../compiler/source/source.ts";
import type { PolicyEngine } from "../../../../runtime/host/module.ts";
import type { Strip } from "../messages.ts";
import { addressAt, cutsOf, has, rangesOf, rangeText, sizeText, type Family, type Range } from "./address_ranges.ts";
import { warningsOf } from "./check.ts";
import { compiledText, ruleText, type Ready } from "./compiled.ts";

/** Ranges that are shown at once. */
export const PAGE = 48;
/** Warnings about rules that have no effect. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set(["ING818", "ING819", "ING820", "ING821", "ING822", "ING823", "ING824", "ING825", "ING826"]);

interface Given {
  readonly text: string;
  /** The number of the listener. */
  readonly listener: number;
  readonly family: Family;
  /** The number of the first range that is wanted. */
  readonly first: number;
  readonly wallSeconds: number;
}

/** Null where the policy has an error, or no such listener. */
export async function strip({ text, listener: id, family, first, wallSeconds }: Given): Promise<Strip | null> {
  const { ready } = compiledText(text);
  const listener = ready?.loaded.info.listeners[id];
  if (ready === null || listener === undefined) return null;
  const book = ruleBook(semanticOf(ready.module), ready.loaded.info);
  const rules = book.rules.filter((rule) => book.appliesTo(rule, listener));
  const sources = rules.map((rule) => rangesOf(book.sourcesOf(rule), family));
  const cuts = cutsOf(family, sources);
  const from = Math.max(0, Math.min(first, cuts.length - 1));
  const unused = await unusedRules(ready, wallSeconds);
  const engine = freshEngine(ready.loaded, wallSeconds);
  return {
    listener: listener.name,
    family,
    layers: rules.map((rule) => layerOf(rule, unused)),
    ranges: cuts.slice(from, from + PAGE).map((range) => rangeOf(range, family, sources, engine, id)),
    first: from,
    total: cuts.length,
  };
}

/** The messages of the warnings about rules without effect, by the place of the rule. */
async function unusedRules(ready: Ready, wallSeconds: number): Promise<ReadonlyMap<string, string>> {
  const warnings = (await warningsOf(ready, wallSeconds)).filter(({ code }) => WITHOUT_EFFECT.has(code));
  return new Map(
    warnings.map(({ span, message }) => {
      const { line, column } = positionOf(span.file, span.start);
      return [`${line}:${column}`, message];
    }),
  );
}

function layerOf({ info, stated }: StatedRule, unused: ReadonlyMap<string, string>): Strip["layers"][number] {
  const times = timesText(info);
  return {
    rule: ruleText(info),
    action: info.action,
    dryrun: info.dryrun,
    conditions: [...(stated.sni === null ? [] : ["sni"]), ...(stated.client === null ? [] : ["client"]), ...(times === "" ? [] : [times])],
    unused: info.origins.map(({ line, column }) => unused.get(`${line}:${column}`)).find((message) => message !== undefined) ?? null,
  };
}

/** Every address of a range has the same answer, because no rule's sources have an edge within it. */
function rangeOf(range: Range, family: Family, sources: readonly (readonly Range[])[], engine: PolicyEngine, listener: number): Strip["ranges"][number] {
  const answer = engine.accept(listener, addressAt(family, range.first));
  const about = { text: rangeText(family, range), addresses: sizeText(range), layers: sources.flatMap((set, i) => (has(set, range.first) ? [i] : [])) };
  if (answer.allowed) return { ...about, verdict: "allow", says: codeSays(answer.code) };
  if (answer.later) return { ...about, verdict: "depends", says: "the name or the certificate decides" };
  return { ...about, verdict: "deny", says: `${answer.reason}: ${codeSays(answer.code)}` };
}
