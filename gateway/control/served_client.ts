// One client of a control or registration socket: newline JSON-RPC 2.0, one request at a time,
// frames and answers bounded, methods and parameters checked before anything runs.
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { descriptorOf } from "../../runtime/shell/libc.ts";
import type { Caller } from "../intents/identity.ts";
import type { Cancel, GatewayClock } from "../clock.ts";
import type { Client } from "../control/client.ts";
import type { Desk, Work } from "./desk.ts";
import { answerToByteFrame } from "./byte_frames.ts";
import { createFrames, FRAME_BYTES } from "./frames.ts";
import { readRequest, rpcError, RPC_INTERNAL, RPC_INVALID_REQUEST, RPC_INVALID_PARAMS, RPC_NO_METHOD, RPC_DENIED, type Answer, type RpcError } from "./rpc.ts";
import type { Check } from "./schema.ts";

const CHALLENGE_BYTES = 32;
/** Answers that a client has not read: beyond the first no request of it is handled, beyond the second it is closed. */
const UNREAD_PAUSE_BYTES = 256 * 1024;
const UNREAD_BYTES = 4 * 1024 * 1024;
/** Frames of one connection that are no request; the last of them ends it. */
export const MALFORMED_FRAMES = 3;
/** Tokens of a method that has more to do than answer, and of a request that is refused. */
const DEAR = 5;

/** A method as a socket sees it. */
export interface ServedMethod {
  /** `operator`: on the control socket only. */
  readonly access: "operator" | "anyone";
  readonly params: Check;
  /** Has more to do than answer, so that a client may call it less often. */
  readonly dear?: true;
  readonly run: (client: Client, params: unknown) => Promise<Answer>;
}

export interface ServeSetup {
  readonly idleMs: () => number;
  readonly clock: GatewayClock;
  readonly desk: Desk;
  /** Null where there is none of that name. */
  readonly method: (name: string) => ServedMethod | null;
  /** Records a message that is none, or a registration that is none, before it is answered. */
  readonly refused: (client: Client, service: string | undefined, detail: string) => void;
  /** Whether a connection has a lease, or a prepared change, that would end with it. */
  readonly isOwner: (client: number) => boolean;
  readonly gone: (client: number) => void;
}

export interface ServedClient {
  /** How long it has been without a request; null where it has one, or is the owner of something that ends with it. */
  idleForMs(): number | null;
  close(): void;
}

/** `number` is unique over all sockets. */
export function serve(socket: Socket, caller: Caller, number: number, setup: ServeSetup): ServedClient {
  return new Serving(socket, caller, number, setup);
}

class Serving implements ServedClient {
  readonly #socket: Socket;
  readonly #client: Client;
  readonly #setup: ServeSetup;
  readonly #frames = createFrames();
  readonly #work: Work;
  #malformed = 0;
  /** From the moment at which bytes came until all whole frames among them are handled. */
  #working = false;
  /** It gets one more answer and no further. */
  #ending = false;
  #disarm: Cancel = () => undefined;
  /** When the last frame came. */
  #sinceMs: number;

  constructor(socket: Socket, caller: Caller, number: number, setup: ServeSetup) {
    this.#socket = socket;
    this.#setup = setup;
    this.#client = {
      number,
      caller,
      challenge: randomBytes(CHALLENGE_BYTES).toString("hex"),
      alive: () => !socket.destroyed,
      descriptor: () => descriptorOf(socket),
      notify: (method, params) => {
        if (!socket.destroyed) socket.write(`${JSON.stringify({ jsonrpc: "2.0", method, params })}\n`);
      },
    };
    this.#work = { peer: caller.peer, step: () => this.#step() };
    this.#sinceMs = setup.clock.monoMs();
    socket.on("data", (chunk) => this.#read(chunk));
    socket.once("close", () => {
      this.#disarm();
      setup.gone(number);
    });
    this.#rearm();
  }

  idleForMs(): number | null {
    const busy = !this.#ending && (this.#working || this.#setup.isOwner(this.#client.number));
    return busy ? null : this.#setup.clock.monoMs() - this.#sinceMs;
  }

  close(): void {
    this.#socket.destroy();
  }

