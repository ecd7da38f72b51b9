// The phases after a client's hello and after its certificate: the last word on a connection that phase 1 did not refuse.
import { CODE_BAD_PEER, CODE_INTERNAL } from "../../runtime/abi/verdicts.ts";
import { denial, type Decision, type Denial } from "../../runtime/host/decision.ts";
import { CHARGED_LISTENER, CHARGED_NAME_WAIT, charge, release } from "../connection/charges.ts";
import { isContext, WAITS_FOR_PLACE, type DecidedBy, type HelloOutcome, type SecuredOutcome, type WaitsForPlace } from "../connection/decider.ts";
import type { TlsContext } from "../tls/secure.ts";
import { passedName } from "../tls/server_name.ts";
import { decideByIdentity, decideByName, type BackendFacts, type Facts, type Verdict } from "./after_hello.ts";
import { closedFor } from "./at_accept.ts";
import { isBelieved } from "./balancers.ts";
import { blockDetail, blockOf } from "./blocked.ts";
import { lost, portOf, setClock, type Desk } from "./desk.ts";
import { acceptEntry } from "./entries.ts";
import { grant, refuse, withBackend } from "./granting.ts";
import { waitsForPlace } from "./place_waits.ts";

export function named(desk: Desk, row: number, outcome: HelloOutcome): Decision | TlsContext | WaitsForPlace {
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

export function secured(desk: Desk, row: number, context: TlsContext, outcome: SecuredOutcome): Decision {
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
