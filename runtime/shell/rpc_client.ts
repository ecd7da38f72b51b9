// A client of ingressd's sockets for programs of this package: ingressd's own commands, the guard, tests. Newline JSON-RPC
// 2.0 over a unix socket; every call gives a Result. Services of users have gateway/client instead, which depends on
// nothing.
import { connect, type Socket } from "node:net";
import { failed, ok, type Result } from "../result/result.ts";

export type RpcFailure =
  /** ingressd has answered no. `code` is `data.code`, "unknown" where it sends none. */
  | { readonly kind: "refused"; readonly code: string; readonly message: string; readonly data: unknown }
  /** No answer came: the connection has ended, or is too slow. */
  | { readonly kind: "absent"; readonly message: string };

export interface RpcClient {
  /** `params` is left out where it is undefined. Never rejects. */
  call(method: string, params?: object): Promise<Result<unknown, RpcFailure>>;
  readonly alive: () => boolean;
  close(): void;
}

export interface RpcSetup {
  /** Milliseconds for the connection and for each answer, after which the connection is given up; null: as long as it takes. */
  readonly answerMs: number | null;
  /** Characters of one line; a longer one is no answer, and ends the connection. */
  readonly mostLine: number;
  readonly notified: (method: string, params: unknown) => void;
  readonly closed: () => void;
  /** The connection does not keep the process alive. */
  readonly isBackground: boolean;
}

/** The error is the system's sentence. */
export function openRpc(path: string, setup: RpcSetup): Promise<Result<RpcClient, string>> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const cancel = after(setup.answerMs, () => socket.destroy());
    let because = "the connection ended before it was made";
    socket.once("connect", () => {
      cancel();
      resolve(ok(clientOn(socket, setup)));
    });
    socket.on("error", (error) => {
      because = error.message;
      socket.destroy();
    });
    socket.once("close", () => {
      cancel();
      resolve(failed(because));
      setup.closed();
    });
    if (setup.isBackground) socket.unref();
  });
}

function clientOn(socket: Socket, { answerMs, mostLine, notified }: RpcSetup): RpcClient {
  const pending = new Map<number, (answer: Result<unknown, RpcFailure>) => void>();
  const absent = (): Result<never, RpcFailure> => failed({ kind: "absent", message: "ingressd closed the connection" });
  let number = 0;
  readLines(socket, mostLine, (line) => {
    const message = parsed(line);
    // Not ingressd, or not all of a line: nothing that follows can be trusted.
    if (message === null) return void socket.destroy();
    if (typeof message["method"] === "string") return notified(message["method"], message["params"]);
    const { id } = message;
    const done = typeof id === "number" ? pending.get(id) : undefined;
    if (typeof id !== "number" || done === undefined) return;
    pending.delete(id);
    done(answerOf(message));
  });
  socket.once("close", () => {
    for (const done of pending.values()) done(absent());
    pending.clear();
  });
  return {
    alive: () => !socket.destroyed,
    close: () => void socket.destroy(),
    call: (method, params) =>
      new Promise((resolve) => {
        if (socket.destroyed) return resolve(absent());
        const id = ++number;
        const cancel = after(answerMs, () => socket.destroy());
        pending.set(id, (answer) => {
          cancel();
          resolve(answer);
        });
        socket.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, ...(params !== undefined && { params }) })}\n`);
      }),
  };
}

function answerOf(message: Readonly<Record<string, unknown>>): Result<unknown, RpcFailure> {
  const error = fieldsOf(message["error"]);
  if (error === null) return ok(message["result"]);
  const { data } = error;
  return failed({ kind: "refused", code: textOf(fieldsOf(data)?.["code"], "unknown"), message: textOf(error["message"], ""), data });
}

function readLines(socket: Socket, mostLine: number, heard: (line: string) => void): void {
  /** The line that has not ended, in parts, so that a long one is not searched again with each of them. */
  let parts: string[] = [];
  let length = 0;
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    const [first = "", ...others] = chunk.split("\n");
    for (const [i, text] of [first, ...others].entries()) {
      if (i > 0) {
        const line = parts.join("");
        [parts, length] = [[], 0];
        if (!socket.destroyed) heard(line);
      }
      parts.push(text);
      length += text.length;
      if (length > mostLine) return void socket.destroy();
    }
  });
}

function after(ms: number | null, work: () => void): () => void {
  if (ms === null) return () => undefined;
  const timer = setTimeout(work, ms);
  return () => clearTimeout(timer);
}

export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : null;
}

export function textOf(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

function parsed(line: string): Readonly<Record<string, unknown>> | null {
  try {
    return fieldsOf(JSON.parse(line));
  } catch {
    return null;
  }
}
