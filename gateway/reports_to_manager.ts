// Reports of a running gateway to the service manager, such as that it is ready. The
// listening sockets go into the manager's store, so that peers wait in their queues while a gateway is started again.
import type { Cancel, GatewayClock } from "./clock.ts";
import { STORE_PREFIX } from "./listen/inherited.ts";
import type { OpenPort, Ports } from "./listen/ports.ts";
import { kernelMicroseconds } from "../runtime/shell/clock.ts";
import type { ServiceManager } from "../runtime/shell/service_manager.ts";

export interface ReportsSetup {
  /** Null where there is none. */
  readonly manager: ServiceManager | null;
  readonly ports: Ports;
  readonly clock: GatewayClock;
  readonly inForce: { readonly generation: number };
}

export interface Reports {
  ready(): void;
  /** A reload begins. */
  reloading(): void;
  /** It is over, whatever came of it. */
  reloaded(): void;
  /** From now on sockets that close stay in the store: the next gateway serves them. */
  stopping(): void;
  /** Another gateway speaks for the service from now on. */
  handedOver(): void;
}

const NONE: Reports = { ready: () => undefined, reloading: () => undefined, reloaded: () => undefined, stopping: () => undefined, handedOver: () => undefined };

export function reportsToManager({ manager, ports, clock, inForce }: ReportsSetup): Reports {
  if (manager === null) return NONE;
  let state: "starting" | "ready" | "stopping" = "starting";
  let alive: Cancel = () => undefined;
  const ready = (): void => manager.notify({ READY: 1, STATUS: `generation ${inForce.generation}, ${ports.size} sockets open` });
  ports.watch({
    opened: (open) => store(manager, open),
    closed: (open) => {
      if (state !== "stopping") manager.notify({ FDSTOREREMOVE: 1, FDNAME: storeName(open) });
    },
  });
  return {
    ready() {
      state = "ready";
      ready();
      if (manager.watchdogMs !== null) alive = clock.every(manager.watchdogMs, () => manager.notify({ WATCHDOG: 1 }));
    },
    reloading() {
      if (state === "ready") manager.notify({ RELOADING: 1, MONOTONIC_USEC: String(kernelMicroseconds()) });
    },
    reloaded() {
      if (state === "ready") ready();
    },
    handedOver() {
      state = "stopping";
      alive();
    },
    stopping() {
      if (state === "stopping") return;
      state = "stopping";
      alive();
      manager.notify({ STOPPING: 1, STATUS: "connections end" });
    },
  };
}

function store(manager: ServiceManager, open: OpenPort): void {
  const fd = open.socket.descriptor();
  if (fd !== null) manager.notify({ FDSTORE: 1, FDNAME: storeName(open) }, fd);
}

/** A name has no colon. */
function storeName({ local, proto }: OpenPort): string {
  return `${STORE_PREFIX}${proto === "udp" ? "udp " : ""}${local.replaceAll(":", "_")}`;
}
