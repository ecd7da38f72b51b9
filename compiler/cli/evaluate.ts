// Evaluates a request in a running module: finds the listeners that a target means and lets each
// decide. Shared by `test`, `build` and `explain`, so that they can't disagree.
import { CODE_NOT_EXPOSED } from "../../runtime/abi/verdicts.ts";
import { denial, type Decision } from "../../runtime/host/decision.ts";
import { identityOf } from "../../runtime/host/identity.ts";
import type { GroupInfo, ListenerInfo, PolicyEngine, PolicyInfo } from "../../runtime/host/module.ts";
import { ANY4, type Address } from "../../runtime/net/address.ts";
import { isWithin, parsePrefix } from "../../runtime/net/prefix.ts";
import { listeningAddress } from "./bindable.ts";

export type Target =
  | { readonly kind: "expose"; readonly name: string }
  /** `local` null: each listener that has the port. */
  | { readonly kind: "port"; readonly proto: "tcp" | "udp"; readonly port: number; readonly local: Address | null };

/** One request in the words of a test line. */
export interface Question {
  readonly source: Address;
  readonly to: Target;
  /** Canonical; null: the client sends none. */
  readonly sni: string | null;
  /** The words of the client's certificate; null where it has none. */
  readonly client: readonly string[] | null;
}

export interface Evaluated {
  /** For people: `tcp 443`, `tcp 443 of web`. */
  readonly place: string;
  /** The one that decided; null where nothing is exposed, and where a group of exposes refused. */
  readonly listener: ListenerInfo | null;
  /** The exposes that share the port, if several do or the only one has `for`. */
  readonly group: GroupInfo | null;
  readonly decision: Decision;
}

/** Never empty. `fresh` makes an engine with no connection and no debt. */
export function evaluateAll(info: PolicyInfo, fresh: () => PolicyEngine, { source, to, sni, client }: Question): readonly Evaluated[] {
  return listenersMeant(info, fresh(), to).map(({ place, id, listener }) => {
    if (id < 0) return { place, listener, group: null, decision: denial(CODE_NOT_EXPOSED) };
    const { decision, listener: decided } = connect(fresh(), id, { source, sni, client });
    const group = info.groups.find((g) => g.id === id) ?? null;
    return { place, group, decision, listener: group === null ? listener : (listener ?? info.listeners.find((l) => l.id === decided) ?? null) };
  });
}

export interface Meant {
  readonly place: string;
  /** The number of a listener or a group; -1 where nothing is exposed. */
  readonly id: number;
  /** Null for a group, unless the target names one of its exposes. */
  readonly listener: ListenerInfo | null;
}

/**
 * Each listener once, in the order of the policy. Never empty. All ports of a listener share its rules, so it is evaluated
 * at one port and one address, not once per port and prefix.
 */
export function listenersMeant(info: PolicyInfo, engine: PolicyEngine, to: Target): readonly Meant[] {
  const places = to.kind === "expose" ? placesOfExpose(info, to.name) : placesOfPort(info, to);
  const meant = new Map<number, Meant>();
  for (const { proto, port, local } of places) {
    const id = local === null ? -1 : engine.listenerAt(proto, port, local);
    const listener = info.listeners.find((l) => l.id === id || (to.kind === "expose" && l.name === to.name && l.proto === proto)) ?? null;
    const name = listener === null ? "" : ` of ${listener.name}`;
    if (!meant.has(id)) meant.set(id, { place: `${proto} ${port}${name}`, id, listener });
  }
  return [...meant.values()];
}

/** The facts of a client. */
export interface Facts {
  readonly source: Address;
  readonly sni: string | null;
  /** The words of its certificate; null where it has none. */
  readonly client: readonly string[] | null;
}

/** A decision, and the listener that decided; null where a group refused. */
export interface Connected {
  readonly decision: Decision;
  readonly listener: number | null;
}

/**
 * A connection as the gateway evaluates it: at a listener charged at phase 1, at a group when the name has led to a listener
 * whose rules admit it; and released if a later phase denies it.
 */
export function connect(engine: PolicyEngine, place: number, { source, sni, client }: Facts): Connected {
  const [answer] = engine.admit([{ listener: place, source }]);
  if (answer === undefined) throw new Error("the module gave no answer for a peer");
  const isGroup = place >= engine.info.listeners.length;
  if (answer.allowed || !answer.later) return { decision: answer, listener: isGroup ? null : place };
  const lead = engine.lead(place, source, sni);
  if (lead.listener === null) {
    if (lead.denial.code === "no_expose") engine.spend(place, source);
    return { decision: lead.denial, listener: null };
  }
  const { listener } = lead;
  return { decision: afterLead(engine, listener, { source, sni, client }, isGroup), listener };
}

function afterLead(engine: PolicyEngine, listener: number, { source, sni, client }: Facts, isCharged: boolean): Decision {
  const named = engine.named(listener, source, sni);
  if (isCharged) {
    if (!named.allowed && !named.later) return named;
    const charged = engine.charge({ listener, source }, named.allowed ? named.rule : -1);
    if (!charged.allowed) return charged;
  }
  const decision =
    named.allowed || !named.later ? named
    : client === null ? engine.hello(listener, source, sni)
    : engine.admitIdentity(listener, source, sni, identityOf(client));
  if (!decision.allowed) engine.release(listener, source);
  return decision;
}

/** A peer whose PROXY header an expose does not read. */
export interface Unread {
  /** Null where nothing is exposed. */
  readonly expose: string | null;
  readonly hasVia: boolean;
}

/** Null where the header of that peer is read wherever the target leads to. */
export function unread(info: PolicyInfo, engine: PolicyEngine, to: Target, via: Address): Unread | null {
  for (const { id } of listenersMeant(info, engine, to)) {
    const listener = info.listeners[info.groups.find((group) => group.id === id)?.members[0] ?? id];
    if (listener === undefined) return { expose: null, hasVia: false };
    if (!readsHeaderOf(listener, via)) return { expose: listener.name, hasVia: listener.via !== null };
  }
  return null;
}

/** Whether a peer with this address begins with a PROXY header at the listener. */
export function readsHeaderOf({ via }: ListenerInfo, peer: Address): boolean {
  return via?.map(parsePrefix).some((prefix) => prefix !== null && isWithin(prefix, peer)) === true;
}

interface Place {
  readonly proto: "tcp" | "udp";
  readonly port: number;
  /** Null where the listener can't listen on any address. */
  readonly local: Address | null;
}

/** An expose on tcp and udp has a listener for each. */
function placesOfExpose(info: PolicyInfo, name: string): readonly Place[] {
  const listeners = info.listeners.filter((l) => l.name === name);
  if (listeners.length === 0) throw new Error(`the module has no listener named ${name}`);
  return listeners.map((listener) => placeOf(listener, listener.ports[0]?.first ?? 0));
}

/** Each listener of the port; where it has none, that is the result. */
function placesOfPort(info: PolicyInfo, { proto, port, local }: Extract<Target, { kind: "port" }>): readonly Place[] {
  if (local !== null) return [{ proto, port, local }];
  const there = info.listeners.filter((l) => l.proto === proto && l.ports.some((r) => r.first <= port && port <= r.last));
  return there.length === 0 ? [{ proto, port, local: ANY4 }] : there.map((l) => placeOf(l, port));
}

function placeOf(listener: ListenerInfo, port: number): Place {
  return { proto: listener.proto, port, local: listeningAddress(listener) };
}
