// The default forwarder: Node's own sockets. A new peer is accepted unread, waits for the end
// of the turn so that one call decides all that came in it, and is reset when refused. No
// upstream socket exists before a permit does.
import { connect, createServer, type Server, type Socket } from "node:net";
import { AGAIN, type Backend, type Verify } from "../admit/backends.ts";
import type { GatewayClock } from "../clock.ts";
import { CODE_DRAINING, CODE_HELLO_LATE, CODE_TLS_LATE } from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/ask.ts";
import type { Denial } from "../../runtime/host/decision.ts";
import { breakOff, MARK_BYTES, relay } from "../forward/relay.ts";
import type { IsReset } from "../forward/reset.ts";
import { createFirstFlights, type FirstFlights, type SecondHelloFault } from "../tls/first_flights.ts";
import { readHello, type HelloReading } from "../tls/read_hello.ts";
import { secure, type Securing } from "../tls/secure.ts";
import { CLOSING, CONNECTING, ConnectionTable, OPEN, READING, SECURING, WAITING } from "./connections.ts";
import {
  isAwaiting, isAwaitingTls, isGrant, type Admission, type Awaiting, type AwaitingTls, type DecideBatch, type End,
  type Forwarder, type Grant, type HelloOutcome, type ListenFailure, type Local, type Observer, type SecuredOutcome,
} from "./listener.ts";
import { peerOf } from "./peer.ts";

/** Peers decided by one call. */
const BATCH_PEERS = 256;
/** Peers that wait on a held socket. */
export const HELD_PEERS = 1024;
const BACKLOG = 511;
/** Waits between tries at a unix socket whose queue is full: one more unit each time, up to the second. */
const RETRY_MS = 10;
const MOST_RETRY_MS = 250;
/** Connections that are given up because the backend's listening socket has just changed. */
const MOST_CHECKS = 3;
const TOO_LATE: HelloOutcome = { denial: denial(CODE_HELLO_LATE), by: null };

const KEEPALIVE_LEAST_MS = 1_000;

export interface ForwarderSetup {
  readonly clock: GatewayClock;
  readonly observer: Observer;
  /** Null where the kernel can't be asked. */
  readonly isReset: IsReset | null;
  /** Zero switches idle and lifetime off. */
  readonly timers: { readonly keepalive_ms: number; readonly hello_ms: number; readonly backend_connect_ms: number; readonly idle_ms: number; readonly lifetime_ms: number };
}

/** What stands behind one admitted connection. */
interface Carried {
  readonly client: Socket;
  upstream: Socket;
  readonly grant: Grant;
  /** Null where no hello goes through to the backend. */
  readonly flights: FirstFlights | null;
  /** Set by whoever ends it before its own end. */
  end: End | null;
  /** Ends a wait for another try at the backend; null where it does not wait. */
  waits: (() => void) | null;
}

/** What stands behind one connection whose hello is read. */
interface Read {
  readonly client: Socket;
  readonly awaiting: Awaiting;
  readonly reading: HelloReading;
}

/** What stands behind one connection whose TLS handshake goes on. */
interface Secured {
  readonly raw: Socket;
  readonly awaiting: AwaitingTls;
  readonly securing: Securing;
}

interface Listening {
  readonly number: number;
  readonly server: Server;
  readonly decide: DecideBatch;
  waiting: number[];
  held: boolean;
}

