// The lines on standard output that scripts and the OS image wait for, verbatim and with
// nothing else on them (runtime/abi/markers.ts). Each is printed after the fact that it states.
import { denied, portOpen, READY } from "../../runtime/abi/markers.ts";
import type { Denial } from "../../runtime/host/decision.ts";
import type { Counters } from "./counters.ts";

/** Deny lines a second for each reason; the rest is only counted. */
export const DENY_LINES_PER_SECOND = 5;

export interface Markers {
  ready(): void;
  portOpen(port: number, proto: "tcp" | "udp"): void;
  /** Of `times` refusals, which is 1 where it is absent. */
  deny(reason: Denial["reason"], monoMs: number, times?: number): void;
}

export function createMarkers(print: (line: string) => void, counters: Counters): Markers {
  const windows = new Map<string, { startMs: number; lines: number }>();
  return {
    ready: () => print(READY),
    portOpen: (port, proto) => print(portOpen(port, proto)),
    deny(reason, monoMs, times = 1) {
      let window = windows.get(reason);
      if (window === undefined || monoMs - window.startMs >= 1000) {
        window = { startMs: monoMs, lines: 0 };
        windows.set(reason, window);
      }
      const printed = Math.min(times, DENY_LINES_PER_SECOND - window.lines);
      counters.denyMarkersSuppressed += times - printed;
      window.lines += printed;
      for (let i = 0; i < printed; i++) print(denied(reason));
    },
  };
}
