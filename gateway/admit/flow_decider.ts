// Admission of flows of datagrams: a flow's first datagram is decided, charged and recorded as a connection is. Where a
// cap is full, a flow that need not stay makes room; and of the refusals only so many a second are recorded.
import { CODE_BAD_PEER, CODE_BLOCKED, CODE_INTERNAL, CODE_NO_BACKEND } from "../../runtime/abi/verdicts.ts";
import type { CodeNumber } from "../../runtime/abi/names.ts";
import { denial, type Decision, type Denial } from "../../runtime/host/decision.ts";
import type { ListenerInfo } from "../../runtime/host/module.ts";
import type { PolicyInForce } from "../../runtime/shell/policy_in_force.ts";
import type { Entry, Recorder } from "../audit/recorder.ts";
import type { Counters } from "../audit/counters.ts";
import type { Suppression } from "../audit/suppressed.ts";
import { CHARGED_EVERYTHING, CHARGED_LISTENER, CHARGED_OPEN, CHARGED_OVERALL, charge, moveTo, release, type Account } from "../connection/charges.ts";
import type { GatewayClock } from "../clock.ts";
import type { ConnectionTable } from "../connection/table.ts";
import type { Places } from "../connection/places.ts";
import type { End } from "../end.ts";
import type { Amplify } from "../datagram/budget.ts";
import type { FlowDecider, MakeRoom } from "../datagram/decider.ts";
import { soleExpose, type OpenPort, type Ports, type Served } from "../listen/ports.ts";
import { closedFor, decideAtAccept, type Charged } from "./at_accept.ts";
import type { Blocks } from "../blocks/blocks.ts";
import { blockDetail, blockOf } from "./blocked.ts";
import { capKeysOf, fullKeysOf } from "./cap_key.ts";
import { Choosing, unlessFailed } from "./choosing.ts";
import { acceptEntry, faultEntry, notOwnedEntry } from "./entries.ts";
import type { TopDenied } from "./top_denied.ts";

export interface FlowDeskSetup {
  readonly table: ConnectionTable;
  readonly inForce: Pick<PolicyInForce, "engine" | "generation">;
  readonly ports: Ports;
  readonly recorder: Recorder;
  readonly topDenied: TopDenied;
  readonly clock: GatewayClock;
  readonly caps: { readonly connections: number };
  readonly account: Account;
  readonly suppression: Suppression;
  readonly blocks: Pick<Blocks, "of" | "size">;
  readonly places: Pick<Places, "count">;
  readonly isDraining: () => boolean;
  /** Its flows are handed to another gateway, or may be any moment. */
  readonly isSuspended: () => boolean;
  /** Counts a decision whose record was lost. */
  readonly lost: () => Denial;
  readonly setClock: () => void;
  readonly closed: (row: number, end: End | null) => void;
  readonly record: (entry: Entry) => void;
  readonly counters: Pick<Counters, "traffic">;
}

interface FlowDesk extends FlowDeskSetup {
  readonly choosing: Choosing;
}

/** When one cap has room, another one may be full: `caps.connections`, the expose's, those of its source, and their table. */
const MOST_EVICTIONS = 4;

