// A new revocation list ends the streams of the certificates on it, in turns, as a recheck does.
import { setImmediate as nextTurn } from "node:timers/promises";
import { CODE_RECHECKED } from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/decision.ts";
import { connectionFacts } from "../admit/entries.ts";
import type { Recorder } from "../audit/recorder.ts";
import type { Forwarder } from "../connection/forwarder.ts";
import { CONNECTING, OPEN } from "../connection/states.ts";
import type { Known } from "../connection/table.ts";
import type { Ports } from "../listen/ports.ts";

export interface CutRevokedSetup {
  readonly isRevoked: (known: Known) => boolean;
  readonly forwarder: Forwarder;
  readonly recorder: Recorder;
  readonly ports: Pick<Ports, "numbered">;
}

/** Of records: why a stream was cut. */
export const REVOKED = "certificate_revoked";
/** Connections that are looked at in one turn. */
const ROWS_PER_TURN = 256;

/** Returns how many connections it cut. Handshakes under way are refused by themselves, because their authority has changed. */
export async function cutRevoked({ isRevoked, forwarder, recorder, ports }: CutRevokedSetup): Promise<number> {
  const { table } = forwarder;
  let cut = 0;
  for (let row = 0; row < table.rows; row++) {
    if (row % ROWS_PER_TURN === ROWS_PER_TURN - 1) await nextTurn();
    const state = table.state[row];
    const known = table.identity[row];
    if ((state !== CONNECTING && state !== OPEN) || known === undefined || !isRevoked(known)) continue;
    const facts = connectionFacts(table, row, ports.numbered(table.socket[row] ?? -1), table.generation[row] ?? 0);
    recorder.record([{ op: "recheck", decision: denial(CODE_RECHECKED), ...facts, detail: REVOKED }], null);
    forwarder.cut(row, "rechecked");
    cut++;
  }
  return cut;
}
