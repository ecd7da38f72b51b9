// Whose frame is handled next. All control and registration sockets share one desk: a turn of the event
// loop handles a bounded number of frames and bytes, one frame a client at a time, and a peer that has used
// up its budget waits. So whatever local users send, the time between two turns stays short.
import type { GatewayClock } from "../clock.ts";
import { Budgets } from "./budgets.ts";

/** Frames of all clients that one turn of the event loop handles. */
export const FRAMES_PER_TURN = 16;
/** And their bytes; the frame that crosses it is the last one. */
export const BYTES_PER_TURN = 64 * 1024;
/** Tokens of one peer. A frame costs one and one more for each KiB; see server.ts for what costs more. */
const TOKENS_PER_SECOND = 500;
export const TOKENS_BURST = 2_000;

export interface Work {
  /** Whose budget pays. */
  readonly peer: string;
  /** Handles at most one frame; the answer is its bytes. */
  step(): number;
}

export interface Desk {
  /** Calls `step` once, in turn. */
  add(work: Work): void;
  /** The cost of a frame beyond its bytes. */
  charge(peer: string, tokens: number): void;
}

export function createDesk(clock: GatewayClock): Desk {
  const budgets = new Budgets({ perSecond: TOKENS_PER_SECOND, burst: TOKENS_BURST });
  let queue: Work[] = [];
  let armed = false;

  function arm(): void {
    if (armed || queue.length === 0) return;
    armed = true;
    setImmediate(turn);
  }

  function turn(): void {
    armed = false;
    const now = clock.monoMs();
    const round = queue;
    queue = [];
    let frames = 0;
    let bytes = 0;
    let next = 0;
    while (next < round.length && frames < FRAMES_PER_TURN && bytes < BYTES_PER_TURN) {
      const work = round[next++];
      if (work === undefined) break;
      const wait = budgets.waitMs(work.peer, now);
      if (wait > 0) {
        clock.after(wait, () => add(work));
        continue;
      }
      const size = work.step();
      budgets.spend(work.peer, 1 + Math.floor(size / 1024), now);
      bytes += size;
      frames++;
    }
    queue = [...round.slice(next), ...queue];
    arm();
  }

  function add(work: Work): void {
    queue.push(work);
    arm();
  }

  return { add, charge: (peer, tokens) => budgets.spend(peer, tokens, clock.monoMs()) };
}
