// The gateway does the server's side of the TLS handshake; then the client's certificate decides, where one is
// requested. Hello and handshake have one deadline, so `openedMs` stays.
import { CODE_TLS_LATE } from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/decision.ts";
import type { TlsContext } from "../tls/secure.ts";
import { begin as beginConnecting } from "./connecting.ts";
import type { Refusal, SecuredOutcome } from "./decider.ts";
import { free, may, moved, type Stage } from "./stage.ts";
import { HANDSHAKE_DUE, HANDSHAKEN, REFUSED } from "./states.ts";
import type { Handshake } from "./transport.ts";

const TOO_LATE: Refusal = { denial: denial(CODE_TLS_LATE), by: null };

/** `first` was read of the client: a whole hello, with the name `said`. */
export function begin(s: Stage, row: number, context: TlsContext, said: string | null, first: Buffer): void {
  if (!moved(s, row, HANDSHAKE_DUE)) return;
  s.table.context[row] = context;
  s.table.reading[row] = undefined;
  s.transport.secure(row, context, said, first);
}

export function handshaken(s: Stage, row: number, handshake: Handshake): void {
  if (may(s, row, HANDSHAKEN)) secured(s, row, "denial" in handshake ? { ...handshake, by: null } : handshake);
}

/** The end of this stage; also a refusal from outside. */
export function secured(s: Stage, row: number, outcome: SecuredOutcome): void {
  const context = s.table.context[row];
  const decision = context === undefined ? null : s.decider.secured(row, context, outcome);
  if (decision?.allowed === true && "identity" in outcome) beginConnecting(s, row, decision);
  else free(s, row, REFUSED, null);
}

export function sweep(s: Stage, row: number, ageMs: number): void {
  if (ageMs >= s.timers.hello_ms) secured(s, row, TOO_LATE);
}
