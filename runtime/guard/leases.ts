// The guard's registrations with ingressd: a lease for each place that its service binds by itself, with a
// new token at each registration and renewal. A gateway that went away is looked for again when a token is needed.
import { proofOf } from "../host/token.ts";
import { formatAddress, formatEndpoint, type Address } from "../net/address.ts";
import { failed, ok, type Result } from "../result/result.ts";
import { fieldsOf, openRpc, textOf, type RpcClient, type RpcFailure } from "../shell/rpc_client.ts";

/** A guarded program waits for it. */
const ANSWER_MS = 2_000;
const MOST_LINE = 64 * 1024;

export interface Place {
  readonly proto: "tcp" | "udp";
  readonly address: Address;
  readonly port: number;
}

export const placeKey = ({ proto, address, port }: Place): string => `${proto} ${formatEndpoint(address, port)}`;

export interface NoToken {
  /** `refused`: ingressd has answered no; `absent`: it has not answered, or is shutting down. */
  readonly kind: "refused" | "absent";
  readonly because: string;
}

export interface LeasesSetup {
  /** Where registrations are taken. */
  readonly socket: string;
  readonly service: string;
  readonly key: Uint8Array;
  readonly ttlMs: number;
  /** A lease has ended without the guard's doing. */
  readonly ended: (key: string, because: string) => void;
}

export interface Leases {
  /** A token for the place. */
  take(place: Place): Promise<Result<Uint8Array, NoToken>>;
  /** Gives a lease back. */
  drop(key: string): void;
}

export function createLeases({ socket, service, key, ttlMs, ended }: LeasesSetup): Leases {
  let opening: Promise<RpcClient | null> | null = null;
  let challenge = "";
  /** Leases of the connection that is open, by place. */
  const leaseOf = new Map<string, string>();

  /** The connection, and what its proof is made over. */
  async function gateway(): Promise<RpcClient | null> {
    const known = await opening;
    if (known?.alive() === true) return known;
    leaseOf.clear();
    const closed = (): void => {
      if (opening === fresh) opening = null;
    };
    const fresh = openRpc(socket, { answerMs: ANSWER_MS, mostLine: MOST_LINE, notified, closed, isBackground: true }).then(async (opened) => {
      const answer = opened.ok ? await opened.value.call("challenge", {}) : opened;
      if (!opened.ok || !answer.ok) return null;
      challenge = textOf(fieldsOf(answer.value)?.["challenge"], "");
      return opened.value;
    });
    opening = fresh;
    const opened = await fresh;
    if (opened === null && opening === fresh) opening = null;
    return opened;
  }

  function notified(method: string, params: unknown): void {
    const notice = fieldsOf(params);
    if (method !== "lease_ended" || notice === null) return;
    for (const [place, lease] of leaseOf) {
      if (lease !== notice["lease"]) continue;
      leaseOf.delete(place);
      // A gateway that restarts finds the lease registered again; until the token ends nothing has changed.
      if (notice["word"] !== "shutdown") ended(place, textOf(notice["because"], "ingressd ended it"));
    }
  }

  async function register(open: RpcClient, { proto, address, port }: Place): Promise<Result<unknown, RpcFailure>> {
    return open.call("register", {
      service,
      proto,
      port,
      mode: "direct",
      bind: formatAddress(address),
      ttl_ms: ttlMs,
      proof: proofOf(key, challenge, service),
    });
  }

  return {
    async take(place) {
      const open = await gateway();
      if (open === null) return failed({ kind: "absent", because: `no ingressd answers at \`${socket}\`` });
      const name = placeKey(place);
      const lease = leaseOf.get(name);
      let answer = lease === undefined ? await register(open, place) : await open.call("renew", { lease, ttl_ms: ttlMs });
      if (lease !== undefined && !answer.ok && answer.error.kind === "refused" && answer.error.code === "no_lease") answer = await register(open, place);
      if (!answer.ok) {
        if (answer.error.kind === "absent") return failed({ kind: "absent", because: "ingressd does not answer" });
        leaseOf.delete(name);
        const { code, message } = answer.error;
        return failed({ kind: code === "draining" || code === "no_module" ? "absent" : "refused", because: `${message} (${code})` });
      }
      const result = fieldsOf(answer.value);
      if (typeof result?.["lease"] === "string") leaseOf.set(name, result["lease"]);
      return ok(Buffer.from(textOf(result?.["token"], ""), "base64"));
    },
    drop(name) {
      const lease = leaseOf.get(name);
      leaseOf.delete(name);
      if (lease !== undefined) void opening?.then((open) => open?.call("unregister", { lease }));
    },
  };
}
