// A policy whose tables are more than a module can hold, or more work than the compiler does: the
// message names the sets that use most of it, where rules use them.
import type { AddressSet, CheckedPolicy, CheckedRule, HostSet, IdSet } from "./policy/policy.ts";
import type { Diagnostic } from "./diagnostics/diagnostic.ts";
import type { Excess } from "./lower/meter.ts";
import { quote } from "./diagnostics/quote.ts";
import type { SourceFile, Span } from "./source/source.ts";
import { MAX_PAGES, PAGE_BYTES } from "../runtime/abi/layout.ts";

/** `excess` is null where the finished tables and the state do not fit into memory. */
export function tooLarge(entry: SourceFile, policy: CheckedPolicy, excess: Excess | null): Diagnostic {
  const mib = (MAX_PAGES * PAGE_BYTES) / 2 ** 20;
  const start: Span = { file: entry, start: 0, end: 0 };
  const used = (excess?.sets ?? []).map(({ set, share }) => ({ share, ...whereOf(policy, set) }));
  const [first, ...related] = used.flatMap(({ span, what, share }) => (span === null ? [] : [{ span, label: `${what}: ${Math.round(share * 100)} % of it` }]));
  return {
    code: "ING607",
    message: `${says(excess, mib)}${first === undefined ? "" : `; the most comes from ${used.map(({ what }) => what).join(", ")}`}`,
    span: first?.span ?? start,
    label: first?.label ?? "",
    related,
    help: excess === null
      ? "split the largest sets, or drop listeners that no longer serve"
      : "sets that overlap in many ways at once make a case of their own of each overlap: join those that are always used together, or take one out of the other with `except`",
    fix: null,
  };
}

function says(excess: Excess | null, mib: number): string {
  switch (excess?.what) {
    case undefined: return `the policy needs more than ${mib} MiB of memory`;
    case "cellWords": return `the overlaps of the policy's sets need more than ${mib} MiB of memory`;
    case "work": return "the policy's sets overlap in more ways than the compiler follows";
    case "nameMembers": return "the policy's sets of host names overlap in more ways than the compiler follows";
    case "identityNodes":
    case "identityWork": return "the policy's patterns of identities overlap in more ways than the compiler follows";
    case "effects": return "the policy's rules hold for more listeners than the compiler follows";
  }
}

/** What a set is called, and where: its name, or the first rule that uses it. */
function whereOf(policy: CheckedPolicy, set: AddressSet | HostSet | IdSet): { readonly what: string; readonly span: Span | null } {
  const has = "bounds" in set ? set : "root" in set ? set.root : set;
  const named = policy.sets.find((one) => one.set === has);
  if (named !== undefined) return { what: quote(named.name), span: named.span };
  const rules: readonly CheckedRule[] = [...policy.denies, ...policy.exposes.flatMap(({ allows, denies }) => [...allows, ...denies])];
  const rule = rules.find(({ from, sni, client }) => from === set || sni === set || client === set);
  return { what: "bounds" in set ? "the sources of a rule" : "root" in set ? "the names of a rule" : "the identities of a rule", span: rule?.span ?? null };
}
