// Admission: the one place that says whether a peer is served. It asks the compiled policy
// about a batch, holds the gateway's own caps, and has every answer recorded before it takes
// effect. Refusing is what happens unless all of that said yes.
import type { Address } from "../../runtime/net/address.ts";
import {
  CODE_BACKEND_NOT_OWNED, CODE_BAD_PEER, CODE_CAP_BACKEND, CODE_CAP_OVERALL, CODE_DRAINING, CODE_HELLO_MALFORMED, CODE_INTERNAL, CODE_NOT_EXPOSED,
  CODE_NO_BACKEND, CODE_NO_MODULE, CODE_NO_PEER, CODE_SECOND_HELLO, CODE_TLS_CHANGED,
} from "../../runtime/abi/verdicts.ts";
import type { CodeNumber } from "../../runtime/abi/names.ts";
import type { Answer, Decision, Denial, Pending } from "../../runtime/host/decision.ts";
import type { ListenerInfo, PolicyEngine } from "../../runtime/host/module.ts";
import type { Entry, Recorder } from "../audit/recorder.ts";
import type { GatewayClock } from "../clock.ts";
import { bump, type Counters } from "../audit/counters.ts";
import { clientWords, matchingWord } from "./client_words.ts";
import { SOURCE_GONE, type ConnectionTable } from "../listen/connections.ts";
import type {
  Admission, AwaitingTls, DecideBatch, DecidedBy, End, Grant, HelloOutcome, Observer, SecuredOutcome,
} from "../listen/listener.ts";
import type { OpenPort, Ports } from "../listen/ports.ts";
import { denial as deny } from "../../runtime/host/ask.ts";
import type { TlsContext } from "../tls/secure.ts";
import { passedName } from "../tls/server_name.ts";
import type { TopDenied } from "./top_denied.ts";

/** A peer's address, and the number of its interface where it is link-local. */
interface Source {
  readonly source: Address;
  readonly zone: number;
}

/** The policy in force; replaced as a whole at a commit. */
export interface InForce {
  engine: PolicyEngine | null;
  /** 0 before the first policy. */
  generation: number;
}

export interface AdmitSetup {
  readonly inForce: InForce;
  readonly ports: Ports;
  readonly recorder: Recorder;
  readonly counters: Counters;
  readonly topDenied: TopDenied;
  readonly clock: GatewayClock;
  readonly caps: { readonly connections: number; readonly backend_connecting: number };
  /** What a listener that terminates TLS shows and asks; a string says why there is nothing. */
  readonly contextOf: (info: ListenerInfo) => TlsContext | string;
  /** The forwarder's, which is made after admission. */
  readonly table: () => ConnectionTable;
  /** A connection that was admitted could not be served for lack of a descriptor. */
  readonly lackedDescriptor: () => void;
}

export interface Admitter {
  readonly decide: DecideBatch;
  readonly observer: Observer;
  /** Refuses every peer from now on. */
  drain(): void;
}

