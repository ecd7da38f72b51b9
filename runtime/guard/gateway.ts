// One connection to ingressd's registration socket: newline JSON-RPC 2.0, each call with a time-out.
import { connect, type Socket } from "node:net";

/** A guarded program waits for it. */
const ANSWER_MS = 2_000;
const MOST_LINE = 64 * 1024;

export type Answer = { readonly result: unknown } | { readonly error: { readonly code: string; readonly message: string } };

export interface Gateway {
  /** Null: no answer came. */
  call(method: string, params: object): Promise<Answer | null>;
  readonly alive: () => boolean;
  close(): void;
}

export interface GatewaySetup {
  readonly notified: (method: string, params: unknown) => void;
  readonly closed: () => void;
}

/** Null where nobody answers at `path`. */
export function openGateway(path: string, { notified, closed }: GatewaySetup): Promise<Gateway | null> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const late = setTimeout(() => socket.destroy(), ANSWER_MS);
    socket.once("connect", () => {
      clearTimeout(late);
      resolve(speak(socket, notified));
    });
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      clearTimeout(late);
      resolve(null);
      closed();
    });
    socket.unref();
  });
}

function speak(socket: Socket, notified: GatewaySetup["notified"]): Gateway {
  const waiting = new Map<number, (answer: Answer | null) => void>();
  let number = 0;
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      hear(line);
    }
    if (text.length > MOST_LINE) socket.destroy();
  });
  socket.once("close", () => {
    for (const done of waiting.values()) done(null);
    waiting.clear();
  });

  function hear(line: string): void {
    const message = parsed(line);
    // Not a gateway, or not one whole: what it says can't be trusted any more.
    if (message === null) return void socket.destroy();
    if (typeof message["method"] === "string") return notified(message["method"], message["params"]);
    const id = message["id"];
    const done = typeof id === "number" ? waiting.get(id) : undefined;
    if (typeof id !== "number" || done === undefined) return;
    waiting.delete(id);
    const error = fieldsOf(message["error"]);
    done(error === null ? { result: message["result"] } : {
      error: { code: textOf(fieldsOf(error["data"])?.["code"], "unknown"), message: textOf(error["message"], "") },
    });
  }

  return {
    alive: () => !socket.destroyed,
    close: () => void socket.destroy(),
    call: (method, params) => new Promise((resolve) => {
      if (socket.destroyed) return resolve(null);
      const id = ++number;
      const late = setTimeout(() => socket.destroy(), ANSWER_MS);
      waiting.set(id, (answer) => {
        clearTimeout(late);
        resolve(answer);
      });
      socket.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
    }),
  };
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
