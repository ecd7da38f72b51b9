// Phase 1 of a batch of peers at one listening socket: what the policy module and the gateway's own caps say. The
// answer of each comes with what the module has charged for it; what the gateway charges itself follows the record.
import type { Address } from "../../runtime/net/address.ts";
import {
  CODE_BAD_PEER,
  CODE_BLOCKED,
  CODE_CAP_BACKEND,
  CODE_CAP_OVERALL,
  CODE_DRAINING,
  CODE_INTERNAL,
  CODE_NO_BACKEND,
  CODE_NO_MODULE,
  CODE_NO_PEER,
} from "../../runtime/abi/verdicts.ts";
import type { CodeNumber } from "../../runtime/abi/names.ts";
import { denial } from "../../runtime/host/ask.ts";
import type { Answer, Pending } from "../../runtime/host/decision.ts";
import type { ListenerInfo, Peer, PolicyEngine } from "../../runtime/host/module.ts";
import { CHARGED_LISTENER } from "../connection/charges.ts";
import { SOURCE_GONE, type SOURCE_ODD } from "../connection/table.ts";
import type { OpenPort, Ports } from "../listen/ports.ts";

/** A peer as phase 1 sees it; `zone` is the number of its interface where it is link-local. */
export interface PeerFacts {
  readonly source: Address | typeof SOURCE_GONE | typeof SOURCE_ODD;
  readonly zone: number;
  /** An operator has blocked it. */
  readonly isBlocked: boolean;
}

export interface Charged {
  readonly answer: Answer;
  /** Bits of charges.ts: what the module counts from now on. */
  readonly charged: number;
}

/** How many more connections the gateway's own caps admit. */
export interface Room {
  readonly overall: number;
  readonly backend: number;
}

const PENDING: Pending = { allowed: false, later: true };

/** A refusal of everything on a socket just now; null where there is none. */
export function closedFor(open: OpenPort | undefined, engine: PolicyEngine | null, ports: Pick<Ports, "isOwn">, draining: boolean): CodeNumber | null {
  if (draining || open === undefined || open.closing) return CODE_DRAINING;
  if (engine === null) return CODE_NO_MODULE;
  return ports.isOwn(open.proto, open.serves.backend.address) ? CODE_NO_BACKEND : null;
}

/** In the order of `peers`. `closed`: what closedFor says of the socket. The engine's clock is set. */
export function decideAtAccept(
  engine: PolicyEngine | null,
  info: ListenerInfo | undefined,
  closed: CodeNumber | null,
  room: Room,
  peers: readonly PeerFacts[],
): readonly Charged[] {
  const known: Peer[] = [];
  const found = peers.map(({ source, zone, isBlocked }): Charged | null => {
    if (typeof source === "number") return refused(source === SOURCE_GONE ? CODE_NO_PEER : CODE_BAD_PEER);
    if (isBlocked) return refused(CODE_BLOCKED);
    if (closed !== null) return refused(closed);
    known.push({ listener: info?.id ?? -1, source, zone });
    return null;
  });
  const decided = engine === null || info === undefined ? [] : decideKnown(engine, info, room, known);
  let next = 0;
  return found.map((one) => one ?? decided[next++] ?? refused(CODE_INTERNAL));
}

function decideKnown(engine: PolicyEngine, info: ListenerInfo, { overall, backend }: Room, peers: readonly Peer[]): readonly Charged[] {
  const answers: Charged[] = [];
  let roomOverall = overall;
  // A connection whose hello is read first is not under way to the backend yet.
  let roomBackend = readsHello(info) ? Infinity : backend;
  // Only as many are decided at once as could be admitted, so none is charged in vain.
  while (answers.length < peers.length) {
    const room = Math.min(roomOverall, roomBackend);
    if (room <= 0) break;
    const part = peers.slice(answers.length, answers.length + room);
    const given = engine.admit(part);
    for (let i = 0; i < part.length; i++) {
      const answer = atAccept(given[i] ?? denial(CODE_INTERNAL), info);
      const goesOn = answer.allowed || answer.later;
      if (goesOn) roomOverall--;
      if (answer.allowed) roomBackend--;
      answers.push({ answer, charged: goesOn ? CHARGED_LISTENER : 0 });
    }
  }
  const full = roomOverall <= 0 ? CODE_CAP_OVERALL : CODE_CAP_BACKEND;
  // A cap does not hide what the rules refuse.
  for (const { source } of peers.slice(answers.length)) {
    const answer = engine.accept(info.id, source);
    answers.push(answer.allowed || answer.later ? refused(full) : { answer, charged: 0 });
  }
  return answers;
}

/**
 * Where TLS is read the hello always is, also where phase 1 admits already: what is no
 * TLS never reaches its backend. On any other no name comes, so an open answer is a refusal (it stays
 * charged: such a module contradicts itself, and the host must not trust its counts).
 */
function atAccept(answer: Answer, info: ListenerInfo): Answer {
  if (readsHello(info)) return answer.allowed ? PENDING : answer;
  return !answer.allowed && answer.later ? denial(CODE_INTERNAL) : answer;
}

/** Datagrams have no hello that the gateway reads. */
function readsHello({ proto, mode }: ListenerInfo): boolean {
  return proto === "tcp" && mode !== "tcp";
}

function refused(code: CodeNumber): Charged {
  return { answer: denial(code), charged: 0 };
}
