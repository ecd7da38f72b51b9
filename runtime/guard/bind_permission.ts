// The interface through which the broker gets permissions by token: types only.
import type { Decision, Denial, Permit } from "../host/decision.ts";
import type { Place } from "./leases.ts";
import type { SocketName } from "./sockets.ts";

/** The permission for one bind; `done` gets the socket that was bound with it. */
export interface BindPermission {
  readonly permit: Permit;
  done(name: SocketName): void;
}

export interface TokenBinds {
  /** Gets a token and verifies it. */
  decide(place: Place): Promise<BindPermission | Denial>;
  /** The decision about a socket: its permit, a denial where that was revoked, or null where it was never bound with a token. */
  known(cookie: SocketName["cookie"]): Decision | null;
}
