// The service manager's notifications (sd_notify(3)): datagrams to the unix socket that NOTIFY_SOCKET names, a field a
// line, and descriptors for its store. The variables are removed, so that no process that is started later speaks for this one.
import type { Clock } from "./clock.ts";
import { openLibc } from "./libc.ts";
import { openUnixMessages, type UnixMessages } from "./unix_messages.ts";

const EAGAIN = 11;
const ENOBUFS = 105;
/** Where the manager's queue is full. */
const RETRY_MS = 100;
/** Messages that wait for the manager; the oldest are given up. */
const MOST_QUEUED = 4_096;

export type Fields = Readonly<Record<string, string | number>>;

export interface ServiceManager {
  /** Sends the fields as one message; with a descriptor, that too. */
  notify(fields: Fields, descriptor?: number): void;
  /** Milliseconds between two signs of life; null where the manager wants none. */
  readonly watchdogMs: number | null;
}

export interface ManagerSetup {
  readonly env: NodeJS.ProcessEnv;
  readonly pid: number;
  readonly clock: Pick<Clock, "after">;
  readonly say: (sentence: string) => void;
}

/** Null where no manager wants to hear, or koffi is missing. */
export function openServiceManager({ env, pid, clock, say }: ManagerSetup): ServiceManager | null {
  const { NOTIFY_SOCKET: path, WATCHDOG_USEC: usec, WATCHDOG_PID: owner } = env;
  for (const name of ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]) delete env[name];
  if (path === undefined || path === "") return null;
  const failed = (because: string): null => {
    say(`WARNING: the service manager can't be notified at \`${path}\` (${because}): with Type=notify it waits in vain`);
    return null;
  };
  if (!path.startsWith("/") && !path.startsWith("@")) return failed("it is no unix socket");
  const libc = openLibc();
  const messages = libc === null ? null : openUnixMessages(libc);
  if (messages === null) return failed("koffi is not installed");
  const fd = messages.connect(path, "datagram");
  if (fd < 0) return failed(`error ${-fd}`);
  const isOurs = owner === undefined || owner === String(pid);
  return new Manager(
    messages,
    fd,
    clock,
    isOurs && usec !== undefined && /^[1-9][0-9]{0,14}$/.test(usec) ? Math.max(1, Math.floor(Number(usec) / 2000)) : null,
  );
}

interface Message {
  readonly bytes: Buffer;
  readonly descriptors: readonly number[];
}

class Manager implements ServiceManager {
  readonly watchdogMs: number | null;
  readonly #messages: UnixMessages;
  readonly #fd: number;
  readonly #clock: Pick<Clock, "after">;
  #queue: Message[] = [];

  constructor(messages: UnixMessages, fd: number, clock: Pick<Clock, "after">, watchdogMs: number | null) {
    this.#messages = messages;
    this.#fd = fd;
    this.#clock = clock;
    this.watchdogMs = watchdogMs;
  }

  notify(fields: Fields, descriptor?: number): void {
    const text = Object.entries(fields)
      .map(([name, value]) => `${name}=${String(value).replaceAll("\n", " ")}`)
      .join("\n");
    const message = { bytes: Buffer.from(text), descriptors: descriptor === undefined ? [] : [descriptor] };
    if (this.#queue.length > 0 || !this.#sent(message)) this.#defer(message);
  }

  /** False where the manager's queue is full. A message that can't be sent at all is given up. */
  #sent({ bytes, descriptors }: Message): boolean {
    const result = this.#messages.send(this.#fd, bytes, descriptors);
    return result !== -EAGAIN && result !== -ENOBUFS;
  }

  #defer(message: Message): void {
    if (this.#queue.length === 0) this.#clock.after(RETRY_MS, () => this.#again());
    this.#queue.push(message);
    if (this.#queue.length > MOST_QUEUED) this.#queue.shift();
  }

  #again(): void {
    const queued = this.#queue;
    this.#queue = [];
    for (const message of queued) {
      if (this.#queue.length > 0 || !this.#sent(message)) this.#defer(message);
    }
  }
}
