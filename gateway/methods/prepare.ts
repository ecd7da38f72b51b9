// `prepare`: the policy file as a change that the same coordinator commits or aborts by its id. Answers when everything
// is checked and the new ports listen without serving anybody.
import type { Endpoint } from "./context.ts";
import { notReloaded } from "./reload.ts";
import { LEASE_MS } from "../reload/coordinated.ts";

export const prepare: Endpoint = async (context, client, params) => {
  const leased = await context.changes.prepare(client, leaseOf(params));
  if (!leased.ok) return notReloaded(context, leased.error);
  const {
    id,
    leaseMs,
    outlook: { info, opens, closes },
  } = leased.value;
  return { result: { id, lease_ms: leaseMs, sha256: info.sha256, opens, closes } };
};

/** The schema has checked its bounds. */
function leaseOf(params: unknown): number {
  if (typeof params !== "object" || params === null || !("lease_ms" in params)) return LEASE_MS;
  return typeof params.lease_ms === "number" ? params.lease_ms : LEASE_MS;
}
