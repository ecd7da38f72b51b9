// A control or registration socket: newline JSON-RPC 2.0, one request at a time a connection,
// frames and answers bounded, methods and parameters checked before anything runs.
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { failure, EXIT_REJECTED, type Failure } from "../exit.ts";
import type { Caller, Door } from "../intents/identity.ts";
import type { Cancel, GatewayClock } from "../clock.ts";
import type { Client } from "./context.ts";
import { createFrames, FRAME_BYTES } from "./frames.ts";
import { isAnswer, readRequest, rpcError, RPC_INTERNAL, RPC_INVALID_REQUEST, RPC_INVALID_PARAMS, RPC_NO_METHOD, RPC_DENIED, type Answer, type RpcError } from "./rpc.ts";
import { methodNamed, type Method } from "./methods.ts";

const CHALLENGE_BYTES = 32;
/** Answers that a client has not read. */
const UNREAD_BYTES = 4 * 1024 * 1024;
/** Of a shared socket's clients one service has at most this part. */
const SHARES = 4;
/** Requests of one connection that wait for their turn. */
const WAITING_REQUESTS = 64;

export interface DoorSetup {
  readonly path: string;
  readonly door: Door;
  readonly mode: number;
  readonly gid: number | null;
  readonly maxClients: number;
  readonly idleMs: number;
  readonly clock: GatewayClock;
  readonly identify: (socket: Socket, door: Door) => Caller;
  readonly run: (method: Method, client: Client, params: unknown) => Promise<Answer>;
  /** Records a message that is none, or a registration that is none, before it is answered. */
  readonly refused: (client: Client, service: string | undefined, detail: string) => void;
  /** A connection's number, unique over all doors. */
  readonly nextNumber: () => number;
  readonly holdsLease: (client: number) => boolean;
  readonly gone: (client: number) => void;
}

export interface OpenDoor {
  readonly path: string;
  close(): void;
}

export async function openDoor(setup: DoorSetup): Promise<OpenDoor | Failure> {
  const { path, mode, gid } = setup;
  const sockets = new Map<Socket, string>();
  const held = (who: string): number => [...sockets.values()].filter((other) => other === who).length;
  const server = createServer((socket) => {
    const caller = setup.identify(socket, setup.door);
    // On a shared socket nobody may keep the others out.
    const who = caller.service ?? "";
    const share = setup.door.kind === "shared" ? Math.ceil(setup.maxClients / SHARES) : setup.maxClients;
    if (sockets.size >= setup.maxClients || held(who) >= share) {
      socket.on("error", ignore);
      socket.end(`${JSON.stringify({ jsonrpc: "2.0", id: null, ...rpcError(RPC_DENIED, "too many clients (caps.control_connections)") })}\n`);
      socket.destroySoon();
      return;
    }
    sockets.set(socket, who);
    socket.once("close", () => sockets.delete(socket));
    serve(socket, caller, setup);
  });
  server.on("error", ignore);
  // The socket must never be looser than its mode, not even before chmod.
  const before = process.umask(0o177);
  const failed = await new Promise<string | null>((resolve) => {
    server.once("error", (error) => resolve(error.message));
    server.listen({ path }, () => resolve(null));
    process.umask(before);
  });
  if (failed !== null) return failure(EXIT_REJECTED, `the socket \`${path}\` can't be opened (${failed}): name another path`);
  try {
    if (gid !== null) chownSync(path, -1, gid);
    chmodSync(path, mode);
  } catch (error) {
    server.close();
    return failure(EXIT_REJECTED, `the socket \`${path}\` can't be given its group or mode (${error instanceof Error ? error.message : String(error)}): ingressd must be in that group`);
  }
  return {
    path,
    close() {
      server.close();
      for (const socket of sockets.keys()) socket.destroy();
    },
  };
}

function serve(socket: Socket, caller: Caller, setup: DoorSetup): void {
  const number = setup.nextNumber();
  const frames = createFrames();
  const waiting: string[] = [];
  let busy = false;
  let idle: Cancel = () => undefined;

  const rearm = (): void => {
    idle();
    idle = setup.clock.after(setup.idleMs, () => {
      if (busy || setup.holdsLease(number)) rearm();
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

  async function work(): Promise<void> {
    busy = true;
    for (let frame = waiting.shift(); frame !== undefined && !socket.destroyed; frame = waiting.shift()) {
      const request = readRequest(frame);
      if (isAnswer(request)) send(null, "error" in request ? refuse(request.error.code, request.error.message) : request);
      else {
        const answer = await answerTo(request.method, request.params, client, setup);
        if (request.id !== undefined && !socket.destroyed) send(request.id, answer);
      }
    }
    busy = false;
    if (!socket.destroyed) socket.resume();
  }

  socket.on("data", (chunk) => {
    rearm();
    const found = frames(chunk);
    if (found === "too_long") {
      send(null, refuse(RPC_INVALID_REQUEST, `a frame has at most ${FRAME_BYTES} bytes`));
      socket.destroySoon();
      return;
    }
    waiting.push(...found);
    if (waiting.length > WAITING_REQUESTS) socket.pause();
    if (!busy && waiting.length > 0) void work();
  });
  socket.on("error", ignore);
  socket.once("close", () => {
    idle();
    setup.gone(number);
  });
  rearm();
}

/** INVARIANT: a failure inside is an answer, never the end of the process. */
async function answerTo(name: string, params: unknown, client: Client, setup: DoorSetup): Promise<Answer> {
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

function ignore(): void {}
