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

/** Node's mark of each socket, for reads and for writes. */
export const MARK_BYTES = 16 * 1024;
/** The most that libuv reads at once. */
export const READ_BYTES = 64 * 1024;
/** A direction never holds more than this and one read. */
export const HIGH_WATER_BYTES = 2 * MARK_BYTES + READ_BYTES;

export interface RelayEvents {
  fromClient(bytes: number): void;
  fromBackend(bytes: number): void;
  /** Both sockets are gone. `reset` names the side that broke, if one did. */
  ended(reset: "client" | "backend" | null): void;
}

const SIDE = Symbol("side");

interface Pair {
  readonly events: RelayEvents;
  open: number;
  reset: "client" | "backend" | null;
}

interface Side {
  readonly name: "client" | "backend";
  readonly pair: Pair;
  readonly count: (bytes: number) => void;
  readonly other: Socket;
}

type RelaySocket = Socket & { [SIDE]: Side };

function attach(socket: Socket, side: Side): RelaySocket {
  return Object.assign(socket, { [SIDE]: side });
}

/**
 * Both sockets are connected and paused and have no 'data' listener; `upstream` is connected to
 * the backend that `permit` admits to, and gets `first`, what was read of the client before. A
 * permit is what makes forwarding possible at all.
 */
export function relay(permit: Permit, client: Socket, upstream: Socket, first: Buffer | null, events: RelayEvents): void {
  if (permit.allowed !== true) throw new Error("a relay needs a permit");
  const pair: Pair = { events, open: 2, reset: null };
  const a = attach(client, { name: "client", pair, count: events.fromClient, other: upstream });
  const b = attach(upstream, { name: "backend", pair, count: events.fromBackend, other: client });
  for (const socket of [a, b]) {
    socket.on("data", onData);
    socket.on("drain", onDrain);
    socket.on("end", onEnd);
    socket.on("error", onError);
    socket.on("close", onClose);
    // One side may have gone between its accept and now.
    if (socket.closed) onClose.call(socket);
  }
  // What the backend has not taken resumes the client at 'drain'.
  const taken = first === null || writeFirst(b, first, events);
  if (taken) a.resume();
  // What was read may have reached its end before 'end' was listened to.
  if (client.readableEnded) b.end();
  b.resume();
}

function writeFirst(upstream: Socket, first: Buffer, events: RelayEvents): boolean {
  events.fromClient(first.length);
  return upstream.destroyed || upstream.write(first) || upstream.writableLength === 0;
}

function onData(this: RelaySocket, chunk: Buffer): void {
  const { other, count } = this[SIDE];
  count(chunk.length);
  // A write that the kernel took at once leaves nothing behind, whatever its size.
  if (!other.write(chunk) && other.writableLength > 0) this.pause();
}

function onDrain(this: RelaySocket): void {
  this[SIDE].other.resume();
}

function onEnd(this: RelaySocket): void {
  this[SIDE].other.end();
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
  if (pair.open === 0) pair.events.ended(pair.reset);
}

const beneath = new WeakMap<Socket, Socket>();

/** Notes the socket that a TLS socket is carried by. */
export function overlay(secured: Socket, raw: Socket): void {
  beneath.set(secured, raw);
}

/** Closes with a reset where the transport has one. */
export function breakOff(socket: Socket): void {
  const raw = beneath.get(socket);
  if (raw !== undefined) {
    // A close of TLS would say that all had come.
    breakOff(raw);
    socket.destroy();
  }
  if (socket.destroyed) return;
  // A unix socket has no reset, and one that is still connecting has nobody to tell.
  if (socket.connecting || socket.remoteFamily === undefined || isShuttingDown(socket)) socket.destroy();
  else socket.resetAndDestroy();
}

/**
 * The kernel has all bytes and is being told that no more come. libuv refuses a reset then
 * (EINVAL), and Node would neither close the descriptor nor say 'close'. Nothing is cut short:
 * what the other side reads before the end is whole.
 */
function isShuttingDown(socket: Socket): boolean {
  return socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished;
}
