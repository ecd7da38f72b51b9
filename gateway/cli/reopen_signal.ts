// SIGUSR1 where Node was started with --disable-sigusr1. Such a Node opens no debugger, and blocks the signal
// for good; libuv's handler never hears of it until somebody unblocks it.
import { openLibc } from "../../runtime/shell/libc.ts";

const SIG_UNBLOCK = 1;
/** sigset_t of Linux: a bit a signal, from 1 on. */
const SIGSET_BYTES = 128;
const SIGUSR1 = 10;

/** Without koffi the signal stays blocked and does nothing; `ingressd reopen` and SIGHUP do the same work. */
export function unblockReopenSignal(): void {
  if (process.platform !== "linux" || !process.execArgv.includes("--disable-sigusr1")) return;
  const set = Buffer.alloc(SIGSET_BYTES);
  set.writeUInt32LE(1 << (SIGUSR1 - 1));
  openLibc()?.pthread_sigmask(SIG_UNBLOCK, set, null);
}
