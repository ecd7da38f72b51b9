// Which processes have a Landlock domain of their own. A socket that the guard binds for a program is outside that domain, and
// nothing in /proc shows it, so the guard is notified of the calls that make one, lets the program make them itself, and
// refuses afterwards what the domain might forbid.
//
// A domain is inherited by children and kept over exec, and so is what the guard marks it with: the hard limit
// RLIMIT_LOCKS, which has no effect and which a program can't raise (the filter forbids that to root too).
import { locksLimit, startOf, ticksNow } from "./proc.ts";

/** The actions that a domain may forbid: sockets made in the file system, and binds of TCP ports. */
const FILES = 1;
const PORTS = 2;
const BOTH = FILES | PORTS;
/** The limit that says so: each set is said by a lower one than its subsets. */
const LIMITS = [null, 2, 1, 0] as const;

// struct landlock_ruleset_attr: u64 handled_access_fs, handled_access_net, scoped
export const RULESET_BYTES = 24;
const FS_MAKE_SOCK = 1n << 9n;
const NET_CONNECT_TCP = 1n << 1n;

/** Processes whose rulesets are known; what an older one's forbid is then not known, and taken for both. */
export const MOST_PROCESSES = 1_024;

export interface LandlockSetup {
  /** Sets RLIMIT_LOCKS of a process. False where the guard may not. */
  readonly limitLocks: (process: number, most: number) => boolean;
}

export interface Landlock {
  /** A process makes a ruleset; null: what it handles can't be read. */
  creates(process: number, ruleset: Uint8Array | null): void;
  /** A process puts itself under one that it has. */
  restricts(process: number): void;
  /** Whether its domain might forbid the bind of a socket in the file system, or of a TCP port. */
  mayForbid(process: number, what: "files" | "ports"): boolean;
}

export function createLandlock({ limitLocks }: LandlockSetup): Landlock {
  /** By process and start. */
  const handled = new Map<string, number>();
  /** Where the guard may set no limit: the process, and all that began after it was restricted, are taken for restricted. */
  const unmarked = new Set<string>();
  let [since, forbiddenSince] = [Number.POSITIVE_INFINITY, 0];
  const nameOf = (process: number): string => `${process} ${startOf(process) ?? "gone"}`;

  return {
    creates(process, ruleset) {
      const name = nameOf(process);
      const known = (handled.get(name) ?? 0) | (ruleset === null ? BOTH : forbids(ruleset));
      handled.delete(name);
      handled.set(name, known);
      for (const oldest of handled.keys()) if (handled.size > MOST_PROCESSES) handled.delete(oldest);
    },
    restricts(process) {
      const forbidden = marked(process) | (handled.get(nameOf(process)) ?? BOTH);
      const limit = LIMITS[forbidden] ?? null;
      if (limit === null || limitLocks(process, limit)) return;
      if (unmarked.size < MOST_PROCESSES) unmarked.add(nameOf(process));
      // Too many to be known by name: all are taken for restricted.
      else since = 0;
      since = Math.min(since, ticksNow());
      forbiddenSince |= forbidden;
    },
    mayForbid(process, what) {
      const late = unmarked.has(nameOf(process)) || (startOf(process) ?? Number.POSITIVE_INFINITY) >= since;
      const forbidden = marked(process) | (late ? forbiddenSince : 0);
      return (forbidden & (what === "files" ? FILES : PORTS)) !== 0;
    },
  };
}

function marked(process: number): number {
  const limit = locksLimit(process);
  const at = LIMITS.findIndex((one) => one === limit);
  return at < 0 ? 0 : at;
}

function forbids(ruleset: Uint8Array): number {
  const words = new DataView(new Uint8Array([...ruleset, ...new Uint8Array(RULESET_BYTES)]).buffer);
  const [files, net] = [words.getBigUint64(0, true), words.getBigUint64(8, true)];
  // Rights to the network that came after connecting are taken for ones that a bind needs.
  return ((files & FS_MAKE_SOCK) === 0n ? 0 : FILES) | ((net & ~NET_CONNECT_TCP) === 0n ? 0 : PORTS);
}
