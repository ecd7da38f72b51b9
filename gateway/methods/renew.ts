// `renew`: a lease of the caller ends `ttl_ms` from now, and no longer at its previous end. One of mode
// `direct` has a new token with it.
import type { Endpoint } from "./context.ts";
import { withToken } from "./direct.ts";
import { noSuchLease, ownLease } from "./unregister.ts";

export const renew: Endpoint = async (context, client, params) => {
  const lease = ownLease(context, client.caller.service, params);
  if (lease === null || typeof params !== "object" || params === null) return noSuchLease(context, client);
  if (!("ttl_ms" in params) || typeof params.ttl_ms !== "number") return noSuchLease(context, client);
  lease.expiresMs = context.clock.monoMs() + params.ttl_ms;
  if (lease.mode === "direct") {
    const { engine } = context.inForce;
    return engine === null ? noSuchLease(context, client) : withToken(context, lease, engine);
  }
  return { result: { lease: lease.id, expires_in_ms: params.ttl_ms } };
};
