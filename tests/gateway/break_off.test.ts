// A socket that is broken off is gone, at whatever moment of its own end that happens. A reset
// while a shutdown was under way once left the descriptor open and the connection counted.
import { connect, createServer, type Socket } from "node:net";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { breakOff } from "../../gateway/forward/relay.ts";
import { eventually, listening } from "./gateway_under_test.ts";

const test = suite("break off");

const moments: readonly (readonly [name: string, then: (act: () => void) => void])[] = [
  [
    "at once",
    (act) => {
      act();
    },
  ],
  [
    "in the next tick",
    (act) => {
      process.nextTick(act);
    },
  ],
  [
    "two ticks later",
    (act) => {
      process.nextTick(() => {
        process.nextTick(act);
      });
    },
  ],
  [
    "in a microtask",
    (act) => {
      queueMicrotask(act);
    },
  ],
  [
    "a turn later",
    (act) => {
      setImmediate(act);
    },
  ],
];
const ends: readonly (readonly [name: string, end: (socket: Socket) => void])[] = [
  ["open", () => undefined],
  [
    "ended",
    (socket) => {
      socket.end();
    },
  ],
  [
    "ended with a byte",
    (socket) => {
      socket.end("x");
    },
  ],
  [
    "ended with more than the kernel takes",
    (socket) => {
      socket.end(Buffer.alloc(8 * 1024 * 1024));
    },
  ],
];

for (const [how, end] of ends) {
  for (const [when, then] of moments) {
    test(`${how}, ${when}`, async () => {
      const peers: Socket[] = [];
      const server = createServer({ allowHalfOpen: true }, (peer) => {
        peers.push(peer);
        peer.on("error", () => undefined);
      });
      const port = await listening(server);
      const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
      let closed = false;
      let failed = "";
      socket.on("error", (error) => {
        failed = error.message;
      });
      socket.on("close", () => {
        closed = true;
      });
      await eventually(() => peers.length === 1 && !socket.connecting, "a connection");
      end(socket);
      then(() => {
        breakOff(socket);
      });
      await eventually(() => closed, "close");
      assert.is(failed, "");
      for (const peer of peers) peer.destroy();
      server.close();
    });
  }
}

test.run();