export function createFlowDecider(setup: FlowDeskSetup): FlowDecider {
  const { table, inForce, ports, account, counters, clock } = setup;
  // A flow is connected to its backend at once, so none is under way there.
  const choosing = new Choosing({
    account,
    counters,
    monoMs: clock.monoMs,
    mostUnderWay: () => Infinity,
    isOwn: ({ address }) => ports.isOwn("udp", address),
  });
  const desk: FlowDesk = { ...setup, choosing };
  return {
    flows: (socket, rows, makeRoom) => flowsOf(desk, socket, rows, makeRoom),
    again: (row) => decidedAgain(desk, row),
    adopted(row, backend) {
      const sole = soleOf(ports.numbered(table.socket[row] ?? -1));
      table.expose[row] = sole?.info;
      stayAt(desk, row, sole, backend);
      charge(account, row, CHARGED_OVERALL | CHARGED_LISTENER);
    },
    backendFailed: (row, because) => choosing.failed(row, because),
    nextBackend: (row) =>
      !setup.isSuspended() && unlessFailed(() => choosing.next(row, soleOf(ports.numbered(table.socket[row] ?? -1))?.backends ?? [], CHARGED_OPEN)),
    capKeys(row) {
      const info = inForce.engine?.info.listeners[table.listener[row] ?? -1];
      const source = table.sourceOf(row);
      return info === undefined || typeof source === "number" ? [] : capKeysOf(info, source, table.zone[row] ?? 0);
    },
    amplify: (socket) => amplifyOf(soleOf(ports.numbered(socket))?.info),
    notOwned: (row, because) => desk.record(notOwnedEntry(table, row, ports.numbered(table.socket[row] ?? -1), inForce.generation, because)),
    fault: (row, detail) => desk.record(faultEntry(table, row, ports.numbered(table.socket[row] ?? -1), inForce.generation, detail)),
    closed: desk.closed,
    generation: () => inForce.generation,
  };
}

/** A flow stays at its backend as long as its expose has it: what the two have agreed on is known nowhere else. */
function stayAt({ account, choosing }: FlowDesk, row: number, sole: Served | undefined, key: string | undefined): boolean {
  const same = sole?.backends.find(({ address }) => address.key === key);
  if (same === undefined) return choosing.first(row, sole?.backends ?? [], CHARGED_OPEN);
  moveTo(account, row, same, CHARGED_OPEN);
  return true;
}

/** INVARIANT: what it was charged stays charged, whatever is answered: the caller frees the row of a refusal. */
function decidedAgain(desk: FlowDesk, row: number): Decision {
  const { table, inForce, ports, recorder } = desk;
  const open = ports.numbered(table.socket[row] ?? -1);
  try {
    desk.setClock();
    const { engine } = inForce;
    const source = table.sourceOf(row);
    const closed = closedFor(open, engine, ports, desk.isDraining());
    const answer =
      blockOf(desk, row) !== undefined ? denial(CODE_BLOCKED)
      : closed !== null ? denial(closed)
      : engine === null || typeof source === "number" ? denial(CODE_BAD_PEER)
      : engine.accept(table.listener[row] ?? -1, source);
    let verdict = answer.allowed || !answer.later ? answer : denial(CODE_INTERNAL);
    if (verdict.allowed && !stayAt(desk, row, soleOf(open), table.backend[row]?.address.key)) verdict = denial(CODE_NO_BACKEND);
    const [decision = denial(CODE_INTERNAL)] = recorder.record(
      [acceptEntry(table, row, open, verdict, inForce, blockDetail(desk, row, verdict) ?? "taken over")],
      engine?.info ?? null,
    );
    if (!decision.allowed || open === undefined) return decision.allowed ? denial(CODE_INTERNAL) : decision;
    table.generation[row] = inForce.generation;
    return decision;
  } catch {
    return desk.lost();
  }
}

/** An expose over udp has its ports alone. */
function soleOf(open: OpenPort | undefined): Served | undefined {
  return open === undefined ? undefined : soleExpose(open.serves);
}

/** Flows have no name. */
function waitsNever(): CodeNumber {
  return CODE_INTERNAL;
}

/** INVARIANT: without `amplify` a client is sent one datagram for each of its own, and no more. */
function amplifyOf(info: ListenerInfo | undefined): Amplify {
  return info?.amplify ?? 0;
}

function flowsOf(desk: FlowDesk, socket: number, rows: readonly number[], makeRoom: MakeRoom): readonly Decision[] {
  const open = desk.ports.numbered(socket);
  const verdicts = rows.map((row) => verdictOf(desk, row, open, makeRoom));
  try {
    return recorded(desk, rows, open, verdicts).map((decision, i) => settled(desk, rows[i] ?? -1, open, decision));
  } catch {
    return rows.map((row) => {
      release(desk.account, row, CHARGED_EVERYTHING);
      return desk.lost();
    });
  }
}

