// Phases 2 to 4: a connection that phase 1 did not refuse is decided again, from phase 1 on, with each fact that
// has come since, under the policy that is in force then. Only phase 4 charges anything, and phase 2 where the name leads to
// one of several exposes: then the connection is charged there, as any other is at its accept.
import type { Address } from "../../runtime/net/address.ts";
import { NO_RULE } from "../../runtime/abi/layout.ts";
import {
  CODE_BLOCKED,
  CODE_CAP_BACKEND,
  CODE_HELLO_MALFORMED,
  CODE_INTERNAL,
  CODE_NO_BACKEND,
  CODE_NOT_EXPOSED,
  CODE_TLS_CHANGED,
} from "../../runtime/abi/verdicts.ts";
import type { Code, CodeNumber } from "../../runtime/abi/names.ts";
import { denial, type Decision, type Denial } from "../../runtime/host/decision.ts";
import type { Identity } from "../../runtime/host/identity.ts";
import type { ListenerInfo, PolicyEngine } from "../../runtime/host/module.ts";
import { CHARGED_IDENTITY, CHARGED_LISTENER } from "../connection/charges.ts";
import type { SOURCE_GONE, SOURCE_ODD } from "../connection/table.ts";
import type { Backend } from "../forward/backends.ts";
import { backendsOf, soleExpose, type Exposure } from "../listen/ports.ts";
import { passedName, type NameFault, type SaidName } from "../tls/server_name.ts";
import type { TlsContext } from "../tls/secure.ts";

/** The policy in force, and what the connection has shown so far. The engine's clock is set. */
export interface Facts {
  readonly engine: PolicyEngine | null;
  /** By the listening socket; undefined where it is gone. */
  readonly serves: Exposure | undefined;
  /** The listener that counts the connection, or the group that it came to; -1: none of the policy in force. */
  readonly countedBy: number;
  /** Why the policy in force does not count it, where that is known. */
  readonly due: Denial | undefined;
  readonly source: Address | typeof SOURCE_GONE | typeof SOURCE_ODD;
  readonly zone: number;
  readonly name: string | null;
  readonly nameFault: NameFault | null;
  /** An operator has blocked the source. */
  readonly isBlocked: boolean;
}

export interface Verdict<A> {
  readonly answer: A;
  /** Bits of charges.ts: what the module counts from now on. */
  readonly charged: number;
  /** The expose that the name has led to, or that has the port alone; undefined where there is none. */
  readonly expose?: ListenerInfo | undefined;
  /** With which code a dryrun cap or limit that was charged now would have refused it. */
  readonly would?: Code | undefined;
}

/** The gateway's own checks of the backends of an expose. */
export interface BackendFacts {
  /** How many more connections may be under way to all of them. */
  readonly room: (backends: readonly Backend[]) => number;
  /** Whether each of them leads back to the gateway. */
  readonly areOwn: (backends: readonly Backend[]) => boolean;
}

type ContextOf = (info: ListenerInfo) => TlsContext | string;

interface Inputs {
  readonly engine: PolicyEngine;
  readonly serves: Exposure;
  readonly source: Address;
}

/** With a context, the gateway does the handshake and decides again. `closed`: what closedFor says of the socket; `hello`: as it came. */
export function decideByName(
  facts: Facts,
  hello: SaidName | null,
  closed: CodeNumber | null,
  backends: BackendFacts,
  contextOf: ContextOf,
): Verdict<Decision | TlsContext> {
  const at = inputsOf(facts, closed);
  if ("allowed" in at) return free(at);
  const { engine, serves, source } = at;
  if (facts.countedBy !== serves.number) return free(denial(CODE_NOT_EXPOSED));
  const info = serves.isGroup ? ledTo(at, facts) : soleExpose(serves)?.info;
  if (info === undefined) return free(denial(CODE_INTERNAL));
  if ("allowed" in info) return free(info);
  const no = (answer: Denial): Verdict<Denial> => ({ answer, charged: 0, expose: info });
  // INVARIANT: what no two programs read alike is a name to nobody, and where names count it is a refusal.
  const fault = info.mode === "passthrough" && hello !== null ? passedName(hello).nameFault : facts.nameFault;
  if (fault !== null && (serves.isGroup || info.needsNames)) return no(denial(CODE_HELLO_MALFORMED));
  const answer = engine.named(info.id, source, fault === null ? facts.name : null);
  if (!answer.allowed && !answer.later) return no(answer);
  const context = info.mode === "tls" || info.mode === "mtls" ? contextOf(info) : null;
  if (typeof context === "string") return no(denial(CODE_TLS_CHANGED));
  const all = backendsOf(serves, info.id);
  if (all.length === 0 || (serves.isGroup && backends.areOwn(all))) return no(denial(CODE_NO_BACKEND));
  if (context === null) {
    if (!answer.allowed) return no(denial(CODE_INTERNAL));
    if (backends.room(all) <= 0) return no(denial(CODE_CAP_BACKEND));
  }
  if (!serves.isGroup) return { answer: context ?? (answer.allowed ? answer : denial(CODE_INTERNAL)), charged: 0, expose: info };
  const charged = engine.charge({ listener: info.id, source, zone: facts.zone }, answer.allowed ? answer.rule : NO_RULE);
  return charged.allowed ? { answer: context ?? charged, charged: CHARGED_LISTENER, expose: info, would: charged.would } : no(charged);
}

