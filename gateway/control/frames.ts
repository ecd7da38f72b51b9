// Newline-delimited frames with a cap, one at a time, so that a chunk of many small frames costs no more
// than the frames that are taken. A frame that is too long ends the connection, because what follows it
// can't be distinguished from its tail.

import { BYTE_FRAME_HEAD, beginsByteFrame } from "./byte_frames.ts";

/** Longest frame, its newline included. */
export const FRAME_BYTES = 64 * 1024;

/** A whole frame without its newline; `bytes` counts it. */
export interface Frame {
  readonly text: string;
  readonly bytes: number;
}

/** The first bytes of a frame of another protocol; what follows it can't be read. */
export interface ByteFrame {
  readonly head: Buffer;
  readonly bytes: number;
}

export interface Frames {
  push(chunk: Buffer): void;
  /** The next whole frame; an empty line is one. `none` until more is pushed. */
  next(): Frame | ByteFrame | "none" | "too_long";
  /** Whether a frame has begun and is not whole. */
  unfinished(): boolean;
}

export function createFrames(): Frames {
  /** The begun frame, without a newline. */
  let parts: Buffer[] = [];
  let bufferedBytes = 0;
  /** The bytes that were not searched yet. */
  let rest: Buffer = Buffer.alloc(0);
  const isByteFrame = (): boolean => beginsByteFrame(rest) !== "no";
  return {
    push(chunk) {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    },
    next() {
      if (parts.length === 0 && isByteFrame()) {
        return rest.length < BYTE_FRAME_HEAD ? "none" : { head: rest.subarray(0, BYTE_FRAME_HEAD), bytes: rest.length };
      }
      const end = rest.indexOf(10);
      const part = rest.subarray(0, end < 0 ? rest.length : end + 1);
      rest = rest.subarray(part.length);
      if (part.length > 0) parts.push(part);
      bufferedBytes += part.length;
      if (bufferedBytes > FRAME_BYTES) return "too_long";
      if (end < 0) return "none";
      const frame = { text: Buffer.concat(parts).toString("utf8").trim(), bytes: bufferedBytes };
      parts = [];
      bufferedBytes = 0;
      return frame;
    },
    unfinished: () => bufferedBytes > 0 || isByteFrame(),
  };
}
