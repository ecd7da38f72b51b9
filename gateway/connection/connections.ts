// All connections: the events of a transport lead to their stage, and so do the requests of the rest of the gateway.
//
//   pending.ts   heading.ts   reading.ts   securing.ts   connecting.ts   open.ts   closing.ts
import { CODE_DRAINING } from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/decision.ts";
import type { GatewayClock } from "../clock.ts";
import * as remote from "./remote.ts";
import * as closing from "./closing.ts";
import * as connecting from "./connecting.ts";
import type { Decider, Refusal } from "./decider.ts";
import type { End } from "../end.ts";
import type { Forwarder, Inherit, ListenFailure, ListeningSocket, Local } from "./forwarder.ts";
import * as heading from "./heading.ts";
import * as open from "./open.ts";
import * as reading from "./reading.ts";
import * as securing from "./securing.ts";
import { endFaulty, type Listening, type Stage, type Timers } from "./stage.ts";
import { CLOSING, CONNECTING, HEADING, OPEN, PENDING, READING, SECURING } from "./states.ts";
import type { Places } from "./places.ts";
import type { ConnectionTable } from "./table.ts";
import type { Transport, TransportEvents } from "./transport.ts";
import * as pending from "./pending.ts";

export interface ConnectionsSetup {
  readonly table: ConnectionTable;
  readonly decider: Decider;
  readonly clock: GatewayClock;
  readonly timers: Timers;
  readonly transport: (events: TransportEvents) => Transport;
  /** Calls back after the events of this turn. */
  readonly afterTurn: (flush: () => void) => void;
  readonly places: Pick<Places, "connect">;
}

const DRAINING: Refusal = { denial: denial(CODE_DRAINING), by: null };

export function createConnections(setup: ConnectionsSetup): Forwarder {
  const { table, decider, clock, timers, afterTurn } = setup;
  const transport = setup.transport({
    accepted: (listening, peer) => pending.accepted(s, listening, peer),
    clientBytes: (row, chunk) => readerOf(s, row).clientBytes(s, row, chunk),
    clientEnded: (row) => readerOf(s, row).clientEnded(s, row),
    clientGone: (row) => readerOf(s, row).clientGone(s, row),
    handshaken: (row, outcome) => securing.handshaken(s, row, outcome),
    connected: (row) => connecting.connected(s, row),
    connectFailed: (row, failure) => connecting.connectFailed(s, row, failure),
    fromClient: (row, bytes) => open.fromClient(s, row, bytes),
    fromBackend: (row, bytes) => open.fromBackend(s, row, bytes),
    secondHello: (row, fault) => open.secondHello(s, row, fault),
    ended: (row, reset) => open.ended(s, row, reset),
    dropped: (row) => table.reuse(row),
    faulted: (row, detail) => endFaulty(s, row, detail),
  });
  const s: Stage = {
    table,
    transport,
    decider,
    clock,
    timers,
    afterTurn,
    listening: new Map(),
    queued: new Set(),
    renamed: new Set(),
    drainers: [],
    live: 0,
    heard: null,
  };
  setup.places.connect({ look: (row, report) => look(s, row, report), again: (row) => again(s, row) });
  let sockets = 0;
  return {
    table,
    get live() {
      return s.live;
    },
    open: (local, paused) => listen(s, { number: sockets++, queued: [], paused }, local),
    connectedFrom: (proto, port) => (proto === "tcp" ? connectedFrom(s, port) : null),
    adopt: (socket, facts, relay) => remote.adopt(s, socket, facts, relay),
    remoteEnded: (row, end, bytesIn, bytesOut, servedBy) => remote.remoteEnded(s, row, { end, bytesIn, bytesOut, servedBy }),
    absentSocket: () => ({ number: sockets++, release: nothing, close: nothing, suspend: nothing, resume: async () => null, descriptor: () => null }),
    reportEnds(heard) {
      s.heard = heard;
    },
    cut: (row, end) => cut(s, row, end),
    refuse: (row, refusal) => refuse(s, row, refusal),
    sweep(now) {
      for (let row = 0; row < table.rows; row++) sweepOrEnd(s, row, now);
    },
    drained: () => (s.live === 0 ? Promise.resolve() : new Promise((resolve) => s.drainers.push(resolve))),
    close: () => transport.close(),
    buffered: (row) =>
      (table.header[row]?.bytesRead ?? 0) + (table.reading[row]?.bytesRead ?? 0) + (table.flights[row]?.bufferedBytes() ?? 0) + transport.buffered(row),
  };
}

const OF_HEADER = { clientBytes: heading.clientBytes, clientEnded: heading.clientEnded, clientGone: heading.clientGone, again: heading.again } as const;
const OF_HELLO = { clientBytes: reading.clientBytes, clientEnded: reading.clientEnded, clientGone: reading.clientGone, again: reading.again } as const;

/** The stage that reads the client. */
function readerOf({ table }: Stage, row: number): typeof OF_HEADER | typeof OF_HELLO {
  return table.state[row] === HEADING ? OF_HEADER : OF_HELLO;
}

