// At a commit every established connection is decided again, on the facts that were kept.
// A connection that the new policy refuses is closed (with `keep` it may end by itself); the others continue.
// Nothing is charged again. There may be many connections, so this takes two steps:
//   - in the turn of the swap, each is counted in the new policy, so that its caps are right for
//     the first decision that it makes;
//   - then they are decided, a share in each turn of the event loop. The reload is
//     acknowledged when the last has been.
import { setImmediate as nextTurn } from "node:timers/promises";
import { NO_RULE } from "../../runtime/abi/layout.ts";
import type { Address } from "../../runtime/net/address.ts";
import {
  CODE_BAD_PEER,
  CODE_BLOCKED,
  CODE_CERTIFICATE_REVOKED,
  CODE_HELLO_MALFORMED,
  CODE_NOT_EXPOSED,
  CODE_NO_BACKEND,
  CODE_NO_NAME,
  CODE_RECHECKED,
} from "../../runtime/abi/verdicts.ts";
import { denial, type Answer, type Decision, type Denial } from "../../runtime/host/decision.ts";
import type { ListenerInfo, PolicyEngine } from "../../runtime/host/module.ts";
import type { Entry, Recorder } from "../audit/recorder.ts";
import { CHARGED_LISTENER, CHARGED_NAME_WAIT } from "../connection/charges.ts";
import { CONNECTING, FREE, HEADING, OPEN, READING, SECURING, PENDING } from "../connection/states.ts";
import type { Known } from "../connection/table.ts";
import type { Forwarder } from "../connection/forwarder.ts";
import type { Places } from "../connection/places.ts";
import { blockDetail, blockOf } from "../admit/blocked.ts";
import { capKeysOf } from "../admit/cap_key.ts";
import { connectionFacts } from "../admit/entries.ts";
import { mayNameSource } from "../admit/balancers.ts";
import type { NameWaits } from "../admit/name_waits.ts";
import type { Blocks } from "../blocks/blocks.ts";
import type { BackendAddress } from "../forward/backend.ts";
import type { OpenPort } from "../listen/ports.ts";
import { REVOKED } from "./cut_revoked.ts";
import type { NameFault } from "../tls/server_name.ts";

/** No policy answers so about a connection that it admitted: its backend is on another host that is not allowed any more. */
const OUTSIDE = "no_backend";
/** The record has it as its `detail`. */
const NOT_ALLOWED = "backend_not_allowed";
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
  /** Whether a client's certificate is on a revocation list by now. */
  readonly isRevoked: (known: Known) => boolean;
  /** Whether a backend is on another host that the configuration does not allow. */
  readonly isOutside: (address: BackendAddress) => boolean;
  /** The socket that a row came by. */
  readonly numbered: (number: number) => OpenPort | undefined;
  readonly nameWaits: Pick<NameWaits, "count" | "give">;
  readonly places: Pick<Places, "take" | "clear">;
}

/** A connection that the new policy is to charge; `id` is its listener there. */
interface Arrival {
  readonly row: number;
  readonly id: number;
  readonly source: Address;
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
  /** The number of the listener or group that the new policy has at each socket, or -1. */
  readonly #numbers = new Map<number, number>();
  /** Each socket's port as it was at the swap, for records. */
  readonly #ports = new Map<number, Pick<OpenPort, "local" | "proto">>();
  readonly #groups: ReadonlySet<number>;
  /** Why the new policy does not count a connection, by row: its name leads nowhere, or a cap or limit that never counted it is full. */
  readonly #uncounted = new Map<number, Denial>();
  /** Rows that existed at the swap. */
  readonly #rows: number;

  constructor(setup: RecheckSetup) {
    this.#setup = setup;
    this.#rows = setup.forwarder.table.rows;
    this.#groups = new Set(setup.engine.info.groups.map(({ id }) => id));
  }

