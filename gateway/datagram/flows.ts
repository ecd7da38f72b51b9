// All flows: the events of a transport, and the requests of the rest of the gateway, as functions over the flow table.
//
//   first datagram -> PENDING -> decided at the end of the turn -> CONNECTING -> OPEN -> ended by a timer, a cap, its backend
//
// A refusal is silent on the wire: the source may be forged, and an answer would reach somebody else.
import type { Inherit, ListenFailure, ListeningSocket, Local } from "../connection/forwarder.ts";
import { CONNECTING, FREE, OPEN, PENDING } from "../connection/states.ts";
import type { End } from "../end.ts";
import type { UdpPlaces } from "../listen/addresses.ts";
import { mayAnswer } from "./budget.ts";
import { dial, evict, nearFault, passBy, queue } from "./deciding.ts";
import { end, endAll, free, unbindIfOver, type Bound, type Desk } from "./desk.ts";
import { FlowTable } from "./flow_table.ts";
import { adoptFlow, handedFlows, handedKey, type HandedFlow } from "./handed_flows.ts";
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
  /** For the next gateway. */
  handed(): readonly HandedFlow[];
  /** The previous gateway's. */
  adopt(flows: readonly HandedFlow[]): void;
  /** Another gateway receives: flows end within udp_fresh_ms. */
  retire(): void;
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
    unreachable(row) {
      // It has had a datagram, so the flow does not move to another one; the client's next flow does.
      decider.backendFailed(row, "unreachable");
      end(d, row, "backend_unreachable");
    },
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
    retiredMs: null,
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
    handed: () => handedFlows(d),
    adopt(handed) {
      for (const one of handed) adoptFlow(d, one);
    },
    retire() {
      d.retiredMs = clock.monoMs();
    },
    makeRoom: () => evict(d, d.flows.oldestFresh()),
    close: () => transport.shut(),
  };
}

async function open<A>(d: Desk<A>, bound: Bound): Promise<ListeningSocket | ListenFailure> {
  // A socket that waits for its last flows must not keep the place from what is to be open there now.
  for (const old of [...d.bound.values()]) if (old.closing && old.local.port === bound.local.port) endAll(d, old);
  d.bound.set(bound.number, bound);
  if (bound.local.inherited !== undefined && bound.paused) return inherit(d, bound, bound.local.inherited);
  const failed = await d.transport.bind(bound.number, bound.local);
  if (failed !== null) {
    d.bound.delete(bound.number);
    return failed;
  }
  return {
    ...movable(d, bound),
    release: () => release(d, bound),
    close() {
      bound.closing = true;
      release(d, bound);
      unbindIfOver(d, bound);
    },
  };
}

function movable<A>({ transport }: Desk<A>, { number }: Bound): Pick<ListeningSocket, "number" | "suspend" | "resume" | "descriptor"> {
  return {
    number,
    suspend: () => transport.suspend(number),
    // The socket was kept, because answers are sent from it.
    resume: () => Promise.resolve(transport.resume(number)),
    descriptor: () => transport.descriptorOf(number),
  };
}

/** INVARIANT: before its release nothing is received on it, so that no datagram is lost with this process. */
function inherit<A>(d: Desk<A>, bound: Bound, { fd, giveBack, lost }: Inherit): ListeningSocket {
  const { number, local } = bound;
  let begun = false;
  return {
    ...movable(d, bound),
    descriptor: () => (begun ? d.transport.descriptorOf(number) : fd),
    release() {
      if (begun) return;
      begun = true;
      bound.paused = false;
      void d.transport.bind(number, local).then((failed) => {
        if (failed === null) return;
        endAll(d, bound);
        d.bound.delete(number);
        lost(failed.code);
      });
    },
    close() {
      bound.closing = true;
      if (begun) {
        unbindIfOver(d, bound);
        return;
      }
      endAll(d, bound);
      d.bound.delete(number);
      giveBack();
    },
  };
}

/** Lets those that wait be decided after this turn. */
function release<A>(d: Desk<A>, bound: Bound): void {
  bound.paused = false;
  if (bound.queued.length > 0) queue(d, bound);
}

function received<A>(d: Desk<A>, number: number, key: string, way: () => A, bytes: Buffer): void {
  const row = d.flows.rowOf(key) ?? (d.flows.silentCount > 0 ? returned(d, number, key, way()) : begun(d, number, key, way()));
  if (row === null) return;
  if (d.table.state[row] === OPEN) forward(d, row, bytes);
  else if (!d.flows.addPending(row, bytes)) d.dropped("overflow");
}

/** As `begun`, but a flow of the gateway before this one continues. */
function returned<A>(d: Desk<A>, number: number, key: string, way: A): number | null {
  const { table, flows, transport } = d;
  const local = d.bound.get(number)?.local;
  const { source, port, zone = "" } = transport.peerOf(way);
  const row =
    local === undefined || typeof source === "number" ?
      undefined
    : flows.rowOf(handedKey({ host: local.host, port: local.port, source, sourcePort: port, zone, to: transport.localOf(way) }));
  if (row === undefined) return begun(d, number, key, way);
  flows.come(row, key, way);
  const decision = d.decider.again(row);
  if (!decision.allowed) {
    free(d, row, "rechecked");
    return null;
  }
  table.permit[row] = decision;
  table.activeMs[row] = d.clock.monoMs();
  dial(d, row);
  return d.table.state[row] === FREE ? null : row;
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
  const wrong = nearFault(d, row, d.table.backend[row]);
  if (wrong !== null) {
    d.transport.close(row);
    if (passBy(d, row, wrong)) dial(d, row);
    return;
  }
  d.table.state[row] = OPEN;
  for (const bytes of d.flows.takePending(row)) {
    if (d.table.state[row] === OPEN) forward(d, row, bytes);
  }
}

function connectFailed<A>(d: Desk<A>, row: number, failure: ConnectFailure): void {
  if (d.table.state[row] !== CONNECTING) return;
  if (failure !== "no_descriptor") {
    d.decider.backendFailed(row, "refused");
    if (d.decider.nextBackend(row)) {
      d.transport.close(row);
      dial(d, row);
      return;
    }
  }
  free(d, row, failure === "no_descriptor" ? "no_descriptor" : "backend_refused");
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
  for (const row of d.flows.rows()) if (d.transport.nearEnd(row)?.port === port) return d.table.backend[row]?.address.key ?? null;
  return null;
}
