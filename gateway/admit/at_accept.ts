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
import { denial, type Answer, type Pending } from "../../runtime/host/decision.ts";
import type { Peer, PolicyEngine } from "../../runtime/host/module.ts";
import { CHARGED_LISTENER, CHARGED_NAME_WAIT } from "../connection/charges.ts";
import { SOURCE_GONE, type SOURCE_ODD } from "../connection/table.ts";
import { soleExpose, type Exposure, type OpenPort, type Ports } from "../listen/ports.ts";

/** A peer as phase 1 sees it; `zone` is the number of its interface where it is link-local. */
export interface PeerFacts {
  readonly row: number;
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

/** Has a connection wait for its name, where there is room. */
export type Wait = (peer: KnownPeer) => CodeNumber | null;

const PENDING: Pending = { allowed: false, later: true };

/** A refusal of everything on a socket just now; null where there is none. */
export function closedFor(open: OpenPort | undefined, engine: PolicyEngine | null, ports: Pick<Ports, "isOwn">, draining: boolean): CodeNumber | null {
  if (draining || open === undefined || open.closing) return CODE_DRAINING;
  if (engine === null) return CODE_NO_MODULE;
  const sole = soleExpose(open.serves);
  return sole !== undefined && sole.backends.every(({ address }) => ports.isOwn(open.proto, address)) ? CODE_NO_BACKEND : null;
}

/** In the order of `peers`. `closed`: what closedFor says of the socket. The engine's clock is set. */
export function decideAtAccept(
  engine: PolicyEngine | null,
  serves: Exposure | undefined,
  closed: CodeNumber | null,
  room: Room,
  wait: Wait,
  peers: readonly PeerFacts[],
): readonly Charged[] {
  const known: KnownPeer[] = [];
  const listener = serves?.number ?? -1;
  if (closed === null)
    for (const { row, source, zone, isBlocked } of peers) if (typeof source !== "number" && !isBlocked) known.push({ row, listener, source, zone });
  const decided = engine === null || serves === undefined ? [] : decideKnown(engine, serves, room, wait, known);
  if (decided.length === peers.length) return decided;
  const answers: Charged[] = [];
  let next = 0;
  for (const { source, isBlocked } of peers) {
    if (typeof source === "number") answers.push(refused(source === SOURCE_GONE ? CODE_NO_PEER : CODE_BAD_PEER));
    else if (isBlocked) answers.push(refused(CODE_BLOCKED));
    else if (closed !== null) answers.push(refused(closed));
    else answers.push(decided[next++] ?? refused(CODE_INTERNAL));
  }
  return answers;
}

export type KnownPeer = Peer & { readonly row: number; readonly zone: number };

function decideKnown(engine: PolicyEngine, serves: Exposure, { overall, backend }: Room, wait: Wait, peers: readonly KnownPeer[]): readonly Charged[] {
  const answers: Charged[] = [];
  const reads = readsHello(serves);
  let roomOverall = overall;
  // A connection whose hello is read first is not under way to the backend yet.
  let roomBackend = reads ? Infinity : backend;
  // Only as many are decided at once as could be admitted, so none is charged in vain.
  while (answers.length < peers.length) {
    const room = Math.min(roomOverall, roomBackend);
    if (room <= 0) break;
    const part = answers.length === 0 && room >= peers.length ? peers : peers.slice(answers.length, answers.length + room);
    const given = engine.admit(part);
    const charged = serves.isGroup ? CHARGED_NAME_WAIT : CHARGED_LISTENER;
    for (let i = 0; i < part.length; i++) {
      const peer = part[i];
      const answer = atAccept(given[i] ?? denial(CODE_INTERNAL), reads);
      const full = peer !== undefined && serves.isGroup && !answer.allowed && answer.later ? wait(peer) : null;
      const admitted = full === null && (answer.allowed || answer.later);
      if (admitted) roomOverall--;
      if (answer.allowed) roomBackend--;
      answers.push(full === null ? { answer, charged: admitted ? charged : 0 } : refused(full));
    }
  }
  const full = roomOverall <= 0 ? CODE_CAP_OVERALL : CODE_CAP_BACKEND;
  // A cap does not hide what the rules refuse.
  for (const { source } of peers.slice(answers.length)) {
    const answer = engine.accept(serves.number, source);
    answers.push(answer.allowed || answer.later ? refused(full) : { answer, charged: 0 });
  }
  return answers;
}

/**
 * Where TLS is read the hello always is, also where phase 1 admits already: what is no
 * TLS never reaches its backend. On any other no name comes, so an open answer is a refusal (it stays
 * charged: such a module contradicts itself, and the host must not trust its counts).
 */
function atAccept(answer: Answer, reads: boolean): Answer {
  if (reads && answer.allowed) return answer.would === undefined ? PENDING : { ...PENDING, would: answer.would };
  if (reads) return answer;
  return !answer.allowed && answer.later ? denial(CODE_INTERNAL) : answer;
}

/** Datagrams have no hello that the gateway reads. */
function readsHello(serves: Exposure): boolean {
  return serves.proto === "tcp" && (serves.isGroup || soleExpose(serves)?.info.mode !== "tcp");
}

function refused(code: CodeNumber): Charged {
  return { answer: denial(code), charged: 0 };
}
