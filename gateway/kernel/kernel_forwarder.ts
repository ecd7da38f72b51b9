// The forwarder over the kernel's own calls. New peers are decided at the end of the round that accepted them.
import { createConnections } from "../connection/connections.ts";
import type { Forwarder } from "../connection/forwarder.ts";
import type { ForwarderSetup } from "../listen/node_forwarder.ts";
import type { KernelCalls } from "./calls.ts";
import { TransportWithNode } from "./with_node.ts";

export interface KernelForwarderSetup extends ForwarderSetup {
  readonly calls: KernelCalls;
  /** Of splices; see descriptors.ts. */
  readonly mostPipes: number;
  /** Peers wait, because there is no descriptor. */
  readonly lacked: () => void;
}

/** Throws where the kernel or koffi doesn't allow it; self_test.ts finds that out before. */
export function kernelForwarder({ table, decider, clock, isReset, hasEnded, places, timers, calls, mostPipes, lacked }: KernelForwarderSetup): Forwarder {
  const made: TransportWithNode[] = [];
  return createConnections({
    table,
    decider,
    clock,
    places,
    timers,
    afterTurn: (flush) => made[0]?.after(flush),
    transport: (events) => {
      const transport = new TransportWithNode({ calls, mostPipes, lacked, events, isReset, hasEnded, keepAliveMs: timers.keepalive_ms, monoMs: clock.monoMs });
      made.push(transport);
      return transport;
    },
  });
}