/** The verdict, and what it charges is charged. INVARIANT: a failure inside is a refusal. */
function verdictOf(desk: FlowDesk, row: number, open: OpenPort | undefined, makeRoom: MakeRoom): Decision {
  const { table, account } = desk;
  const info = soleOf(open)?.info;
  table.expose[row] = info;
  try {
    desk.setClock();
    const source = table.sourceOf(row);
    for (let evictions = 0; ; evictions++) {
      const { answer, charged } = decideOnce(desk, row, open);
      if (answer.allowed) {
        table.listener[row] = info?.id ?? -1;
        table.would[row] = answer.would;
        charge(account, row, charged | CHARGED_OVERALL);
        return desk.choosing.first(row, soleOf(open)?.backends ?? [], CHARGED_OPEN) ? answer : denial(CODE_NO_BACKEND);
      }
      if (answer.later) return denial(CODE_INTERNAL);
      if (info === undefined || typeof source === "number" || evictions === MOST_EVICTIONS) return answer;
      const full = answer.code === "cap_source" ? fullKeysOf(info, source, table.zone[row] ?? 0, (key) => desk.places.count(key)) : [];
      if (!makeRoom(answer.code, info.id, full)) return answer;
    }
  } catch {
    release(account, row, CHARGED_EVERYTHING);
    return denial(CODE_INTERNAL);
  }
}

function decideOnce(desk: FlowDeskSetup, row: number, open: OpenPort | undefined): Charged {
  const { table, inForce, ports, account, caps, isDraining } = desk;
  const { engine } = inForce;
  const closed = closedFor(open, engine, ports, isDraining());
  const room = { overall: caps.connections - account.overall, backend: Infinity };
  const peer = { row, source: table.sourceOf(row), zone: table.zone[row] ?? 0, isBlocked: blockOf(desk, row) !== undefined };
  return decideAtAccept(engine, open?.serves, closed, room, waitsNever, [peer])[0] ?? { answer: denial(CODE_BAD_PEER), charged: 0 };
}

/** The decisions that take effect: one record for each admitted flow, and for as many of the others as are due. */
function recorded(desk: FlowDeskSetup, rows: readonly number[], open: OpenPort | undefined, verdicts: readonly Decision[]): readonly Decision[] {
  const { table, inForce, recorder, clock, suppression } = desk;
  const now = clock.monoMs();
  const due: number[] = [];
  const entries: Entry[] = [];
  verdicts.forEach((decision, i) => {
    const since = decision.allowed ? 0 : suppression.recordDue(soleOf(open)?.info.name ?? "", decision.reason, now);
    if (since === null && !decision.allowed) {
      recorder.count(decision, soleOf(open)?.info.name);
      return;
    }
    due.push(i);
    const row = rows[i] ?? -1;
    const entry = acceptEntry(table, row, open, decision, inForce, blockDetail(desk, row, decision));
    entries.push(since === null || since === 0 ? entry : { ...entry, unrecorded: since });
  });
  const decisions = [...verdicts];
  recorder.record(entries, inForce.engine?.info ?? null).forEach((decision, at) => {
    const i = due[at];
    if (i !== undefined) decisions[i] = decision;
  });
  return decisions;
}

function settled({ table, account, inForce, topDenied, clock }: FlowDeskSetup, row: number, open: OpenPort | undefined, decision: Decision): Decision {
  if (decision.allowed && open !== undefined) {
    table.generation[row] = inForce.generation;
    table.startedMs[row] = clock.wallMs();
    return decision;
  }
  const host = table.hostKeyOf(row);
  if (host !== undefined) topDenied.add(host);
  release(account, row, CHARGED_EVERYTHING);
  table.listener[row] = -1;
  return decision.allowed ? denial(CODE_INTERNAL) : decision;
}
