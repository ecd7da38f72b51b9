// The transport that makes the kernel's calls itself, from Node's event loop. The state of each row is two descriptors;
// what is about bytes is in pump.ts, what is about listening in listeners.ts.
//
// A hello is looked at and stays in the kernel until it was decided. TLS that ends here is OpenSSL's, by
// tls_connections.ts, or Node's: then the client's descriptor is taken out of the poller and given to a socket of Node,
// and node_transport.ts serves that row from then on.
import { Socket, type SocketConstructorOpts } from "node:net";
import type { Permit } from "../../runtime/host/decision.ts";
import type { ListenFailure, Local } from "../connection/forwarder.ts";
import { NO_ROW, type PeerAddress, type Transport, type TransportEvents } from "../connection/transport.ts";
import type { BackendAddress } from "../forward/backend.ts";
import type { AGAIN, Backend } from "../forward/backends.ts";
import type { IsReset } from "../forward/reset.ts";
import { MARKS, NodeTransport } from "../listen/node_transport.ts";
import type { FirstFlights, FlightStep } from "../tls/first_flights.ts";
import type { TlsContext } from "../tls/secure.ts";
import { EAGAIN, SO_RCVLOWAT, SOL_SOCKET, type KernelCalls } from "./calls.ts";
import { isShortage, Listeners } from "./listeners.ts";
import { nearEnd, nearPortOf } from "./near_end.ts";
import { EPOLLET, EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP, Poller } from "./poller.ts";
import { Pump, type PumpOwner } from "./pump.ts";
import { closeWithReset, connectTo, errorOf } from "./sockets.ts";
import { TlsConnections } from "./tls_connections.ts";
import { OpensslContext } from "./tls_context.ts";

const STREAM = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;
const NONE = -1;

/** Of a row. */
const READS = 1;
const DIALS = 2;
const RELAYS = 4;
/** Node's transport serves it. */
const OF_NODE = 8;
/** It waits for a descriptor. */
const WANTS = 16;
/** Its handshake is under way. */
const SECURES = 32;

export interface KernelTransportSetup {
  readonly calls: KernelCalls;
  readonly events: TransportEvents;
  /** For Node's sockets; see node_transport.ts. */
  readonly isReset: IsReset | null;
  /** Zero switches it off. */
  readonly keepAliveMs: number;
  /** Milliseconds of a clock that never goes back, for the bound of a turn. */
  readonly monoMs: () => number;
}

export class KernelTransport implements Transport, PumpOwner {
  readonly #calls: KernelCalls;
  readonly #events: TransportEvents;
  readonly #node: NodeTransport;
  readonly #poller: Poller;
  readonly #listeners: Listeners;
  readonly #pump: Pump;
  readonly #tls: TlsConnections;
  readonly #keepAliveMs: number;
  readonly #clients: number[] = [];
  readonly #upstreams: number[] = [];
  readonly #modes: number[] = [];
  /** Bytes of the hello that were looked at. */
  readonly #seen: number[] = [];
  /** Bytes that have to be there before the kernel reports the client again. */
  readonly #due = new Int32Array(1);
  /** Counts the connections of a row: what was put off for an earlier one is not done. */
  readonly #epochs: number[] = [];
  readonly #flights: (FirstFlights | null)[] = [];
  /** By descriptor. */
  readonly #rows: number[] = [];
  /** Rows that wait for a descriptor, and where they are to connect. */
  #wanting: { readonly row: number; readonly epoch: number; readonly address: BackendAddress }[] = [];