export function nodeForwarder({ clock, observer, isReset, timers }: ForwarderSetup): Forwarder {
  const table = new ConnectionTable();
  /** Node counts whole seconds, and takes none for the kernel's two hours. */
  const keepAliveMs = timers.keepalive_ms === 0 ? 0 : Math.max(KEEPALIVE_LEAST_MS, timers.keepalive_ms);
  const keepAlive = { keepAlive: keepAliveMs > 0, keepAliveInitialDelay: keepAliveMs };
  const undecided: (Socket | null)[] = [];
  const carried: (Carried | null)[] = [];
  const reads: (Read | null)[] = [];
  const handshakes: (Secured | null)[] = [];
  const queued = new Set<Listening>();
  const drainers: (() => void)[] = [];
  let live = 0;
  let sockets = 0;
  let flushing = false;

  function accepted(listening: Listening, client: Socket): void {
    // A reset may come while the peer waits; its close is all that matters.
    client.on("error", ignore);
    if (listening.held && listening.waiting.length >= HELD_PEERS) {
      breakOff(client);
      return;
    }
    const row = table.take();
    table.state[row] = WAITING;
    table.socket[row] = listening.number;
    const { source, port, zone } = peerOf(client);
    table.setSource(row, source, port, zone);
    undecided[row] = client;
    listening.waiting.push(row);
    if (!listening.held) queue(listening);
  }

  function queue(listening: Listening): void {
    queued.add(listening);
    if (flushing) return;
    flushing = true;
    setImmediate(flush);
  }

  function flush(): void {
    flushing = false;
    const turn = [...queued];
    queued.clear();
    for (const listening of turn) {
      const rows = listening.waiting;
      listening.waiting = [];
      for (let i = 0; i < rows.length; i += BATCH_PEERS) {
        const batch = rows.slice(i, i + BATCH_PEERS);
        const answers = listening.decide(listening.number, batch);
        batch.forEach((row, j) => settle(row, answers[j]));
      }
    }
  }

  function settle(row: number, answer: Admission | undefined): void {
    const client = undecided[row];
    undecided[row] = null;
    if (client === null || client === undefined) return;
    if (answer !== undefined && isAwaiting(answer)) {
      client.setKeepAlive(keepAlive.keepAlive, keepAliveMs);
      live++;
      read(row, client, answer);
    } else if (answer !== undefined && isGrant(answer)) {
      client.setKeepAlive(keepAlive.keepAlive, keepAliveMs);
      live++;
      begin(row, client, answer, null, null);
    } else {
      table.give(row);
      breakOff(client);
    }
  }

  function read(row: number, client: Socket, awaiting: Awaiting): void {
    table.state[row] = READING;
    table.openedMs[row] = clock.monoMs();
    const reading = readHello(client, (outcome) => named(row, inTime(row, outcome)));
    reads[row] = { client, awaiting, reading };
    reading.start();
  }

  /** A hello that is whole too late is refused, also where the sweep has not come by yet. */
  function inTime(row: number, outcome: HelloOutcome): HelloOutcome {
    const now = clock.monoMs();
    return "hello" in outcome && now - (table.openedMs[row] ?? now) >= timers.hello_ms ? TOO_LATE : outcome;
  }

  function named(row: number, outcome: HelloOutcome): void {
    const pending = reads[row];
    if (pending === null || pending === undefined) return;
    reads[row] = null;
    const { client, awaiting, reading } = pending;
    reading.stop();
    const answer = awaiting.named(outcome);
    const hello = reading.hello();
    if (isGrant(answer) && hello !== null) {
      const flights = createFirstFlights({ hello, helloMs: timers.hello_ms, monoMs: () => clock.monoMs() });
      begin(row, client, answer, reading.bytes(), flights);
      return;
    }
    if (isAwaitingTls(answer) && hello !== null) {
      handshake(row, client, reading.bytes(), hello.said, answer);
      return;
    }
    breakOff(client);
    ended(row);
  }

  /** `openedMs` stays: hello and handshake have one deadline. */
  function handshake(row: number, raw: Socket, first: Buffer, said: string | null, awaiting: AwaitingTls): void {
    table.state[row] = SECURING;
    const securing = secure(raw, first, awaiting.context, said, (outcome) => {
      if ("secured" in outcome) secured(row, { identity: outcome.identity }, outcome.secured);
      else secured(row, { ...outcome, by: null }, null);
    });
    handshakes[row] = { raw, awaiting, securing };
  }

  /** `client` carries what is inside TLS; null where nobody is to be served. */
  function secured(row: number, outcome: SecuredOutcome, client: Socket | null): void {
    const pending = handshakes[row];
    if (pending === null || pending === undefined) return;
    handshakes[row] = null;
    const { raw, awaiting, securing } = pending;
    securing.stop();
    const answer = awaiting.secured(outcome);
    if (isGrant(answer) && client !== null) {
      begin(row, client, answer, null, null);
      return;
    }
    breakOff(raw);
    ended(row);
  }

  /** A connection of which not all facts have come. */
  function refuse(row: number, outcome: Extract<HelloOutcome, { denial: Denial }>): void {
    if (table.state[row] === SECURING) secured(row, outcome, null);
    else named(row, outcome);
  }

  function begin(row: number, client: Socket, grant: Grant, first: Buffer | null, flights: FirstFlights | null): void {
    const { address } = grant.backend;
    const now = clock.monoMs();
    table.state[row] = CONNECTING;
    table.openedMs[row] = now;
    table.activeMs[row] = now;
    const marks = { allowHalfOpen: true, writableHighWaterMark: MARK_BYTES, readableHighWaterMark: MARK_BYTES };
    const dial = (): Socket => (address.kind === "tcp"
      ? connect({ host: address.host, port: address.port, noDelay: true, ...keepAlive, ...marks })
      : connect({ path: address.path, ...marks }));
    const line: Carried = { client, upstream: dial(), grant, flights, end: null, waits: null };
    carried[row] = line;
    let settled = false;
    let dials = 0;

    const refused = (error?: unknown): void => {
      if (settled) return;
      if (isBusy(error) && address.kind === "unix" && line.end === null) {
        again(Math.min(RETRY_MS * ++dials, MOST_RETRY_MS));
        return;
      }
      settled = true;
      if (outOfDescriptors(error)) line.end ??= "no_descriptor";
      observer.connected(row, grant.backend);
      breakOff(client);
      line.upstream.destroy();
      gone(row, line.end ?? "backend_refused");
    };
    /** Gives the socket up and makes another; `cut` ends the wait, at the latest when the backend's time is over. */
    const again = (ms: number): void => {
      line.upstream.off("error", refused).off("close", refused).destroy();
      const cancel = clock.after(ms, () => {
        line.waits = null;
        line.upstream = dial();
        watch(line.upstream);
      });
      line.waits = () => {
        cancel();
        refused();
      };
    };
    const watch = (upstream: Socket): void => {
      upstream.pause();
      upstream.on("error", ignore);
      upstream.once("error", refused);
      upstream.once("close", refused);
      upstream.once("connect", () => connected(upstream));
    };
    watch(line.upstream);

    function connected(upstream: Socket): void {
      if (settled) return;
      const found = verdictOf(grant.backend, upstream);
      if (found === AGAIN && dials++ < MOST_CHECKS) {
        again(0);
        return;
      }
      const wrong = found === AGAIN ? "its listening socket changes from one connection to the next" : found;
      if (wrong !== null) {
        line.end = "backend_not_owned";
        observer.notOwned(row, grant.backend, wrong);
        upstream.destroy();
        return;
      }
      settled = true;
      upstream.off("error", refused);
      upstream.off("close", refused);
      observer.connected(row, grant.backend);
      table.state[row] = OPEN;
      table.activeMs[row] = clock.monoMs();
      relay(grant.permit, { client, upstream, first, flights, isReset }, {
        fromClient(bytes) {
          table.bytesIn[row] = (table.bytesIn[row] ?? 0) + bytes;
          table.activeMs[row] = clock.monoMs();
        },
        fromBackend(bytes) {
          table.bytesOut[row] = (table.bytesOut[row] ?? 0) + bytes;
          table.activeMs[row] = clock.monoMs();
        },
        refused(fault) {
          secondHello(row, fault);
        },
        ended(reset) {
          gone(row, line.end ?? (reset === null ? "done" : `${reset}_reset`));
        },
      });
    }
  }

  function secondHello(row: number, fault: SecondHelloFault): void {
    observer.secondHello(row, fault);
    cut(row, "second_hello");
  }

  function gone(row: number, end: End): void {
    observer.closed(row, end);
    carried[row] = null;
    ended(row);
  }

  function ended(row: number): void {
    table.give(row);
    live--;
    if (live === 0) for (const resolve of drainers.splice(0)) resolve();
  }

  function cut(row: number, end: End): void {
    if (table.state[row] === READING || table.state[row] === SECURING) {
      refuse(row, { denial: denial(CODE_DRAINING), by: null });
      return;
    }
    const line = carried[row];
    if (line === null || line === undefined || line.end !== null) return;
    line.end = end;
    table.state[row] = CLOSING;
    breakOff(line.client);
    if (line.waits !== null) line.waits();
    else breakOff(line.upstream);
  }

  return {
    table,
    get live() {
      return live;
    },
    async open(local, decide, held) {
      const server = createServer({
        allowHalfOpen: true, pauseOnConnect: true, noDelay: true,
        highWaterMark: MARK_BYTES,
      });
      const failed = await listen(server, local);
      if (failed !== null) return failed;
      const listening: Listening = { number: sockets++, server, decide, waiting: [], held };
      server.on("connection", (client) => accepted(listening, client));
      // An accept that fails is not the end of the listener.
      server.on("error", ignore);
      return {
        number: listening.number,
        release() {
          listening.held = false;
          if (listening.waiting.length > 0) queue(listening);
        },
        close() {
          // The kernel's socket is gone when this returns; connections live on.
          server.close();
          listening.held = false;
          if (listening.waiting.length > 0) queue(listening);
        },
      };
    },
    connectedFrom: (port) => carried.find((line) => line?.upstream.localPort === port && line.grant.backend.address.kind === "tcp")?.grant.backend.address.key ?? null,
    cut,
    refuse,
    sweep(now) {
      for (let row = 0; row < table.rows; row++) {
        const state = table.state[row];
        if (state !== CONNECTING && state !== OPEN && state !== READING && state !== SECURING) continue;
        const age = now - (table.openedMs[row] ?? now);
        if (state === READING || state === SECURING) {
          const late = denial(state === READING ? CODE_HELLO_LATE : CODE_TLS_LATE);
          if (age >= timers.hello_ms) refuse(row, { denial: late, by: null });
          continue;
        }
        if (state === CONNECTING) {
          if (age >= timers.backend_connect_ms) cut(row, "backend_timeout");
        } else if (carried[row]?.flights?.isLate() === true) {
          secondHello(row, "late");
        } else if (timers.idle_ms > 0 && now - (table.activeMs[row] ?? now) >= timers.idle_ms) {
          cut(row, "idle");
        } else if (timers.lifetime_ms > 0 && age >= timers.lifetime_ms) {
          cut(row, "lifetime");
        }
      }
    },
    drained: () => (live === 0 ? Promise.resolve() : new Promise((resolve) => drainers.push(resolve))),
    buffered(row) {
      const line = carried[row];
      if (line === null || line === undefined) return reads[row]?.reading.held() ?? 0;
      const { client, upstream } = line;
      return (line.flights?.held() ?? 0) + client.readableLength + upstream.writableLength + upstream.readableLength + client.writableLength;
    },
  };
}

async function listen(server: Server, local: Local): Promise<ListenFailure | null> {
  return new Promise((resolve) => {
    const onError = (error: Error): void => {
      resolve({ code: "code" in error && typeof error.code === "string" ? error.code : error.message });
    };
    server.once("error", onError);
    const ipv6Only = local.host.includes(":");
    server.listen({ host: local.host, port: local.port, ipv6Only, exclusive: true, backlog: BACKLOG }, () => {
      server.off("error", onError);
      resolve(null);
    });
  });
}

/** INVARIANT: a check that fails inside is a refusal. */
function verdictOf({ verify, address }: Backend, upstream: Socket): ReturnType<Verify> {
  try {
    return verify?.(upstream, address) ?? null;
  } catch (error) {
    return `it could not be looked at (${error instanceof Error ? error.message : String(error)})`;
  }
}

/** The queue of a unix socket that listens is full. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}

function outOfDescriptors(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "EMFILE" || error.code === "ENFILE");
}

function ignore(): void {}
