// A policy whose tables are more than a module can contain, or more work than the compiler does: the
// message names the sets that use most of it, where rules use them.
import type { AddressSet, CheckedPolicy, CheckedRule, HostSet, IdSet } from "./policy/policy.ts";
import { setName, type SetUse } from "./diagnostics/bound_words.ts";
import { diagnostic, type Diagnostic } from "./diagnostics/diagnostic.ts";
import type { DataOf } from "./diagnostics/words.ts";
import type { Excess } from "./lower/meter.ts";
import type { SourceFile, Span } from "./source/source.ts";

/** `excess` is null where the finished tables and the state do not fit into memory. */
export function tooLarge(entry: SourceFile, policy: CheckedPolicy, excess: Excess | null): Diagnostic {
  const used = (excess?.sets ?? []).map(({ set, share }) => ({ share, ...useOf(policy, set) }));
  const [first, ...related] = used.flatMap(({ span, use, share }) =>
    span === null ? [] : [{ span, label: `${setName(use)}: ${Math.round(share * 100)} % of it` }],
  );
  const data = { bound: boundOf(excess), largest: first === undefined ? [] : used.map(({ use }) => use), share: used[0]?.share ?? 0 };
  return diagnostic("ING607", data, first?.span ?? { file: entry, start: 0, end: 0 }, { related });
}

function boundOf(excess: Excess | null): DataOf<"ING607">["bound"] {
  switch (excess?.what) {
    case undefined:
      return "memory";
    case "cellWords":
      return "overlaps";
    case "work":
      return "work";
    case "nameMembers":
      return "names";
    case "identityNodes":
    case "identityWork":
      return "identities";
    case "effects":
      return "effects";
  }
}

/** A set by its name, and where it is: its declaration, or the first rule that uses it. */
function useOf(policy: CheckedPolicy, set: AddressSet | HostSet | IdSet): { readonly use: SetUse; readonly span: Span | null } {
  const kind =
    "bounds" in set ? "net"
    : "root" in set ? "hosts"
    : "ids";
  const has =
    "bounds" in set ? set
    : "root" in set ? set.root
    : set;
  const named = policy.sets.find((one) => one.set === has);
  if (named !== undefined) return { use: { kind, name: named.name }, span: named.span };
  const rules: readonly CheckedRule[] = [...policy.denies, ...policy.exposes.flatMap(({ allows, denies }) => [...allows, ...denies])];
  const rule = rules.find(({ from, sni, client }) => from === set || sni === set || client === set);
  return { use: { kind, name: null }, span: rule?.span ?? null };
}
