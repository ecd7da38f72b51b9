// A new block ends what its source has open, in turns, as a recheck does.
import { setImmediate as nextTurn } from "node:timers/promises";
import { CODE_BLOCKED } from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/decision.ts";
import { blockOf } from "../admit/blocked.ts";
import { connectionFacts } from "../admit/entries.ts";
import type { Entry, Recorder } from "../audit/recorder.ts";
import { detailOf, type Blocks } from "../blocks/blocks.ts";
import type { Forwarder } from "../connection/forwarder.ts";
import { CONNECTING, HEADING, OPEN, READING, SECURING } from "../connection/states.ts";
import type { Ports } from "../listen/ports.ts";

export interface CutBlockedSetup {
  readonly blocks: Pick<Blocks, "of" | "size">;
  readonly forwarder: Forwarder;
  readonly recorder: Recorder;
  readonly ports: Pick<Ports, "numbered">;
}

/** Connections that are closed in one turn. */
const CLOSED_PER_TURN = 32;

/** Returns how many connections it cut. */
export async function cutBlocked({ blocks, forwarder, recorder, ports }: CutBlockedSetup): Promise<number> {
  const { table } = forwarder;
  let cut = 0;
  if (blocks.size === 0) return cut;
  for (let row = 0; row < table.rows; row++) {
    const state = table.state[row];
    if (state !== HEADING && state !== READING && state !== SECURING && state !== CONNECTING && state !== OPEN) continue;
    const block = blockOf({ table, blocks }, row);
    if (block === undefined) continue;
    const refusal = { denial: denial(CODE_BLOCKED), detail: detailOf(block) };
    if (state === HEADING || state === READING || state === SECURING) forwarder.refuse(row, { ...refusal, by: null });
    else {
      const open = ports.numbered(table.socket[row] ?? -1);
      const entry: Entry = {
        op: "recheck",
        decision: refusal.denial,
        ...connectionFacts(table, row, open, table.generation[row] ?? 0),
        detail: refusal.detail,
      };
      recorder.record([entry], null);
      forwarder.cut(row, "blocked");
    }
    if (++cut % CLOSED_PER_TURN === 0) await nextTurn();
  }
  return cut;
}
