// Phase 1 of new connections: each is refused, admitted, waits for a place, or has its hello read first. A decision is
// recorded before it takes effect.
import { CODE_INTERNAL } from "../../runtime/abi/verdicts.ts";
import { denial, type Answer } from "../../runtime/host/decision.ts";
import type { ListenerInfo } from "../../runtime/host/module.ts";
import type { Entry } from "../audit/recorder.ts";
import { CHARGED_EVERYTHING, CHARGED_OVERALL, charge, release } from "../connection/charges.ts";
import { WAITS_FOR_PLACE, type WaitsForPlace } from "../connection/decider.ts";
import { NO_ROW } from "../connection/transport.ts";
import { soleExpose, type Exposure, type OpenPort } from "../listen/ports.ts";
import { closedFor, decideAtAccept, type Charged, type PeerFacts, type Room, type Wait } from "./at_accept.ts";
import { blockDetail, blockOf } from "./blocked.ts";
import { lost, setClock, type Desk } from "./desk.ts";
import { acceptEntry } from "./entries.ts";
import { grant, refuse, withBackend } from "./granting.ts";
import { makeRoomFor } from "./make_room.ts";
import { waitsForPlace } from "./place_waits.ts";

/** INVARIANT: a failure inside is a refusal. It is counted as one whose record was lost. */
export function decideAll(desk: Desk, socket: number, rows: readonly number[]): readonly (Answer | WaitsForPlace)[] {
  try {
    return decide(desk, socket, rows);
  } catch {
    return rows.map((row) => {
      release(desk.account, row, CHARGED_EVERYTHING);
      // Its charge may not have been noted yet.
      desk.nameWaits.give(row);
      desk.places.decided(row);
      return lost(desk);
    });
  }
}

/** The gateway's own caps, now. */
function roomFor(desk: Desk, open: OpenPort | undefined): Room {
  const sole = open === undefined ? undefined : soleExpose(open.serves);
  return { overall: desk.caps.connections - desk.account.overall, backend: sole === undefined ? Infinity : desk.choosing.room(sole.backends) };
}

function decide(desk: Desk, socket: number, rows: readonly number[]): readonly (Answer | WaitsForPlace)[] {
  const { table, inForce, ports, recorder } = desk;
  const open = ports.numbered(socket);
  const serves = open?.serves;
  const { engine } = inForce;
  const shut = closedFor(open, engine, ports, desk.draining);
  setClock(desk);
  const peers: PeerFacts[] = [];
  for (const row of rows) peers.push({ row, source: table.sourceOf(row), zone: table.zone[row] ?? 0, isBlocked: blockOf(desk, row) !== undefined });
  makeRoomFor(desk, open, shut === null ? peers : []);
  const verdicts = decideAtAccept(engine, serves, shut, roomFor(desk, open), waitAt(desk, open), peers);
  const expose = serves === undefined ? undefined : soleExpose(serves)?.info;
  rows.forEach((row, i) => noteCharged(desk, row, serves, expose, verdicts[i] ?? REFUSED));
  const answers: (Answer | WaitsForPlace)[] = [];
  const entries: Entry[] = [];
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] ?? NO_ROW;
    const { answer: verdict } = verdicts[i] ?? REFUSED;
    if (waitsForPlace(desk, row, expose, verdict)) {
      answers.push(WAITS_FOR_PLACE);
      continue;
    }
    // INVARIANT: a connection has its backend before its record is written, which names it.
    const answer = verdict.allowed ? withBackend(desk, row, open, verdict) : verdict;
    answers.push(answer);
    // A connection that needs its hello first has no decision to record yet.
    if (answer.allowed || !answer.later) entries.push(acceptEntry(table, row, open, answer, inForce, blockDetail(desk, row, answer)));
  }
  const recorded = recorder.record(entries, engine?.info ?? null);
  let next = 0;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] ?? NO_ROW;
    const answer = answers[i] ?? REFUSED.answer;
    if (answer === WAITS_FOR_PLACE) continue;
    const isRecorded = answer.allowed || !answer.later;
    answers[i] = settled(desk, row, open, isRecorded ? (recorded[next++] ?? REFUSED.answer) : answer);
  }
  return answers;
}

/** INVARIANT: of the whole batch, before anything that may fail, so that whatever fails, all that the module has charged is given back. */
function noteCharged(
  { table, account }: Desk,
  row: number,
  serves: Exposure | undefined,
  expose: ListenerInfo | undefined,
  { answer, charged }: Charged,
): void {
  table.expose[row] = expose;
  if (!answer.allowed && !answer.later) return;
  table.listener[row] = serves?.number ?? -1;
  table.would[row] = answer.would;
  charge(account, row, charged);
}

/** A connection to a group waits for its name within the gateway's own caps. */
function waitAt({ nameWaits, inForce }: Desk, open: OpenPort | undefined): Wait {
  const info = inForce.engine?.info;
  const group = info?.groups.find(({ id }) => id === open?.serves.number);
  return ({ row, source, zone }) => {
    const most = info === undefined || group === undefined ? 0 : nameWaits.mostPerSource(info, group, source);
    return nameWaits.take(row, open?.port ?? 0, source, zone, most);
  };
}

const REFUSED: Charged = { answer: denial(CODE_INTERNAL), charged: 0 };

/** The recorded answer takes effect: the gateway's own charges are made, or all are given back. */
function settled(desk: Desk, row: number, open: OpenPort | undefined, answer: Answer): Answer {
  const { account } = desk;
  if (answer.allowed && open !== undefined) {
    grant(desk, row);
    return answer;
  }
  if (!answer.allowed && answer.later && open !== undefined) {
    charge(account, row, CHARGED_OVERALL);
    return answer;
  }
  refuse(desk, row);
  return answer.allowed || answer.later ? denial(CODE_INTERNAL) : answer;
}
