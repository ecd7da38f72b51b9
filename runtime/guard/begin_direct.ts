// Wires up what a guard does for services that bind by themselves: leases of ingressd, the sockets bound with their
// tokens, and the clock that ends them.
import { descendants } from "./bound.ts";
import type { Clock } from "../shell/clock.ts";
import { createDirect, type Direct } from "./direct.ts";
import { kill, WORD_MS } from "./keeper.ts";
import { keptThrough } from "./keeping.ts";
import type { Kernel } from "./kernel.ts";
import { createLeases } from "./leases.ts";
import type { GuardPolicy } from "./policy.ts";

/** A process that is ended may have just started another. */
const ROUNDS = 8;

export interface BeginSetup {
  readonly kernel: Kernel;
  readonly service: string;
  readonly key: Uint8Array;
  readonly policy: GuardPolicy;
  readonly clock: Clock;
  readonly socket: string;
  readonly ttlMs: number;
  /** Of the keeper. */
  readonly keeperFd: number;
  readonly say: (sentence: string) => void;
}

export function beginDirect({ kernel, service, key, policy, clock, socket, ttlMs, keeperFd, say }: BeginSetup): Direct {
  let ending = false;
  const keeping = keptThrough(keeperFd, () => direct.unkept());
  const leases = createLeases({ socket, service, key, ttlMs, ended: (place, because) => direct.ended(place, because) });
  const direct = createDirect({
    kernel,
    service,
    key,
    leases,
    policy,
    clock,
    ttlMs,
    keeping,
    say,
    endService(because) {
      ending = true;
      // Ended first, because a message may block where its reader does not read.
      for (let round = 0; round < ROUNDS; round++) descendants(process.pid, 0, kill);
      say(`${service} is ended: ${because}`);
    },
  });
  clock.every(WORD_MS, () => {
    direct.tick();
    // A process that was just being started.
    if (ending) descendants(process.pid, 0, kill);
  });
  return direct;
}