  count(): void {
    const {
      places,
      engine,
      forwarder: { table },
    } = this.#setup;
    places.clear();
    const arrivals: Arrival[] = [];
    for (let row = 0; row < this.#rows; row++) {
      const state = table.state[row] ?? FREE;
      if (state === FREE || state === PENDING) continue;
      const source = table.sourceOf(row);
      table.due[row] = undefined;
      const isCounted = state === READING || state === SECURING || state === CONNECTING || state === OPEN;
      const id = isCounted && typeof source !== "number" ? this.#numberOf(row, state, source) : -1;
      // A connection that the new policy does not count must not be released to it either.
      table.listener[row] = id;
      if (id < 0 || typeof source === "number") continue;
      if (state === READING && this.#groups.has(id)) this.#countInGroup(row, source);
      else if (((table.charged[row] ?? 0) & CHARGED_NAME_WAIT) !== 0) arrivals.push({ row, id, source });
      else this.#recount(row, id, source);
      const known = state === CONNECTING || state === OPEN ? table.identity[row] : undefined;
      if (known !== undefined) engine.recountIdentity(id, known.identity);
    }
    // Those that were admitted have their places first.
    for (const arrival of arrivals) this.#arrive(arrival);
  }

  /** The new policy does not count it. Its hello may come before its turn. */
  #refuse(row: number, because: Denial): void {
    this.#uncounted.set(row, because);
    this.#setup.forwarder.table.due[row] = because;
  }

