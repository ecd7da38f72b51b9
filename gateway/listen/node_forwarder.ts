// The default forwarder: connections over Node's own sockets. A new peer is accepted unread, is decided at the end of
// the turn together with all that came in it, and is reset when refused.
import type { GatewayClock } from "../clock.ts";
import { createConnections } from "../connection/connections.ts";
import type { Decider } from "../connection/decider.ts";
import type { Forwarder } from "../connection/forwarder.ts";
import type { Places } from "../connection/places.ts";
import type { Timers } from "../connection/stage.ts";
import type { ConnectionTable } from "../connection/table.ts";
import type { HasEnded } from "../forward/peer_end.ts";
import type { IsReset } from "../forward/reset.ts";
import { NodeTransport } from "./node_transport.ts";

export interface ForwarderSetup {
  readonly table: ConnectionTable;
  readonly decider: Decider;
  readonly clock: GatewayClock;
  /** Null where the kernel can't be queried. */
  readonly isReset: IsReset | null;
  readonly hasEnded: HasEnded | null;
  readonly places: Pick<Places, "connect">;
  readonly timers: Timers;
}

export function nodeForwarder({ table, decider, clock, isReset, hasEnded, places, timers }: ForwarderSetup): Forwarder {
  return createConnections({
    table,
    decider,
    clock,
    places,
    timers,
    afterTurn: setImmediate,
    transport: (events) => new NodeTransport({ events, isReset, hasEnded, keepAliveMs: timers.keepalive_ms }),
  });
}
