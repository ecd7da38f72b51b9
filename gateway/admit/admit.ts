// Admission: the one place that decides whether a peer is served. It evaluates the compiled policy and the gateway's own caps
// (accepting.ts at first, concluding.ts after a hello), notes what they charged, and has every answer recorded before it
// takes effect. Refusing is what happens unless all of that said yes.
import type { End } from "../end.ts";
import { bump } from "../audit/counters.ts";
import {
  CHARGED_BACKEND,
  CHARGED_EVERYTHING,
  CHARGED_IDENTITY,
  CHARGED_LISTENER,
  CHARGED_OPEN,
  CHARGED_OVERALL,
  charge,
  moveTo,
  release,
  type Account,
} from "../connection/charges.ts";
import type { Decider } from "../connection/decider.ts";
import { FREE } from "../connection/states.ts";
import type { FlowDecider } from "../datagram/decider.ts";
import type { Backend } from "../forward/backends.ts";
import { backendsOf } from "../listen/ports.ts";
import { decideAll } from "./accepting.ts";
import { Choosing, unlessFailed } from "./choosing.ts";
import { named, secured } from "./concluding.ts";
import { lost, portOf, record, setClock, type AdmitSetup, type Desk } from "./desk.ts";
import { endFacts, faultEntry, notOwnedEntry, secondHelloEntry } from "./entries.ts";
import { createFlowDecider } from "./flow_decider.ts";
import { arrivals, headed } from "./headers.ts";
import { placeKeys } from "./place_waits.ts";
import { headerFor } from "./proxied.ts";

export interface Admitter {
  readonly decider: Decider;
  readonly flowDecider: FlowDecider;
  /** Refuses every peer from now on. */
  drain(): void;
  /** Refuses every peer until `resume`, unless it is drained by then; each connection stays at its backend. */
  suspend(): void;
  resume(): void;
}

export function createAdmitter(setup: AdmitSetup): Admitter {
  const { table, inForce, ports, counters, clock, caps, nameWaits, places } = setup;
  const account: Account = { table, inForce, overall: 0, nameWaits, places, placeKeys: placeKeys(inForce) };
  const isOwn = ({ address }: Backend): boolean => ports.isOwn("tcp", address);
  const choosing = new Choosing({ account, counters, monoMs: clock.monoMs, mostUnderWay: () => caps.backend_connecting, isOwn });
  const desk: Desk = { ...setup, account, choosing, draining: false, isSuspended: false };
  let isDrained = false;
  return {
    flowDecider: createFlowDecider({
      ...setup,
      account: desk.account,
      isDraining: () => desk.draining,
      isSuspended: () => desk.isSuspended,
      lost: () => lost(desk),
      setClock: () => setClock(desk),
      closed: (row, end) => closed(desk, row, end),
      record: (entry) => record(desk, entry, null),
    }),
    decider: {
      accept: (socket, rows) => arrivals(desk, socket, rows, (at, peers) => decideAll(desk, at, peers)),
      headed: (row, outcome) => headed(desk, row, outcome, (at, peers) => decideAll(desk, at, peers)),
      named: (row, outcome) => named(desk, row, outcome),
      secured: (row, context, outcome) => secured(desk, row, context, outcome),
      connected: (row) => connected(desk, row),
      preface: (row, local) => headerFor(table, row, local, inForce.engine),
      adopted(row) {
        const served = portOf(desk, row)?.serves.exposes[0];
        table.expose[row] = served?.info;
        moveTo(desk.account, row, served?.backends[0], CHARGED_OPEN);
        charge(desk.account, row, CHARGED_OVERALL | CHARGED_LISTENER | (table.identity[row] === undefined ? 0 : CHARGED_IDENTITY));
      },
      notOwned: (row, because) => record(desk, notOwnedEntry(table, row, portOf(desk, row), inForce.generation, because), null),
      backendFailed: (row, because) => choosing.failed(row, because),
      // INVARIANT: once handed over, a connection goes to no backend that the other gateway has not decided about.
      nextBackend: (row) => !desk.isSuspended && unlessFailed(() => choosing.next(row, backendsOf(portOf(desk, row)?.serves, table.listener[row] ?? -1))),
      secondHello: (row, detail) => record(desk, secondHelloEntry(table, row, portOf(desk, row), inForce.generation, detail), inForce.engine),
      fault: (row, detail) => record(desk, faultEntry(table, row, table.state[row] === FREE ? undefined : portOf(desk, row), inForce.generation, detail), null),
      closed: (row, end) => closed(desk, row, end),
    },
    drain() {
      isDrained = true;
      desk.draining = true;
      places.wake();
    },
    suspend() {
      desk.draining = true;
      desk.isSuspended = true;
      places.wake();
    },
    resume() {
      desk.draining = isDrained;
      desk.isSuspended = false;
    },
  };
}

function connected(desk: Desk, row: number): void {
  const { account, counters, table, clock } = desk;
  release(account, row, CHARGED_BACKEND);
  const ms = clock.monoMs() - (table.openedMs[row] ?? 0);
  counters.traffic.connected(table.expose[row]?.name ?? "", table.backend[row]?.address.key ?? "", ms);
}

function closed(desk: Desk, row: number, end: End | null): void {
  const { table, account, counters, recorder, clock } = desk;
  release(account, row, CHARGED_EVERYTHING);
  desk.places.decided(row);
  if (end === null) return;
  if (end === "no_descriptor") desk.lackedDescriptor();
  const facts = endFacts(table, row, portOf(desk, row), end, clock.monoMs());
  const pair = counters.traffic.of(facts.listener ?? "", facts.backend ?? "");
  bump(counters.ends, end);
  bump(pair.ends, end);
  counters.bytesFromClients += facts.bytesFromClient;
  counters.bytesFromBackends += facts.bytesFromBackend;
  pair.bytesFromClients += facts.bytesFromClient;
  pair.bytesFromBackends += facts.bytesFromBackend;
  try {
    recorder.end(facts);
  } catch {
    counters.endRecordsDropped++;
  }
}
