// Standard input as a file: `-` where a command takes a policy. It can be read once, so what it had is kept.
import { readSync } from "node:fs";
import { failed, ok, type Result } from "../../runtime/result/result.ts";

export const STANDARD_INPUT = "-";
/** The name in messages, in whose folder imports and lists are, without `--stdin-name`. */
const STANDARD_INPUT_NAME = "stdin.ingress";

const PIECE_BYTES = 64 * 1024;
/** Between two reads of an input that has nothing yet. */
const PAUSE_MS = 10;

let kept: Uint8Array | null = null;
let isTooLarge = false;
let isTaken = false;
let givenName: string | null = null;

/** Whether the command that runs takes `-` as a file; `name`: of `--stdin-name`, or null. */
export function takeStandardInput(takes: boolean, name: string | null): void {
  isTaken = takes;
  givenName = name;
}

export function isStandardInput(path: string): boolean {
  return isTaken && path === STANDARD_INPUT;
}

/** A path, perhaps of no file. */
export function standardInputName(): string {
  return givenName ?? STANDARD_INPUT_NAME;
}

/** The name of a file in messages. */
export function shownName(path: string): string {
  return isStandardInput(path) ? standardInputName() : path;
}

/** All of it, at most `most` bytes. */
export function readStandardInput(most: number): Result<Uint8Array, "too_large" | "unreadable"> {
  if (kept === null) {
    const pieces: Uint8Array[] = [];
    let length = 0;
    const piece = new Uint8Array(PIECE_BYTES);
    try {
      for (let got = readPiece(piece); got > 0; got = readPiece(piece)) {
        length += got;
        if (length > most) {
          isTooLarge = true;
          break;
        }
        pieces.push(piece.slice(0, got));
      }
    } catch {
      return failed("unreadable");
    }
    kept = Buffer.concat(pieces);
  }
  return isTooLarge || kept.length > most ? failed("too_large") : ok(kept);
}

/** Waits where the input is a pipe that another program has made not to. */
function readPiece(piece: Uint8Array): number {
  for (;;) {
    try {
      return readSync(0, piece, 0, piece.length, null);
    } catch (error) {
      if (!(error instanceof Error) || !("code" in error) || (error.code !== "EAGAIN" && error.code !== "EOF")) throw error;
      if (error.code === "EOF") return 0;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    }
  }
}
