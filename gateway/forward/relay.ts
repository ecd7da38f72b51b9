// Moves bytes between an admitted client and its backend: half-close is kept both ways, and
// what a slow side has not taken is bounded.
//
//   client --read--> [data] --write--> upstream        pause the reader when write() says so,
//   client <--write-- [data] <--read-- upstream        resume it at 'drain'
//
// Buffered a direction: the writer's buffer (its mark and the read that crossed it) and,
// behind the pause, the reader's buffer (the same).
import type { Socket } from "node:net";
import type { Permit } from "../../runtime/host/decision.ts";
import type { FirstFlights, FlightStep, SecondHelloFault } from "../tls/first_flights.ts";
import type { IsReset } from "./reset.ts";
import { carrierOf, endedByNotice } from "../tls/tls_end.ts";

/** Node's mark of each socket, for reads and for writes. */
export const MARK_BYTES = 16 * 1024;
/** The most that libuv reads at once. */
export const READ_BYTES = 64 * 1024;
/** A direction never buffers more than this and one read. */
export const HIGH_WATER_BYTES = 2 * MARK_BYTES + READ_BYTES;

/** All about the connection `row`. */
export interface RelayEvents {
  fromClient(row: number, bytes: number): void;
  fromBackend(row: number, bytes: number): void;
  /** The backend requested a second hello, and the client's can't be let through; both sides are still open. */
  secondHello(row: number, fault: SecondHelloFault): void;
  /** Both sockets are gone. `reset` names the side that broke, if one did. */
  ended(row: number, reset: "client" | "backend" | null): void;
}

export interface Relayed {
  readonly row: number;
  readonly client: Socket;
  readonly upstream: Socket;
  /** `passthrough`: reads along until both sides have sent their first flight; what was read before begins with its hello. */
  readonly flights: FirstFlights | null;
  /** Null where the kernel can't be queried: each end is then taken for one. */
  readonly isReset: IsReset | null;
}

const SIDE = Symbol("side");
const NOTHING = Buffer.alloc(0);

/** Two sockets that bytes are moved between. */
export interface Pair {
  readonly row: number;
  /** Null once nobody is to hear of it any more. */
  events: RelayEvents | null;
  readonly isReset: IsReset | null;
  readonly client: Socket;
  readonly upstream: Socket;
  flights: FirstFlights | null;
  open: number;
  reset: "client" | "backend" | null;
}

interface Side {
  readonly name: "client" | "backend";
  readonly pair: Pair;
  readonly other: Socket;
}

type RelaySocket = Socket & { [SIDE]: Side };

function attach(socket: Socket, side: Side): RelaySocket {
  return Object.assign(socket, { [SIDE]: side });
}

/** Nothing happens before `relay`. */
export function pairOf({ row, client, upstream, flights, isReset }: Relayed, events: RelayEvents): Pair {
  return { row, events, isReset, client, upstream, flights, open: 2, reset: null };
}

/**
 * Both sockets are connected and paused and have no 'data' listener; `upstream` is connected to
 * the backend that `permit` admits to. A permit is what makes forwarding possible at all. `first` was read of the
 * client before.
 */
export function relay(permit: Permit, pair: Pair, first: Buffer | null): void {
  if (permit.allowed !== true) throw new Error("a relay needs a permit");
  const { client, upstream } = pair;
  const a = attach(client, { name: "client", pair, other: upstream });
  const b = attach(upstream, { name: "backend", pair, other: client });
  for (const socket of [a, b]) {
    socket.on("data", onData);
    socket.on("drain", onDrain);
    socket.on("end", onEnd);
    socket.on("error", onError);
    socket.on("close", onClose);
    // One side may have gone between its accept and now.
    if (socket.closed) onClose.call(socket);
  }
  // Bytes that the backend has not taken pause the client, until 'drain'.
  a.resume();
  if (first !== null) onData.call(a, first);
  // The stream may have ended before 'end' was listened to.
  if (client.readableEnded) onEnd.call(a);
  b.resume();
}

