// The gateway that is taken over. Until the next one says `serving` nothing of it has changed, and if the next one ends, or is silent,
// before that, this one continues. After `serving` it decides nothing: it relays its connections to their end and reports
// each to the next one.
//
//   begin     reloads and registrations wait            sockets   listening sockets go over; both processes have them
//   freeze    nothing is accepted: peers queue          state     connections and limits, in parts
//   serving   THE POINT OF NO RETURN                    done      the next one's control socket is there
import { randomBytes } from "node:crypto";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { Libc } from "../../runtime/shell/libc.ts";
import { MOST_DESCRIPTORS, type UnixMessages } from "../../runtime/shell/unix_messages.ts";
import type { Blocks } from "../blocks/blocks.ts";
import type { Cancel, GatewayClock } from "../clock.ts";
import type { Client } from "../control/client.ts";
import type { Forwarder } from "../connection/forwarder.ts";
import type { Flows } from "../datagram/flows.ts";
import { FREE, HEADING, PENDING, READING, SECURING } from "../connection/states.ts";
import type { OpenPort, Ports } from "../listen/ports.ts";
import type { Admitter } from "../admit/admit.ts";
import type { InForce } from "../admit/desk.ts";
import type { Turns } from "../reload/turns.ts";
import { hashOf, writeState } from "./handed_state.ts";

/** The next gateway's longest silence. */
export const SILENCE_MS = 10_000;
/** How long connections that are not yet admitted have for hello and handshake, once nothing is accepted. */
export const SETTLE_MS = 500;
/** Turns of the event loop that they have at least. */
const SETTLE_TURNS = 64;
/** Bytes of one part of the state. */
export const PART_BYTES = 256 * 1024;

const F_DUPFD_CLOEXEC = 1030;

export interface GivingSetup {
  /** Null without koffi. */
  readonly calls: { readonly libc: Libc; readonly messages: UnixMessages } | null;
  readonly ports: Ports;
  readonly forwarder: Forwarder;
  readonly flows: Pick<Flows, "handed">;
  readonly inForce: InForce;
  readonly admitter: Pick<Admitter, "suspend" | "resume">;
  readonly blocks: Pick<Blocks, "all">;
  readonly turns: Turns;
  readonly clock: GatewayClock;
  readonly seed: Uint8Array;
  readonly say: (sentence: string) => void;
  /** Whether a coordinator has a change prepared, or the gateway stops. */
  readonly isBusy: () => boolean;
  /** From now on this gateway decides nothing; `report` writes to the next one. */
  readonly handedOver: (report: (method: string, params: object) => void) => void;
  /** Records the ends that have come so far. */
  readonly flushEnds: () => void;
  /** The next gateway takes registrations now. */
  readonly done: () => void;
  /** The next gateway is gone, and nobody enforces a policy on the connections that are left. */
  readonly abandoned: () => void;
}

export interface Begun {
  readonly id: string;
  readonly pid: number;
  /** Base64. */
  readonly seed: string;
  readonly sockets: number;
}

interface Round {
  readonly id: string;
  readonly client: Client;
  readonly ports: readonly OpenPort[];
  readonly release: () => void;
  disarm: Cancel;
  /** Copies of the listening sockets while nothing is accepted. */
  paused: readonly { readonly open: OpenPort; readonly fd: number }[] | null;
  state: Buffer | null;
}

export class Giving {
  readonly #setup: GivingSetup;
  #round: Round | null = null;
  #over: Client | null = null;

  constructor(setup: GivingSetup) {
    this.#setup = setup;
  }

  /** Ends that come now are the next gateway's to record, if it takes over. */
  get isFrozen(): boolean {
    return this.#round !== null && this.#round.state !== null;
  }

  isOwner(client: number): boolean {
    return this.#round?.client.number === client || this.#over?.number === client;
  }

