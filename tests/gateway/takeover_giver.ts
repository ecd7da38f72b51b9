// A gateway that the test plays: it answers the steps of a takeover, with the state and the sockets that a test wants.
import { rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { hashOf } from "../../gateway/takeover/handed_state.ts";
import { descriptorOf, openLibc } from "../../runtime/shell/libc.ts";
import { fieldsOf } from "../../runtime/shell/rpc_client.ts";
import { openUnixMessages } from "../../runtime/shell/unix_messages.ts";
import { atEnd } from "../suite.ts";

const libc = openLibc();
const messages = libc === null ? null : openUnixMessages(libc);

export interface Given {
  readonly state: Buffer;
  /** Of `freeze`, in place of the right ones. */
  readonly bytes?: unknown;
  readonly sha256?: unknown;
  readonly seed?: string;
  /** Descriptors that go over, and how many it says that there are. */
  readonly fds?: readonly number[];
  readonly sockets?: number;
  /** The step that it does not answer. */
  readonly silentAt?: string;
}

export interface Giver {
  readonly steps: string[];
  readonly cut: unknown[];
}

/** Answers at `path` as a gateway does. */
export async function giver(path: string, given: Given): Promise<Giver> {
  const { state, bytes = state.length, sha256 = hashOf(state), seed = Buffer.alloc(16).toString("base64"), fds = [] } = given;
  const it: Giver = { steps: [], cut: [] };
  const sockets = new Set<Socket>();
  const answerTo = (params: Readonly<Record<string, unknown>>): unknown => {
    it.steps.push(String(params["step"]));
    switch (params["step"]) {
      case "begin":
        return { id: "0".repeat(32), pid: process.pid, seed, sockets: given.sockets ?? fds.length };
      case "freeze":
        return { bytes, sha256 };
      case "state":
        return state.subarray(Number(params["from"]), Number(params["from"]) + 1_000).toString("base64");
      case "serving":
        server.close();
        rmSync(path, { force: true });
        return null;
      case "cut":
        it.cut.push(params["rows"]);
        return null;
      default:
        return null;
    }
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      for (const line of chunk
        .toString()
        .split("\n")
        .filter((one) => one !== "")) {
        const call = fieldsOf(JSON.parse(line)) ?? {};
        const to = descriptorOf(socket);
        const step = fieldsOf(call["params"])?.["step"];
        if (step === given.silentAt) {
          it.steps.push(`silent at ${String(step)}`);
          continue;
        }
        if (step === "sockets" && fds.length > 0 && to !== null) messages?.send(to, Buffer.from("\n"), fds);
        socket.write(`${JSON.stringify({ jsonrpc: "2.0", id: call["id"], result: answerTo(fieldsOf(call["params"]) ?? {}) })}\n`);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  atEnd(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return it;
}
