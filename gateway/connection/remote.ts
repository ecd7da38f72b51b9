// Connections that the gateway before this one admitted and relays to their end, after a takeover (gateway/takeover). Each
// is a row here, so that caps count it and a reload decides it again; the other process moves its bytes and reports its end.
import type { End } from "../end.ts";
import { free, moved, type Stage } from "./stage.ts";
import { ADOPTED, ENDED, OPEN } from "./states.ts";
import type { RemoteFacts, RemoteRelay } from "./table.ts";

/** The row; its charges are made by `Decider.adopted`. */
export function adopt(s: Stage, socket: number, facts: RemoteFacts, relay: RemoteRelay): number {
  const { table } = s;
  const row = table.take();
  moved(s, row, ADOPTED);
  s.live++;
  const now = s.clock.monoMs();
  table.socket[row] = socket;
  table.generation[row] = 0;
  table.startedMs[row] = facts.startedMs ?? s.clock.wallMs();
  table.openedMs[row] = now - Math.max(0, s.clock.wallMs() - (facts.startedMs ?? s.clock.wallMs()));
  table.activeMs[row] = now;
  table.setSource(row, facts.source, facts.sourcePort, facts.zone);
  table.name[row] = facts.name;
  table.nameFault[row] = facts.nameFault;
  table.identity[row] = facts.identity;
  table.via[row] = facts.via;
  table.remote[row] = relay;
  s.decider.adopted(row);
  return row;
}

/** The other process reports its end. */
export function remoteEnded(s: Stage, row: number, end: End, bytesIn: number, bytesOut: number): void {
  const { table } = s;
  if (table.remote[row] === undefined) return;
  table.bytesIn[row] = bytesIn;
  table.bytesOut[row] = bytesOut;
  free(s, row, ENDED, table.end[row] ?? end);
}

/** Timers of a remote connection are the other process's. */
export function isRemote(s: Stage, row: number): boolean {
  return s.table.state[row] === OPEN && s.table.remote[row] !== undefined;
}
