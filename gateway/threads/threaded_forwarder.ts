// The forwarder of several threads. New peers are decided at the end of the round that accepted them.
import { createConnections } from "../connection/connections.ts";
import type { Forwarder } from "../connection/forwarder.ts";
import type { ForwarderSetup } from "../listen/node_forwarder.ts";
import type { KernelCalls } from "../kernel/calls.ts";
import { ThreadedTransport } from "./threaded_transport.ts";
import type { Threads } from "./threads.ts";

export interface ThreadedForwarderSetup extends Omit<ForwarderSetup, "isReset" | "hasEnded"> {
  readonly calls: KernelCalls;
  readonly threads: Threads;
  /** Peers wait, because there is no descriptor. */
  readonly lacked: () => void;
}

export function threadedForwarder({ table, decider, clock, places, timers, calls, threads, lacked }: ThreadedForwarderSetup): Forwarder {
  const made: ThreadedTransport[] = [];
  return createConnections({
    table,
    decider,
    clock,
    places,
    timers,
    afterTurn: (flush) => made[0]?.after(flush),
    transport: (events) => {
      const transport = new ThreadedTransport({ calls, threads, events, keepAliveMs: timers.keepalive_ms, helloMs: () => timers.hello_ms, clock, lacked });
      made.push(transport);
      return transport;
    },
  });
}
