// Every call of the kernel's forwarder fails in turn, at every step of a connection, with each error that it may have.
// Whatever fails: no descriptor, pipe, row or charge is left, nobody is admitted who must not be, nothing spins, what a
// client got in order is whole, and the next client is served.
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import type { Socket } from "node:net";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { FREE } from "../../gateway/connection/states.ts";
import { resetReader } from "../../gateway/forward/reset.ts";
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
import { usableCalls } from "../../gateway/kernel/self_test.ts";
import { skip } from "../skip.ts";
import { backend, eventually, freePort, running, visit, type BackendUnderTest, type Under } from "./gateway_under_test.ts";

const test = suite("kernel faults");
/** Node says "end" for both. */
const wasReset = resetReader();
const usable = await usableCalls();

const [EPERM, EIO, ENOENT, EACCES, ENOSPC, ENOTCONN, ECONNREFUSED, EADDRNOTAVAIL, ETIMEDOUT, EBADF] = [1, 5, 2, 13, 28, 107, 111, 99, 110, 9] as const;

type Named =
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
  | "epollWait";

/**
 * Neither `recv` nor `send` has EAGAIN, because the kernel sends an event after each of its own. A close always closes, whatever it answers.
 */
const ERRORS: Readonly<Record<Named, readonly number[]>> = {
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
};

const NAMES = Object.keys(ERRORS).filter((name): name is Named => name in ERRORS);
/** Of calls that are made more often, the first ones and the last. */
const FIRST_STEPS = 5;

/** One failure: the call of this name at this step, counted from `arm`, or every one from it on. */
interface Plan {
  readonly name: Named;
  readonly step: number;
  readonly error: number;
  readonly stays: boolean;
}

