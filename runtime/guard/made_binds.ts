// The TCP sockets that the guard has bound, by the kernel's own numbers of each, and where. Nothing else is listened on:
// what a socket says of its own address may be that of a connection, or of one that it had.
//
// An MPTCP socket that was accepted has the SO_COOKIE of its listener, so the inode counts as well.
import type { SocketName } from "./sockets.ts";
import type { InetAddress } from "./sockaddr.ts";

/** Sockets that are bound at a time. Past it, one more is refused until another is gone. */
export const MOST_BINDS = 65_536;
/** How often is looked which sockets are gone, at most. */
const SWEEP_MS = 1_000;

export interface MadeBindsSetup {
  readonly most: number;
  /** The inodes of all sockets that any process has. */
  readonly inodes: () => ReadonlySet<number>;
  readonly monoMs: () => number;
}

export interface MadeBinds {
  /** Whether one more can be remembered; forgets sockets that nobody has any more where it is full. */
  hasRoom(): boolean;
  remember(name: SocketName, local: InetAddress): void;
  forget(name: SocketName): void;
  /** Where the guard has bound it; null: it has not. */
  of(name: SocketName): InetAddress | null;
  /** The guard has bound another socket of the same cookie: the listener that this one was accepted from, or a sibling. */
  hasTwin(name: SocketName): boolean;
}

export function createMadeBinds({ most, inodes, monoMs }: MadeBindsSetup): MadeBinds {
  const made = new Map<bigint, { readonly inode: number; readonly local: InetAddress }>();
  const found = ({ cookie, inode }: SocketName): { readonly local: InetAddress } | null => {
    const known = made.get(cookie);
    return known?.inode === inode ? known : null;
  };
  let sweptMs = Number.NEGATIVE_INFINITY;
  return {
    hasRoom() {
      if (made.size >= most && monoMs() - sweptMs >= SWEEP_MS) {
        sweptMs = monoMs();
        const present = inodes();
        for (const [cookie, { inode }] of made) if (!present.has(inode)) made.delete(cookie);
      }
      return made.size < most;
    },
    remember({ cookie, inode }, local) {
      // No socket has it: it says that there is none to be read.
      if (cookie >= 0n) made.set(cookie, { inode, local });
    },
    forget(name) {
      if (found(name) !== null) made.delete(name.cookie);
    },
    of: (name) => found(name)?.local ?? null,
    hasTwin: (name) => made.has(name.cookie) && found(name) === null,
  };
}
