// What the broker asks of those who have tokens: types only.
import type { Decision, Denial, Permit } from "../host/decision.ts";
import type { Place } from "./leases.ts";
import type { SocketName } from "./sockets.ts";

/** Leave to bind; `done` is told of the socket that was bound with it. */
export interface Leave {
  readonly permit: Permit;
  done(name: SocketName): void;
}

export interface TokenBinds {
  /** Asks for a token and verifies it. */
  decide(place: Place): Promise<Leave | Denial>;
  /** What was decided of a socket: its permit, a denial where that was taken back, or null where it was never bound with a token. */
  known(cookie: SocketName["cookie"]): Decision | null;
}
