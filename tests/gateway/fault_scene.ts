// Connections of which a call fails, and what must be true afterwards whatever has failed: no descriptor, pipe, session, row
// or charge is left, nobody is admitted who must not be, nothing spins, what a client got in order is whole, and the next
// client is served.
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import * as assert from "uvu/assert";
import { FREE } from "../../gateway/connection/states.ts";
import { resetReader } from "../../gateway/forward/reset.ts";
import { EAGAIN, EINTR } from "../../gateway/kernel/calls.ts";
import { made } from "../../gateway/kernel/tls_context.ts";
import { atLength } from "../at_length.ts";
import type { Suite } from "../suite.ts";
import type { Issued } from "../tls/certificates.ts";
import { Wire } from "../tls/exact_end.ts";
import { described, ERRORS, stepsOf, type FaultyCalls, type Named, type Plan } from "./faulty_calls.ts";
import { eventually, visit, type Under } from "./gateway_under_test.ts";

/** Of the gateway's clock, in milliseconds. */
const RETRY_MS = 20;
/** Node says "end" for both. */
const wasReset = resetReader();

/** Of the errors of a call, one in so many in an ordinary run, by turns. */
const SAMPLED = 3;
/** How long a call that keeps failing is watched. */
const WATCHED_MS = atLength(250, 100);

/** More than two full reads, so that splices follow. */
export const ANSWER = randomBytes(400_000);
export const QUESTION = randomBytes(200_000);

export interface Exchange {
  readonly bytes: Buffer;
  /** In order. */
  readonly ended: boolean;
}

export interface Behind {
  /** Connections that reached it. */
  accepted: number;
  /** Those that are open. */
  readonly sockets: { readonly size: number };
}

/** The bytes that the backend got in one run. */
export interface Got {
  bytes: Buffer[];
  ended: boolean;
}

export interface Scene {
  readonly faulty: FaultyCalls;
  readonly gateway: Under;
  readonly behind: Behind;
  readonly got: Got;
  /** The bytes that the backend gets of a client that is served. */
  readonly question: Buffer;
  /** The backend is on a unix socket, which has no reset: what is broken off there looks like an end. */
  readonly isUnix?: boolean;
  served(): Promise<Exchange>;
  refused(): Promise<Exchange>;
}

/** The backend answers each of its connections at its end. */
export function answering(got: Got): (socket: Socket) => void {
  return (socket) => {
    socket.on("data", (chunk: Buffer) => got.bytes.push(chunk));
    socket.on("end", () => {
      got.ended = wasReset?.(socket) === false;
      socket.end(ANSWER);
    });
  };
}

/** A client that sends the pieces in turn, each as a segment of its own, and then ends. */
export async function exchange(at: number, from: string, ...pieces: readonly Buffer[]): Promise<Exchange> {
  const { socket, closed } = visit(at, { from });
  const bytes: Buffer[] = [];
  let ended = false;
  socket.setNoDelay();
  socket.on("data", (chunk: Buffer) => bytes.push(chunk));
  socket.once("end", () => (ended = wasReset?.(socket) === false));
  for (const piece of pieces.slice(0, -1)) await new Promise((resolve) => socket.write(piece, resolve));
  socket.end(pieces.at(-1) ?? "");
  await closed;
  return { bytes: Buffer.concat(bytes), ended: ended && socket.errored === null };
}

/** A client that does a handshake, sends the question, and ends; with a certificate or none. */
export async function exchangeTls(
  at: number,
  { ca, servername, shown }: { readonly ca: string; readonly servername: string; readonly shown?: Issued },
): Promise<Exchange> {
  const wire = new Wire(visit(at).socket);
  const own = shown === undefined ? {} : { cert: shown.pem, key: shown.key };
  const socket = connectTls({ socket: wire, ca, servername, checkServerIdentity: () => undefined, ...own });
  wire.transports(socket);
  socket.allowHalfOpen = true;
  const bytes: Buffer[] = [];
  let isEnded = false;
  socket.on("data", (chunk: Buffer) => bytes.push(chunk));
  socket.on("error", () => undefined);
  socket.once("end", () => (isEnded = !wire.isCut));
  socket.once("secureConnect", () => socket.end(QUESTION));
  await new Promise((resolve) => socket.once("close", resolve));
  return { bytes: Buffer.concat(bytes), ended: isEnded };
}

const descriptors = (): number => readdirSync("/proc/self/fd").length;