export function createAdmitter(setup: AdmitSetup): Admitter {
  const { inForce, ports, recorder, counters, topDenied, clock, caps } = setup;
  let admitted = 0;
  let draining = false;

  function ask(engine: PolicyEngine, open: OpenPort, sources: readonly Source[]): Answer[] {
    const { info, backend } = open.serves;
    const decisions: Answer[] = [];
    engine.setClock({ monoMs: clock.monoMs(), wallSeconds: Math.floor(clock.wallMs() / 1000) });
    let roomOverall = caps.connections - admitted;
    // Whose hello is read first is not under way to the backend yet.
    let roomBackend = info.mode !== "tcp" ? Infinity : caps.backend_connecting - backend.load.underWay;
    // Only as many are asked at once as could be admitted, so none is charged in vain.
    while (decisions.length < sources.length) {
      const room = Math.min(roomOverall, roomBackend);
      if (room <= 0) break;
      const part = sources.slice(decisions.length, decisions.length + room);
      const answers = engine.admit(part.map(({ source, zone }) => ({ listener: info.id, source, zone })));
      for (let i = 0; i < part.length; i++) {
        const answer = next(answers[i] ?? deny(CODE_INTERNAL), info.mode);
        if (answer.allowed || answer.later) roomOverall--;
        if (answer.allowed) roomBackend--;
        decisions.push(answer);
      }
    }
    const full = roomOverall <= 0 ? CODE_CAP_OVERALL : CODE_CAP_BACKEND;
    for (const { source } of sources.slice(decisions.length)) {
      const answer = engine.accept(info.id, source);
      decisions.push(answer.allowed || answer.later ? deny(full) : answer);
    }
    return decisions;
  }

  /** A refusal that holds for everything on a socket just now. */
  function closedFor(open: OpenPort | undefined): CodeNumber | null {
    if (draining || open === undefined || open.closing) return CODE_DRAINING;
    if (inForce.engine === null) return CODE_NO_MODULE;
    return ports.isOwn(open.serves.backend.address) ? CODE_NO_BACKEND : null;
  }

  function verdicts(open: OpenPort | undefined, rows: readonly number[], table: ConnectionTable): Answer[] {
    const code = closedFor(open);
    const { engine } = inForce;
    const askable: Source[] = [];
    const found = rows.map((row): Answer | null => {
      const source = table.sourceOf(row);
      if (typeof source === "number") return deny(source === SOURCE_GONE ? CODE_NO_PEER : CODE_BAD_PEER);
      if (code !== null) return deny(code);
      askable.push({ source, zone: table.zone[row] ?? 0 });
      return null;
    });
    if (engine === null || open === undefined || askable.length === 0) {
      return found.map((decision) => decision ?? deny(CODE_INTERNAL));
    }
    const asked = ask(engine, open, askable);
    let next = 0;
    return found.map((decision) => decision ?? asked[next++] ?? deny(CODE_INTERNAL));
  }

  function entryOf(row: number, open: OpenPort | undefined, decision: Decision, engine: PolicyEngine | null, generation: number, detail?: string): Entry {
    const table = setup.table();
    const source = table.sourceOf(row);
    const info = open?.serves.info;
    const name = table.name[row];
    const identity = table.identity[row]?.identity;
    const asked = engine !== null && info !== undefined && typeof source !== "number" && !engine.poisoned;
    return {
      op: "accept",
      decision,
      generation,
      connection: row,
      listener: info?.name,
      service: info?.service,
      local: open?.local ?? "",
      source: table.endpointOf(row),
      sni: name ?? undefined,
      ...(identity !== undefined && clientWords(identity, asked ? matchingWord(engine, info.id, source, name ?? null, identity) : null)),
      shadow: asked ? engine.shadow(info.id, source, name, identity) : null,
      backend: decision.allowed ? open?.serves.backend.address.key : undefined,
      detail,
    };
  }

  /** Gives the caps of a connection that was charged back. */
  function giveBack(row: number, listener: number): void {
    const table = setup.table();
    const source = table.sourceOf(row);
    if (listener >= 0 && typeof source !== "number") inForce.engine?.release(listener, source, table.zone[row] ?? 0);
  }

  function countDenied(row: number): void {
    const host = setup.table().hostOf(row);
    if (host !== undefined) topDenied.add(host);
  }

  function decide(socket: number, rows: readonly number[]): readonly Admission[] {
    const table = setup.table();
    const open = ports.numbered(socket);
    const { engine, generation } = inForce;
    const listener = open?.serves.info.id ?? -1;
    const backend = open?.serves.backend;
    const wanted = verdicts(open, rows, table);
    const charged = (i: number): boolean => {
      const answer = wanted[i];
      return answer !== undefined && (answer.allowed || answer.later);
    };
    const due: number[] = [];
    const entries: Entry[] = [];
    wanted.forEach((answer, i) => {
      if (!answer.allowed && answer.later) return;
      due.push(i);
      entries.push(entryOf(rows[i] ?? -1, open, answer, engine, generation));
    });
    let recorded: readonly Decision[];
    try {
      recorded = recorder.record(entries, engine?.info ?? null);
    } catch (error) {
      rows.forEach((row, i) => {
        if (charged(i)) giveBack(row, listener);
      });
      throw error;
    }
    const final = new Map(due.map((i, at) => [i, recorded[at] ?? deny(CODE_INTERNAL)]));
    return rows.map((row, i): Admission => {
      const decision = final.get(i);
      if (decision === undefined && open !== undefined && charged(i)) {
        admitted++;
        table.listener[row] = listener;
        return { named: (outcome) => named(socket, row, outcome) };
      }
      if (decision?.allowed === true && backend !== undefined) {
        admitted++;
        backend.load.underWay++;
        table.listener[row] = listener;
        table.generation[row] = generation;
        return { permit: decision, backend };
      }
      countDenied(row);
      // Charged, but its record was lost.
      if (charged(i)) giveBack(row, listener);
      return decision === undefined || decision.allowed ? deny(CODE_INTERNAL) : decision;
    });
  }

  /** Where a connection goes on that an earlier phase did not refuse: the listener in force, asked anew. */
  function later(open: OpenPort | undefined, row: number): { readonly engine: PolicyEngine; readonly info: ListenerInfo; readonly source: Address } | Denial {
    const code = closedFor(open);
    if (code !== null) return deny(code);
    const { engine } = inForce;
    const table = setup.table();
    const source = table.sourceOf(row);
    if (engine === null || open === undefined || typeof source === "number") return deny(CODE_INTERNAL);
    const { info } = open.serves;
    // What the policy in force did not count is not its connection: a reload withdrew its listener.
    if (table.listener[row] !== info.id) return deny(CODE_NOT_EXPOSED);
    engine.setClock({ monoMs: clock.monoMs(), wallSeconds: Math.floor(clock.wallMs() / 1000) });
    return { engine, info, source };
  }

  function isFull(open: OpenPort): boolean {
    return open.serves.backend.load.underWay >= caps.backend_connecting;
  }

  /** Phases 1 and 2 again, under the policy that is in force now. Nothing is charged twice. */
  function helloVerdict(open: OpenPort | undefined, row: number, outcome: HelloOutcome): Decision | TlsContext {
    if ("denial" in outcome) return outcome.denial;
    const at = later(open, row);
    if ("allowed" in at || open === undefined) return "allowed" in at ? at : deny(CODE_INTERNAL);
    const { engine, info, source } = at;
    const table = setup.table();
    // INVARIANT: what no two programs read alike is a name to nobody, and where names count it is a refusal.
    if (table.nameFault[row] !== null && info.asksNames) return deny(CODE_HELLO_MALFORMED);
    const answer = engine.named(info.id, source, table.name[row] ?? null);
    if (!answer.allowed && !answer.later) return answer;
    if (info.mode === "tls" || info.mode === "mtls") {
      const context = setup.contextOf(info);
      return typeof context === "string" ? deny(CODE_TLS_CHANGED) : context;
    }
    if (!answer.allowed) return deny(CODE_INTERNAL);
    return isFull(open) ? deny(CODE_CAP_BACKEND) : answer;
  }

  /** Phases 1 to 4 under the policy in force; only phase 4 is charged. */
  function securedVerdict(open: OpenPort | undefined, row: number, context: TlsContext, outcome: SecuredOutcome): Decision {
    if ("denial" in outcome) return outcome.denial;
    const at = later(open, row);
    if ("allowed" in at || open === undefined) return "allowed" in at ? at : deny(CODE_INTERNAL);
    const { engine, info, source } = at;
    const table = setup.table();
    const name = table.name[row] ?? null;
    if (table.nameFault[row] !== null && info.asksNames) return deny(CODE_HELLO_MALFORMED);
    // INVARIANT: who was verified by another authority, or by none, is not known to this listener.
    const now = setup.contextOf(info);
    if ((info.mode !== "tls" && info.mode !== "mtls") || typeof now === "string" || now.trust !== context.trust) return deny(CODE_TLS_CHANGED);
    const { identity } = outcome;
    if ((identity === null) !== (info.mode === "tls")) return deny(CODE_INTERNAL);
    if (isFull(open)) return deny(CODE_CAP_BACKEND);
    return identity === null ? engine.hello(info.id, source, name) : engine.admitIdentity(info.id, source, name, identity);
  }

  /** Records the last word on a connection that was charged at phase 1, and lets it go on or gives its caps back. */
  function conclude(socket: number, row: number, asked: Decision, by: DecidedBy | null, detail?: string): Grant | Denial {
    const table = setup.table();
    const open = ports.numbered(socket);
    const backend = open?.serves.backend;
    const listener = table.listener[row] ?? -1;
    let decision = asked;
    try {
      const { engine, generation } = inForce;
      const entry = entryOf(row, open, decision, by === null ? engine : null, by?.generation ?? generation, detail);
      decision = recorder.record([entry], by?.info ?? engine?.info ?? null)[0] ?? deny(CODE_INTERNAL);
    } catch {
      counters.denied++;
      counters.auditDropped++;
      bump(counters.byCode, "internal");
      decision = deny(CODE_INTERNAL);
    }
    if (decision.allowed && backend !== undefined) {
      backend.load.underWay++;
      table.generation[row] = inForce.generation;
      return { permit: decision, backend };
    }
    admitted--;
    countDenied(row);
    giveBack(row, listener);
    // Charged at phase 4, but its record was lost.
    const known = table.identity[row];
    if (asked.allowed && known !== undefined && listener >= 0) inForce.engine?.releaseIdentity(listener, known.identity);
    table.listener[row] = -1;
    return decision.allowed ? deny(CODE_INTERNAL) : decision;
  }

  /** INVARIANT: a failure inside is a refusal. */
  function guarded<T>(ask: () => T): T | Denial {
    try {
      return ask();
    } catch {
      return deny(CODE_INTERNAL);
    }
  }

  function named(socket: number, row: number, outcome: HelloOutcome): Grant | AwaitingTls | Denial {
    const table = setup.table();
    const open = ports.numbered(socket);
    if ("hello" in outcome) {
      const { serverName, nameFault } = open?.serves.info.mode === "passthrough" ? passedName(outcome.hello) : outcome.hello;
      table.name[row] = serverName;
      table.nameFault[row] = nameFault;
    }
    const answer = guarded(() => helloVerdict(open, row, outcome));
    if (!("server" in answer)) return conclude(socket, row, answer, "denial" in outcome ? outcome.by : null, "denial" in outcome ? outcome.detail : table.nameFault[row] ?? undefined);
    return { context: answer, secured: (last) => secured(socket, row, answer, last) };
  }

  function secured(socket: number, row: number, context: TlsContext, outcome: SecuredOutcome): Grant | Denial {
    const { ca } = context;
    if ("identity" in outcome && outcome.identity !== null && ca !== null) setup.table().identity[row] = { identity: outcome.identity, ca };
    const decision = guarded(() => securedVerdict(ports.numbered(socket), row, context, outcome));
    return conclude(socket, row, decision, "denial" in outcome ? outcome.by : null, "denial" in outcome ? outcome.detail : setup.table().nameFault[row] ?? undefined);
  }

  return {
    decide(socket, rows) {
      try {
        return decide(socket, rows);
      } catch {
        // INVARIANT: a failure inside is a refusal. It is counted as one whose record was lost.
        counters.denied += rows.length;
        counters.auditDropped += rows.length;
        return rows.map(() => {
          bump(counters.byCode, "internal");
          return deny(CODE_INTERNAL);
        });
      }
    },
    observer: {
      connected(_row, backend) {
        backend.load.underWay--;
      },
      secondHello(row, detail) {
        const open = ports.numbered(setup.table().socket[row] ?? -1);
        const { engine, generation } = inForce;
        try {
          recorder.record([{ ...entryOf(row, open, deny(CODE_SECOND_HELLO), null, generation, detail), op: "second_hello" }], engine?.info ?? null);
        } catch {
          counters.auditDropped++;
        }
      },
      notOwned(row, backend, because) {
        const table = setup.table();
        const open = ports.numbered(table.socket[row] ?? -1);
        recorder.record([{
          op: "backend", decision: deny(CODE_BACKEND_NOT_OWNED), generation: inForce.generation, connection: row,
          listener: open?.serves.info.name, service: open?.serves.info.service, local: open?.local ?? "",
          source: table.endpointOf(row),
          backend: backend.address.key, detail: because,
        }], null);
      },
      closed(row: number, end: End) {
        const table = setup.table();
        const listener = table.listener[row] ?? -1;
        admitted--;
        const known = table.identity[row];
        giveBack(row, listener);
        if (listener >= 0 && known !== undefined) inForce.engine?.releaseIdentity(listener, known.identity);
        bump(counters.ends, end);
        if (end === "no_descriptor") setup.lackedDescriptor();
        counters.bytesFromClients += table.bytesIn[row] ?? 0;
        counters.bytesFromBackends += table.bytesOut[row] ?? 0;
      },
    },
    drain() {
      draining = true;
    },
  };
}

const PENDING: Pending = { allowed: false, later: true };

/**
 * Where TLS is read the hello always is, also where phase 1 admits already: what is no
 * TLS never reaches its backend. On any other no name comes, so an open answer is a refusal (it stays
 * charged: such a module contradicts itself, and the host must not trust its counts).
 */
function next(answer: Answer, mode: ListenerInfo["mode"]): Answer {
  if (mode !== "tcp") return answer.allowed ? PENDING : answer;
  return !answer.allowed && answer.later ? deny(CODE_INTERNAL) : answer;
}
