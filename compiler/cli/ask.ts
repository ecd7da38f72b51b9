// Asks a running module about a source: finds the listeners that a target means and lets each
// decide. Shared by `test`, `build` and `explain`, so that they can't disagree.
import { CODE_NOT_EXPOSED } from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/ask.ts";
import type { Decision } from "../../runtime/host/decision.ts";
import type { ListenerInfo, PolicyEngine, PolicyInfo } from "../../runtime/host/module.ts";
import { ANY4, parseAddress, type Address } from "../../runtime/net/address.ts";

export type Target =
  | { readonly kind: "expose"; readonly name: string }
  | { readonly kind: "port"; readonly proto: "tcp" | "udp"; readonly port: number };

export interface Answer {
  /** For people: `tcp 443`, `tcp 443 of web`. */
  readonly asked: string;
  /** Null where nothing is exposed. */
  readonly listener: ListenerInfo | null;
  readonly decision: Decision;
}

/** Never empty. `fresh` makes an engine with no connection and no debt. */
export function askFrom(info: PolicyInfo, fresh: () => PolicyEngine, source: Address, to: Target): readonly Answer[] {
  const pure = fresh();
  const places = to.kind === "expose" ? placesOfExpose(info, to.name) : placesOfPort(info, to.proto, to.port);
  const answers: Answer[] = [];
  const asked = new Set<number>();
  for (const place of places) {
    const id = pure.listenerAt(place.proto, place.port, place.local);
    if (asked.has(id)) continue;
    asked.add(id);
    const decision = id < 0 && !pure.poisoned ? denial(CODE_NOT_EXPOSED) : fresh().admit([{ listener: id, source }])[0];
    if (decision === undefined) throw new Error("the module gave no answer for a peer");
    const listener = info.listeners.find((l) => l.id === id) ?? null;
    const name = listener === null ? "" : ` of ${listener.name}`;
    answers.push({ asked: `${place.proto} ${place.port}${name}`, listener, decision });
  }
  return answers;
}

interface Place {
  readonly proto: "tcp" | "udp";
  readonly port: number;
  readonly local: Address;
}

function placesOfExpose(info: PolicyInfo, name: string): readonly Place[] {
  const listener = info.listeners.find((l) => l.name === name);
  if (listener === undefined) throw new Error(`the module has no listener named ${name}`);
  return listener.ports.flatMap(({ first, last }) =>
    Array.from({ length: last - first + 1 }, (_, i) => first + i).flatMap((port) => placesOf(listener, port)),
  );
}

/** Where a port has listeners on several addresses, each is asked; where it has none, that is the answer. */
function placesOfPort(info: PolicyInfo, proto: "tcp" | "udp", port: number): readonly Place[] {
  const there = info.listeners.filter((l) => l.proto === proto && l.ports.some((r) => r.first <= port && port <= r.last));
  return there.length === 0 ? [{ proto, port, local: ANY4 }] : there.flatMap((l) => placesOf(l, port));
}

/** The first address of each prefix stands for the prefix; a listener without `bind` has the wildcard. */
function placesOf(listener: ListenerInfo, port: number): readonly Place[] {
  const locals = listener.bind === null ? [ANY4] : listener.bind.map(firstAddress);
  return locals.map((local) => ({ proto: listener.proto, port, local }));
}

function firstAddress(prefix: string): Address {
  const address = parseAddress(prefix.split("/")[0] ?? "");
  if (address === null) throw new Error(`the module states a prefix that is none: ${prefix}`);
  return address;
}
