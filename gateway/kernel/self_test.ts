// Tries what the kernel transport needs on this machine, once at the start: the processor's layout of an epoll event, a
// socket pair, epoll, libuv's watch and splice, and the calls of datagrams.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { openCalls, SOCK_STREAM, type KernelCalls } from "./calls.ts";
import { datagramFault } from "./datagram_self_test.ts";
import { EPOLLET, EPOLLIN, Poller } from "./poller.ts";

/** Processors that the tests ran on. */
const TESTED: readonly string[] = ["x64"];
const PATIENCE_MS = 2_000;
const WORD = Buffer.from("self-test");

/** Why the calls can't be used here. */
export interface Unusable {
  /** The end of a sentence. */
  readonly because: string;
  /** Installing koffi would help. */
  readonly isMissing: boolean;
}

/** Tries them, too. */
export async function usableCalls(
  arch: string = process.arch,
  found: Result<KernelCalls, Unusable> = foundCalls(arch),
): Promise<Result<KernelCalls, Unusable>> {
  if (!found.ok) return found;
  const calls = found.value;
  const opened: number[] = [];
  try {
    const because = (await fault(calls, opened)) ?? (await datagramFault(calls, opened, (fd) => firstEvent(calls, fd)));
    return because === null ? found : failed({ because, isMissing: false });
  } catch (error) {
    return failed({ because: error instanceof Error ? error.message : String(error), isMissing: false });
  } finally {
    for (const fd of opened) calls.close(fd);
  }
}

/** Without trying them. */
export function foundCalls(arch: string = process.arch): Result<KernelCalls, Unusable> {
  if (process.platform !== "linux") return failed({ because: `it is for Linux, and this is ${process.platform}`, isMissing: false });
  if (!TESTED.includes(arch)) return failed({ because: `it was not tested on the processor ${arch}`, isMissing: false });
  const calls = openCalls();
  return calls === null ? failed({ because: "koffi is not installed", isMissing: true }) : ok(calls);
}

/** Names what does not work, as the end of a sentence. */
async function fault(calls: KernelCalls, opened: number[]): Promise<string | null> {
  const [pair, ends, back] = [new Int32Array(2), new Int32Array(2), Buffer.alloc(WORD.length)];
  if (calls.socketpair(SOCK_STREAM, pair) < 0) return "a socket pair can't be made";
  opened.push(...pair);
  if (calls.pipe(ends) < 0) return "a pipe can't be made";
  opened.push(...ends);
  const [near = -1, far = -1, reads = -1, writes = -1] = opened;
  if (calls.send(far, WORD, WORD.length, 0) !== WORD.length) return "send does not work";
  const reported = await firstEvent(calls, near);
  if (reported !== near) return "epoll does not report the socket that can be read";
  if (calls.splice(near, writes, WORD.length) !== WORD.length || calls.splice(reads, near, WORD.length) !== WORD.length) return "splice does not work";
  const got = calls.recv(far, back, back.length, 0);
  return got === WORD.length && back.equals(WORD) ? null : "splice does not give back what it was given";
}

/** The descriptor of the first event; -1 where none came in time. */
async function firstEvent(calls: KernelCalls, fd: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const poller = new Poller({
      calls,
      monoMs: () => 0,
      ready: (seen) => finish(() => resolve(seen)),
      fault: () => undefined,
    });
    const late = setTimeout(() => finish(() => resolve(-1)), PATIENCE_MS);
    const finish = (settle: () => void): void => {
      clearTimeout(late);
      poller.close();
      settle();
    };
    // Its upper half is to be read back, too.
    poller.forget(fd);
    const added = poller.add(fd, EPOLLIN | EPOLLET);
    if (added < 0) finish(() => reject(new Error(`epoll does not take a socket (error ${-added})`)));
  });
}