class FaultyCalls {
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

const descriptors = (): number => readdirSync("/proc/self/fd").length;

/** More than two full reads, so that splices follow. */
const ANSWER = randomBytes(400_000);
const QUESTION = randomBytes(200_000);

interface Scene {
  readonly faulty: FaultyCalls;
  readonly gateway: Under;
  readonly behind: BackendUnderTest;
  readonly at: number;
  /** The bytes that the backend got in one run. */
  readonly got: { bytes: Buffer[]; ended: boolean };
}

async function scene(real: KernelCalls): Promise<Scene> {
  const faulty = new FaultyCalls(real);
  const got: Scene["got"] = { bytes: [], ended: false };
  const behind = await backend("", (socket) => {
    socket.on("data", (chunk) => got.bytes.push(chunk));
    socket.on("end", () => {
      got.ended = wasReset?.(socket) === false;
      socket.end(ANSWER);
    });
  });
  const at = await freePort();
  const gateway = await running({
    calls: faulty.calls,
    policy: `edition 1\nexpose web on tcp ${at} { backend 127.0.0.1:${behind.port} allow from 127.0.0.1 }`,
  });
  return { faulty, gateway, behind, at, got };
}

/** The bytes that a client got, and whether they ended in order. */
async function exchange(at: number, from: string, question: Buffer): Promise<{ readonly bytes: Buffer; readonly ended: boolean; readonly connected: boolean }> {
  const { socket, closed } = visit(at, { from });
  const bytes: Buffer[] = [];
  let [ended, connected] = [false, false];
  socket.once("connect", () => (connected = true));
  socket.on("data", (chunk: Buffer) => bytes.push(chunk));
  socket.once("end", () => (ended = wasReset?.(socket) === false));
  socket.end(question);
  await closed;
  return { bytes: Buffer.concat(bytes), ended: ended && !isReset(socket), connected };
}

function isReset(socket: Socket): boolean {
  return socket.errored !== null;
}

/** One allowed client and one refused; then everything must be as before. */
async function run({ faulty, gateway, behind, at, got }: Scene, plan: Plan | null, open: number, usual: number): Promise<void> {
  const what = plan === null ? "nothing fails" : `${plan.name} fails at step ${plan.step}${plan.stays ? " and later" : ""} with ${plan.error}`;
  const { daemon } = gateway;
  [got.bytes, got.ended] = [[], false];
  const accepted = behind.accepted;
  faulty.arm(plan);
  // It may take until the fault has ended.
  const served = exchange(at, "127.0.0.1", QUESTION);
  const refused = exchange(at, "127.0.0.2", Buffer.from("never"));
  if (plan?.stays === true) {
    const before = performance.now();
    await eventually(() => performance.now() - before > 250, what);
    assert.ok(faulty.total < 4 * usual + 400, `${what}: ${faulty.total} calls in a quarter of a second, usually ${usual}`);
    faulty.arm(null);
  }
  const answers = await Promise.all([served, refused]);
  const [allowed, denied] = answers;
  assert.equal([denied.bytes.length, behind.accepted - accepted <= 1], [0, true], `${what}: nobody is admitted who must not be`);
  if (allowed.ended) assert.ok(allowed.bytes.equals(ANSWER), `${what}: ${allowed.bytes.length} bytes ended in order`);
  // A backend that was dialed and never relayed to sees an end without a byte.
  if (got.ended && got.bytes.length > 0)
    assert.ok(Buffer.concat(got.bytes).equals(QUESTION), `${what}: the backend got ${Buffer.concat(got.bytes).length} bytes that ended in order`);
  faulty.arm(null);
  const { table } = daemon.forwarder;
  await eventually(() => daemon.forwarder.live === 0 && behind.sockets.size === 0, `${what}: all have ended`);
  await eventually(() => descriptors() <= open, `${what}: all descriptors are closed`);
  for (let row = 0; row < table.rows; row++) assert.equal([table.state[row], table.charged[row]], [FREE, 0], what);
  const status = JSON.stringify(await daemon.status());
  assert.match(status, /"connections":0,/, what);
  assert.match(status, /"connections":\{"live":0,"cap":\d+,"buffered_bytes":0\}/, what);
  [got.bytes, got.ended] = [[], false];
  const next = await exchange(at, "127.0.0.1", QUESTION);
  assert.equal([next.ended, next.bytes.length], [true, ANSWER.length], `${what}: the next client is served`);
  assert.ok(next.bytes.equals(ANSWER), what);
  await eventually(() => daemon.forwarder.live === 0 && behind.sockets.size === 0, what);
}

function tests(real: KernelCalls): void {
  let open = 0;
  let usual = new Map<Named, number>();
  /** Each test has a gateway of its own; pipes and whatever Node keeps are there after the first exchange. */
  const ready = async (): Promise<Scene> => {
    const all = await scene(real);
    await run(all, null, Number.POSITIVE_INFINITY, 0);
    all.faulty.arm(null);
    await Promise.all([exchange(all.at, "127.0.0.1", QUESTION), exchange(all.at, "127.0.0.2", Buffer.from("never"))]);
    usual = new Map(all.faulty.made);
    await eventually(() => all.behind.sockets.size === 0, "all have ended");
    open = descriptors();
    return all;
  };
  const total = (): number => [...usual.values()].reduce((sum, n) => sum + n, 0);

  for (const name of NAMES) {
    test(`${name} fails once, at each step`, async () => {
      const at = await ready();
      const count = usual.get(name) ?? 0;
      const steps = [...new Set([...Array.from({ length: Math.min(count, FIRST_STEPS) }, (_, i) => i), Math.max(0, count - 1)])];
      for (const step of steps) for (const error of ERRORS[name]) await run(at, { name, step, error, stays: false }, open, total());
    });

    // A close that fails has closed, and an epoll descriptor that is gone serves nobody.
    if (name !== "close" && name !== "epollWait") {
      test(`${name} fails for a while`, async () => {
        const at = await ready();
        for (const error of ERRORS[name]) if (error !== EINTR) await run(at, { name, step: 0, error, stays: true }, open, total());
      });
    }
  }

  test("each kind of call is made by the connections that these tests are of", async () => {
    await ready();
    const never = NAMES.filter((name) => !usual.has(name));
    assert.equal(never, ["getOption", "getsockname", "eventfd"], "no connect fails, a backend has no owner to look at, and a reserve is there");
  });
}

if (usable.ok) tests(usable.value);
else skip("kernel faults", usable.error.because);

test.run();
