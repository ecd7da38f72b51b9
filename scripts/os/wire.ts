// The connection to a machine: QEMU or the network half in Node. Frames are sent one by one. An answer is everything
// that the machine sent until it was idle again, so nothing here waits for a fixed time.

export interface Wire {
  /** Sends frames and returns the answers until the machine is idle. */
  send(...frames: readonly Buffer[]): Promise<readonly Buffer[]>;
  /** Advances the machine's clock by `ms`, and returns the frames that it sent because of that. */
  advance(ms: number): Promise<readonly Buffer[]>;
}
