// The gateway that takes over: it gets the listening sockets, the connections and the limits of the one that answers on the
// control socket, and serves from the moment on at which that one has stopped. See giving.ts for the steps.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { Libc } from "../../runtime/shell/libc.ts";
import { fieldsOf, openRpc, textOf, type RpcClient } from "../../runtime/shell/rpc_client.ts";
import type { UnixMessages } from "../../runtime/shell/unix_messages.ts";
import type { Cancel, GatewayClock } from "../clock.ts";
import { EXIT_DELEGATE, EXIT_MISSING, failure, type Failure } from "../exit.ts";
import type { InheritedSocket } from "../listen/inherited.ts";
import { socketReader } from "../listen/socket_facts.ts";
import { hashOf, readState, STATE_FORMAT, type HandedState } from "./handed_state.ts";

/** The longest time for an answer. */
export const ANSWER_MS = 10_000;
/** Between two signs of life while a policy is loaded. */
const WAIT_MS = 2_000;
const MOST_LINE = 64 * 1024 * 1024;
const MOST_STATE = 1024 * 1024 * 1024;
const SEED_BYTES = 16;
/** Rows of one message. */
const MOST_CUTS = 1024;

export interface TakingSetup {
  readonly path: string;
  /** Null without koffi. */
  readonly calls: { readonly libc: Libc; readonly messages: UnixMessages } | null;
  readonly clock: GatewayClock;
}

/** Notifications of the gateway that is taken over; see giving.ts. */
export interface FromGiver {
  /** `backend`: it may have changed since the state was written; undefined where another release does not say. */
  readonly ended: (row: number, end: string, bytesIn: number, bytesOut: number, backend: string | undefined) => void;
  readonly records: (lines: readonly string[]) => void;
  /** Of ends of flows, which each of the two processes records for itself. */
  readonly endRecords: (lines: readonly string[]) => void;
  /** It has ended, and its connections with it. */
  readonly gone: () => void;
}

export interface Taking {
  readonly seed: Uint8Array;
  readonly sockets: readonly InheritedSocket[];
  /** Stops the other gateway's accepting, and gives its state. */
  freeze(): Promise<Result<HandedState, string>>;
  /** Passes the point of no return. After a failure the other gateway continues. */
  serving(): Promise<Result<null, string>>;
  /** The control socket is open. */
  done(): Promise<void>;
  cut(row: number): void;
  /** Gets the notifications from now on, and those that have come already. */
  follow(from: FromGiver): void;
  close(): void;
}

export async function beginTaking({ path, calls, clock }: TakingSetup): Promise<Result<Taking, Failure>> {
  if (calls === null)
    return failed(
      failure(
        EXIT_MISSING,
        "--takeover needs koffi, which passes sockets between processes: npm install koffi, or stop the gateway that runs and start this one",
      ),
    );
  const taking = new Round(clock);
  const opened = await openRpc(path, {
    answerMs: ANSWER_MS,
    mostLine: MOST_LINE,
    notified: (method, params) => taking.notified(method, params),
    closed: () => taking.closed(),
    isBackground: false,
  });
  const no = (because: string): Result<never, Failure> => {
    taking.close();
    return failed(failure(EXIT_DELEGATE, `the gateway at \`${path}\` can't be taken over: ${because}`));
  };
  if (!opened.ok)
    return failed(
      failure(EXIT_DELEGATE, `no ingressd answers at \`${path}\` (${opened.error}): start this one without --takeover, or name the socket with --control`),
    );
  const begun = await taking.begin(opened.value);
  if (!begun.ok) return no(begun.error);
  const fds = await receiveSockets(calls, path, taking.id, begun.value);
  if (!fds.ok) return no(fds.error);
  const reader = socketReader(calls.libc);
  for (const fd of fds.value) {
    const socket = reader(fd, "");
    if (socket.ok) taking.sockets.push(socket.value);
    else {
      for (const one of fds.value) calls.libc.close(one);
      return no(`a socket that it gave ${socket.error.because}`);
    }
  }
  return ok(taking);
}