/** One allowed client and one refused; then everything must be as before. */
async function run(
  { faulty, gateway, behind, got, question, isUnix = false, served, refused }: Scene,
  plan: Plan | null,
  open: number,
  usual: number,
): Promise<void> {
  const what = described(plan);
  const { daemon } = gateway;
  [got.bytes, got.ended] = [[], false];
  const accepted = behind.accepted;
  faulty.arm(plan);
  // It may take until the fault has ended.
  const both = [served(), refused()] as const;
  // A backend whose queue is full is dialed again after a while.
  const moving = plan?.name === "connect" && plan.error === EAGAIN ? setInterval(() => gateway.clock.advance(RETRY_MS), 5) : undefined;
  if (plan?.stays === true) {
    const before = performance.now();
    await eventually(() => performance.now() - before > WATCHED_MS, what);
    assert.ok(faulty.total < 4 * usual + 400, `${what}: ${faulty.total} calls in ${WATCHED_MS} ms, usually ${usual}`);
    faulty.arm(null);
  }
  const [allowed, denied] = await Promise.all(both).finally(() => clearInterval(moving));
  assert.equal([denied.bytes.length, behind.accepted - accepted <= 1], [0, true], `${what}: nobody is admitted who must not be`);
  if (allowed.ended) assert.ok(allowed.bytes.equals(ANSWER), `${what}: ${allowed.bytes.length} bytes ended in order`);
  else assert.ok(allowed.bytes.equals(ANSWER.subarray(0, allowed.bytes.length)), `${what}: other bytes than the backend's`);
  // A backend that was dialed and never relayed to sees an end without a byte.
  const came = Buffer.concat(got.bytes);
  const due = isUnix && !allowed.ended ? question.subarray(0, came.length) : question;
  if (got.ended && came.length > 0) assert.ok(came.equals(due), `${what}: the backend got ${came.length} bytes that ended in order`);
  faulty.arm(null);
  const { table } = daemon.forwarder;
  await eventually(() => daemon.forwarder.live === 0 && behind.sockets.size === 0, `${what}: all have ended`);
  await eventually(() => made.sessions === 0, `${what}: each SSL is freed`);
  await eventually(() => descriptors() <= open, `${what}: all descriptors are closed`);
  for (let row = 0; row < table.rows; row++) assert.equal([table.state[row], table.charged[row]], [FREE, 0], what);
  const status = JSON.stringify(await daemon.status());
  assert.match(status, /"connections":0,/, what);
  assert.match(status, /"connections":\{"live":0,"cap":\d+,"buffered_bytes":0\}/, what);
  [got.bytes, got.ended] = [[], false];
  const next = await served();
  assert.equal([next.ended, next.bytes.length], [true, ANSWER.length], `${what}: the next client is served`);
  assert.ok(next.bytes.equals(ANSWER), what);
  await eventually(() => daemon.forwarder.live === 0 && behind.sockets.size === 0, what);
}

/** Tests of each call; `never` are those that no connection of this kind makes. */
export function testsOf(
  test: Suite<Record<string, never>>,
  kind: string,
  scene: () => Promise<Scene>,
  { names, never, steps }: { readonly names: readonly Named[]; readonly never: readonly Named[]; readonly steps: number },
): void {
  let open = 0;
  let usual = new Map<Named, number>();
  /** Each test has a gateway of its own; pipes and whatever Node keeps are there after the first exchange. */
  const ready = async (): Promise<Scene> => {
    const all = await scene();
    await run(all, null, Number.POSITIVE_INFINITY, 0);
    all.faulty.arm(null);
    await Promise.all([all.served(), all.refused()]);
    await eventually(() => all.behind.sockets.size === 0 && all.gateway.daemon.forwarder.live === 0, "all have ended");
    usual = new Map(all.faulty.made);
    open = descriptors();
    return all;
  };
  const total = (): number => [...usual.values()].reduce((sum, n) => sum + n, 0);

  for (const name of names) {
    test(`${kind}: ${name} fails once, at each step`, async () => {
      const at = await ready();
      for (const step of stepsOf(usual.get(name) ?? 0, steps))
        for (const error of ERRORS[name].filter((_, i) => atLength(true, (i + step) % SAMPLED === 0)))
          await run(at, { name, step, error, stays: false }, open, total());
    });

    // A close that fails has closed, and an epoll descriptor that is gone serves nobody.
    if (name !== "close" && name !== "epollWait") {
      test(`${kind}: ${name} fails for a while`, async () => {
        const at = await ready();
        const lasting = ERRORS[name].filter((error) => error !== EINTR);
        for (const error of lasting.slice(0, atLength(lasting.length, 2))) await run(at, { name, step: 0, error, stays: true }, open, total());
      });
    }
  }

  test(`${kind}: each kind of call is made by the connections that these tests are of`, async () => {
    await ready();
    assert.equal(
      names.filter((name) => !usual.has(name)),
      never,
    );
  });
}
