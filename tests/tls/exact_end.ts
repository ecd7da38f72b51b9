// How a stream of a test ended, exactly. Node's own 'end' doesn't distinguish a FIN from a reset behind data, nor
// under TLS a close_notify from the end of the transport.
import type { Socket } from "node:net";
import { Duplex } from "node:stream";

export type Seen = "end" | "reset";

/** A TCP socket that transports a TLS socket; it knows which of the two ended first. */
export class Wire extends Duplex {
  readonly raw: Socket;
  #secured: Duplex | null = null;
  isCut = false;

  constructor(raw: Socket) {
    super({ allowHalfOpen: true });
    this.raw = raw;
    raw.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) raw.pause();
    });
    raw.on("end", () => this.push(null));
    raw.on("error", () => this.destroy());
    raw.on("close", () => this.destroy());
    // Before the TLS socket hears of it: has it had its close_notify?
    this.once("end", () => {
      this.isCut = this.#secured?.readableLength !== undefined && !hasEnd(this.#secured);
    });
  }

  /** Before it reads. */
  transports(secured: Duplex): void {
    this.#secured = secured;
  }

  override _read(): void {
    this.raw.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.raw.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.raw.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.raw.destroy();
    done(error);
  }
}

/** Whether its last byte was read, or waits to be. */
function hasEnd(stream: Duplex): boolean {
  const state: unknown = "_readableState" in stream ? stream._readableState : null;
  return typeof state === "object" && state !== null && "ended" in state && state.ended === true;
}

/** Reads until it has ended or is broken off. */
export function watch(socket: Socket, wire: Wire | null): Promise<{ readonly seen: Seen; readonly bytes: number }> {
  let bytes = 0;
  let ended = false;
  return new Promise((resolve) => {
    const say = (seen: Seen): void => resolve({ seen, bytes });
    socket.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    socket.once("error", () => say("reset"));
    // One that has ended on both sides closes by itself.
    socket.once("close", () => say(ended ? "end" : "reset"));
    socket.once("end", () => {
      ended = true;
      if (wire !== null) say(wire.isCut ? "reset" : "end");
      else readAgain(socket, () => say("end"));
    });
    socket.resume();
  });
}

function isHandle(value: unknown): value is { readStart(): unknown } {
  return typeof value === "object" && value !== null && "readStart" in value && typeof value.readStart === "function";
}

/** After a FIN the end comes again, after a reset its error. */
function readAgain(socket: Socket, ended: () => void): void {
  const handle: unknown = "_handle" in socket ? socket._handle : null;
  if (isHandle(handle)) handle.readStart();
  setImmediate(() => setImmediate(() => setImmediate(ended)));
}
