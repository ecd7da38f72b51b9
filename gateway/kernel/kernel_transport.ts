// The transport that makes the kernel's calls itself, from Node's event loop or in a thread of its own. The state of each row is in rows.ts;
// bytes are moved in pump.ts, backends dialed in dialing.ts, peers accepted in listeners.ts, hellos read in hellos.ts, descriptors closed
// in ends.ts. TLS that ends here is OpenSSL's, by handshakes.ts; a row whose TLS Node ends is handed over, by with_node.ts.
import type { Cancel } from "../clock.ts";
import type { ListenFailure, Local } from "../connection/forwarder.ts";
import { NO_ROW, type PeerAddress, type TransportEvents } from "../connection/transport.ts";
import type { BackendAddress } from "../forward/backend.ts";
import type { AGAIN, Backend } from "../forward/backends.ts";
import type { Endpoint } from "../forward/proxy_header.ts";
import { alertRecord } from "../tls/alert.ts";
import type { FirstFlights } from "../tls/first_flights.ts";
import { MSG_DONTWAIT, MSG_NOSIGNAL, type KernelCalls } from "./calls.ts";
import { clientHasClosed } from "./client_end.ts";
import { Dialing } from "./dialing.ts";
import { Ends } from "./ends.ts";
import { Handshakes } from "./handshakes.ts";
import { Hellos } from "./hellos.ts";
import { Listeners } from "./listeners.ts";
import { nearEnd, nearPortOf, sendPreface } from "./near_end.ts";
import { EPOLLET, EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP, Poller } from "./poller.ts";
import { Pump } from "./pump.ts";
import { PumpReports } from "./pump_reports.ts";
import { ReadFlights } from "./read_flights.ts";
import { NONE, OF_OTHER, READS, RELAYS, DIALS, Rows, SECURES } from "./rows.ts";
import { TlsConnections } from "./tls_connections.ts";
import type { OpensslContext } from "./tls_context.ts";

const STREAM = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;

export interface KernelTransportSetup {
  readonly calls: KernelCalls;
  readonly events: TransportEvents;
  /** Zero switches it off. */
  readonly keepAliveMs: number;
  /** Milliseconds of a clock that never goes back, for the bound of a turn. */
  readonly monoMs: () => number;
  readonly mostPipes: number;
  /** Peers wait, because there is no descriptor. */
  readonly lacked: () => void;
  /** Where it serves in a thread of its own: in place of what needs Node's event loop there. */
  readonly thread?: {
    /** See listeners.ts. */
    readonly later: (ms: number, call: () => void) => Cancel;
  };
}

/** The methods are those of Transport (connection/transport.ts), for with_node.ts and for a thread. */
export class KernelTransport {
  readonly #calls: KernelCalls;
  readonly #events: TransportEvents;
  readonly #poller: Poller;
  readonly #listeners: Listeners;
  readonly #pump: Pump;
  readonly #dialing: Dialing;
  readonly #rows = new Rows();
  readonly #tls: TlsConnections;
  readonly #hellos: Hellos;
  readonly #handshakes: Handshakes;
  readonly #flights: ReadFlights;
  readonly #ends: Ends;

