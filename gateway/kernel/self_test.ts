// Tries what the kernel transport needs on this machine, once at the start: the processor's layout of an epoll event, a
// socket pair, epoll, libuv's watch and splice.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { openCalls, SOCK_STREAM, type KernelCalls } from "./calls.ts";
import { EPOLLET, EPOLLIN, Poller } from "./poller.ts";

/** Processors that the tests ran on. */
const TESTED: readonly string[] = ["x64"];
const PATIENCE_MS = 2_000;
const WORD = Buffer.from("self-test");

/** The calls, or why they can't be used here, as the end of a sentence. */
export async function usableCalls(arch: string = process.arch): Promise<Result<KernelCalls, string>> {
  if (!TESTED.includes(arch)) return failed(`it was not tested on the processor ${arch}`);
  const calls = openCalls();
  if (calls === null) return failed("koffi is not installed, or this is not Linux");
  const opened: number[] = [];
  try {
    return await tried(calls, opened);
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  } finally {
    for (const fd of opened) calls.close(fd);
  }
}

async function tried(calls: KernelCalls, opened: number[]): Promise<Result<KernelCalls, string>> {
  const [pair, ends, back] = [new Int32Array(2), new Int32Array(2), Buffer.alloc(WORD.length)];
  const made = [calls.socketpair(SOCK_STREAM, pair), calls.pipe(ends)];
  const [near = -1, far = -1, reads = -1, writes = -1] = [...pair, ...ends];
  if (made.some((result) => result < 0)) return failed("a socket pair or a pipe can't be made");
  opened.push(near, far, reads, writes);
  if (calls.send(far, WORD, WORD.length, 0) !== WORD.length) return failed("send does not work");
  const reported = await firstEvent(calls, near);
  if (reported !== near) return failed("epoll does not report the socket that can be read");
  if (calls.splice(near, writes, WORD.length) !== WORD.length || calls.splice(reads, near, WORD.length) !== WORD.length) return failed("splice does not work");
  const got = calls.recv(far, back, back.length, 0);
  return got === WORD.length && back.equals(WORD) ? ok(calls) : failed("splice does not give back what it was given");
}

/** The descriptor of the first event; -1 where none came in time. */
async function firstEvent(calls: KernelCalls, fd: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const poller = new Poller({
      calls, monoMs: () => 0,
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