  /** A connection has closed. */
  async ownerGone(client: number): Promise<void> {
    if (this.#round?.client.number === client) await this.#giveUp("its connection closed");
    if (this.#over?.number === client) this.#setup.abandoned();
  }

  async begin(client: Client, format: number): Promise<Result<Begun, string>> {
    const { calls, turns, ports, seed, say, isBusy } = this.#setup;
    if (calls === null) return failed("koffi is not installed here, so sockets can't be handed over");
    const own = process.geteuid?.();
    if (client.caller.peerUid === null || client.caller.peerUid !== own)
      return failed(`the caller runs as uid ${client.caller.peerUid ?? "unknown"}, and only uid ${own ?? "unknown"} may take over`);
    // Another release reads what it knows of this one's state.
    if (!Number.isInteger(format) || format < 1) return failed("no release of ingressd has a state of this form");
    if (this.#round !== null || this.#over !== null) return failed("another takeover is under way");
    if (ports.all().some(({ proto, socket }) => proto === "udp" && socket.descriptor() === null))
      return failed(
        "an expose on udp is served by Node's sockets, which can't be handed over (forwarder = \"kernel\"): stop this gateway and start the other one",
      );
    if (isBusy()) return failed("a change is prepared, or the gateway stops: try again when that is over");
    const id = randomBytes(16).toString("hex");
    const round = await new Promise<Round | null>((begun) => {
      void turns(
        () =>
          new Promise<void>((release) => {
            if (this.#round !== null || this.#over !== null || !client.alive() || isBusy()) {
              begun(null);
              release();
              return;
            }
            this.#round = { id, client, ports: ports.all(), release, disarm: () => undefined, paused: null, state: null };
            begun(this.#round);
          }),
      );
    });
    if (round === null) return failed("another takeover is under way, or the caller is gone");
    this.#heard(round);
    say("another gateway prepares to take over");
    return ok({ id, pid: process.pid, seed: Buffer.from(seed).toString("base64"), sockets: round.ports.length });
  }

  /** A sign of life. */
  wait(id: string): Result<null, string> {
    const round = this.#of(id);
    return round === null ? failed(UNKNOWN) : ok(null);
  }

  /** Sends the listening sockets over the caller's own connection, before the answer. */
  sockets(id: string, client: Client): Result<null, string> {
    const round = this.#of(id);
    const to = client.descriptor();
    const { calls } = this.#setup;
    if (round === null || calls === null || to === null || client.caller.peerUid !== round.client.caller.peerUid) return failed(UNKNOWN);
    const fds = round.ports.map(({ socket }) => socket.descriptor());
    const known = fds.filter((fd) => fd !== null);
    if (known.length !== fds.length) return failed("a listening socket is gone");
    for (let at = 0; at < known.length; at += MOST_DESCRIPTORS) {
      const part = known.slice(at, at + MOST_DESCRIPTORS);
      if (calls.messages.send(to, Buffer.from("\n"), part) !== 1) return failed("the listening sockets can't be sent");
    }
    return ok(null);
  }

  /** Stops accepting and freezes the state; its size and hash. */
  async freeze(id: string): Promise<Result<{ readonly bytes: number; readonly sha256: string }, string>> {
    const round = this.#of(id);
    const { calls, forwarder, flows, ports, inForce, clock } = this.#setup;
    if (round === null || calls === null || round.paused !== null) return failed(UNKNOWN);
    round.paused = round.ports.flatMap((open) => {
      const fd = open.socket.descriptor();
      const copy = fd === null ? -1 : calls.libc.fcntl(fd, F_DUPFD_CLOEXEC, 0);
      if (copy < 0) return [];
      open.socket.suspend();
      return [{ open, fd: copy }];
    });
    if (round.paused.length !== round.ports.length) {
      await this.#giveUp("no descriptor is left to keep its sockets");
      return failed("no descriptor is left");
    }
    await this.#settle();
    if (this.#round !== round) return failed(UNKNOWN);
    const { engine } = inForce;
    engine?.setClock({ monoMs: clock.monoMs(), wallSeconds: Math.floor(clock.wallMs() / 1000) });
    this.#setup.flushEnds();
    // INVARIANT: from this turn on nothing is admitted here, also nobody whose hello or handshake is still to come, and each end
    // is reported.
    this.#setup.admitter.suspend();
    round.state = writeState(forwarder.table, ports, flows.handed(), this.#setup.blocks.all(), engine?.exportState() ?? new Uint8Array(0));
    forwarder.reportEnds((row, end) => {
      if (end === null) return;
      const { table } = forwarder;
      const backend = table.backend[row]?.address.key;
      round.client.notify("takeover_ended", { row, end, bytesIn: table.bytesIn[row] ?? 0, bytesOut: table.bytesOut[row] ?? 0, backend });
    });
    return ok({ bytes: round.state.length, sha256: hashOf(round.state) });
  }

  part(id: string, from: number): Result<string, string> {
    const round = this.#of(id);
    return round === null || round.state === null ? failed(UNKNOWN) : ok(round.state.subarray(from, from + PART_BYTES).toString("base64"));
  }

  /** The next gateway serves. */
  serving(id: string): Result<null, string> {
    const round = this.#of(id);
    if (round === null || round.state === null) return failed(UNKNOWN);
    const { handedOver, say } = this.#setup;
    round.disarm();
    this.#over = round.client;
    this.#round = null;
    for (const { fd } of round.paused ?? []) this.#setup.calls?.libc.close(fd);
    say("another gateway has taken over: this one relays its connections to their end");
    handedOver((method, params) => round.client.notify(method, params));
    round.release();
    return ok(null);
  }

  done(client: Client): Result<null, string> {
    if (this.#over?.number !== client.number) return failed(UNKNOWN);
    this.#setup.done();
    return ok(null);
  }

  cut(client: Client, rows: readonly number[]): Result<null, string> {
    const { forwarder } = this.#setup;
    if (this.#over?.number !== client.number) return failed(UNKNOWN);
    for (const row of rows) if (row < forwarder.table.rows && forwarder.table.state[row] !== FREE) forwarder.cut(row, "rechecked");
    return ok(null);
  }

  /** The round with this id, whose owner has just been heard. */
  #of(id: string): Round | null {
    const round = this.#round;
    if (round === null || round.id !== id) return null;
    this.#heard(round);
    return round;
  }

  #heard(round: Round): void {
    round.disarm();
    round.disarm = this.#setup.clock.after(SILENCE_MS, () => void this.#giveUp(`it was silent for ${SILENCE_MS / 1000} s`));
  }

  /** A process that gets no time for `SETTLE_MS` still has its turns. */
  async #settle(): Promise<void> {
    const { clock } = this.#setup;
    const untilMs = clock.monoMs() + SETTLE_MS;
    for (let turns = 0; this.#isUnsettled() && (turns < SETTLE_TURNS || clock.monoMs() < untilMs); turns++)
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
  }

  #isUnsettled(): boolean {
    const { table } = this.#setup.forwarder;
    for (let row = 0; row < table.rows; row++) {
      const state = table.state[row];
      if (state === PENDING || state === HEADING || state === READING || state === SECURING) return true;
    }
    return false;
  }

  /** This gateway continues as before. */
  async #giveUp(because: string): Promise<void> {
    const round = this.#round;
    if (round === null) return;
    this.#round = null;
    round.disarm();
    this.#setup.admitter.resume();
    this.#setup.forwarder.reportEnds(() => undefined);
    for (const { open, fd } of round.paused ?? []) {
      // Its lease may have ended meanwhile, and with it the port.
      const isGone = open.closing;
      const refused = isGone ? null : await open.socket.resume(fd);
      if (isGone || open.proto === "udp") this.#setup.calls?.libc.close(fd);
      if (refused === null) continue;
      this.#setup.ports.lose(open);
      this.#setup.say(`${open.local} can't be served again (${refused.code}): the port is closed, and opened anew at the next look at the ports`);
    }
    round.release();
    this.#setup.say(`the other gateway does not take over: ${because}`);
  }
}

const UNKNOWN = "no such takeover is under way, or this is not its turn";