  constructor({ calls, events, keepAliveMs, monoMs, mostPipes, lacked, thread }: KernelTransportSetup) {
    this.#calls = calls;
    this.#events = events;
    this.#poller = new Poller({
      calls,
      monoMs,
      ready: (fd, seen) => this.#ready(fd, seen),
      fault: (fd, error) => this.#fault(fd, error),
      blocks: thread !== undefined,
    });
    this.#flights = new ReadFlights(events);
    const finished = (source: number, broken: number): void => this.#ends.finished(source, broken);
    this.#pump = new Pump(calls, this.#poller, new PumpReports(events, this.#rows, this.#flights, finished), mostPipes);
    this.#tls = new TlsConnections(calls, monoMs);
    this.#listeners = new Listeners({
      calls,
      poller: this.#poller,
      keepAliveMs,
      accepted: (listening, fd, peer) => this.#accepted(listening, fd, peer),
      served: () => this.#dialing.serveWanting(),
      lacked: () => {
        this.#pump.release();
        lacked();
      },
      later: thread?.later,
    });
    const later = (row: number, report: () => void): void => this.#later(row, report);
    const parts = { calls, events, rows: this.#rows, poller: this.#poller, later };
    this.#ends = new Ends({ ...parts, pump: this.#pump, tls: this.#tls, listeners: this.#listeners });
    this.#hellos = new Hellos({ ...parts, pump: this.#pump, interest: STREAM });
    this.#handshakes = new Handshakes({
      ...parts,
      tls: this.#tls,
      hellos: this.#hellos,
      fault: (fd, error) => this.#fault(fd, error),
      finished,
    });
    this.#dialing = new Dialing({
      ...parts,
      pump: this.#pump,
      listeners: this.#listeners,
      keepAliveMs,
      interest: STREAM,
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

  descriptorOf(listening: number): number | null {
    return this.#listeners.descriptorOf(listening);
  }

  #accepted(listening: number, fd: number, peer: PeerAddress): void {
    let row = NO_ROW;
    try {
      row = this.#events.accepted(listening, peer);
    } finally {
      if (row === NO_ROW) this.#ends.close(fd, true);
    }
    if (row !== NO_ROW) this.adopt(row, fd);
  }

  /** A client that was accepted, here or by another thread. */
  adopt(row: number, fd: number): void {
    this.#rows.begin(row, fd);
    this.#flights.set(row, null);
    this.#pump.begin(fd);
  }

  /** Of a transport in a thread of its own: one turn, as Poller has it. */
  wait(ms: number): void {
    this.#poller.wait(ms);
  }

  /** The same: it wakes up when this descriptor gets readable. */
  wakeBy(fd: number): number {
    return this.#poller.add(fd, EPOLLIN | EPOLLET);
  }

  #ready(fd: number, seen: number): void {
    if (this.#listeners.has(fd)) {
      this.#listeners.accept(fd);
      return;
    }
    const row = this.#rows.of(fd);
    if (row === NO_ROW) return;
    this.#pump.note(fd, seen);
    const mode = this.#rows.mode(row);
    if ((mode & RELAYS) !== 0) {
      if (this.#tls.has(row)) this.#tls.run(row, fd, seen);
      else this.#pump.run(fd);
    } else if ((mode & SECURES) !== 0) this.#handshakes.step(row, seen === 0);
    else if ((mode & DIALS) !== 0 && fd === this.#rows.upstream(row)) this.#dialing.ready(row, fd, seen);
    else if ((mode & READS) !== 0 && fd === this.#rows.client(row)) this.#hellos.ready(row, fd);
  }

  /** INVARIANT: an exception ends the connection that it happened to, and no other. */
  #fault(fd: number, error: unknown): void {
    this.#events.faulted(this.#rows.of(fd), error instanceof Error ? error.message : String(error));
  }

  keepBackend(row: number): void {
    this.#dialing.keep(row);
  }

  read(row: number): void {
    this.#hellos.read(row);
  }

  readHeader(row: number): void {
    this.#hellos.read(row);
  }

  take(row: number, bytes: number): void {
    this.#hellos.take(row, bytes);
  }

  pause(row: number): void {
    this.#rows.setMode(row, this.#rows.mode(row) & ~READS);
  }

  /**
   * Gives the client's descriptor away, without the `read` bytes that were read of it; another transport serves the row from now on. NONE where
   * there is none, or where those bytes can't be taken, which is reported.
   */
  handOver(row: number, read: number): number {
    const fd = this.#rows.client(row);
    if (fd === NONE) return NONE;
    this.#hellos.wakeAt(fd, 1);
    if (!this.#pump.skip(fd, read)) {
      this.#later(row, () => this.#events.faulted(row, "the hello can't be taken out of the client's socket"));
      return NONE;
    }
    this.#rows.takeClient(row);
    this.#poller.remove(fd);
    this.#pump.end(fd);
    this.#rows.setMode(row, OF_OTHER);
    return fd;
  }

  isHandedOver(row: number): boolean {
    return this.#rows.is(row, OF_OTHER);
  }

  alert(row: number, description: number, read: number): void {
    const fd = this.#rows.client(row);
    if (fd === NONE) return;
    const record = alertRecord(description);
    // Bytes that are left unread would make the close a reset.
    this.#pump.skip(fd, read);
    this.#calls.send(fd, record, record.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    this.#ends.client(row, false);
  }

  /** With OpenSSL's engine. */
  secureWith(row: number, context: OpensslContext, said: string | null, first: Buffer): void {
    this.#handshakes.begin(row, context, said, first);
  }

  dial(row: number, address: BackendAddress): void {
    this.#dialing.dial(row, address);
  }

  look(row: number, report: (hasClosed: boolean) => void): void {
    report(clientHasClosed(this.#calls, this.#rows.client(row)));
  }

  hangUp(row: number): void {
    this.#dialing.hangUp(row);
    this.#ends.upstream(row, false);
  }

  verify(row: number, backend: Backend): string | typeof AGAIN | null {
    const fd = this.#rows.upstream(row);
    if (fd === NONE) return "it is not connected";
    return backend.verify?.(nearEnd(this.#calls, fd), backend.address) ?? null;
  }

  preface(row: number, header: (local: Endpoint) => Uint8Array | null): boolean {
    const [client, upstream] = [this.#rows.client(row), this.#rows.upstream(row)];
    return client !== NONE && upstream !== NONE && sendPreface(this.#calls, client, upstream, header);
  }

  /** INVARIANT: its caller has seen the permit of this connection. */
  relayPermitted(row: number, first: Buffer | null, flights: FirstFlights | null): void {
    const [client, upstream] = [this.#rows.client(row), this.#rows.upstream(row)];
    if (client === NONE || upstream === NONE) return;
    // INVARIANT: a backend gets no byte twice, and a client of which nothing more would be reported is broken off.
    if (first !== null && !this.#tls.has(row) && (this.#hellos.wakeAt(client, 1) < 0 || !this.#pump.skip(client, first.length))) {
      this.#later(row, () => this.#events.faulted(row, "the hello can't be taken out of the client's socket"));
      return;
    }
    this.#rows.setMode(row, RELAYS);
    this.#flights.set(row, flights);
    if (this.#tls.has(row)) this.#handshakes.join(row, client, upstream);
    else this.#pump.join(client, upstream, first);
  }

  breakOff(row: number): void {
    const isRelayed = this.#rows.is(row, RELAYS);
    this.#rows.setMode(row, 0);
    this.#ends.client(row, true);
    this.#ends.upstream(row, isRelayed);
    this.#later(row, () => {
      if (isRelayed) this.#events.ended(row, null);
      else this.#events.connectFailed(row, "refused");
    });
  }

  drop(row: number): void {
    this.#rows.next(row);
    const isRelayed = this.#rows.is(row, RELAYS);
    this.#rows.setMode(row, 0);
    this.#flights.set(row, null);
    this.#ends.client(row, !this.#tls.isAlerted(row));
    this.#ends.upstream(row, isRelayed);
  }

  nearPort(row: number): number | null {
    const fd = this.#rows.upstream(row);
    return fd === NONE ? null : nearPortOf(this.#calls, fd);
  }

  /** The gateway's descriptor of the backend's side; NONE where there is none. */
  upstreamOf(row: number): number {
    return this.#rows.upstream(row);
  }

  buffered(row: number): number {
    const of = (fd: number): number => (fd === NONE ? 0 : this.#pump.buffered(fd));
    return of(this.#rows.client(row)) + of(this.#rows.upstream(row)) + this.#tls.buffered(row);
  }

  close(): void {
    this.#listeners.shut();
    this.#pump.close();
    this.#poller.close();
  }

  /** Reports after this round, unless the row has got another connection by then. */
  #later(row: number, report: () => void): void {
    const epoch = this.#rows.epoch(row);
    this.#poller.after(() => {
      if (this.#rows.epoch(row) === epoch) report();
    });
  }
}
