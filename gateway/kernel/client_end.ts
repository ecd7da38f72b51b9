// Queries the kernel whether a client has closed its side, also where its end has not been read yet.
import { IPPROTO_TCP, TCP_INFO, type KernelCalls } from "./calls.ts";

const TCP_ESTABLISHED = 1;
const TCP_SYN_RECV = 3;
const TCP_FIN_WAIT1 = 4;
const TCP_FIN_WAIT2 = 5;
/** The states of a socket whose peer has not ended. */
const NOT_ENDED: readonly number[] = [TCP_ESTABLISHED, TCP_SYN_RECV, TCP_FIN_WAIT1, TCP_FIN_WAIT2];
const NONE = -1;

const info = new Int32Array(1);

/** `fd` is -1 where the client's socket is gone already. */
export function clientHasClosed(calls: Pick<KernelCalls, "getOption">, fd: number): boolean {
  if (fd === NONE) return true;
  // The state is the first byte of the structure.
  return calls.getOption(fd, IPPROTO_TCP, TCP_INFO, info) >= 0 && !NOT_ENDED.includes((info[0] ?? 0) & 0xff);
}
