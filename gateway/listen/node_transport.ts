// The default transport: Node's own sockets. The state of each row is in arrays beside the table; the listeners on
// sockets are shared by all, and find their row by a mark on the socket.
import { connect, createServer, type Server, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { ListenFailure, Local } from "../connection/forwarder.ts";
import { NO_ROW, type DialFailure, type Transport, type TransportEvents } from "../connection/transport.ts";
import type { BackendAddress } from "../forward/backend.ts";
import type { AGAIN, Backend } from "../forward/backends.ts";
import { abandon, breakOff, MARK_BYTES, pairOf, relay, transportOf, type Pair } from "../forward/relay.ts";
import type { HasEnded } from "../forward/peer_end.ts";
import type { IsReset } from "../forward/reset.ts";
import type { Permit } from "../../runtime/host/decision.ts";
import { alertRecord } from "../tls/alert.ts";
import type { FirstFlights } from "../tls/first_flights.ts";
import type { Endpoint } from "../forward/proxy_header.ts";
import { parseAddress } from "../../runtime/net/address.ts";
import { secure, type Securing, type TlsContext, type TlsOutcome } from "../tls/secure.ts";
import { descriptorOf } from "../../runtime/shell/libc.ts";
import { BACKLOG } from "./backlog.ts";
import { peerOf } from "./peer.ts";

const KEEPALIVE_LEAST_MS = 1_000;
export const MARKS = { allowHalfOpen: true, writableHighWaterMark: MARK_BYTES, readableHighWaterMark: MARK_BYTES };

const ROW = Symbol("row");
const OWNER = Symbol("owner");

/** A socket of a row. */
type RowSocket = Socket & { [ROW]?: number; [OWNER]?: NodeTransport };

export interface NodeTransportSetup {
  readonly events: TransportEvents;
  /** Null where the kernel can't be queried. */
  readonly isReset: IsReset | null;
  readonly hasEnded: HasEnded | null;
  /** Zero switches it off. */
  readonly keepAliveMs: number;
}

export class NodeTransport implements Transport {
  readonly events: TransportEvents;
  /** The client's side; that inside of TLS once a backend is dialed. */
  readonly clients: (RowSocket | null)[] = [];
  readonly upstreams: (RowSocket | null)[] = [];
  readonly pairs: (Pair | null)[] = [];
  readonly #handshakes: (Securing | null)[] = [];
  /** The inside of TLS, between its handshake and the dial. */
  readonly #inner: (TLSSocket | null)[] = [];
  readonly #servers = new Map<number, Server>();
  readonly #isReset: IsReset | null;
  readonly #hasEnded: HasEnded | null;
  readonly #keepAlive: { readonly keepAlive: boolean; readonly keepAliveInitialDelay: number };

  constructor({ events, isReset, hasEnded, keepAliveMs }: NodeTransportSetup) {
    this.events = events;
    this.#isReset = isReset;
    this.#hasEnded = hasEnded;
    // Node counts whole seconds, and takes none for the kernel's two hours.
    const delayMs = keepAliveMs === 0 ? 0 : Math.max(KEEPALIVE_LEAST_MS, keepAliveMs);
    this.#keepAlive = { keepAlive: delayMs > 0, keepAliveInitialDelay: delayMs };
  }

  async listen(listening: number, local: Local): Promise<ListenFailure | null> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true, highWaterMark: MARK_BYTES });
    const failed = await listenAt(server, local);
    if (failed !== null) return failed;
    this.#servers.set(listening, server);
    server.on("connection", (client) => this.#accepted(listening, client));
    // An accept that fails is not the end of the listener.
    server.on("error", ignore);
    return null;
  }

  unlisten(listening: number): void {
    this.#servers.get(listening)?.close();
    this.#servers.delete(listening);
  }

  descriptorOf(listening: number): number | null {
    const server = this.#servers.get(listening);
    return server === undefined ? null : descriptorOf(server);
  }

  #accepted(listening: number, client: Socket): void {
    // A reset may come while the peer waits; its close is all that matters.
    client.on("error", ignore);
    const row = this.events.accepted(listening, peerOf(client));
    if (row === NO_ROW) breakOff(client);
    else this.clients[row] = this.#marked(client, row);
  }

  /** Takes over a client that another transport accepted, and has not read on since `secure`'s first bytes. */
  adopt(row: number, client: Socket): void {
    client.on("error", ignore);
    this.clients[row] = this.#marked(client, row);
  }

  #marked(socket: Socket, row: number): RowSocket {
    const marked: RowSocket = socket;
    marked[ROW] = row;
    marked[OWNER] = this;
    return marked;
  }

  keep(row: number): void {
    const { keepAlive, keepAliveInitialDelay } = this.#keepAlive;
    this.clients[row]?.setKeepAlive(keepAlive, keepAliveInitialDelay);
  }

  /** The socket had the option when it was dialed. */
  keepBackend(): void {}

  read(row: number): void {
    const client = this.clients[row];
    if (client === null || client === undefined) return;
    client.on("data", onClientData);
    client.on("end", onClientEnd);
    client.on("close", onClientClose);
    if (client.closed) this.events.clientGone(row);
    else client.resume();
  }

  readHeader(row: number): void {
    this.read(row);
  }

  take(row: number, _bytes: number, rest: Uint8Array): void {
    if (rest.length > 0) this.clients[row]?.unshift(rest);
  }

  pause(row: number): void {
    const client = this.clients[row];
    if (client === null || client === undefined) return;
    client.off("data", onClientData);
    client.off("end", onClientEnd);
    client.off("close", onClientClose);
    client.pause();
  }

  alert(row: number, description: number): void {
    const client = this.clients[row];
    if (client === null || client === undefined) return;
    this.clients[row] = null;
    // The kernel has the record when `write` returns.
    client.write(alertRecord(description));
    client.destroy();
  }

  secure(row: number, context: TlsContext, said: string | null, first: Buffer): void {
    const raw = this.clients[row];
    if (raw !== null && raw !== undefined) this.#handshakes[row] = secure(raw, { row, first, context, said, events: this });
  }

  /** Of secure.ts. */
  secured(row: number, outcome: TlsOutcome): void {
    this.#handshakes[row] = null;
    if ("secured" in outcome) {
      this.#inner[row] = outcome.secured;
      const { identity, certificate } = outcome;
      this.events.handshaken(row, { identity, ...(certificate !== undefined && { certificate }) });
    } else this.events.handshaken(row, outcome);
  }

  dial(row: number, address: BackendAddress): void {
    const inner = this.#inner[row];
    if (inner !== null && inner !== undefined) this.clients[row] = this.#marked(inner, row);
    this.#inner[row] = null;
    const upstream = this.#marked(
      address.kind === "tcp" ?
        connect({ host: address.host, port: address.port, noDelay: true, ...this.#keepAlive, ...MARKS })
      : connect({ path: address.path, ...MARKS }),
      row,
    );
    this.upstreams[row] = upstream;
    upstream.pause();
    upstream.on("error", onDialError);
    upstream.on("close", onDialClose);
    upstream.on("connect", onDialed);
  }

  /**
   * Bytes that had come are read in the next round of the event loop, and their end in the one after it; where nobody reads, because
   * the backend has not taken what came before, only the kernel knows of the end.
   */
  look(row: number, report: (hasClosed: boolean) => void): void {
    const client = this.clients[row];
    const hasEnded = (): boolean =>
      client === null ||
      client === undefined ||
      this.clients[row] !== client ||
      client.readableEnded ||
      client.destroyed ||
      this.#hasEnded?.(transportOf(client)) === true;
    setImmediate(() => setImmediate(() => report(hasEnded())));
  }

  hangUp(row: number): void {
    const upstream = this.upstreams[row];
    this.upstreams[row] = null;
    upstream?.destroy();
  }

  verify(row: number, { verify, address }: Backend): string | typeof AGAIN | null {
    const upstream = this.upstreams[row];
    if (upstream === null || upstream === undefined) return "it is not connected";
    return verify?.(upstream, address) ?? null;
  }

  preface(row: number, header: (local: Endpoint) => Uint8Array | null): boolean {
    const client = this.clients[row];
    const upstream = this.upstreams[row];
    const address = parseAddress(client?.localAddress ?? "");
    const port = client?.localPort;
    if (address === null || port === undefined || upstream === null || upstream === undefined || upstream.destroyed) return false;
    const bytes = header({ address, port });
    if (bytes === null) return false;
    upstream.write(bytes);
    return true;
  }

  relay(row: number, permit: Permit, first: Buffer | null, flights: FirstFlights | null): void {
    const client = this.clients[row];
    const upstream = this.upstreams[row];
    if (client === null || client === undefined || upstream === null || upstream === undefined) return;
    upstream.off("error", onDialError);
    upstream.off("close", onDialClose);
    const pair = pairOf({ row, client, upstream, flights, isReset: this.#isReset }, this.events);
    this.pairs[row] = pair;
    relay(permit, pair, first);
  }

  breakOff(row: number): void {
    const client = this.clients[row];
    const upstream = this.upstreams[row];
    const isRelayed = this.pairs[row] !== null && this.pairs[row] !== undefined;
    if (client !== null && client !== undefined) breakOff(client);
    if (upstream === null || upstream === undefined) return;
    if (isRelayed) breakOff(upstream);
    else upstream.destroy();
  }

  drop(row: number): void {
    const client = this.clients[row];
    const upstream = this.upstreams[row];
    const pair = this.pairs[row];
    this.#handshakes[row]?.stop();
    this.#handshakes[row] = null;
    this.#inner[row] = null;
    this.clients[row] = null;
    this.upstreams[row] = null;
    this.pairs[row] = null;
    if (pair !== null && pair !== undefined) abandon(pair);
    if (client !== null && client !== undefined) breakOff(client);
    if (upstream === null || upstream === undefined) return;
    if (pair !== null && pair !== undefined) breakOff(upstream);
    else upstream.destroy();
  }

  nearPort(row: number): number | null {
    return this.upstreams[row]?.localPort ?? null;
  }

  close(): void {
    for (const number of [...this.#servers.keys()]) this.unlisten(number);
  }

  buffered(row: number): number {
    return bufferedBy(this.clients[row]) + bufferedBy(this.upstreams[row]);
  }
}

function bufferedBy(socket: Socket | null | undefined): number {
  return socket === null || socket === undefined ? 0 : socket.readableLength + socket.writableLength;
}

/** Whether the socket is still that of its row: a row is used again after its connection ended. */
function isClient(socket: RowSocket): boolean {
  return socket[OWNER]?.clients[rowOf(socket)] === socket;
}

function isUpstream(socket: RowSocket): boolean {
  return socket[OWNER]?.upstreams[rowOf(socket)] === socket;
}

function rowOf(socket: RowSocket): number {
  return socket[ROW] ?? NO_ROW;
}

function onClientData(this: RowSocket, chunk: Buffer): void {
  if (isClient(this)) this[OWNER]?.events.clientBytes(rowOf(this), chunk);
}

function onClientEnd(this: RowSocket): void {
  if (isClient(this)) this[OWNER]?.events.clientEnded(rowOf(this));
}

function onClientClose(this: RowSocket): void {
  if (isClient(this)) this[OWNER]?.events.clientGone(rowOf(this));
}

function onDialError(this: RowSocket, error: unknown): void {
  if (isUpstream(this)) this[OWNER]?.events.connectFailed(rowOf(this), failureOf(error));
}

function onDialClose(this: RowSocket): void {
  if (isUpstream(this)) this[OWNER]?.events.connectFailed(rowOf(this), "refused");
}

function onDialed(this: RowSocket): void {
  if (isUpstream(this)) this[OWNER]?.events.connected(rowOf(this));
}

function failureOf(error: unknown): DialFailure {
  const code = error instanceof Error && "code" in error ? error.code : null;
  if (code === "EAGAIN") return "busy";
  return code === "EMFILE" || code === "ENFILE" ? "no_descriptor" : "refused";
}

async function listenAt(server: Server, local: Local): Promise<ListenFailure | null> {
  return new Promise((resolve) => {
    const onError = (error: Error): void => {
      resolve({ code: "code" in error && typeof error.code === "string" ? error.code : error.message });
    };
    server.once("error", onError);
    const onListening = (): void => {
      server.off("error", onError);
      resolve(null);
    };
    const ipv6Only = local.host.includes(":");
    if (local.inherited === undefined) server.listen({ host: local.host, port: local.port, ipv6Only, exclusive: true, backlog: BACKLOG }, onListening);
    else server.listen({ fd: local.inherited.fd }, BACKLOG, onListening);
  });
}

function ignore(): void {}
