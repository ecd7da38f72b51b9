// Services that the policy exposes `as direct` bind by themselves, under a guard. The guard registers the
// endpoint, proves that it has the key, and owns the lease; a token comes with each registration and
// renewal. INVARIANT: nobody without the key gets a token, though it be the service's own user.
import { randomBytes } from "node:crypto";
import { isProof, mintToken, NONCE_BYTES, NonceSet, verifyToken, type TokenFacts } from "../../runtime/host/token.ts";
import { CODE_INTERNAL, CODE_NOT_GATEWAY, CODE_UNSUPPORTED } from "../../runtime/abi/verdicts.ts";
import type { CodeNumber } from "../../runtime/abi/names.ts";
import { denial, type Decision } from "../../runtime/host/decision.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import { formatEndpoint } from "../../runtime/net/address.ts";
import type { Client } from "../control/client.ts";
import type { Context, Endpoint } from "./context.ts";
import { rpcError, RPC_DENIED, type Answer } from "../control/rpc.ts";
import { listenerOf } from "../reload/exposures.ts";
import type { Lease } from "../intents/leases.ts";
import { endLease } from "../intents/end_lease.ts";

/** `challenge`: what this connection's proof is made over. */
export const challenge: Endpoint = async (_context, client) => ({ result: { challenge: client.challenge } });

/** Why this caller gets no token, or null. */
export function noGuard(
  { guardKey }: Context,
  { challenge: issued }: Client,
  service: string,
  proof: string | undefined,
): { readonly code: CodeNumber; readonly message: string } | null {
  if (guardKey === null) return { code: CODE_UNSUPPORTED, message: "this gateway mints no tokens: name the key that it shares with guards (guard.key_file)" };
  if (proof !== undefined && isProof(proof, guardKey, issued, service)) return null;
  return { code: CODE_NOT_GATEWAY, message: "only a guard that has the key registers what a service binds by itself: its proof is missing or wrong" };
}

/** The answer to a registration or renewal that was granted, with a new token; where it is refused the lease ends. */
export function withToken(context: Context, lease: Lease, engine: PolicyEngine): Answer {
  const { recorder, inForce, clock } = context;
  const minted = mint(context, lease, engine);
  const info = listenerOf(engine, lease);
  const [decision] = recorder.record(
    [
      {
        op: "token",
        decision: minted.decision,
        generation: inForce.generation,
        subject: lease.service,
        service: lease.service,
        local: lease.bind === null ? `*:${lease.port}` : formatEndpoint(lease.bind, lease.port),
        ...(info !== null && { listener: info.name }),
      },
    ],
    engine.info,
  );
  if (decision === undefined || !decision.allowed || minted.token === null) {
    endLease(context, lease, null);
    const refused = decision === undefined || decision.allowed ? denial(CODE_INTERNAL) : decision;
    return rpcError(RPC_DENIED, `no token is given (${refused.code})`, { reason: refused.reason, code: refused.code });
  }
  return {
    result: {
      lease: lease.id,
      open: [],
      token: Buffer.from(minted.token).toString("base64"),
      expires_in_ms: lease.expiresMs === null ? null : lease.expiresMs - clock.monoMs(),
    },
  };
}

/** The module itself decides about the token that is given away. */
function mint(
  { guardKey, clock }: Context,
  { service, proto, bind, port, expiresMs }: Lease,
  engine: PolicyEngine,
): { readonly decision: Decision; readonly token: Uint8Array | null } {
  if (guardKey === null || bind === null || expiresMs === null) return { decision: denial(CODE_INTERNAL), token: null };
  const now = Math.floor(clock.wallMs() / 1000);
  const notAfter = Math.ceil((clock.wallMs() + expiresMs - clock.monoMs()) / 1000);
  const facts: TokenFacts = { service, proto, address: bind, port, policy: engine.info.treeSha256 };
  const token = mintToken(facts, notAfter, randomBytes(NONCE_BYTES), guardKey);
  const valid = verifyToken(token, facts, now, guardKey, new NonceSet(1));
  if (typeof valid === "number") return { decision: denial(valid), token: null };
  engine.setClock({ monoMs: clock.monoMs(), wallSeconds: now });
  return { decision: engine.bindWithToken(valid), token };
}
