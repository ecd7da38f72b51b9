// A client of the control socket: `ingressd status` and `ingressd reload` speak through it,
// and so can a service that registers.
import { connect } from "node:net";
import type { Answer } from "./rpc.ts";

export interface ControlClient {
  call(method: string, params?: object): Promise<Answer>;
  /** Resolves when the gateway ends the connection. */
  readonly closed: Promise<void>;
  close(): void;
}

/** Rejects when nobody answers at `path`. */
export async function controlClient(path: string): Promise<ControlClient> {
  const socket = connect({ path });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  const waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>();
  let next = 1;
  let text = "";
  socket.setEncoding("utf8");
  // Answers are not bounded by the frame cap of requests: the gateway is trusted with them.
  socket.on("data", (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      const answer: unknown = JSON.parse(line);
      if (!isNumbered(answer)) continue;
      waiting.get(answer.id)?.resolve(answer);
      waiting.delete(answer.id);
    }
  });
  const closed = new Promise<void>((resolve) => {
    socket.once("close", () => {
      for (const { reject } of waiting.values()) reject(new Error("the gateway closed the connection"));
      waiting.clear();
      resolve();
    });
  });
  socket.on("error", () => socket.destroy());
  return {
    call: (method, params) => new Promise((resolve, reject) => {
      if (socket.destroyed) {
        reject(new Error("the connection is closed"));
        return;
      }
      const id = next++;
      waiting.set(id, { resolve, reject });
      socket.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, ...(params !== undefined && { params }) })}\n`);
    }),
    closed,
    close: () => socket.destroy(),
  };
}

function isNumbered(value: unknown): value is Answer & { id: number } {
  return typeof value === "object" && value !== null && "id" in value && typeof value.id === "number";
}
