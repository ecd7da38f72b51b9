// Where `caps.connections` is full, fresh flows of datagrams make room for peers over tcp.
import type { PolicyEngine } from "../../runtime/host/module.ts";
import type { Account } from "../connection/charges.ts";
import type { Places } from "../connection/places.ts";
import { soleExpose, type OpenPort } from "../listen/ports.ts";
import type { PeerFacts } from "./at_accept.ts";
import { capKeysOf, fullKeysOf } from "./cap_key.ts";

export interface MakeRoomSetup {
  readonly inForce: { readonly engine: PolicyEngine | null };
  readonly caps: { readonly connections: number };
  readonly account: Pick<Account, "overall">;
  readonly places: Pick<Places, "count">;
  /** Ends a flow of datagrams that need not stay; false where there is none. */
  readonly makeRoom: () => boolean;
}

/** INVARIANT: none ends for a peer that the rules, or a cap of its expose, refuse. */
export function makeRoomFor(
  { inForce: { engine }, caps, account, places, makeRoom }: MakeRoomSetup,
  open: OpenPort | undefined,
  peers: readonly PeerFacts[],
): void {
  let room = caps.connections - account.overall;
  if (engine === null || open === undefined || room >= peers.length) return;
  // Where a name leads to the expose, its caps are not known yet.
  const info = soleExpose(open.serves)?.info;
  /** Places that peers before it take, by key. */
  const taken = new Map<string, number>();
  let left = info === undefined ? Infinity : info.capConnections - engine.connections(info.id);
  for (const { source, zone, isBlocked } of peers) {
    if (isBlocked || typeof source === "number") continue;
    const answer = engine.accept(open.serves.number, source);
    if (!answer.allowed && !answer.later) continue;
    if (info !== undefined) {
      const full = fullKeysOf(info, source, zone, (key) => places.count(key) + (taken.get(key) ?? 0));
      if (left <= 0 || full.some((key) => key !== "")) continue;
      for (const key of capKeysOf(info, source, zone)) taken.set(key, (taken.get(key) ?? 0) + 1);
    }
    left--;
    if (room-- <= 0 && !makeRoom()) return;
  }
}