/** The expose of a group that the name leads to. Names that lead nowhere cost their source what a connection does. */
function ledTo({ engine, serves, source }: Inputs, { name, nameFault, zone }: Facts): ListenerInfo | Denial | undefined {
  if (nameFault !== null) return denial(CODE_HELLO_MALFORMED);
  const lead = engine.lead(serves.number, source, name);
  if (lead.listener !== null) return engine.info.listeners[lead.listener];
  if (lead.denial.code === "no_expose") engine.spend(serves.number, source, zone);
  return lead.denial;
}

/** `context` is the one that the handshake was done with; `identity` is null where it requested no certificate. */
export function decideByIdentity(
  facts: Facts,
  closed: CodeNumber | null,
  backends: BackendFacts,
  contextOf: ContextOf,
  context: TlsContext,
  identity: Identity | null,
): Verdict<Decision> {
  const at = inputsOf(facts, closed);
  if ("allowed" in at) return free(at);
  const { engine, serves, source } = at;
  const info = serves.exposes.find((one) => one.info.id === facts.countedBy)?.info;
  // The lease of the expose may have ended since the name led there.
  if (info === undefined) return free(denial(serves.isGroup && facts.countedBy >= 0 ? CODE_NO_BACKEND : CODE_NOT_EXPOSED));
  const no = (answer: Denial): Verdict<Denial> => ({ answer, charged: 0, expose: info });
  if (facts.nameFault !== null && (serves.isGroup || info.needsNames)) return no(denial(CODE_HELLO_MALFORMED));
  // INVARIANT: a client that was verified by another authority, or by none, is not known to this listener.
  const now = contextOf(info);
  if ((info.mode !== "tls" && info.mode !== "mtls") || typeof now === "string" || now.trust !== context.trust) return no(denial(CODE_TLS_CHANGED));
  if ((identity === null) !== (info.mode === "tls")) return no(denial(CODE_INTERNAL));
  const all = backendsOf(serves, info.id);
  if (all.length === 0 || (serves.isGroup && backends.areOwn(all))) return no(denial(CODE_NO_BACKEND));
  if (backends.room(all) <= 0) return no(denial(CODE_CAP_BACKEND));
  if (identity === null) return { answer: engine.hello(info.id, source, facts.name), charged: 0, expose: info };
  const answer = engine.admitIdentity(info.id, source, facts.name, identity);
  return answer.allowed ? { answer, charged: CHARGED_IDENTITY, expose: info, would: answer.would } : no(answer);
}

/** The inputs of the decision, or a denial where a fact is missing. */
function inputsOf({ engine, serves, countedBy, due, source, isBlocked }: Facts, closed: CodeNumber | null): Inputs | Denial {
  if (isBlocked) return denial(CODE_BLOCKED);
  if (closed !== null) return denial(closed);
  if (engine === null || serves === undefined || typeof source === "number") return denial(CODE_INTERNAL);
  // A connection that the policy in force did not count does not belong to it: a reload withdrew its listener, or refuses it.
  return countedBy < 0 ? (due ?? denial(CODE_NOT_EXPOSED)) : { engine, serves, source };
}

function free<A>(answer: A): Verdict<A> {
  return { answer, charged: 0 };
}
