// All flows: the events of a transport, and the requests of the rest of the gateway, as functions over the flow table.
//
//   first datagram -> PENDING -> decided at the end of the turn -> CONNECTING -> OPEN -> ended by a timer, a cap, its backend
//
// A refusal is silent on the wire: the source may be forged, and an answer would reach somebody else.
import type { ListenFailure, ListeningSocket, Local } from "../connection/forwarder.ts";
import { CONNECTING, OPEN, PENDING } from "../connection/states.ts";
import type { End } from "../end.ts";
import type { UdpPlaces } from "../listen/addresses.ts";
import { mayAnswer } from "./budget.ts";
import { evict, queue } from "./deciding.ts";
import { end, endAll, free, unbindIfOver, type Bound, type Desk } from "./desk.ts";
import { FlowTable } from "./flow_table.ts";
import { sweep } from "./sweep.ts";
import type { ConnectFailure, DatagramEvents, DatagramTransport } from "./transport.ts";

/** The most flows that wait on a paused socket. */
export const PAUSED_FLOWS = 1024;

export interface FlowsSetup<A> extends Pick<Desk<A>, "table" | "decider" | "clock" | "timers" | "dropped" | "afterTurn"> {
  readonly transport: (events: DatagramEvents<A>) => DatagramTransport<A>;
}

export interface Flows {
  readonly udpPlaces: UdpPlaces;
  /** Flows that are admitted and have not ended, and how many of them are fresh. */
  readonly live: number;
  readonly fresh: number;
  open(number: number, local: Local, paused: boolean): Promise<ListeningSocket | ListenFailure>;
  connectedFrom(port: number): string | null;
  cut(row: number, end: End): void;
  sweep(monoMs: number): void;
  drained(): Promise<void>;
  buffered(row: number): number;
  /** Ends the oldest fresh flow; false where there is none. */
  makeRoom(): boolean;
  /** Gives up what the transport has opened for itself. No flow and no bound socket is left. */
  close(): void;
}

export function createFlows<A>(setup: FlowsSetup<A>): Flows {
  const { table, decider, clock, timers, dropped, afterTurn } = setup;
  const transport = setup.transport({
    received: (number, key, way, bytes) => received(d, number, key, way, bytes),
    connected: (row) => connected(d, row),
    connectFailed: (row, failure) => connectFailed(d, row, failure),
    answered: (row, bytes) => answered(d, row, bytes),
    unreachable: (row) => end(d, row, "backend_unreachable"),
    dropped,
    faulted(row, detail) {
      decider.fault(row, detail);
      end(d, row, "fault");
    },
  });
  const d: Desk<A> = {
    table,
    decider,
    clock,
    timers,
    dropped,
    afterTurn,
    transport,
    flows: new FlowTable<A>(table),
    bound: new Map(),
    queued: new Set(),
    drainers: [],
    filed: -1,
    live: 0,
  };
  return {
    udpPlaces: transport.udpPlaces,
    get live() {
      return d.live;
    },
    get fresh() {
      return d.flows.freshCount;
    },
    open: (number, local, paused) => open(d, { number, local, queued: [], paused, closing: false, flows: 0 }),
    connectedFrom: (port) => connectedFrom(d, port),
    cut: (row, because) => end(d, row, because),
    sweep: (now) => sweep(d, now),
    drained: () => (d.live === 0 ? Promise.resolve() : new Promise((resolve) => d.drainers.push(resolve))),
    buffered: (row) => transport.buffered(row),
    makeRoom: () => evict(d, d.flows.oldestFresh()),
    close: () => transport.shut(),
  };
}

async function open<A>(d: Desk<A>, bound: Bound): Promise<ListeningSocket | ListenFailure> {
  // A socket that waits for its last flows must not keep the place from what is to be open there now.
  for (const old of [...d.bound.values()]) if (old.closing && old.local.port === bound.local.port) endAll(d, old);
  d.bound.set(bound.number, bound);
  const failed = await d.transport.bind(bound.number, bound.local);
  if (failed !== null) {
    d.bound.delete(bound.number);
    return failed;
  }
  return {
    number: bound.number,
    release: () => release(d, bound),
    // A gateway with udp is not taken over, so these have nothing to do.
    suspend: () => undefined,
    resume: () => Promise.resolve(null),
    descriptor: () => null,
    close() {
      bound.closing = true;
      release(d, bound);
      unbindIfOver(d, bound);
    },
  };
}

/** Lets those that wait be decided after this turn. */
function release<A>(d: Desk<A>, bound: Bound): void {
  bound.paused = false;
  if (bound.queued.length > 0) queue(d, bound);
}

function received<A>(d: Desk<A>, number: number, key: string, way: () => A, bytes: Buffer): void {
  const row = d.flows.rowOf(key) ?? begun(d, number, key, way());
  if (row === null) return;
  if (d.table.state[row] === OPEN) forward(d, row, bytes);
  else if (!d.flows.addPending(row, bytes)) d.dropped("overflow");
}

/** The row of a new flow, or null where it is not taken. */
function begun<A>(d: Desk<A>, number: number, key: string, way: A): number | null {
  const bound = d.bound.get(number);
  if (bound === undefined) return null;
  if (bound.paused && bound.queued.length >= PAUSED_FLOWS) {
    d.dropped("overflow");
    return null;
  }
  const { table } = d;
  const row = d.flows.take(key, way);
  const { source, port, zone } = d.transport.peerOf(way);
  table.state[row] = PENDING;
  table.socket[row] = number;
  table.setSource(row, source, port, zone);
  bound.flows++;
  bound.queued.push(row);
  if (!bound.paused) queue(d, bound);
  return row;
}

function connected<A>(d: Desk<A>, row: number): void {
  if (d.table.state[row] !== CONNECTING) return;
  d.table.state[row] = OPEN;
  for (const bytes of d.flows.takePending(row)) {
    if (d.table.state[row] === OPEN) forward(d, row, bytes);
  }
}

function connectFailed<A>(d: Desk<A>, row: number, failure: ConnectFailure): void {
  if (d.table.state[row] === CONNECTING) free(d, row, failure === "no_descriptor" ? "no_descriptor" : "backend_refused");
}

function forward<A>(d: Desk<A>, row: number, bytes: Buffer): void {
  const { table, flows } = d;
  table.bytesIn[row] = (table.bytesIn[row] ?? 0) + bytes.length;
  table.activeMs[row] = d.clock.monoMs();
  flows.datagramsIn[row] = (flows.datagramsIn[row] ?? 0) + 1;
  if ((flows.datagramsOut[row] ?? 0) > 0) flows.endFresh(row);
  d.transport.toBackend(row, bytes);
}

function answered<A>(d: Desk<A>, row: number, bytes: Buffer): void {
  const { table, flows } = d;
  const way = flows.way[row];
  if (table.state[row] !== OPEN || way === undefined) return;
  const socket = table.socket[row] ?? -1;
  if (!mayAnswer(d.decider.amplify(socket), flows.trafficOf(row), bytes.length)) {
    d.dropped("amplify");
    return;
  }
  table.bytesOut[row] = (table.bytesOut[row] ?? 0) + bytes.length;
  table.activeMs[row] = d.clock.monoMs();
  flows.datagramsOut[row] = (flows.datagramsOut[row] ?? 0) + 1;
  d.transport.toClient(socket, way, bytes);
}

function connectedFrom<A>(d: Desk<A>, port: number): string | null {
  for (const row of d.flows.rows()) if (d.transport.nearPort(row) === port) return d.table.backend[row]?.address.key ?? null;
  return null;
}
