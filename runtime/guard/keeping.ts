// The guard's reports to its keeper: which sockets are bound with tokens, some times per second. The keeper is the process
// that the user has started; it ends the program when the guard ends or falls silent while there are such sockets.
import { writeSync } from "node:fs";
import { Socket } from "node:net";
import type { SocketName } from "./sockets.ts";

export interface KeptSocket {
  readonly proto: "tcp" | "udp";
  readonly name: SocketName;
}

export interface Keeping {
  /** False once there is no keeper: no further port may be had then. */
  alive(): boolean;
  /** `binding`: a socket may be bound with a token at any moment. The keeper knows before this returns. */
  report(binding: boolean, sockets: readonly KeptSocket[]): void;
}

/** The last report that the keeper got. */
export interface Word {
  readonly active: boolean;
  readonly sockets: readonly KeptSocket[];
}

/** `fd`: the guard's end. `lost`: the keeper has ended. */
export function keptThrough(fd: number, lost: () => void): Keeping {
  let alive = true;
  const end = (): void => {
    if (!alive) return;
    alive = false;
    lost();
  };
  // It says nothing: what comes is the end.
  new Socket({ fd, readable: true, writable: false }).on("error", end).on("close", end).resume().unref();
  return {
    alive: () => alive,
    report(binding, sockets) {
      if (!alive) return;
      try {
        writeSync(fd, encodeWord(binding, sockets));
      } catch {
        // It has ended, or takes nothing for so long that it must have stopped.
        end();
      }
    },
  };
}

export function encodeWord(binding: boolean, sockets: readonly KeptSocket[]): string {
  return `${JSON.stringify({ "holds": binding || sockets.length > 0, sockets: sockets.map(({ proto, name: { cookie, inode } }) => ({ proto, cookie: String(cookie), inode })) })}\n`;
}

/** Throws for what `encodeWord` does not write. */
export function decodeWord(line: string): Word {
  const word: unknown = JSON.parse(line);
  if (typeof word !== "object" || word === null || !("holds" in word) || !("sockets" in word) || !Array.isArray(word.sockets))
    throw new Error("not a word of a guard");
  return {
    active: word.holds === true,
    sockets: word.sockets.map((socket: unknown): KeptSocket => {
      if (typeof socket !== "object" || socket === null || !("proto" in socket) || !("cookie" in socket) || !("inode" in socket))
        throw new Error("not a socket of a guard");
      return { proto: socket.proto === "udp" ? "udp" : "tcp", name: { cookie: BigInt(String(socket.cookie)), inode: Number(socket.inode) } };
    }),
  };
}