  /** The connection has a place of its source in the new policy. */
  #recount(row: number, id: number, source: Address): void {
    const { engine, places, forwarder } = this.#setup;
    const { table } = forwarder;
    const zone = table.zone[row] ?? 0;
    engine.recount(id, source, zone);
    const info = engine.info.listeners[id];
    if (info !== undefined) places.take(row, capKeysOf(info, source, zone));
  }

  /** It waits for its name from now on, even beyond `caps.waiting`, because a cap of its listener admitted it. */
  #countInGroup(row: number, source: Address): void {
    const { forwarder, nameWaits, numbered } = this.#setup;
    const { table } = forwarder;
    const charged = table.charged[row] ?? 0;
    if ((charged & CHARGED_NAME_WAIT) === 0) nameWaits.count(row, numbered(table.socket[row] ?? 0)?.port ?? 0, source, table.zone[row] ?? 0);
    table.charged[row] = (charged & ~CHARGED_LISTENER) | CHARGED_NAME_WAIT;
    table.expose[row] = undefined;
    // Nobody's caps and limits count it.
    table.would[row] = undefined;
  }

  /** It waited for its name, so that no caps and limits of a listener have counted it: those of the new one decide, as at an accept. */
  #arrive({ row, id, source }: Arrival): void {
    const { engine, forwarder, nameWaits, places } = this.#setup;
    const { table } = forwarder;
    const zone = table.zone[row] ?? 0;
    nameWaits.give(row);
    table.charged[row] = (table.charged[row] ?? 0) & ~CHARGED_NAME_WAIT;
    table.expose[row] = engine.info.listeners[id];
    // A client that the rules refuse is charged nothing.
    const answer = engine.accept(id, source);
    const charged = answer.allowed || answer.later ? engine.charge({ listener: id, source, zone }, NO_RULE) : answer;
    if (charged.allowed) {
      table.charged[row] = (table.charged[row] ?? 0) | CHARGED_LISTENER;
      table.would[row] = charged.would;
      const info = engine.info.listeners[id];
      if (info !== undefined) places.take(row, capKeysOf(info, source, zone));
    } else {
      table.listener[row] = -1;
      this.#refuse(row, charged);
    }
  }

  /** The listener of the new policy that a connection belongs to, or the group where its name is not known yet; -1: none. */
  #numberOf(row: number, state: number, source: Address): number {
    const { engine, forwarder } = this.#setup;
    const { table } = forwarder;
    const at = this.#numberAt(table.socket[row] ?? 0);
    const before = table.expose[row];
    if (at < 0) return -1;
    const name = table.name[row];
    if (!this.#groups.has(at)) {
      const info = engine.info.listeners[at];
      if (belongsTo(info, before, state)) return at;
      if (name === undefined && info?.service === before?.service && info?.mode !== "tcp") this.#refuse(row, denial(CODE_NO_NAME));
      return -1;
    }
    if (state === READING) return at;
    if (name === undefined || table.nameFault[row] !== null) {
      this.#refuse(row, denial(name === undefined ? CODE_NO_NAME : CODE_HELLO_MALFORMED));
      return -1;
    }
    const lead = engine.lead(at, source, name);
    if (lead.listener === null) {
      this.#refuse(row, lead.denial);
      return -1;
    }
    return belongsTo(engine.info.listeners[lead.listener], before, state) ? lead.listener : -1;
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

  /** The record of a connection that is to be closed; `unread` where one whose hello or handshake continues was refused. */
  #answer(row: number): Entry | "unread" | null {
    const { engine, forwarder, generation, onReload } = this.#setup;
    const { table } = forwarder;
    const answer = this.#answerFor(row);
    if (answer === null || (!answer.allowed && answer.later)) return null;
    const state = table.state[row];
    if (answer.allowed) {
      if (state !== CONNECTING && state !== OPEN) return null;
      table.generation[row] = generation;
      table.expose[row] = engine.info.listeners[table.listener[row] ?? -1] ?? table.expose[row];
      return null;
    }
    if (state === HEADING || state === READING || state === SECURING) {
      forwarder.refuse(row, { denial: answer, by: { info: engine.info, generation } });
      return "unread";
    }
    const isDue = onReload === "recheck" || answer.code === "blocked" || answer.code === REVOKED || answer.code === OUTSIDE;
    return isDue && typeof table.sourceOf(row) !== "number" ? this.#entryOf(row, answer) : null;
  }

  /** The new policy's answer about a row, or null where nothing is to be decided. */
  #answerFor(row: number): Answer | null {
    const {
      engine,
      generation,
      onReload,
      blocks,
      isRevoked,
      isOutside,
      forwarder: { table },
    } = this.#setup;
    const state = table.state[row];
    const source = table.sourceOf(row);
    // A row that was taken since has a connection that the new policy itself admitted.
    if (typeof source === "number" || table.generation[row] === generation) return null;
    const listener = table.listener[row] ?? -1;
    if (blockOf({ table, blocks }, row) !== undefined && state !== PENDING && state !== FREE) return denial(CODE_BLOCKED);
    const gone = this.#uncounted.get(row) ?? denial(CODE_NOT_EXPOSED);
    // Its header is decided about when it has come.
    if (state === HEADING) return this.#numberAt(table.socket[row] ?? 0) < 0 ? gone : null;
    if (state === READING)
      return (
        listener < 0 ? gone
        : this.#isMisnamed(row, listener) ? denial(CODE_BAD_PEER)
        : engine.accept(listener, source)
      );
    if (state === SECURING)
      return (
        listener < 0 ? gone
        : this.#isMisnamed(row, listener) ? denial(CODE_BAD_PEER)
        : nameMayCount(engine, listener, table.nameFault[row]) ? engine.named(listener, source, table.name[row] ?? null)
        : denial(CODE_HELLO_MALFORMED)
      );
    if (state !== CONNECTING && state !== OPEN) return null;
    const known = table.identity[row];
    if (known !== undefined && isRevoked(known)) return denial(CODE_CERTIFICATE_REVOKED);
    const backend = table.backend[row];
    if (backend !== undefined && isOutside(backend.address)) return denial(CODE_NO_BACKEND);
    if (listener < 0) return onReload === "keep" ? null : gone;
    if (this.#isMisnamed(row, listener)) return denial(CODE_BAD_PEER);
    if (!nameMayCount(engine, listener, table.nameFault[row])) return denial(CODE_HELLO_MALFORMED);
    return decisionNow(engine, listener, source, table.name[row], table.identity[row]);
  }

  /** INVARIANT: a source is not known that was named by a peer which may name none any more. */
  #isMisnamed(row: number, listener: number): boolean {
    const { engine, forwarder } = this.#setup;
    const via = forwarder.table.via[row];
    return via !== undefined && !mayNameSource(engine.info, listener, via);
  }

  #numberAt(socket: number): number {
    const known = this.#numbers.get(socket);
    if (known !== undefined) return known;
    const { engine, numbered } = this.#setup;
    const open = numbered(socket);
    if (open !== undefined) this.#ports.set(socket, { local: open.local, proto: open.proto });
    const at = open === undefined ? -1 : engine.listenerAt(open.proto, open.port, open.address);
    this.#numbers.set(socket, at);
    return at;
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
      ...connectionFacts(table, row, this.#ports.get(table.socket[row] ?? 0), generation),
      detail: blockDetail({ table, blocks }, row, decision) ?? (decision.code === OUTSIDE ? NOT_ALLOWED : decision.code),
    };
  }
}

/**
 * Another service behind the same port, or in another mode, is not what the client was let in to. One whose name was not
 * read yet was let in to nothing where exposes shared the port, and on any other port chose no mode.
 */
function belongsTo(info: ListenerInfo | undefined, before: ListenerInfo | undefined, state: number): boolean {
  if (info === undefined) return false;
  if (state === READING) return before === undefined || info.service === before.service;
  return info.service === before?.service && info.mode === before.mode;
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