/** Over a connection of its own, because Node's sockets receive no descriptors. */
async function receiveSockets(
  { libc, messages }: NonNullable<TakingSetup["calls"]>,
  path: string,
  id: string,
  count: number,
): Promise<Result<readonly number[], string>> {
  const fd = messages.connect(path, "stream");
  if (fd < 0) return failed(`error ${-fd}`);
  const received: number[] = [];
  try {
    messages.send(fd, Buffer.from(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "takeover", params: { step: "sockets", id } })}\n`));
    let answer = "";
    while (!/\n./.test(`\n${answer.trimStart()}`)) {
      const set = Buffer.alloc(8);
      set.writeInt32LE(fd, 0);
      set.writeInt16LE(1, 4);
      if ((await libc.poll(set, 1, ANSWER_MS)) !== 1) return giveUp("it sends no sockets in time");
      const message = messages.receive(fd);
      if (!message.ok) return giveUp(`error ${-message.error}`);
      if (message.value.bytes.length === 0) return giveUp("it closed the connection");
      received.push(...message.value.descriptors);
      answer += message.value.bytes.toString();
    }
    return received.length === count ? ok(received) : giveUp(`it sent ${received.length} of ${count} sockets`);
  } finally {
    libc.close(fd);
  }

  function giveUp(because: string): Result<never, string> {
    for (const one of received) libc.close(one);
    return failed(because);
  }
}

class Round implements Taking {
  id = "";
  seed = new Uint8Array(SEED_BYTES);
  readonly sockets: InheritedSocket[] = [];
  readonly #clock: GatewayClock;
  #rpc: RpcClient | null = null;
  #pid = 0;
  #alive: Cancel = () => undefined;
  #from: FromGiver | null = null;
  #early: (readonly [method: string, params: unknown])[] = [];
  #isGone = false;
  readonly #cuts: number[] = [];

  constructor(clock: GatewayClock) {
    this.#clock = clock;
  }

  /** How many sockets it has. */
  async begin(rpc: RpcClient): Promise<Result<number, string>> {
    this.#rpc = rpc;
    const answer = await this.#step("begin", { format: STATE_FORMAT });
    if (!answer.ok) return answer;
    const fields = fieldsOf(answer.value) ?? {};
    const [sockets, pid] = [fields["sockets"], fields["pid"]];
    this.id = textOf(fields["id"], "");
    this.seed = new Uint8Array(Buffer.from(textOf(fields["seed"], ""), "base64"));
    if (typeof sockets !== "number" || typeof pid !== "number" || this.seed.length !== SEED_BYTES) return failed("its answer is not one of this protocol");
    this.#pid = pid;
    this.#alive = this.#clock.every(WAIT_MS, () => void this.#step("wait"));
    return ok(sockets);
  }

  async freeze(): Promise<Result<HandedState, string>> {
    const frozen = await this.#step("freeze");
    if (!frozen.ok) return frozen;
    const fields = fieldsOf(frozen.value) ?? {};
    const [bytes, sha256] = [fields["bytes"], fields["sha256"]];
    if (typeof bytes !== "number" || bytes < 0 || bytes > MOST_STATE) return failed("it has no state of a known size");
    const parts: Buffer[] = [];
    for (let at = 0; at < bytes;) {
      const part = await this.#step("state", { from: at });
      if (!part.ok) return part;
      const content = Buffer.from(textOf(part.value, ""), "base64");
      if (content.length === 0) return failed("its state ends too early");
      parts.push(content);
      at += content.length;
    }
    const whole = Buffer.concat(parts);
    const state = whole.length === bytes && hashOf(whole) === sha256 ? readState(whole.toString()) : null;
    return state === null ? failed("its state is damaged") : ok(state);
  }

  async serving(): Promise<Result<null, string>> {
    this.#alive();
    const answer = await this.#step("serving");
    if (answer.ok) return ok(null);
    // A gateway that has ended serves nobody any more, and its sockets are here.
    return isAlive(this.#pid) ? answer : ok(null);
  }

  async done(): Promise<void> {
    await this.#rpc?.call("takeover", { step: "done" });
  }

  cut(row: number): void {
    if (this.#cuts.length === 0)
      setImmediate(() => {
        while (this.#cuts.length > 0) void this.#rpc?.call("takeover", { step: "cut", rows: this.#cuts.splice(0, MOST_CUTS) });
      });
    this.#cuts.push(row);
  }

  follow(from: FromGiver): void {
    this.#from = from;
    for (const [method, params] of this.#early.splice(0)) this.notified(method, params);
    if (this.#isGone) from.gone();
  }

  notified(method: string, params: unknown): void {
    if (this.#from === null) return void this.#early.push([method, params]);
    const fields = fieldsOf(params) ?? {};
    const { row, end, bytesIn, bytesOut, lines, backend } = fields;
    if (method === "takeover_ended" && typeof row === "number" && typeof end === "string")
      this.#from.ended(row, end, Number(bytesIn) || 0, Number(bytesOut) || 0, typeof backend === "string" ? backend : undefined);
    const texts = Array.isArray(lines) ? lines.filter((line): line is string => typeof line === "string") : [];
    if (method === "takeover_records") this.#from.records(texts);
    if (method === "takeover_end_records") this.#from.endRecords(texts);
  }

  closed(): void {
    this.#isGone = true;
    this.#alive();
    this.#from?.gone();
  }

  close(): void {
    this.#alive();
    this.#rpc?.close();
  }

  async #step(step: string, more: object = {}): Promise<Result<unknown, string>> {
    const answer = await this.#rpc?.call("takeover", { step, ...(this.id !== "" && { id: this.id }), ...more });
    if (answer === undefined) return failed("there is no connection");
    return answer.ok ? answer : failed(answer.error.message);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
