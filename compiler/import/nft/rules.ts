// A rule of nftables as conditions and what it does where they match. A verdict map is one step for each of its entries.
import { entry, itemsOf, single, textOf, type Doc } from "../draft/document.ts";
import type { Condition } from "../draft/bounds.ts";
import { matchCondition, unknown, type Reading } from "./conditions.ts";
import { valuesOf, withoutState } from "./values.ts";

export type Verdict =
  | { readonly kind: "accept" | "drop" | "return" | "continue" }
  | { readonly kind: "jump" | "goto"; readonly chain: string }
  /** Something that a policy can't do with the packet: whatever it may match is refused. */
  | { readonly kind: "closing"; readonly why: string };

export interface Step {
  readonly conditions: readonly Condition[];
  readonly verdict: Verdict;
}

export interface Rule {
  readonly doc: Doc;
  /** `rule 7 of the chain input` */
  readonly name: string;
  readonly steps: readonly Step[];
}

/** Statements that change nothing of what is accepted. */
const HARMLESS: ReadonlySet<string> = new Set([
  "counter",
  "log",
  "comment",
  "dup",
  "flow",
  "ct helper",
  "ct timeout",
  "ct expectation",
  "secmark",
  "last",
  "reset",
  "notrack",
]);
/** Statements after which the rule continues for some packets only. */
const SOMETIMES: ReadonlySet<string> = new Set(["limit", "quota", "ct count", "meter", "set", "map", "socket"]);

/** The steps of `expr`, the list of a rule's statements. */
export function stepsOf(expr: readonly Doc[], reading: Reading): readonly Step[] {
  const conditions: Condition[] = [];
  for (const statement of expr) {
    const form = single(statement);
    if (form === null) return [{ conditions, verdict: { kind: "closing", why: "it has a statement of no known form" } }];
    const { key, value } = form;
    if (HARMLESS.has(key)) continue;
    if (key === "match") {
      conditions.push(matchCondition(value, reading));
      continue;
    }
    if (SOMETIMES.has(key)) {
      conditions.push(unknown(`\`${key}\``));
      continue;
    }
    if (key === "mangle" && isHarmlessChange(value)) continue;
    if (key === "vmap") return mapSteps(conditions, value, reading);
    return [{ conditions, verdict: verdictOf(key, value) }];
  }
  return [{ conditions, verdict: { kind: "continue" } }];
}

function verdictOf(key: string, value: Doc): Verdict {
  switch (key) {
    case "accept":
      return { kind: "accept" };
    case "drop":
    case "reject":
      return { kind: "drop" };
    case "return":
    case "continue":
      return { kind: key };
    case "jump":
    case "goto": {
      const chain = textOf(entry(value, "target"));
      return chain === null ? { kind: "closing", why: `its \`${key}\` names no chain` } : { kind: key, chain };
    }
    default:
      // A module of iptables, of which nft's listing has the name alone.
      if (key === "xt")
        return { kind: "closing", why: "nft does not list what iptables means by `xt` (translate its rules first, with `iptables-restore-translate`)" };
      return { kind: "closing", why: `a policy has no \`${key}\`` };
  }
}

/** A mark of the packet or of its connection; conditions about marks are not known anyway. */
function isHarmlessChange(mangle: Doc): boolean {
  const form = single(entry(mangle, "key") ?? mangle);
  return form !== null && (form.key === "meta" || form.key === "ct");
}

function mapSteps(before: readonly Condition[], vmap: Doc, reading: Reading): readonly Step[] {
  const [left, data] = [entry(vmap, "key"), entry(vmap, "data")];
  const values = data === null ? null : valuesOf(data, reading.scope);
  const closing: Step = { conditions: before, verdict: { kind: "closing", why: "its verdict map has no known form" } };
  if (left === null || values === null) return [closing];
  const steps: Step[] = [];
  for (const pair of values.items) {
    const [key, result] = itemsOf(pair);
    const form = result === undefined ? null : single(result);
    if (key === undefined || form === null) return [closing];
    const bare = withoutState(key);
    const condition =
      textOf(bare) === "*" ?
        unknown("`*` of a verdict map")
      : matchCondition(
          {
            kind: "object",
            entries: new Map<string, Doc>([
              ["left", left],
              ["right", bare],
            ]),
            at: vmap.at,
            end: vmap.end,
          },
          reading,
        );
    const certain = values.changes && condition.unknown === null ? { ...unknown("the entries of its map at that time") } : condition;
    steps.push({ conditions: [...before, certain], verdict: verdictOf(form.key, form.value) });
  }
  return steps;
}
