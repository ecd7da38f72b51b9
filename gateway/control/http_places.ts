// Decides who may have a connection to the HTTP port. Any local user can reach it, so each has a part of the places and
// of the arrivals, and where all are taken the connection that has been silent longest makes room.
import type { Socket } from "node:net";
import type { GatewayClock } from "../clock.ts";
import { Budgets } from "./budgets.ts";

export const MOST_CONNECTIONS = 64;
/** Connections of one user; where users can't be distinguished, all count as one with all places. */
export const MOST_OF_USER = 16;
export const ARRIVALS = { perSecond: 50, burst: 200 } as const;

export interface PlacesSetup {
  readonly clock: GatewayClock;
  /** The uid at the far end; null where the kernel does not say. */
  readonly userOf: (socket: Socket) => number | null;
  readonly turnedAway: () => void;
}

/** Takes a new connection in, or destroys it. */
export type TakeIn = (socket: Socket) => void;

export function createPlaces({ clock, userOf, turnedAway }: PlacesSetup): TakeIn {
  /** In the order of their arrival: a request is answered at once and closes its connection, so the first is the most silent. */
  const taken = new Map<Socket, string>();
  const arrivals = new Budgets(ARRIVALS);

  function makeRoom(who: string | null): void {
    for (const [socket, other] of taken) {
      if (who !== null && other !== who) continue;
      taken.delete(socket);
      turnedAway();
      socket.destroy();
      return;
    }
  }

  return (socket) => {
    const user = userOf(socket);
    const who = user === null ? "" : `uid ${user}`;
    if (!arrivals.take(who, clock.monoMs())) {
      turnedAway();
      socket.destroy();
      return;
    }
    const mine = [...taken.values()].filter((other) => other === who).length;
    if (user !== null && mine >= MOST_OF_USER) makeRoom(who);
    if (taken.size >= MOST_CONNECTIONS) makeRoom(null);
    taken.set(socket, who);
    socket.once("close", () => taken.delete(socket));
  };
}