async function listen(s: Stage, listening: Listening, local: Local): Promise<ListeningSocket | ListenFailure> {
  s.listening.set(listening.number, listening);
  if (local.inherited !== undefined && listening.paused) return inherit(s, listening, local, local.inherited);
  const failed = await s.transport.listen(listening.number, local);
  if (failed !== null) {
    s.listening.delete(listening.number);
    return failed;
  }
  return {
    number: listening.number,
    release: () => pending.release(s, listening),
    descriptor: () => s.transport.descriptorOf(listening.number),
    suspend: () => s.transport.unlisten(listening.number),
    resume: (fd) => s.transport.listen(listening.number, { ...local, inherited: { fd, giveBack: nothing, lost: nothing } }),
    close() {
      s.transport.unlisten(listening.number);
      s.listening.delete(listening.number);
      pending.release(s, listening);
    },
  };
}

/** INVARIANT: before its release nothing accepts on it, so that its peers are not lost with this process. */
function inherit(s: Stage, listening: Listening, local: Local, { fd, giveBack, lost }: Inherit): ListeningSocket {
  const { number } = listening;
  let begun = false;
  return {
    number,
    descriptor: () => (begun ? s.transport.descriptorOf(number) : fd),
    suspend: () => s.transport.unlisten(number),
    resume: (again) => s.transport.listen(number, { ...local, inherited: { fd: again, giveBack, lost } }),
    release() {
      if (begun) return;
      begun = true;
      listening.paused = false;
      void s.transport.listen(number, local).then((failed) => {
        if (failed === null) return;
        s.listening.delete(number);
        lost(failed.code);
      });
    },
    close() {
      s.listening.delete(number);
      if (begun) s.transport.unlisten(number);
      else giveBack();
      pending.release(s, listening);
    },
  };
}

/** Whether the client of a row that has a place has closed its side. Of those that another process relays nobody knows. */
function look(s: Stage, row: number, report: (hasClosed: boolean) => void): void {
  if (s.table.remote[row] !== undefined) report(false);
  else s.transport.look(row, report);
}

/** Has a row decided again, after the events of this turn. */
function again(s: Stage, row: number): void {
  const state = s.table.state[row];
  if (state === PENDING) pending.again(s, row);
  else if (state === HEADING || state === READING) {
    if (s.renamed.size === 0) s.afterTurn(() => decideNamed(s));
    s.renamed.add(row);
  }
}

function decideNamed(s: Stage): void {
  const rows = [...s.renamed];
  s.renamed.clear();
  for (const row of rows) {
    const state = s.table.state[row];
    if (state !== HEADING && state !== READING) continue;
    // INVARIANT: what is thrown at one row ends that row, and the others are decided.
    try {
      readerOf(s, row).again(s, row);
    } catch (error) {
      endFaulty(s, row, error instanceof Error ? error.message : String(error));
    }
  }
}

/** A request, which any state may get: what is free, not yet decided or closing already has nothing to cut. */
function cut(s: Stage, row: number, end: End): void {
  const state = s.table.state[row];
  if (state === CONNECTING || state === OPEN) closing.cut(s, row, end);
  else refuse(s, row, DRAINING);
}

/** The same, of those whose header or hello is read or whose handshake continues. */
function refuse(s: Stage, row: number, refusal: Refusal): void {
  const state = s.table.state[row];
  if (state === HEADING) heading.headed(s, row, refusal);
  else if (state === READING) reading.named(s, row, refusal);
  else if (state === SECURING) securing.secured(s, row, refusal);
}

/** INVARIANT: what is thrown at one row ends that row, and the others are swept. */
function sweepOrEnd(s: Stage, row: number, now: number): void {
  try {
    sweep(s, row, now);
  } catch (error) {
    endFaulty(s, row, error instanceof Error ? error.message : String(error));
  }
}

function sweep(s: Stage, row: number, now: number): void {
  if (s.table.isFlow[row] === 1) return;
  if (remote.isRemote(s, row)) return;
  const age = now - (s.table.openedMs[row] ?? now);
  switch (s.table.state[row]) {
    case HEADING:
      return heading.sweep(s, row, age);
    case READING:
      return reading.sweep(s, row, age);
    case SECURING:
      return securing.sweep(s, row, age);
    case CONNECTING:
      return connecting.sweep(s, row, age, now);
    case OPEN:
      return open.sweep(s, row, age, now);
    default:
  }
}

function connectedFrom(s: Stage, port: number): string | null {
  const { table } = s;
  for (let row = 0; row < table.rows; row++) {
    const state = table.state[row];
    const address = table.isFlow[row] === 1 || table.remote[row] !== undefined ? undefined : table.backend[row]?.address;
    if ((state === CONNECTING || state === OPEN || state === CLOSING) && address?.kind === "tcp" && s.transport.nearPort(row) === port) return address.key;
  }
  return null;
}

function nothing(): void {}
