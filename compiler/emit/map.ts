// The source map: for every listener and rule of the module, where and under which names the
// author wrote it, and the profile it was built for. Outside the promise of equal bytes for equal policies.
import type { Profile } from "../../runtime/abi/profiles.ts";
import type { OrderedRule, PolicyTables } from "../lower/tables.ts";
import { positionOf } from "../source/source.ts";
import type { Span } from "../source/source.ts";

export function sourceMap(tables: PolicyTables, profile: Profile): string {
  const rules = tables.rules.map((rule: OrderedRule) => ({
    action: rule.action,
    listener: rule.listener,
    dryrun: rule.dryrun,
    after: rule.after,
    until: rule.until,
    names: rule.names,
    origins: rule.spans.map(origin),
    annotations: rule.annotations,
  }));
  return JSON.stringify({
    profile,
    listeners: tables.listeners.map(({ expose }) => ({ origin: origin(expose.span), annotations: expose.annotations })),
    rules,
  });
}

function origin(span: Span): unknown {
  return { file: span.file.path, ...positionOf(span.file, span.start) };
}
