// `unregister`: ends a lease and closes its port. A lease of another service looks like none.
import type { Context, Endpoint } from "../control/context.ts";
import { rpcError, RPC_DENIED } from "../control/rpc.ts";
import type { Lease } from "./leases.ts";

export const unregister: Endpoint = async (context, { caller }, params) => {
  const lease = ownLease(context, caller.service, params);
  if (lease === null) return noSuchLease();
  endLease(context, lease);
  return { result: { closed: true } };
};

/** Closes the lease's sockets at once; connections live on. */
export function endLease({ leases, ports }: Pick<Context, "leases" | "ports">, lease: Lease): void {
  leases.delete(lease.id);
  for (const open of ports.all()) if (open.serves.lease === lease.id) ports.close(open);
}

/** The lease that `params` names, if it is the service's. */
export function ownLease({ leases }: Context, service: string | null, params: unknown): Lease | null {
  if (typeof params !== "object" || params === null || !("lease" in params) || typeof params.lease !== "string") return null;
  const lease = leases.get(params.lease);
  return lease !== undefined && lease.service === service ? lease : null;
}

export function noSuchLease(): ReturnType<typeof rpcError> {
  return rpcError(RPC_DENIED, "you have no such lease: `list` shows yours", { reason: "policy", code: "no_backend" });
}
