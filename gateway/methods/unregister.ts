// `unregister`: ends a lease and closes its port. A lease of another service looks like none.
import { CODE_NO_LEASE } from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/decision.ts";
import type { Client } from "../control/client.ts";
import type { Context, Endpoint } from "./context.ts";
import { rpcError, RPC_DENIED } from "../control/rpc.ts";
import { endLease } from "../intents/end_lease.ts";
import type { Lease } from "../intents/leases.ts";

export const unregister: Endpoint = async (context, client, params) => {
  const lease = ownLease(context, client.caller.service, params);
  if (lease === null) return noSuchLease(context, client);
  // Another connection of the service may end it as well: its owner must not believe that it continues.
  endLease(context, lease, lease.owner === client.number ? null : { because: "it was unregistered over another connection", word: "unregistered" });
  return { result: { closed: true } };
};

/** The lease that `params` names, if it is the service's. */
export function ownLease({ leases }: Context, service: string | null, params: unknown): Lease | null {
  if (typeof params !== "object" || params === null || !("lease" in params) || typeof params.lease !== "string") return null;
  const lease = leases.get(params.lease);
  return lease !== undefined && lease.service === service ? lease : null;
}

export function noSuchLease({ refusals, inForce }: Context, { caller }: Client): ReturnType<typeof rpcError> {
  const decision = denial(CODE_NO_LEASE);
  const detail = "no lease of that number is this service's";
  refusals.record(caller.peer, { decision, generation: inForce.generation, subject: caller.service ?? "unknown", detail });
  return rpcError(RPC_DENIED, "you have no such lease: `list` shows yours", { reason: decision.reason, code: decision.code });
}
