// Which sources of a listener a limit, or a cap per source or per identity, counts. The cap of all connections together is not one of
// these, because every listener has it.
import type { ListenerModel, PolicyModel } from "../analysis/model.ts";
import { ANY } from "../check/sets/builtin_nets.ts";
import type { AddressSet } from "../policy/policy.ts";

/** One set for each that counts; none where nothing does. Those of `dryrun` count nothing. */
export function countedSources({ rest }: ListenerModel, model: PolicyModel): readonly AddressSet[] {
  const [cap, limits] = [rest.get("cap"), rest.get("limits")];
  const { perSource = null, perIdentity = null } = isFields(cap) ? cap : {};
  const keys = listOf(limits).map((limit) => (isFields(limit) ? limit["key"] : null));
  const counted = [...listOf(perSource), ...keys].filter(isFields).map(({ from }) => (typeof from === "string" ? model.net(from) : ANY));
  return perIdentity === null ? counted : [...counted, ANY];
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [value ?? null];
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
