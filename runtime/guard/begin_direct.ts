// Wires up what a guard does for services that bind by themselves: leases of ingressd, the sockets bound with their
// tokens, and the clock that ends them.
import { descendants } from "./bound.ts";
import type { Clock } from "../shell/clock.ts";
import { createDirect, type Direct } from "./direct.ts";
import type { Kernel } from "./kernel.ts";
import { createLeases } from "./leases.ts";
import type { PolicyInForce } from "./policy.ts";

const TICK_MS = 200;
/** A process that is ended may have just started another. */
const ROUNDS = 8;

export interface BeginSetup {
  readonly kernel: Kernel;
  readonly service: string;
  readonly key: Uint8Array;
  readonly policy: PolicyInForce;
  readonly clock: Clock;
  readonly socket: string;
  readonly ttlMs: number;
  readonly say: (sentence: string) => void;
}

export function beginDirect({ kernel, service, key, policy, clock, socket, ttlMs, say }: BeginSetup): Direct {
  const leases = createLeases({ socket, service, key, ttlMs, ended: (place, because) => direct.ended(place, because) });
  const direct = createDirect({
    kernel, service, key, leases, policy, clock, ttlMs, say,
    endService(because) {
      say(`${service} is ended: ${because}`);
      for (let round = 0; round < ROUNDS; round++) for (const process of descendants(globalThis.process.pid, 0)) kill(process);
    },
  });
  setInterval(() => direct.tick(), TICK_MS).unref();
  return direct;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
