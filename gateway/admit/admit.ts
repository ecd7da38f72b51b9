// Admission: the one place that decides whether a peer is served. It evaluates the compiled policy and the gateway's own caps
// (at_accept.ts, after_hello.ts), notes what they charged, and has every answer recorded before it takes effect.
// Refusing is what happens unless all of that said yes.
import { CODE_BAD_PEER, CODE_CAP_BACKEND, CODE_INTERNAL } from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/ask.ts";
import type { Answer, Decision, Denial, Permit } from "../../runtime/host/decision.ts";
import type { ListenerInfo, PolicyEngine } from "../../runtime/host/module.ts";
import type { PolicyInForce } from "../../runtime/shell/policy_in_force.ts";
import type { Entry, Recorder } from "../audit/recorder.ts";
import type { Suppression } from "../audit/suppressed.ts";
import type { Blocks } from "../blocks/blocks.ts";
import type { GatewayClock } from "../clock.ts";
import {
  CHARGED_BACKEND,
  CHARGED_EVERYTHING,
  CHARGED_IDENTITY,
  CHARGED_LISTENER,
  CHARGED_OVERALL,
  CHARGED_NAME_WAIT,
  CHARGED_OPEN,
  charge,
  moveTo,
  release,
  type Account,
} from "../connection/charges.ts";
import { isContext, WAITS_FOR_PLACE, type DecidedBy, type Decider, type HelloOutcome, type SecuredOutcome, type WaitsForPlace } from "../connection/decider.ts";
import type { FlowDecider } from "../datagram/decider.ts";
import type { End } from "../end.ts";
import type { Places } from "../connection/places.ts";
import { FREE } from "../connection/states.ts";
import type { ConnectionTable } from "../connection/table.ts";
import { NO_ROW } from "../connection/transport.ts";
import { bump, type Counters } from "../audit/counters.ts";
import { backendsOf, soleExpose, type Exposure, type OpenPort, type Ports } from "../listen/ports.ts";
import type { TlsContext } from "../tls/secure.ts";
import { passedName } from "../tls/server_name.ts";
import { decideByIdentity, decideByName, type BackendFacts, type Facts, type Verdict } from "./after_hello.ts";
import { decideAtAccept, closedFor, type Charged, type PeerFacts, type Room, type Wait } from "./at_accept.ts";
import type { Backend } from "../forward/backends.ts";
import { makeRoomFor } from "./make_room.ts";
import type { NameWaits } from "./name_waits.ts";
import { placeKeys, waitsForPlace } from "./place_waits.ts";
import { isBelieved } from "./balancers.ts";
import { blockDetail, blockOf } from "./blocked.ts";
import { Choosing, unlessFailed } from "./choosing.ts";
import { acceptEntry, endFacts, faultEntry, notOwnedEntry, secondHelloEntry } from "./entries.ts";
import { createFlowDecider } from "./flow_decider.ts";
import { arrivals, headed } from "./headers.ts";
import { headerFor } from "./proxied.ts";
import type { TopDenied } from "./top_denied.ts";

/** The policy in force; replaced as a whole at a commit. */
export type InForce = Pick<PolicyInForce, "engine" | "generation">;

export interface AdmitSetup {
  readonly table: ConnectionTable;
  readonly inForce: InForce;
  readonly ports: Ports;
  readonly recorder: Recorder;
  readonly counters: Counters;
  readonly topDenied: TopDenied;
  readonly clock: GatewayClock;
  readonly caps: { readonly connections: number; readonly backend_connecting: number };
  readonly nameWaits: NameWaits;
  readonly places: Places;
  /** The TLS context of a listener that terminates TLS; a string is the reason why there is none. */
  readonly contextOf: (info: ListenerInfo) => TlsContext | string;
  readonly suppression: Suppression;
  /** Of refusals of PROXY headers; see headers.ts. */
  readonly headerSuppression: Suppression;
  readonly blocks: Pick<Blocks, "of" | "size">;
  /** Ends a flow of datagrams that need not stay; false where there is none. */
  readonly makeRoom: () => boolean;
  /** A connection that was admitted could not be served for lack of a descriptor. */
  readonly lackedDescriptor: () => void;
}

export interface Admitter {
  readonly decider: Decider;
  readonly flowDecider: FlowDecider;
  /** Refuses every peer from now on. */
  drain(): void;
  /** Refuses every peer until `resume`, unless it is drained by then; each connection stays at its backend. */
  suspend(): void;
  resume(): void;
}