  constructor({ calls, events, isReset, keepAliveMs, monoMs }: KernelTransportSetup) {
    this.#calls = calls;
    this.#events = events;
    this.#keepAliveMs = keepAliveMs;
    this.#node = new NodeTransport({ events, isReset, keepAliveMs });
    this.#poller = new Poller({ calls, monoMs, ready: (fd, seen) => this.#ready(fd, seen), fault: (fd, error) => this.#fault(fd, error) });
    this.#pump = new Pump(calls, this.#poller, this);
    this.#tls = new TlsConnections(calls, monoMs);
    this.#listeners = new Listeners({
      calls,
      poller: this.#poller,
      keepAliveMs,
      accepted: (listening, fd, peer) => this.#accepted(listening, fd, peer),
      served: () => this.#serveWanting(),
    });
  }

  /** Calls back after the events of this round. */
  after(flush: () => void): void {
    this.#poller.after(flush);
  }

  listen(listening: number, local: Local): Promise<ListenFailure | null> {
    return Promise.resolve(this.#listeners.open(listening, local));
  }

  unlisten(listening: number): void {
    this.#listeners.close(listening);
  }

  #accepted(listening: number, fd: number, peer: PeerAddress): void {
    let row = NO_ROW;
    try {
      row = this.#events.accepted(listening, peer);
    } finally {
      if (row === NO_ROW) this.#close(fd, true);
    }
    if (row === NO_ROW) return;
    this.#clients[row] = fd;
    this.#upstreams[row] = NONE;
    this.#modes[row] = 0;
    this.#flights[row] = null;
    this.#seen[row] = 0;
    this.#rows[fd] = row;
    this.#pump.begin(fd);
  }

  #ready(fd: number, seen: number): void {
    if (this.#listeners.has(fd)) {
      this.#listeners.accept(fd);
      return;
    }
    const row = this.#rows[fd] ?? NO_ROW;
    if (row === NO_ROW) return;
    this.#pump.note(fd, seen);
    const mode = this.#modes[row] ?? 0;
    if ((mode & RELAYS) !== 0) {
      if (this.#tls.has(row)) this.#tls.run(row, fd, seen);
      else this.#pump.run(fd);
    } else if ((mode & SECURES) !== 0) this.#handshake(row);
    else if ((mode & DIALS) !== 0 && fd === this.#upstreams[row]) this.#dialed(row, fd);
    else if ((mode & READS) !== 0 && fd === this.#clients[row]) this.#readHello(row, fd);
  }

  /** INVARIANT: an exception ends the connection that it happened to, and no other. */
  #fault(fd: number, error: unknown): void {
    this.#events.faulted(this.#rows[fd] ?? NO_ROW, error instanceof Error ? error.message : String(error));
  }

  /** The listening socket had the option already. */
  keep(): void {}

  read(row: number): void {
    const fd = this.#clients[row] ?? NONE;
    if (fd === NONE) return;
    this.#modes[row] = READS;
    if (this.#poller.add(fd, STREAM) < 0) this.#later(row, () => this.#events.clientGone(row));
  }

  pause(row: number): void {
    this.#modes[row] = (this.#modes[row] ?? 0) & ~READS;
  }

  #readHello(row: number, fd: number): void {
    while (((this.#modes[row] ?? 0) & READS) !== 0 && this.#clients[row] === fd && this.#pump.mayRead(fd)) {
      const seen = this.#seen[row] ?? 0;
      const read = this.#pump.peek(fd, seen);
      if (typeof read !== "number") {
        this.#seen[row] = seen + read.length;
        const more = this.#events.clientBytes(row, read);
        if (more > 1) this.#wakeAt(fd, seen + read.length + more);
      } else if (read === -EAGAIN) return;
      else {
        if (read === 0) this.#events.clientEnded(row);
        else this.#events.clientGone(row);
        return;
      }
    }
  }

  /** A hello that comes in small pieces is reported when what its records announce is there. */
  #wakeAt(fd: number, bytes: number): void {
    this.#due[0] = bytes;
    this.#calls.setOption(fd, SOL_SOCKET, SO_RCVLOWAT, this.#due);
  }

  secure(row: number, context: TlsContext, said: string | null, first: Buffer): void {
    const fd = this.#clients[row] ?? NONE;
    if (fd === NONE) return;
    this.#wakeAt(fd, 1);
    if (context.native instanceof OpensslContext) {
      const failed = this.#tls.begin(row, fd, context.native, said);
      this.#modes[row] = SECURES;
      this.#later(row, () => {
        try {
          if (failed === null) this.#handshake(row);
          else this.#events.handshaken(row, failed);
        } catch (error) {
          this.#fault(fd, error);
        }
      });
      return;
    }
    this.#pump.skip(fd, first.length);
    this.#poller.remove(fd);
    this.#pump.end(fd);
    this.#rows[fd] = NO_ROW;
    this.#clients[row] = NONE;
    this.#modes[row] = OF_NODE;
    const options: SocketConstructorOpts & { readonly pauseOnCreate: boolean } = { fd, readable: true, writable: true, pauseOnCreate: true, ...MARKS };
    this.#node.adopt(row, new Socket(options));
    this.#node.secure(row, context, said, first);
  }

  #handshake(row: number): void {
    const outcome = this.#tls.handshake(row);
    if (outcome === null) return;
    this.#modes[row] = 0;
    this.#events.handshaken(row, outcome);
  }

  dial(row: number, address: BackendAddress): void {
    if (this.#isOfNode(row)) {
      this.#node.dial(row, address);
      return;
    }
    if (this.#listeners.isShort || !this.#connect(row, address)) this.#want(row, address);
  }

  /** False where there is no descriptor for it. */
  #connect(row: number, address: BackendAddress): boolean {
    let fd = connectTo(this.#calls, address, this.#keepAliveMs);
    if (isShortage(fd) && this.#listeners.lack()) fd = connectTo(this.#calls, address, this.#keepAliveMs);
    if (isShortage(fd)) return false;
    const [client, modes] = [this.#clients[row] ?? NONE, this.#modes[row] ?? 0];
    this.#modes[row] = DIALS;
    if (fd < 0) {
      this.#later(row, () => this.#events.connectFailed(row, fd === -EAGAIN ? "busy" : "refused"));
      return true;
    }
    this.#upstreams[row] = fd;
    this.#rows[fd] = row;
    this.#pump.begin(fd);
    const isAdded = (this.#poller.isAdded(client) || this.#poller.add(client, STREAM) >= 0) && this.#poller.add(fd, STREAM) >= 0;
    if (!isAdded) this.#later(row, () => this.#events.connectFailed(row, "no_descriptor"));
    if (!isAdded) this.#modes[row] = modes & ~DIALS;
    return true;
  }

  #want(row: number, address: BackendAddress): void {
    this.#modes[row] = WANTS;
    this.#wanting.push({ row, epoch: this.#epochs[row] ?? 0, address });
  }

  /** Whether nobody waits for a descriptor any more. */
  #serveWanting(): boolean {
    const wanting = this.#wanting;
    this.#wanting = [];
    for (const [i, { row, epoch, address }] of wanting.entries()) {
      if ((this.#epochs[row] ?? 0) !== epoch || ((this.#modes[row] ?? 0) & WANTS) === 0) continue;
      if (this.#connect(row, address)) continue;
      this.#wanting = wanting.slice(i);
      return false;
    }
    return true;
  }

  #dialed(row: number, fd: number): void {
    const error = errorOf(this.#calls, fd);
    this.#modes[row] = 0;
    if (error === 0) this.#events.connected(row);
    else this.#events.connectFailed(row, "refused");
  }

  hangUp(row: number): void {
    if (this.#isOfNode(row)) this.#node.hangUp(row);
    else {
      this.#modes[row] = 0;
      this.#forget(this.#upstreams, row, false);
    }
  }

  verify(row: number, backend: Backend): string | typeof AGAIN | null {
    if (this.#isOfNode(row)) return this.#node.verify(row, backend);
    const fd = this.#upstreams[row] ?? NONE;
    if (fd === NONE) return "it is not connected";
    return backend.verify?.(nearEnd(this.#calls, fd), backend.address) ?? null;
  }

  relay(row: number, permit: Permit, first: Buffer | null, flights: FirstFlights | null): void {
    if (this.#isOfNode(row)) {
      this.#node.relay(row, permit, first, flights);
      return;
    }
    if (permit.allowed !== true) throw new Error("a relay needs a permit");
    const [client, upstream] = [this.#clients[row] ?? NONE, this.#upstreams[row] ?? NONE];
    if (client === NONE || upstream === NONE) return;
    this.#modes[row] = RELAYS;
    this.#flights[row] = flights;
    if (this.#tls.has(row)) {
      this.#tls.join(row, upstream, {
        fromClient: (bytes) => this.#events.fromClient(row, bytes),
        fromBackend: (bytes) => this.#events.fromBackend(row, bytes),
        again: () => this.#poller.again(client),
        finished: (broken) =>
          this.finished(
            client,
            broken === null ? NONE
            : broken === "client" ? client
            : upstream,
          ),
      });
      this.#poller.again(client);
      return;
    }
    if (first !== null) {
      this.#wakeAt(client, 1);
      this.#pump.skip(client, first.length);
    }
    this.#pump.join(client, upstream, first);
  }

  breakOff(row: number): void {
    if (this.#isOfNode(row)) {
      this.#node.breakOff(row);
      return;
    }
    const isRelayed = ((this.#modes[row] ?? 0) & RELAYS) !== 0;
    this.#modes[row] = 0;
    this.#forget(this.#clients, row, true);
    this.#forget(this.#upstreams, row, isRelayed);
    this.#later(row, () => {
      if (isRelayed) this.#events.ended(row, null);
      else this.#events.connectFailed(row, "refused");
    });
  }

  drop(row: number): void {
    this.#epochs[row] = (this.#epochs[row] ?? 0) + 1;
    if (this.#isOfNode(row)) {
      this.#modes[row] = 0;
      this.#node.drop(row);
      return;
    }
    const isRelayed = ((this.#modes[row] ?? 0) & RELAYS) !== 0;
    this.#modes[row] = 0;
    this.#flights[row] = null;
    this.#forget(this.#clients, row, !this.#tls.isAlerted(row));
    this.#forget(this.#upstreams, row, isRelayed);
  }

  nearPort(row: number): number | null {
    if (this.#isOfNode(row)) return this.#node.nearPort(row);
    const fd = this.#upstreams[row] ?? NONE;
    return fd === NONE ? null : nearPortOf(this.#calls, fd);
  }

  buffered(row: number): number {
    if (this.#isOfNode(row)) return this.#node.buffered(row);
    const of = (fd: number): number => (fd === NONE ? 0 : this.#pump.buffered(fd));
    return of(this.#clients[row] ?? NONE) + of(this.#upstreams[row] ?? NONE) + this.#tls.buffered(row);
  }

  /** Of pump.ts, as the next four. */
  took(source: number, bytes: number): void {
    const row = this.#rows[source] ?? NO_ROW;
    if (this.isClient(source)) this.#events.fromClient(row, bytes);
    else this.#events.fromBackend(row, bytes);
  }

  isClient(fd: number): boolean {
    return this.#clients[this.#rows[fd] ?? NO_ROW] === fd;
  }

  readsAlong(source: number): boolean {
    const flights = this.#flights[this.#rows[source] ?? NO_ROW];
    return flights !== null && flights !== undefined;
  }

  step(source: number, chunk: Buffer | null): FlightStep | null {
    const row = this.#rows[source] ?? NO_ROW;
    const flights = this.#flights[row];
    if (flights === null || flights === undefined) return null;
    const ofEnd = (): FlightStep => (this.isClient(source) ? flights.clientEnded() : flights.backendEnded());
    const ofChunk = (bytes: Buffer): FlightStep => (this.isClient(source) ? flights.fromClient(bytes) : flights.fromBackend(bytes));
    const step = chunk === null ? ofEnd() : ofChunk(chunk);
    if (step.fault !== null) {
      this.#events.secondHello(row, step.fault);
      return null;
    }
    if (step.over) this.#flights[row] = null;
    return step;
  }

  finished(source: number, broken: number): void {
    const row = this.#rows[source] ?? NO_ROW;
    const side =
      broken === NONE ? null
      : this.isClient(broken) ? "client"
      : "backend";
    this.#forget(this.#clients, row, side !== null);
    this.#forget(this.#upstreams, row, side !== null);
    this.#modes[row] = 0;
    this.#events.ended(row, side);
  }

  #isOfNode(row: number): boolean {
    return ((this.#modes[row] ?? 0) & OF_NODE) !== 0;
  }

  /** Reports after this round, unless the row has got another connection by then. */
  #later(row: number, report: () => void): void {
    const epoch = this.#epochs[row] ?? 0;
    this.#poller.after(() => {
      if ((this.#epochs[row] ?? 0) === epoch) report();
    });
  }

  #forget(side: number[], row: number, isReset: boolean): void {
    const fd = side[row] ?? NONE;
    side[row] = NONE;
    if (fd === NONE) return;
    this.#rows[fd] = NO_ROW;
    if (side === this.#clients) this.#tls.end(row);
    this.#pump.end(fd);
    this.#close(fd, isReset);
  }

  #close(fd: number, isReset: boolean): void {
    this.#poller.forget(fd);
    if (isReset) closeWithReset(this.#calls, fd);
    else this.#calls.close(fd);
    this.#listeners.freed();
  }
}
