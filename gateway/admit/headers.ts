// Before phase 1: a peer in the `via` of its port has to begin with a PROXY header. Until it has, it counts in `caps.waiting` alone; then phase 1
// decides about the source that the header names.
import { CODE_BAD_PEER, CODE_INTERNAL, CODE_PROXY_GONE } from "../../runtime/abi/verdicts.ts";
import { denial, type Answer, type Denial } from "../../runtime/host/decision.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import { formatAddress, type Address } from "../../runtime/net/address.ts";
import { bump, type Counters } from "../audit/counters.ts";
import type { Recorder } from "../audit/recorder.ts";
import type { Suppression } from "../audit/suppressed.ts";
import type { GatewayClock } from "../clock.ts";
import { CHARGED_EVERYTHING, CHARGED_NAME_WAIT, charge, release, type Account } from "../connection/charges.ts";
import { HEADER, type Arrival, type HeaderOutcome, type Refusal, type WaitsForPlace } from "../connection/decider.ts";
import type { Places } from "../connection/places.ts";
import type { ConnectionTable } from "../connection/table.ts";
import { soleExpose, type OpenPort, type Ports } from "../listen/ports.ts";
import { closedFor } from "./at_accept.ts";
import { isBalancer, isBelieved, viaOf } from "./balancers.ts";
import { blockOf, type BlockedBy } from "./blocked.ts";
import { acceptEntry } from "./entries.ts";
import type { NameWaits } from "./name_waits.ts";
import type { TopDenied } from "./top_denied.ts";

/** Refusals of one peer that have records; its others are counted. */
export const HEADER_REFUSALS_PER_SECOND = 10;

export interface HeaderDesk extends BlockedBy {
  readonly table: ConnectionTable;
  readonly account: Account;
  readonly inForce: { readonly engine: PolicyEngine | null; readonly generation: number };
  readonly ports: Ports;
  readonly recorder: Recorder;
  readonly counters: Counters;
  readonly clock: GatewayClock;
  readonly nameWaits: NameWaits;
  readonly places: Pick<Places, "decided">;
  readonly topDenied: TopDenied;
  /** Of HEADER_REFUSALS_PER_SECOND. */
  readonly headerSuppression: Suppression;
  readonly draining: boolean;
}

/** Phase 1 of these rows. */
type Decide = (socket: number, rows: readonly number[]) => readonly (Answer | WaitsForPlace)[];

/** Of new peers: those that begin with a header wait for it, and the others are decided. */
export function arrivals(desk: HeaderDesk, socket: number, rows: readonly number[], decide: Decide): readonly (Arrival | WaitsForPlace)[] {
  const open = desk.ports.numbered(socket);
  const via = open === undefined ? null : viaOf(open.serves);
  if (open === undefined || via === null || closedFor(open, desk.inForce.engine, desk.ports, desk.draining) !== null) return decide(socket, rows);
  const peers = new Map<number, Address>();
  for (const row of rows) {
    const peer = desk.table.sourceOf(row);
    if (typeof peer !== "number" && isBalancer(via, peer) && blockOf(desk, row) === undefined) peers.set(row, peer);
  }
  if (peers.size === 0) return decide(socket, rows);
  const clients = rows.filter((row) => !peers.has(row));
  const decided = clients.length === 0 ? [] : decide(socket, clients);
  let next = 0;
  return rows.map((row) => {
    const peer = peers.get(row);
    return peer === undefined ? (decided[next++] ?? denial(CODE_INTERNAL)) : wait(desk, row, open, peer);
  });
}

function wait(desk: HeaderDesk, row: number, open: OpenPort, address: Address): Arrival {
  const { table, nameWaits, account, places } = desk;
  // Where it waited for a place as a client, before a reload.
  places.decided(row);
  table.via[row] = { peer: { address, port: table.sourcePort[row] ?? 0 }, destination: null };
  table.expose[row] = soleExpose(open.serves)?.info;
  const full = nameWaits.takeForHeader(row, open.port);
  if (full !== null) return refused(desk, row, { denial: denial(full), by: null });
  charge(account, row, CHARGED_NAME_WAIT);
  return HEADER;
}

/** The header has come, or won't. INVARIANT: a failure inside is a refusal. */
export function headed(desk: HeaderDesk, row: number, outcome: HeaderOutcome, decide: Decide): Answer | WaitsForPlace {
  const { table, account, counters, ports } = desk;
  release(account, row, CHARGED_NAME_WAIT);
  // A health check is counted, and has no record.
  if (outcome === "gone") {
    bump(counters.byCode, "proxy_gone");
    return denial(CODE_PROXY_GONE);
  }
  const socket = table.socket[row] ?? -1;
  const open = ports.numbered(socket);
  const via = table.via[row];
  if (outcome === "again")
    return isBelieved(open?.serves, via) ?
        (decide(socket, [row])[0] ?? denial(CODE_INTERNAL))
      : refused(desk, row, { denial: denial(CODE_BAD_PEER), by: null, detail: "the peer is not in `via` any more" });
  if ("denial" in outcome) return refused(desk, row, outcome);
  const { named } = outcome.header;
  if (via === undefined || open === undefined) return refused(desk, row, { denial: denial(CODE_INTERNAL), by: null });
  if (named !== null) {
    // A reload may have come since its accept.
    if (!isBalancer(viaOf(open.serves), via.peer.address))
      return refused(desk, row, { denial: denial(CODE_BAD_PEER), by: null, detail: "the peer is not in `via` any more" });
    table.via[row] = { peer: via.peer, destination: named.destination };
    table.setSource(row, named.source.address, named.source.port);
  }
  return decide(socket, [row])[0] ?? denial(CODE_INTERNAL);
}

/** Of a peer whose header was not read. */
function refused(desk: HeaderDesk, row: number, { denial: refusal, by, detail }: Refusal): Denial {
  const { table, account, inForce, ports, recorder, counters, clock, headerSuppression, topDenied } = desk;
  // The peer's, also where its header has named a source.
  const peer = table.via[row]?.peer.address;
  const host = peer === undefined ? (table.hostOf(row) ?? "") : formatAddress(peer);
  try {
    // Whatever the reasons of its refusals are.
    const since = headerSuppression.recordDue(host, "cidr", clock.monoMs());
    if (since === null) recorder.count(refusal, table.expose[row]?.name);
    else {
      const entry = acceptEntry(
        table,
        row,
        ports.numbered(table.socket[row] ?? -1),
        refusal,
        { engine: null, generation: by?.generation ?? inForce.generation },
        detail,
      );
      recorder.record([since === 0 ? entry : { ...entry, unrecorded: since }], by?.info ?? inForce.engine?.info ?? null);
    }
  } catch {
    counters.denied++;
    counters.auditDropped++;
  }
  const key = table.hostKeyOf(row);
  if (key !== undefined) topDenied.add(key);
  release(account, row, CHARGED_EVERYTHING);
  table.listener[row] = -1;
  return refusal;
}