/** No event of it is reported any more. */
export function abandon(pair: Pair): void {
  pair.events = null;
}

function onData(this: RelaySocket, chunk: Buffer): void {
  const { pair, name } = this[SIDE];
  const { flights, events, row } = pair;
  if (name === "client") events?.fromClient(row, chunk.length);
  else events?.fromBackend(row, chunk.length);
  if (flights === null) pass(this, chunk);
  else step(pair, name === "client" ? flights.fromClient(chunk) : flights.fromBackend(chunk));
}

/** Writes to the other side of `from`. */
function pass(from: Socket & { readonly [SIDE]?: Side }, chunk: Buffer): void {
  const other = from[SIDE]?.other;
  if (other === undefined || other.destroyed || chunk.length === 0) return;
  // A write that the kernel took at once is not buffered, whatever its size.
  if (!other.write(chunk) && other.writableLength > 0) from.pause();
}

function step(pair: Pair, { toBackend, toClient, over, fault }: FlightStep): void {
  if (fault !== null) {
    pair.events?.secondHello(pair.row, fault);
    return;
  }
  if (over) pair.flights = null;
  pass(pair.client, toBackend);
  pass(pair.upstream, toClient);
}

function onDrain(this: RelaySocket): void {
  this[SIDE].other.resume();
}

function onEnd(this: RelaySocket): void {
  const { pair, name, other } = this[SIDE];
  if (wasCutOff(this, pair)) {
    pair.reset ??= name;
    cutAfterAll(other, this);
    return;
  }
  if (pair.flights !== null) step(pair, name === "client" ? pair.flights.clientEnded() : pair.flights.backendEnded());
  if (!other.destroyed) other.end();
}

/** Not all came that its side had to say, or nobody knows. */
function wasCutOff(socket: Socket, { isReset }: Pair): boolean {
  return carrierOf(socket) === undefined ? isReset?.(socket) === true : !endedByNotice(socket);
}

/** Breaks both off, once what came before the cut is with the kernel. */
function cutAfterAll(other: Socket, socket: Socket): void {
  const both = (): void => {
    breakOff(socket);
    breakOff(other);
  };
  if (other.destroyed || other.writableLength === 0) both();
  else other.write(NOTHING, both);
}

function onError(this: RelaySocket): void {
  const { pair, name } = this[SIDE];
  pair.reset ??= name;
}

function onClose(this: RelaySocket): void {
  const { pair, other, name } = this[SIDE];
  // Cut short: the other side must see a reset, never a clean end of half the bytes.
  if (!(this.readableEnded && this.writableFinished) && !other.destroyed) {
    pair.reset ??= name;
    breakOff(other);
  }
  pair.open--;
  if (pair.open === 0) pair.events?.ended(pair.row, pair.reset);
}

/** The socket that has the descriptor. */
export function transportOf(socket: Socket): Socket {
  return carrierOf(socket) ?? socket;
}

/** Closes with a reset where the transport has one. */
export function breakOff(socket: Socket): void {
  const raw = carrierOf(socket);
  if (raw !== undefined) {
    // A close of TLS would say that all had come. The shutdown of the transport is TLS's own, so only `socket` knows
    // of it, and libuv refuses the reset then as well.
    if (isShuttingDown(socket)) raw.destroy();
    else breakOff(raw);
    socket.destroy();
  }
  if (socket.destroyed) return;
  // A unix socket has no reset, and one that is still connecting has no other side.
  if (socket.connecting || socket.remoteFamily === undefined || isShuttingDown(socket)) socket.destroy();
  else socket.resetAndDestroy();
}

/**
 * The kernel has all bytes and the end is on its way to it. libuv refuses a reset then
 * (EINVAL), and Node would neither close the descriptor nor say 'close'. Nothing is cut short:
 * what the other side reads before the end is whole.
 */
function isShuttingDown(socket: Socket): boolean {
  return socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished;
}
