// At a commit every established connection is asked about again, on the facts that were kept.
// What the new policy refuses is closed (or, with `keep`, left to end); what it admits is
// counted in the new policy. Nothing is charged again.
import type { Address } from "../../runtime/net/address.ts";
import { CODE_NOT_EXPOSED, CODE_NO_NAME, CODE_RECHECKED } from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/ask.ts";
import type { Decision, Denial } from "../../runtime/host/decision.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import { formatEndpoint } from "../../runtime/net/address.ts";
import type { Entry, Recorder } from "../audit/recorder.ts";
import { CONNECTING, FREE, OPEN, READING, WAITING } from "../listen/connections.ts";
import type { Forwarder } from "../listen/listener.ts";
import type { OpenPort } from "../listen/ports.ts";

export interface RecheckSetup {
  readonly forwarder: Forwarder;
  readonly recorder: Recorder;
  readonly engine: PolicyEngine;
  readonly generation: number;
  readonly onReload: "recheck" | "keep";
  /** The socket that a row came by; its `serves` still tells the old policy's service. */
  readonly numbered: (number: number) => OpenPort | undefined;
}

/** Returns how many connections were closed. Runs in one turn: no decision falls between. */
export function recheck({ forwarder, recorder, engine, generation, onReload, numbered }: RecheckSetup): number {
  const { table } = forwarder;
  const listeners = new Map<number, number>();
  const listenerOf = (number: number): number => {
    let id = listeners.get(number);
    if (id === undefined) {
      const open = numbered(number);
      id = open === undefined ? -1 : engine.listenerAt("tcp", open.port, open.address);
      // Another service behind the same port is not what the client was let in to.
      if (engine.info.listeners[id]?.service !== open?.serves.info.service) id = -1;
      listeners.set(number, id);
    }
    return id;
  };

  /** Between the phases: they start again at phase 1, and their hello is asked of the new policy. */
  const unread: { readonly row: number; readonly denial: Denial }[] = [];
  const refused: { readonly row: number; readonly entry: Entry }[] = [];
  for (let row = 0; row < table.rows; row++) {
    const state = table.state[row] ?? FREE;
    if (state === FREE || state === WAITING) continue;
    const source = table.sourceOf(row);
    const number = table.socket[row] ?? 0;
    const id = listenerOf(number);
    // What is not counted in the new policy must not be given back to it either.
    table.listener[row] = -1;
    if (state === READING && typeof source !== "number") {
      const answer = id < 0 ? denial(CODE_NOT_EXPOSED) : engine.accept(id, source);
      if (!answer.allowed && !answer.later) unread.push({ row, denial: answer });
      else {
        engine.recount(id, source);
        table.listener[row] = id;
      }
    }
    if ((state !== CONNECTING && state !== OPEN) || typeof source === "number") continue;
    const decision: Decision = id < 0 ? denial(CODE_NOT_EXPOSED) : standing(engine, id, source, table.name[row]);
    if (decision.allowed || (onReload === "keep" && id >= 0)) {
      engine.recount(id, source);
      table.listener[row] = id;
      if (decision.allowed) table.generation[row] = generation;
    } else if (onReload === "recheck") {
      refused.push({ row, entry: entryOf(row, source, decision, numbered(number)) });
    }
  }

  function entryOf(row: number, source: Address, decision: Decision, open: OpenPort | undefined): Entry {
    return {
      op: "recheck",
      decision: denial(CODE_RECHECKED, decision.rule),
      generation,
      connection: row,
      listener: open?.serves.info.name,
      service: open?.serves.info.service,
      local: open?.local ?? "",
      source: formatEndpoint(source, table.sourcePort[row] ?? 0),
      detail: decision.code,
    };
  }

  for (const { row, denial: said } of unread) {
    forwarder.refuse(row, { denial: said, by: { info: engine.info, generation } });
  }
  if (refused.length > 0) {
    recorder.record(refused.map(({ entry }) => entry), engine.info);
    for (const { row } of refused) forwarder.cut(row, "rechecked");
  }
  return refused.length;
}

/** Every phase that it has, on the facts that were kept; a fact that was never read refuses. */
export function standing(engine: PolicyEngine, listener: number, source: Address, name: string | null | undefined): Decision {
  if (name !== undefined) return engine.hello(listener, source, name);
  const answer = engine.accept(listener, source);
  return !answer.allowed && answer.later ? denial(CODE_NO_NAME) : answer;
}
