// At a commit every established connection is decided again, on the facts that were kept.
// A connection that the new policy refuses is closed (with `keep` it may end by itself); the others continue.
// Nothing is charged again. There may be many connections, so this takes two steps:
//   - in the turn of the swap, each is counted in the new policy, so that its caps are right for
//     the first decision that it makes;
//   - then they are decided, a share in each turn of the event loop. The reload is
//     acknowledged when the last has been.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Address } from "../../runtime/net/address.ts";
import { CODE_BLOCKED, CODE_HELLO_MALFORMED, CODE_NOT_EXPOSED, CODE_NO_NAME, CODE_RECHECKED } from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/ask.ts";
import type { Answer, Decision } from "../../runtime/host/decision.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import type { Entry, Recorder } from "../audit/recorder.ts";
import { CONNECTING, FREE, OPEN, READING, SECURING, PENDING } from "../connection/states.ts";
import type { Known } from "../connection/table.ts";
import type { Forwarder } from "../connection/forwarder.ts";
import { blockDetail } from "../admit/blocked.ts";
import { connectionFacts } from "../admit/entries.ts";
import type { Blocks } from "../blocks/blocks.ts";
import type { OpenPort } from "../listen/ports.ts";
import type { NameFault } from "../tls/server_name.ts";

/** The most rows that are decided, and connections that are closed, in one turn. */
const ROWS_PER_TURN = 256;
const CLOSED_PER_TURN = 32;

export interface RecheckSetup {
  readonly forwarder: Forwarder;
  readonly recorder: Recorder;
  readonly engine: PolicyEngine;
  readonly generation: number;
  readonly onReload: "recheck" | "keep";
  readonly blocks: Pick<Blocks, "of" | "size">;
  /** The socket that a row came by; its `serves` is still the old policy's exposure. */
  readonly numbered: (number: number) => OpenPort | undefined;
}

/** To be called after the swap; returns how many connections were closed. */
export type Recheck = () => Promise<number>;

/** Counts every connection in the new policy. Runs in the turn of the swap, before it. */
export function beginRecheck(setup: RecheckSetup): Recheck {
  const round = new Round(setup);
  round.count();
  return () => round.decide();
}

class Round {
  readonly #setup: RecheckSetup;
  /** Listeners of the new policy, by socket. */
  readonly #listeners = new Map<number, number>();
  /** Each socket's port as it was when its connections were admitted, for their records. */
  readonly #served = new Map<number, Pick<OpenPort, "local" | "serves">>();
  /** Rows that existed at the swap. */
  readonly #rows: number;

  constructor(setup: RecheckSetup) {
    this.#setup = setup;
    this.#rows = setup.forwarder.table.rows;
  }

  count(): void {
    const {
      engine,
      forwarder: { table },
    } = this.#setup;
    for (let row = 0; row < this.#rows; row++) {
      const state = table.state[row] ?? FREE;
      if (state === FREE || state === PENDING) continue;
      const source = table.sourceOf(row);
      const id = this.#listenerOf(table.socket[row] ?? 0);
      // A connection that the new policy does not count must not be released to it either.
      const counts = id >= 0 && (state === READING || state === SECURING || state === CONNECTING || state === OPEN) && typeof source !== "number";
      if (counts) engine.recount(id, source, table.zone[row] ?? 0);
      const known = state === CONNECTING || state === OPEN ? table.identity[row] : undefined;
      if (counts && known !== undefined) engine.recountIdentity(id, known.identity);
      table.listener[row] = counts ? id : -1;
    }
  }

  /** In turns; returns how many connections were closed. */
  async decide(): Promise<number> {
    const { recorder, forwarder, engine } = this.#setup;
    let closed = 0;
    for (let row = 0; row < this.#rows;) {
      await nextTurn();
      const refused: { readonly row: number; readonly entry: Entry }[] = [];
      let unread = 0;
      for (let left = ROWS_PER_TURN; left > 0 && row < this.#rows && refused.length + unread < CLOSED_PER_TURN; left--, row++) {
        const answer = this.#answer(row);
        if (answer === "unread") unread++;
        else if (answer !== null) refused.push({ row, entry: answer });
      }
      if (refused.length > 0) {
        recorder.record(
          refused.map(({ entry }) => entry),
          engine.info,
        );
        for (const { row: one, entry } of refused) forwarder.cut(one, entry.decision.code === "blocked" ? "blocked" : "rechecked");
      }
      closed += refused.length;
    }
    return closed;
  }

