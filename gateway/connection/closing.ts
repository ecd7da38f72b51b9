// The gateway breaks a connection off. It is counted until both sides are gone, so that no cap is passed meanwhile.
import type { End } from "../end.ts";
import { free, moved, type Stage } from "./stage.ts";
import { CONNECT_FAILED, CUT } from "./states.ts";

/** Of a connection that is connecting or open. */
export function cut(s: Stage, row: number, end: End): void {
  if (!moved(s, row, CUT)) return;
  const { table } = s;
  table.end[row] = end;
  const relay = table.remote[row];
  if (relay !== undefined) return relay.cut();
  // Between two tries at its backend there is no socket whose end could be awaited.
  if (table.redial[row] !== undefined) free(s, row, CONNECT_FAILED, end);
  else s.transport.breakOff(row);
}