  #rearm(): void {
    this.#disarm();
    this.#disarm = this.#setup.clock.after(this.#setup.idleMs(), () => {
      // INVARIANT: a client that has begun a frame or reads no answers is closed, lease or not.
      const stuck = this.#ending || this.#frames.unfinished() || this.#socket.writableLength > UNREAD_PAUSE_BYTES;
      if (!stuck && (this.#working || this.#setup.isOwner(this.#client.number))) this.#rearm();
      else this.#socket.destroy();
    });
  }

  #read(chunk: Buffer): void {
    this.#socket.pause();
    this.#frames.push(chunk);
    // Bytes that were read before the pause took effect are found by the work that is already due.
    if (this.#working) return;
    this.#working = true;
    this.#setup.desk.add(this.#work);
  }

  #step(): number {
    const { clock, desk } = this.#setup;
    if (this.#socket.destroyed || this.#ending) return 0;
    const frame = this.#frames.next();
    if (frame === "too_long") {
      this.#end(this.#refuse(RPC_INVALID_REQUEST, `a frame has at most ${FRAME_BYTES} bytes`));
      return FRAME_BYTES;
    }
    if (frame === "none") {
      this.#working = false;
      this.#socket.resume();
      return 0;
    }
    if ("head" in frame) {
      this.#endByteFrame(frame.head);
      return frame.bytes;
    }
    this.#sinceMs = clock.monoMs();
    this.#rearm();
    if (frame.text === "") desk.add(this.#work);
    else
      void this.#answerFrame(frame.text).then(
        () => this.#next(),
        () => this.#socket.destroy(),
      );
    return frame.bytes;
  }

  #next(): void {
    const { desk } = this.#setup;
    if (this.#socket.destroyed || this.#ending) return;
    if (this.#socket.writableLength > UNREAD_PAUSE_BYTES) this.#socket.once("drain", () => desk.add(this.#work));
    else desk.add(this.#work);
  }

  async #answerFrame(text: string): Promise<void> {
    const { desk } = this.#setup;
    const { peer } = this.#client.caller;
    const request = readRequest(text);
    if (!request.ok) {
      const { code, message } = request.error.error;
      const answer = this.#refuse(code, message);
      desk.charge(peer, DEAR);
      this.#malformed++;
      if (this.#malformed >= MALFORMED_FRAMES) this.#end(answer);
      else this.#send(null, answer);
      return;
    }
    const { id, method, params } = request.value;
    const answer = await answerTo(method, params, this.#client, this.#setup);
    if ("error" in answer || this.#setup.method(method)?.dear === true) desk.charge(peer, DEAR);
    if (id !== undefined && !this.#socket.destroyed) this.#send(id, answer);
  }

  #send(id: unknown, answer: Answer): void {
    this.#socket.write(`${JSON.stringify({ jsonrpc: "2.0", id: id ?? null, ...answer })}\n`);
    if (this.#socket.writableLength > UNREAD_BYTES) this.#socket.destroy();
  }

  #refuse(code: number, message: string): RpcError {
    this.#setup.refused(this.#client, undefined, message);
    return rpcError(code, message, BAD_INTENT);
  }

  /** Its answer is in its own protocol, which this socket does not speak. */
  #endByteFrame(head: Uint8Array): void {
    this.#setup.refused(this.#client, undefined, "the message is a byte frame, and this socket has lines of JSON");
    this.#ending = true;
    this.#socket.write(answerToByteFrame(head));
    this.#socket.destroySoon();
  }

  #end(answer: RpcError): void {
    this.#ending = true;
    this.#send(null, answer);
    this.#socket.destroySoon();
  }
}

/** INVARIANT: a failure inside is an answer, never the end of the process. */
async function answerTo(name: string, params: unknown, client: Client, setup: ServeSetup): Promise<Answer> {
  try {
    const method = setup.method(name);
    if (method === null) return rpcError(RPC_NO_METHOD, `there is no method \`${name}\``);
    if (method.access === "operator" && !client.caller.operator) {
      return rpcError(RPC_DENIED, `\`${name}\` is for the control socket`, { reason: "policy", code: "not_gateway" });
    }
    const given = params ?? {};
    const wrong = method.params(given);
    if (wrong !== null) {
      const message = `${name}: ${wrong}`;
      if (method.access === "operator") return rpcError(RPC_INVALID_PARAMS, message);
      setup.refused(client, claimed(given), message);
      return rpcError(RPC_INVALID_PARAMS, message, BAD_INTENT);
    }
    return await method.run(client, given);
  } catch {
    return rpcError(RPC_INTERNAL, "an internal error of the gateway; nothing was granted");
  }
}

const BAD_INTENT = { reason: "policy", code: "bad_intent" } as const;

/** The service that malformed parameters name, where they name one. */
function claimed(params: unknown): string | undefined {
  if (typeof params !== "object" || params === null || !("service" in params)) return undefined;
  return typeof params.service === "string" ? params.service : undefined;
}
