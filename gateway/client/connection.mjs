// One connection to a control or registration socket: newline JSON-RPC 2.0, answers by number,
// and notifications to a listener. Plain JavaScript without dependencies, so that a service
// takes nothing else in with it.
// @ts-check
import { connect } from "node:net";

/** Characters of one line that the gateway may send; longer is no answer of its. */
const MOST_LINE = 64 * 1024 * 1024;
/** The begin of a frame of Open Nexus OS's ingressd, or of a lease frame: a magic and a version. */
const BYTE_FRAME = /^I[GL][\x00-\x08]/;
const OTHER_PROTOCOL = "the other side speaks byte frames (RFC-0092 of Open Nexus OS), and no JSON: name the socket of an ingressd of this package";

/** @type {typeof import("./connection.mjs").openConnection} */
export async function openConnection(path, { notified = () => undefined, background = false } = {}) {
  const socket = connect({ path });
  await new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  if (background) socket.unref();
  /** @type {Map<unknown, { resolve: (answer: import("./connection.mjs").Answer) => void, reject: (error: Error) => void }>} */
  const pending = new Map();
  let number = 1;
  let text = "";
  socket.setEncoding("utf8");
  socket.on("error", () => socket.destroy());
  socket.on("data", (/** @type {string} */ chunk) => {
    text += chunk;
    if (BYTE_FRAME.test(text)) {
      failAll(new Error(OTHER_PROTOCOL, { cause: { code: "other_protocol" } }));
      return;
    }
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      hear(text.slice(0, end));
      text = text.slice(end + 1);
    }
    if (text.length > MOST_LINE) socket.destroy();
  });

  /** @param {string} line */
  function hear(line) {
    /** @type {any} */
    let message;
    try {
      message = JSON.parse(line);
    } catch {
      // Not a gateway, or not one whole: what it says can't be trusted any more.
      socket.destroy();
      return;
    }
    if (typeof message?.method === "string") {
      notified(message.method, message.params);
      return;
    }
    const request = pending.get(message?.id);
    pending.delete(message?.id);
    request?.resolve(message);
  }

  /** @param {Error} error */
  function failAll(error) {
    for (const { reject } of pending.values()) reject(error);
    pending.clear();
    socket.destroy();
  }

  /** @type {Promise<void>} */
  const closed = new Promise((resolve) => {
    socket.once("close", () => {
      failAll(new Error("the gateway closed the connection"));
      resolve();
    });
  });
  return {
    call: (method, params) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(new Error("the connection is closed"));
        const id = number++;
        pending.set(id, { resolve, reject });
        socket.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, ...(params !== undefined && { params }) })}\n`);
      }),
    closed,
    close: () => void socket.destroy(),
  };
}
