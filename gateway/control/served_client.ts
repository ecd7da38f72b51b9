// One client of a control or registration socket: newline JSON-RPC 2.0, one request at a time,
// frames and answers bounded, methods and parameters checked before anything runs.
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import type { Caller } from "../intents/identity.ts";
import type { Cancel, GatewayClock } from "../clock.ts";
import type { Client } from "./context.ts";
import type { Desk, Work } from "./desk.ts";
import { createFrames, FRAME_BYTES } from "./frames.ts";
import { isAnswer, readRequest, rpcError, RPC_INTERNAL, RPC_INVALID_REQUEST, RPC_INVALID_PARAMS, RPC_NO_METHOD, RPC_DENIED, type Answer, type RpcError } from "./rpc.ts";
import { methodNamed, type Method } from "./methods.ts";

const CHALLENGE_BYTES = 32;
/** Answers that a client has not read: beyond the first it is asked nothing more, beyond the second it is closed. */
const UNREAD_PAUSE_BYTES = 256 * 1024;
const UNREAD_BYTES = 4 * 1024 * 1024;
/** Frames of one connection that are no request; the last of them ends it. */
export const MALFORMED_FRAMES = 3;
/** Tokens of a method that has more to do than answer, and of a request that is refused. */
const DEAR = 5;

export interface ServeSetup {
  readonly idleMs: number;
  readonly clock: GatewayClock;
  readonly desk: Desk;
  readonly run: (method: Method, client: Client, params: unknown) => Promise<Answer>;
  /** Records a message that is none, or a registration that is none, before it is answered. */
  readonly refused: (client: Client, service: string | undefined, detail: string) => void;
  readonly holdsLease: (client: number) => boolean;
  readonly gone: (client: number) => void;
}

export interface ServedClient {
  /** How long it has been without a request; null where it has one, or holds a lease. */
  idleForMs(): number | null;
  close(): void;
}

/** `number` is unique over all sockets. */
export function serve(socket: Socket, caller: Caller, number: number, setup: ServeSetup): ServedClient {
  const { clock, desk } = setup;
  const frames = createFrames();
  let malformed = 0;
  /** From the moment at which bytes came until all whole frames among them are handled. */
  let working = false;
  let ending = false;
  let idle: Cancel = () => undefined;
  let sinceMs = clock.monoMs();

  const rearm = (): void => {
    idle();
    idle = clock.after(setup.idleMs, () => {
      // INVARIANT: who has begun a frame or reads no answers is closed, lease or not.
      const stuck = ending || frames.unfinished() || socket.writableLength > UNREAD_PAUSE_BYTES;
      if (!stuck && (working || setup.holdsLease(number))) rearm();
      else socket.destroy();
    });
  };
  const send = (id: unknown, answer: Answer): void => {
    socket.write(`${JSON.stringify({ jsonrpc: "2.0", id: id ?? null, ...answer })}\n`);
    if (socket.writableLength > UNREAD_BYTES) socket.destroy();
  };
  const client: Client = {
    number, caller, challenge: randomBytes(CHALLENGE_BYTES).toString("hex"), alive: () => !socket.destroyed,
    notify: (method, params) => {
      if (!socket.destroyed) socket.write(`${JSON.stringify({ jsonrpc: "2.0", method, params })}\n`);
    },
  };
  const refuse = (code: number, message: string): RpcError => {
    setup.refused(client, undefined, message);
    return rpcError(code, message, BAD_INTENT);
  };
  const end = (answer: RpcError): void => {
    ending = true;
    send(null, answer);
    socket.destroySoon();
  };

  async function answerFrame(text: string): Promise<void> {
    const request = readRequest(text);
    if (isAnswer(request)) {
      const answer = "error" in request ? refuse(request.error.code, request.error.message) : rpcError(RPC_INTERNAL, "no request");
      desk.charge(caller.peer, DEAR);
      malformed++;
      if (malformed >= MALFORMED_FRAMES) end(answer);
      else send(null, answer);
      return;
    }
    const answer = await answerTo(request.method, request.params, client, setup);
    if ("error" in answer || methodNamed(request.method)?.dear === true) desk.charge(caller.peer, DEAR);
    if (request.id !== undefined && !socket.destroyed) send(request.id, answer);
  }

  const work: Work = {
    peer: caller.peer,
    step() {
      if (socket.destroyed || ending) return 0;
      const frame = frames.next();
      if (frame === "too_long") {
        end(refuse(RPC_INVALID_REQUEST, `a frame has at most ${FRAME_BYTES} bytes`));
        return FRAME_BYTES;
      }
      if (frame === "none") {
        working = false;
        socket.resume();
        return 0;
      }
      sinceMs = clock.monoMs();
      rearm();
      if (frame.text === "") desk.add(work);
      else void answerFrame(frame.text).then(next, () => socket.destroy());
      return frame.bytes;
    },
  };

  function next(): void {
    if (socket.destroyed || ending) return;
    if (socket.writableLength > UNREAD_PAUSE_BYTES) socket.once("drain", () => desk.add(work));
    else desk.add(work);
  }

  socket.on("data", (chunk) => {
    socket.pause();
    frames.push(chunk);
    // What was read before the pause took hold is found by the work that is already due.
    if (working) return;
    working = true;
    desk.add(work);
  });
  socket.once("close", () => {
    idle();
    setup.gone(number);
  });
  rearm();
  return {
    idleForMs: () => (!ending && (working || setup.holdsLease(number)) ? null : clock.monoMs() - sinceMs),
    close: () => socket.destroy(),
  };
}

/** INVARIANT: a failure inside is an answer, never the end of the process. */
async function answerTo(name: string, params: unknown, client: Client, setup: ServeSetup): Promise<Answer> {
  try {
    const method = methodNamed(name);
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
    return await setup.run(method, client, given);
  } catch {
    return rpcError(RPC_INTERNAL, "the gateway failed inside; nothing was granted");
  }
}

const BAD_INTENT = { reason: "policy", code: "bad_intent" } as const;

/** The service that malformed parameters name, where they name one. */
function claimed(params: unknown): string | undefined {
  if (typeof params !== "object" || params === null || !("service" in params)) return undefined;
  return typeof params.service === "string" ? params.service : undefined;
}
