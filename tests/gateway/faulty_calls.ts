// The kernel's calls, of which one fails where a test says so, with each error that it may have.
import {
  EAGAIN,
  ECONNABORTED,
  ECONNRESET,
  EINTR,
  EINVAL,
  EMFILE,
  ENETDOWN,
  ENFILE,
  ENOBUFS,
  ENOMEM,
  EPIPE,
  EPROTO,
  type KernelCalls,
} from "../../gateway/kernel/calls.ts";
import { atLength } from "../at_length.ts";

const [EPERM, EIO, ENOENT, EACCES, ENOSPC, ENOTCONN, ECONNREFUSED, EADDRNOTAVAIL, ETIMEDOUT, EBADF, EMSGSIZE, EADDRINUSE] = [
  1, 5, 2, 13, 28, 107, 111, 99, 110, 9, 90, 98,
] as const;

export type Named =
  | "accept"
  | "connect"
  | "socket"
  | "recv"
  | "send"
  | "splice"
  | "pipe"
  | "setPipeSize"
  | "shutdown"
  | "close"
  | "getOption"
  | "setOption"
  | "getsockname"
  | "eventfd"
  | "epollControl"
  | "epollWait"
  | "bind"
  | "listen"
  | "setNonBlocking"
  | "recvmmsg"
  | "sendmmsg";

/**
 * Neither `recv` nor `send` has EAGAIN, because the kernel sends an event after each of its own. A close always closes, whatever it answers.
 */
export const ERRORS: Readonly<Record<Named, readonly number[]>> = {
  accept: [EINTR, ECONNABORTED, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPROTO, ENETDOWN, EPERM, EINVAL],
  connect: [EAGAIN, EADDRNOTAVAIL, ECONNREFUSED, ENOENT, EACCES, ETIMEDOUT, ENOMEM],
  socket: [EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES],
  recv: [EINTR, ECONNRESET, ETIMEDOUT, ENOMEM, ENOTCONN],
  send: [EINTR, EPIPE, ECONNRESET, ENOBUFS, ENOMEM],
  splice: [EINTR, EINVAL, ENOMEM, ECONNRESET, EPIPE],
  pipe: [EMFILE, ENFILE],
  setPipeSize: [EPERM, ENOMEM],
  shutdown: [ENOTCONN],
  close: [EINTR, EIO],
  getOption: [ENOBUFS, ENOTCONN],
  setOption: [EINVAL, ENOMEM],
  getsockname: [ENOBUFS],
  eventfd: [EMFILE, ENFILE, ENOMEM],
  epollControl: [ENOMEM, ENOSPC],
  epollWait: [EINTR, EBADF],
  bind: [EADDRNOTAVAIL, EACCES, ENOMEM],
  listen: [EADDRINUSE, ENOMEM],
  setNonBlocking: [EBADF],
  recvmmsg: [EINTR, ENOMEM, ENOBUFS, ENETDOWN, EIO],
  sendmmsg: [EINTR, EAGAIN, ENOBUFS, ENOMEM, EPERM, EMSGSIZE, EINVAL],
};

const OF_OTHERS: readonly string[] = ["recvmmsg", "sendmmsg", "bind", "listen", "setNonBlocking"];

/** Those of connections. */
export const OF_STREAMS: readonly Named[] = Object.keys(ERRORS).filter((name): name is Named => name in ERRORS && !OF_OTHERS.includes(name));

/** One failure: the call of this name at this step, counted from `arm`, or every one from it on. */
export interface Plan {
  readonly name: Named;
  readonly step: number;
  readonly error: number;
  readonly stays: boolean;
}

export class FaultyCalls {
  readonly made = new Map<Named, number>();
  readonly calls: KernelCalls;
  #plan: Plan | null = null;

  constructor(real: KernelCalls) {
    const faulty =
      <A extends readonly unknown[]>(name: Named, call: (...given: A) => number) =>
      (...given: A): number => {
        const step = this.made.get(name) ?? 0;
        this.made.set(name, step + 1);
        const plan = this.#plan;
        if (plan?.name !== name || step < plan.step || (step > plan.step && !plan.stays)) return call(...given);
        if (name === "close") call(...given);
        return -plan.error;
      };
    this.calls = {
      ...real,
      accept: faulty("accept", real.accept),
      connect: faulty("connect", real.connect),
      socket: faulty("socket", real.socket),
      recv: faulty("recv", real.recv),
      send: faulty("send", real.send),
      splice: faulty("splice", real.splice),
      pipe: faulty("pipe", real.pipe),
      setPipeSize: faulty("setPipeSize", real.setPipeSize),
      shutdown: faulty("shutdown", real.shutdown),
      close: faulty("close", real.close),
      getOption: faulty("getOption", real.getOption),
      setOption: faulty("setOption", real.setOption),
      getsockname: faulty("getsockname", real.getsockname),
      eventfd: faulty("eventfd", real.eventfd),
      epollControl: faulty("epollControl", real.epollControl),
      epollWait: faulty("epollWait", real.epollWait),
      bind: faulty("bind", real.bind),
      listen: faulty("listen", real.listen),
      setNonBlocking: faulty("setNonBlocking", real.setNonBlocking),
      recvmmsg: faulty("recvmmsg", real.recvmmsg),
      sendmmsg: faulty("sendmmsg", real.sendmmsg),
    };
  }

  arm(plan: Plan | null): void {
    this.made.clear();
    this.#plan = plan;
  }

  get total(): number {
    return [...this.made.values()].reduce((sum, n) => sum + n, 0);
  }
}

export function described(plan: Plan | null): string {
  return plan === null ? "nothing fails" : `${plan.name} fails at step ${plan.step}${plan.stays ? " and later" : ""} with ${plan.error}`;
}

/** Every step with `--at-length`; otherwise the first ones and the last. */
export function stepsOf(count: number, first: number): readonly number[] {
  const most = Math.max(1, Math.min(count, atLength(count, first)));
  const more = atLength<readonly number[]>([], [Math.max(0, count - 1)]);
  return [...new Set([...Array.from({ length: most }, (_, i) => i), ...more])];
}
