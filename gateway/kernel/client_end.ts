// Queries the kernel whether a client has closed its side, also where its end has not been read yet.
import { isEnded } from "../forward/peer_end.ts";
import { IPPROTO_TCP, TCP_INFO, type KernelCalls } from "./calls.ts";

const NONE = -1;

const info = new Int32Array(1);

/** `fd` is -1 where the client's socket is gone already. */
export function clientHasClosed(calls: Pick<KernelCalls, "getOption">, fd: number): boolean {
  if (fd === NONE) return true;
  // The state is the first byte of the structure.
  return calls.getOption(fd, IPPROTO_TCP, TCP_INFO, info) >= 0 && isEnded((info[0] ?? 0) & 0xff);
}
