// Prepares the guard's own process before it starts anything: orphans of the program come to it, since a
// process may always look into its own descendants only; and nobody may look into the guard.
import type { Libc } from "../shell/libc.ts";

const SIG_IGN = 1;
const SIGTSTP = 20;
const SIGTTIN = 21;
const SIGTTOU = 22;
const PR_SET_DUMPABLE = 4;
const PR_SET_CHILD_SUBREAPER = 36;
const P_ALL = 0;
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x01000000;
const SIGINFO_BYTES = 128;
// Behind three words and a fourth that aligns what follows.
const SI_PID = 16;

export function becomeGuardian(libc: Libc): void {
  libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/** A program at the same terminal could take it over, and so have guard and keeper stopped when they write. */
export function ignoreTerminal(libc: Libc): void {
  for (const number of [SIGTSTP, SIGTTIN, SIGTTOU]) libc.signal(number, SIG_IGN);
}

/** Reaps orphans, from now on and whenever the answer is called; `own` are the children that Node itself waits for. */
export function reapOrphans(libc: Libc, own: ReadonlySet<number>): () => void {
  const reap = (): void => {
    for (;;) {
      const info = Buffer.alloc(SIGINFO_BYTES);
      if (libc.waitid(P_ALL, 0, info, WEXITED | WNOHANG | WNOWAIT) !== 0) return;
      const pid = info.readInt32LE(SI_PID);
      if (pid === 0 || own.has(pid)) return;
      libc.waitpid(pid, null, WNOHANG);
    }
  };
  process.on("SIGCHLD", reap);
  return reap;
}
