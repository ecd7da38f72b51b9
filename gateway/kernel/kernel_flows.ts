// Flows over the kernel's own calls. New ones are decided at the end of the round that received them.
import type { FlowsSetup } from "../datagram/desk.ts";
import { createFlows, type Flows } from "../datagram/flows.ts";
import type { KernelCalls } from "./calls.ts";
import { KernelDatagrams, type Way } from "./kernel_datagrams.ts";

export type FlowsOver = Omit<FlowsSetup<Way>, "transport" | "afterTurn">;

/** Throws where the kernel or koffi doesn't allow it. */
export function kernelFlows(setup: FlowsOver, calls: KernelCalls): Flows {
  const made: KernelDatagrams[] = [];
  return createFlows<Way>({
    ...setup,
    afterTurn: (flush) => made[0]?.after(flush),
    transport: (events) => {
      const transport = new KernelDatagrams({ calls, events, monoMs: setup.clock.monoMs });
      made.push(transport);
      return transport;
    },
  });
}
