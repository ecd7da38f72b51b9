// The way to a machine: QEMU's or the network half in Node. Frames go in one by one, and an answer is
// all that the machine sent until it was still again, so nothing here waits for a time.

export interface Wire {
  /** Sends frames and returns what came back until the machine was still. */
  send(...frames: readonly Buffer[]): Promise<readonly Buffer[]>;
  /** Lets the machine's clock go on by `ms`, and returns what it sent because of it. */
  advance(ms: number): Promise<readonly Buffer[]>;
}
