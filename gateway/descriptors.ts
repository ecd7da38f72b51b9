// File descriptors: how many the process may have, how many of them connections may use, and
// a notice (Node gives none) when all are used.
import { closeSync, openSync } from "node:fs";
import { limitOf } from "../runtime/shell/procfs.ts";
import type { Config } from "./config/read.ts";
import type { Counters } from "./audit/counters.ts";
import { failure, EXIT_UNSUPPORTED, type Failure } from "./exit.ts";

/** For the runtime itself, files that are read, peers that wait to be refused, and the kernel forwarder's own: see pipesWithin. */
const RESERVED_DESCRIPTORS = 256;
/** Of what is kept back, pipes have a quarter at most; each has two. */
const PIPES_PART = 8;
/** More pipes than this are not worth their descriptors. */
const MOST_PIPES = 32;
/** Fewer connections than this are not worth a start. */
const LEAST_CONNECTIONS = 16;

/** The soft limit on open files; null where the kernel does not say. */
export function openFileLimit(): number | null {
  return limitOf("self", "Max open files")?.soft ?? null;
}

/** How many connections may be open: as configured, or fewer with a sentence. */
export function connectionCap(config: Pick<Config, "caps">, limit: number | null, say: (sentence: string) => void): number | Failure {
  const { connections, ports, control_connections } = config.caps;
  if (limit === null) return connections;
  // Each connection has two descriptors. Ports that are not open do not need theirs.
  const sockets = Math.min(ports, Math.floor(limit / 8)) + Math.min(control_connections, Math.floor(limit / 16));
  const room = Math.floor((limit - sockets - reservedOf(limit)) / 2);
  if (room >= connections) return connections;
  if (room < LEAST_CONNECTIONS) {
    return failure(
      EXIT_UNSUPPORTED,
      `nofile = ${limit} has no room for connections: raise it (ulimit -n, systemd: LimitNOFILE=) to at least ${2 * connections + ports + control_connections + RESERVED_DESCRIPTORS}`,
    );
  }
  say(
    `caps.connections = ${connections} is lowered to ${room}, because nofile = ${limit}: raise it (ulimit -n, systemd: LimitNOFILE=) to at least ${2 * connections + ports + control_connections + RESERVED_DESCRIPTORS}`,
  );
  return room;
}

/** How many pipes the kernel forwarder may have; they are counted in what is kept back. */
export function pipesWithin(limit: number | null): number {
  return limit === null ? MOST_PIPES : Math.min(MOST_PIPES, Math.floor(reservedOf(limit) / PIPES_PART));
}

function reservedOf(limit: number): number {
  return Math.min(RESERVED_DESCRIPTORS, Math.floor(limit / 4));
}

export interface DescriptorWatch {
  /** Called on a tick. */
  check(): void;
  /** A connection could not be served for lack of a descriptor, or waits for one. */
  lacked(): void;
  close(): void;
}

/**
 * Keeps one descriptor open from the start. On each tick a second one is tried: when there is none,
 * the moment is counted and said once, and the spare is given up, so that an operator can
 * still reach the control socket; it is taken back afterwards.
 */
export function watchDescriptors(counters: Counters, say: (sentence: string) => void): DescriptorWatch {
  let spare = tryOpen();
  let exhausted = false;
  const lacked = (): void => {
    counters.descriptorsExhausted++;
    if (!exhausted) say("no file descriptor is left: new connections wait, or are dropped, until one is free; raise nofile or lower caps.connections");
    exhausted = true;
  };
  return {
    lacked,
    check() {
      const probe = tryOpen();
      if (probe < 0) {
        lacked();
        tryClose(spare);
        spare = -1;
        return;
      }
      if (spare < 0) spare = probe;
      else tryClose(probe);
      if (exhausted) say("file descriptors are free again");
      exhausted = false;
    },
    close() {
      tryClose(spare);
      spare = -1;
    },
  };
}

/** INVARIANT: an error of a close, after which the descriptor is gone as well, ends nothing. */
function tryClose(fd: number): void {
  if (fd < 0) return;
  try {
    closeSync(fd);
  } catch {
    // It is not open any more.
  }
}

function tryOpen(): number {
  try {
    return openSync("/dev/null", "r");
  } catch {
    return -1;
  }
}
