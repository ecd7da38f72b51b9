// Phases 2 to 4: a connection that phase 1 did not refuse is decided again, from phase 1 on, with each fact that
// has come since, under the policy that is in force then. Only phase 4 charges anything.
import type { Address } from "../../runtime/net/address.ts";
import { CODE_BLOCKED, CODE_CAP_BACKEND, CODE_HELLO_MALFORMED, CODE_INTERNAL, CODE_NOT_EXPOSED, CODE_TLS_CHANGED } from "../../runtime/abi/verdicts.ts";
import type { CodeNumber } from "../../runtime/abi/names.ts";
import { denial } from "../../runtime/host/ask.ts";
import type { Decision, Denial } from "../../runtime/host/decision.ts";
import type { Identity } from "../../runtime/host/identity.ts";
import type { ListenerInfo, PolicyEngine } from "../../runtime/host/module.ts";
import { CHARGED_IDENTITY } from "../connection/charges.ts";
import type { SOURCE_GONE, SOURCE_ODD } from "../connection/table.ts";
import type { NameFault } from "../tls/server_name.ts";
import type { TlsContext } from "../tls/secure.ts";
import type { Room } from "./at_accept.ts";

/** The listener in force, and what the connection has shown so far. The engine's clock is set. */
export interface Facts {
  readonly engine: PolicyEngine | null;
  /** Of the listening socket; undefined where it is gone. */
  readonly info: ListenerInfo | undefined;
  /** The listener that counts the connection; -1: none of the policy in force. */
  readonly countedBy: number;
  readonly source: Address | typeof SOURCE_GONE | typeof SOURCE_ODD;
  readonly name: string | null;
  readonly nameFault: NameFault | null;
  /** An operator has blocked the source. */
  readonly isBlocked: boolean;
}

export interface Verdict<A> {
  readonly answer: A;
  /** Bits of charges.ts: what the module counts from now on. */
  readonly charged: number;
}

type ContextOf = (info: ListenerInfo) => TlsContext | string;

interface Inputs {
  readonly engine: PolicyEngine;
  readonly info: ListenerInfo;
  readonly source: Address;
}

/** With a context, the gateway does the handshake and decides again. `closed`: what closedFor says of the socket. */
export function decideByName(facts: Facts, closed: CodeNumber | null, room: Room, contextOf: ContextOf): Verdict<Decision | TlsContext> {
  const at = goingOn(facts, closed);
  if ("allowed" in at) return free(at);
  const { engine, info, source } = at;
  const answer = engine.named(info.id, source, facts.name);
  if (!answer.allowed && !answer.later) return free(answer);
  if (info.mode === "tls" || info.mode === "mtls") {
    const context = contextOf(info);
    return free(typeof context === "string" ? denial(CODE_TLS_CHANGED) : context);
  }
  if (!answer.allowed) return free(denial(CODE_INTERNAL));
  return free(room.backend <= 0 ? denial(CODE_CAP_BACKEND) : answer);
}

/** `context` is the one that the handshake was done with; `identity` is null where it requested no certificate. */
export function decideByIdentity(
  facts: Facts,
  closed: CodeNumber | null,
  room: Room,
  contextOf: ContextOf,
  context: TlsContext,
  identity: Identity | null,
): Verdict<Decision> {
  const at = goingOn(facts, closed);
  if ("allowed" in at) return free(at);
  const { engine, info, source } = at;
  // INVARIANT: a client that was verified by another authority, or by none, is not known to this listener.
  const now = contextOf(info);
  if ((info.mode !== "tls" && info.mode !== "mtls") || typeof now === "string" || now.trust !== context.trust) return free(denial(CODE_TLS_CHANGED));
  if ((identity === null) !== (info.mode === "tls")) return free(denial(CODE_INTERNAL));
  if (room.backend <= 0) return free(denial(CODE_CAP_BACKEND));
  if (identity === null) return free(engine.hello(info.id, source, facts.name));
  const answer = engine.admitIdentity(info.id, source, facts.name, identity);
  return { answer, charged: answer.allowed ? CHARGED_IDENTITY : 0 };
}

/** The inputs of the decision, or a denial where a fact is missing. */
function goingOn({ engine, info, countedBy, source, nameFault, isBlocked }: Facts, closed: CodeNumber | null): Inputs | Denial {
  if (isBlocked) return denial(CODE_BLOCKED);
  if (closed !== null) return denial(closed);
  if (engine === null || info === undefined || typeof source === "number") return denial(CODE_INTERNAL);
  // A connection that the policy in force did not count does not belong to it: a reload withdrew its listener.
  if (countedBy !== info.id) return denial(CODE_NOT_EXPOSED);
  // INVARIANT: what no two programs read alike is a name to nobody, and where names count it is a refusal.
  if (nameFault !== null && info.needsNames) return denial(CODE_HELLO_MALFORMED);
  return { engine, info, source };
}

function free<A>(answer: A): Verdict<A> {
  return { answer, charged: 0 };
}