/** The state that every function below works with. */
interface Desk extends AdmitSetup {
  readonly account: Account;
  readonly choosing: Choosing;
  draining: boolean;
  /** Its connections are handed to another gateway, or may be any moment. */
  isSuspended: boolean;
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

function portOf({ ports, table }: Desk, row: number): OpenPort | undefined {
  return ports.numbered(table.socket[row] ?? -1);
}

/** The gateway's own caps, now. */
function roomFor(desk: Desk, open: OpenPort | undefined): Room {
  const sole = open === undefined ? undefined : soleExpose(open.serves);
  return { overall: desk.caps.connections - desk.account.overall, backend: sole === undefined ? Infinity : desk.choosing.room(sole.backends) };
}

function setClock({ clock, inForce }: Desk): void {
  inForce.engine?.setClock({ monoMs: clock.monoMs(), wallSeconds: Math.floor(clock.wallMs() / 1000) });
}

function record({ recorder, counters }: Desk, entry: Entry, engine: PolicyEngine | null): void {
  try {
    recorder.record([entry], engine?.info ?? null);
  } catch {
    counters.auditDropped++;
  }
}

/** INVARIANT: a failure inside is a refusal. It is counted as one whose record was lost. */
function decideAll(desk: Desk, socket: number, rows: readonly number[]): readonly (Answer | WaitsForPlace)[] {
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

function lost({ counters }: Desk): Denial {
  counters.denied++;
  counters.auditDropped++;
  bump(counters.byCode, "internal");
  return denial(CODE_INTERNAL);
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
  const most = info === undefined || group === undefined ? 0 : nameWaits.mostPerSource(info, group);
  return ({ row, source, zone }) => nameWaits.take(row, open?.port ?? 0, source, zone, most);
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

/** Chooses the backend of an admitted row. The answer is a refusal where none can be had. */
function withBackend({ table, choosing }: Desk, row: number, open: OpenPort | undefined, answer: Permit): Decision {
  return choosing.first(row, backendsOf(open?.serves, table.listener[row] ?? -1), CHARGED_BACKEND | CHARGED_OPEN) ? answer : denial(CODE_CAP_BACKEND);
}

function grant({ table, account, inForce, clock }: Desk, row: number): void {
  table.startedMs[row] = clock.wallMs();
  table.generation[row] = inForce.generation;
  charge(account, row, CHARGED_OVERALL);
}

function refuse({ table, account, topDenied }: Desk, row: number): void {
  const host = table.hostKeyOf(row);
  if (host !== undefined) topDenied.add(host);
  release(account, row, CHARGED_EVERYTHING);
  table.listener[row] = -1;
}

function named(desk: Desk, row: number, outcome: HelloOutcome): Decision | TlsContext | WaitsForPlace {
  const { table } = desk;
  if ("denial" in outcome) return conclude(desk, row, outcome.denial, outcome.by, outcome.detail);
  const { hello } = outcome;
  table.name[row] = hello.serverName;
  table.nameFault[row] = hello.nameFault;
  const answer = verdictOf(desk, row, (facts, shut, backends) => decideByName(facts, hello, shut, backends, desk.contextOf));
  if (waitsForPlace(desk, row, table.expose[row], answer)) return WAITS_FOR_PLACE;
  if (table.expose[row]?.mode === "passthrough") {
    const { serverName, nameFault } = passedName(hello);
    table.name[row] = serverName;
    table.nameFault[row] = nameFault;
  }
  if (!isContext(answer)) return conclude(desk, row, answer, null, blockDetail(desk, row, answer) ?? table.nameFault[row] ?? undefined);
  // The handshake makes the same choice, or fails.
  table.protocol[row] = table.expose[row]?.alpn.find((protocol) => hello.alpn?.includes(protocol));
  return answer;
}

function secured(desk: Desk, row: number, context: TlsContext, outcome: SecuredOutcome): Decision {
  const { table } = desk;
  if ("denial" in outcome) return conclude(desk, row, outcome.denial, outcome.by, outcome.detail);
  const { identity, certificate } = outcome;
  if (identity !== null && context.ca !== null) table.identity[row] = { identity, ca: context.ca, certificate };
  const answer = verdictOf(desk, row, (facts, shut, backends) => decideByIdentity(facts, shut, backends, desk.contextOf, context, identity));
  return conclude(desk, row, answer, null, blockDetail(desk, row, answer) ?? table.nameFault[row] ?? undefined);
}

/** INVARIANT: a failure inside is a refusal. */
function verdictOf<A>(desk: Desk, row: number, evaluate: (facts: Facts, shut: ReturnType<typeof closedFor>, backends: BackendFacts) => Verdict<A>): A | Denial {
  const { table, inForce, ports, account } = desk;
  try {
    const open = portOf(desk, row);
    setClock(desk);
    // A reload may have come since its header.
    if (!isBelieved(open?.serves, table.via[row])) return denial(CODE_BAD_PEER);
    const facts: Facts = {
      engine: inForce.engine,
      serves: open?.serves,
      countedBy: table.listener[row] ?? -1,
      due: table.due[row],
      source: table.sourceOf(row),
      zone: table.zone[row] ?? 0,
      name: table.name[row] ?? null,
      nameFault: table.nameFault[row] ?? null,
      isBlocked: blockOf(desk, row) !== undefined,
    };
    const backends: BackendFacts = {
      room: (all) => desk.choosing.room(all),
      areOwn: (all) => all.every(({ address }) => ports.isOwn("tcp", address)),
    };
    const { answer, charged, expose, would } = evaluate(facts, closedFor(open, inForce.engine, ports, desk.draining), backends);
    if (expose !== undefined) table.expose[row] = expose;
    table.would[row] ??= would;
    if ((charged & CHARGED_LISTENER) !== 0) {
      table.listener[row] = expose?.id ?? -1;
      release(account, row, CHARGED_NAME_WAIT);
    }
    charge(account, row, charged);
    return answer;
  } catch {
    return denial(CODE_INTERNAL);
  }
}

/** Records the last word on a connection that phase 1 did not refuse, and lets it continue or gives its charges back. */
function conclude(desk: Desk, row: number, verdict: Decision, by: DecidedBy | null, detail?: string): Decision {
  const { table, inForce, recorder } = desk;
  desk.places.decided(row);
  const open = portOf(desk, row);
  let decision = verdict;
  try {
    if (decision.allowed) decision = withBackend(desk, row, open, decision);
    const entry = acceptEntry(table, row, open, decision, by === null ? inForce : { engine: null, generation: by.generation }, detail);
    decision = recorder.record([entry], by?.info ?? inForce.engine?.info ?? null)[0] ?? denial(CODE_INTERNAL);
    if (decision.allowed && open !== undefined) {
      grant(desk, row);
      return decision;
    }
  } catch {
    decision = lost(desk);
  }
  refuse(desk, row);
  return decision.allowed ? denial(CODE_INTERNAL) : decision;
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
