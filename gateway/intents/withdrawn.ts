// Ports of services that bind by themselves, after their lease: the guard closes them. One that is still bound a while
// later has no guard that could, or one that was stopped from outside. The gateway reports it in its log, in `status` and as a metric.
import { allBoundHere } from "../../runtime/guard/bound.ts";
import { formatEndpoint, type Address } from "../../runtime/net/address.ts";
import type { GatewayClock } from "../clock.ts";
import type { Lease, Leases } from "./leases.ts";
import { openSockDiag } from "./sock_diag.ts";

/** A guard that was stopped is found out, and ended with its program, within five seconds. */
export const GRACE_MS = 10_000;
/** How often a port that is still bound is looked at again. */
export const LOOK_MS = 10_000;
/** Places that are remembered; the oldest makes way. */
export const MOST_PLACES = 1_024;

export interface WithdrawnPort {
  readonly service: string;
  readonly proto: "tcp" | "udp";
  /** `0.0.0.0:53` */
  readonly local: string;
}

export interface Withdrawn {
  /** To be called on a tick. */
  look(): void;
  /** Ports that are bound though nothing grants them any more. */
  open(): readonly WithdrawnPort[];
}

export interface WithdrawnSetup {
  readonly leases: Leases;
  /** The ports that the gateway itself has open. */
  readonly ports: { all(): readonly { readonly local: string }[] };
  readonly clock: Pick<GatewayClock, "monoMs">;
  readonly say: (sentence: string) => void;
  /** Whether a place is bound on this host. */
  readonly isBound?: IsBound;
}

export type IsBound = (place: Place) => boolean;

interface Place extends WithdrawnPort {
  readonly address: Address;
  readonly port: number;
}

/** Queries the kernel about single ports; where it gives no answer, its whole tables are read, at most once per turn of the event loop. */
export function boundHere(): IsBound {
  const diag = openSockDiag();
  let table: ReadonlySet<string> | null = null;
  return (place) => {
    const known = diag?.isBound(place.proto, place) ?? null;
    if (known !== null) return known;
    if (table === null) {
      table = allBoundHere();
      setImmediate(() => {
        table = null;
      });
    }
    return table.has(keyOf(place));
  };
}

interface Watched extends Place {
  /** Null while a lease grants it. */
  lookMs: number | null;
  said: boolean;
}

const keyOf = ({ proto, local }: WithdrawnPort): string => `${proto} ${local}`;

export function watchWithdrawn({ leases, ports, clock, say, isBound = boundHere() }: WithdrawnSetup): Withdrawn {
  const watched = new Map<string, Watched>();
  leases.onDirect((lease) => {
    const place = placeOf(lease);
    if (place === null) return;
    watched.delete(keyOf(place));
    watched.set(keyOf(place), { ...place, lookMs: null, said: false });
    for (const oldest of watched.keys()) if (watched.size > MOST_PLACES) watched.delete(oldest);
  });

  return {
    look() {
      if (watched.size === 0) return;
      const now = clock.monoMs();
      const granted = new Set(
        leases.all().flatMap((lease) => {
          const place = placeOf(lease);
          return place === null ? [] : [keyOf(place)];
        }),
      );
      for (const [key, at] of watched) {
        if (granted.has(key)) Object.assign(at, { lookMs: null, said: false });
        else if (at.lookMs === null) at.lookMs = now + GRACE_MS;
        else if (now >= at.lookMs) {
          // A socket that the gateway has opened there since is its own.
          if (!isBound(at) || ports.all().some(({ local }) => at.proto === "tcp" && local === at.local)) {
            watched.delete(key);
            continue;
          }
          if (!at.said)
            say(
              `WARNING: ${at.local}/${at.proto} is still bound, though ${at.service} has no lease of it any more: its guard does not run or can't close it; end the program that has it (ss -lnp shows it)`,
            );
          Object.assign(at, { said: true, lookMs: now + LOOK_MS });
        }
      }
    },
    open: () => [...watched.values()].filter(({ said }) => said).map(({ service, proto, local }) => ({ service, proto, local })),
  };
}

function placeOf({ mode, bind, service, proto, port }: Lease): Place | null {
  return mode === "direct" && bind !== null ? { service, proto, address: bind, port, local: formatEndpoint(bind, port) } : null;
}
