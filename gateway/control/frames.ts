// Newline-delimited frames with a cap. A frame that is too long ends the connection: what
// follows it can't be told from its tail.

/** Longest frame, its newline included. */
export const FRAME_BYTES = 64 * 1024;

export type Frames = (chunk: Buffer) => readonly string[] | "too_long";

/** Feeds chunks, gets whole frames; keeps at most one unfinished frame. */
export function createFrames(): Frames {
  let parts: Buffer[] = [];
  let held = 0;
  return (chunk) => {
    const frames: string[] = [];
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(10, from);
      const part = chunk.subarray(from, end < 0 ? chunk.length : end + 1);
      if (held + part.length > FRAME_BYTES) return "too_long";
      if (end < 0) {
        if (part.length > 0) parts.push(part);
        held += part.length;
        return frames;
      }
      const text = Buffer.concat([...parts, part]).toString("utf8").trim();
      parts = [];
      held = 0;
      from = end + 1;
      if (text !== "") frames.push(text);
    }
  };
}
