// Evaluates a request in a running module: finds the listeners that a target means and lets each
// decide. Shared by `test`, `build` and `explain`, so that they can't disagree.
import { CODE_NOT_EXPOSED } from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/ask.ts";
import type { Decision } from "../../runtime/host/decision.ts";
import { identityOf } from "../../runtime/host/identity.ts";
import type { ListenerInfo, PolicyEngine, PolicyInfo } from "../../runtime/host/module.ts";
import { ANY4, type Address } from "../../runtime/net/address.ts";
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
  /** Null where nothing is exposed. */
  readonly listener: ListenerInfo | null;
  readonly decision: Decision;
}

/** Never empty. `fresh` makes an engine with no connection and no debt. */
export function evaluateAll(info: PolicyInfo, fresh: () => PolicyEngine, { source, to, sni, client }: Question): readonly Evaluated[] {
  return listenersMeant(info, fresh(), to).map(({ place, id, listener }) => {
    const decision = id < 0 ? denial(CODE_NOT_EXPOSED) : connect(fresh(), id, { source, sni, client });
    return { place, listener, decision };
  });
}

export interface Meant {
  readonly place: string;
  /** -1 where nothing is exposed. */
  readonly id: number;
  readonly listener: ListenerInfo | null;
}

/**
 * Each listener once, in the order of the policy. Never empty. All ports of a listener share its rules, so it is evaluated
 * at one port and one address, not once per port and prefix.
 */
export function listenersMeant(info: PolicyInfo, engine: PolicyEngine, to: Target): readonly Meant[] {
  const places = to.kind === "expose" ? [placeOfExpose(info, to.name)] : placesOfPort(info, to);
  const meant = new Map<number, Meant>();
  for (const { proto, port, local } of places) {
    const id = local === null ? -1 : engine.listenerAt(proto, port, local);
    const listener = info.listeners.find((l) => l.id === id) ?? null;
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

/** A connection as the gateway evaluates it: charged at phase 1, and released if a later phase denies it. */
export function connect(engine: PolicyEngine, listener: number, { source, sni, client }: Facts): Decision {
  const [answer] = engine.admit([{ listener, source }]);
  if (answer === undefined) throw new Error("the module gave no answer for a peer");
  if (answer.allowed || !answer.later) return answer;
  const named = engine.named(listener, source, sni);
  const decision =
    named.allowed || !named.later ? named
    : client === null ? engine.hello(listener, source, sni)
    : engine.admitIdentity(listener, source, sni, identityOf(client));
  if (!decision.allowed) engine.release(listener, source);
  return decision;
}

interface Place {
  readonly proto: "tcp" | "udp";
  readonly port: number;
  /** Null where the listener can't listen on any address. */
  readonly local: Address | null;
}

function placeOfExpose(info: PolicyInfo, name: string): Place {
  const listener = info.listeners.find((l) => l.name === name);
  if (listener === undefined) throw new Error(`the module has no listener named ${name}`);
  return placeOf(listener, listener.ports[0]?.first ?? 0);
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
