// Puts an answer into the row of a connection: its backend and the gateway's own charges, or all charges given back.
import { CODE_CAP_BACKEND } from "../../runtime/abi/verdicts.ts";
import { denial, type Decision, type Permit } from "../../runtime/host/decision.ts";
import { CHARGED_BACKEND, CHARGED_EVERYTHING, CHARGED_OPEN, CHARGED_OVERALL, charge, release } from "../connection/charges.ts";
import { backendsOf, type OpenPort } from "../listen/ports.ts";
import type { Desk } from "./desk.ts";

/** Chooses the backend of an admitted row. The answer is a refusal where none can be had. */
export function withBackend({ table, choosing }: Desk, row: number, open: OpenPort | undefined, answer: Permit): Decision {
  return choosing.first(row, backendsOf(open?.serves, table.listener[row] ?? -1), CHARGED_BACKEND | CHARGED_OPEN) ? answer : denial(CODE_CAP_BACKEND);
}

export function grant({ table, account, inForce, clock }: Desk, row: number): void {
  table.startedMs[row] = clock.wallMs();
  table.generation[row] = inForce.generation;
  charge(account, row, CHARGED_OVERALL);
}

export function refuse({ table, account, topDenied }: Desk, row: number): void {
  const host = table.hostKeyOf(row);
  if (host !== undefined) topDenied.add(host);
  release(account, row, CHARGED_EVERYTHING);
  table.listener[row] = -1;
}