  /** The record of a connection that is to be closed; `unread` where one whose hello or handshake goes on was refused. */
  #answer(row: number): Entry | "unread" | null {
    const { engine, forwarder, generation, onReload } = this.#setup;
    const { table } = forwarder;
    const answer = this.#answerFor(row);
    if (answer === null || (!answer.allowed && answer.later)) return null;
    const state = table.state[row];
    if (answer.allowed) {
      if (state === CONNECTING || state === OPEN) table.generation[row] = generation;
      return null;
    }
    if (state === READING || state === SECURING) {
      forwarder.refuse(row, { denial: answer, by: { info: engine.info, generation } });
      return "unread";
    }
    const isDue = onReload === "recheck" || answer.code === "blocked";
    return isDue && typeof table.sourceOf(row) !== "number" ? this.#entryOf(row, answer) : null;
  }

  /** The new policy's answer about a row, or null where nothing is to be decided. */
  #answerFor(row: number): Answer | null {
    const {
      engine,
      generation,
      onReload,
      blocks,
      forwarder: { table },
    } = this.#setup;
    const state = table.state[row];
    const source = table.sourceOf(row);
    // A row that was taken since has a connection that the new policy itself admitted.
    if (typeof source === "number" || table.generation[row] === generation) return null;
    const listener = table.listener[row] ?? -1;
    if (blocks.of(source) !== undefined && state !== PENDING && state !== FREE) return denial(CODE_BLOCKED);
    if (state === READING) return listener < 0 ? denial(CODE_NOT_EXPOSED) : engine.accept(listener, source);
    if (state === SECURING)
      return (
        listener < 0 ? denial(CODE_NOT_EXPOSED)
        : nameMayCount(engine, listener, table.nameFault[row]) ? engine.named(listener, source, table.name[row] ?? null)
        : denial(CODE_HELLO_MALFORMED)
      );
    if (state !== CONNECTING && state !== OPEN) return null;
    if (listener < 0) return onReload === "keep" ? null : denial(CODE_NOT_EXPOSED);
    if (!nameMayCount(engine, listener, table.nameFault[row])) return denial(CODE_HELLO_MALFORMED);
    return decisionNow(engine, listener, source, table.name[row], table.identity[row]);
  }

  #listenerOf(socket: number): number {
    const known = this.#listeners.get(socket);
    if (known !== undefined) return known;
    const { engine, numbered } = this.#setup;
    const open = numbered(socket);
    if (open !== undefined) this.#served.set(socket, { local: open.local, serves: open.serves });
    const id = open === undefined ? -1 : engine.listenerAt(open.proto, open.port, open.address);
    // Another service behind the same port is not what the client was let in to.
    const same = engine.info.listeners[id]?.service === open?.serves.info.service;
    this.#listeners.set(socket, same ? id : -1);
    return same ? id : -1;
  }

  #entryOf(row: number, decision: Decision): Entry {
    const {
      blocks,
      generation,
      forwarder: { table },
    } = this.#setup;
    return {
      op: "recheck",
      decision: decision.code === "blocked" ? decision : denial(CODE_RECHECKED, decision.rule),
      ...connectionFacts(table, row, this.#served.get(table.socket[row] ?? 0), generation),
      detail: blockDetail({ table, blocks }, row, decision) ?? decision.code,
    };
  }
}

/** A client's name without a canonical form counts as no name where no rule has names. */
export function nameMayCount(engine: PolicyEngine, listener: number, fault: NameFault | null | undefined): boolean {
  return fault === null || engine.info.listeners[listener]?.needsNames === false;
}

/** Every phase that it has, on the facts that were kept; a fact that was never read refuses. */
export function decisionNow(engine: PolicyEngine, listener: number, source: Address, name: string | null | undefined, known: Known | undefined): Decision {
  const info = engine.info.listeners[listener];
  // A client that another authority verified is not known to this listener.
  if (info?.mode === "mtls" && known !== undefined && known.ca === info.ca) return engine.identity(listener, source, name ?? null, known.identity);
  if (name !== undefined) return engine.hello(listener, source, name);
  const answer = engine.accept(listener, source);
  return !answer.allowed && answer.later ? denial(CODE_NO_NAME) : answer;
}
