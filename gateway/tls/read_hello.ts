// Reads the ClientHello of one socket: bytes are kept until there is an answer, then the socket is
// left paused and without a listener of this file. Deadlines are the caller's.
import type { Socket } from "node:net";
import { CODE_HELLO_GONE, CODE_HELLO_MALFORMED, CODE_HELLO_TOO_LARGE } from "../../runtime/abi/verdicts.ts";
import type { CodeNumber } from "../../runtime/abi/names.ts";
import { denial } from "../../runtime/host/ask.ts";
import type { HelloOutcome } from "../listen/listener.ts";
import { createHelloReader, type ClientHello, type HelloAnswer } from "./client_hello.ts";
import type { HelloFault } from "./hello_faults.ts";

export interface HelloReading {
  start(): void;
  /** Stops reading; `done` is not called any more. */
  stop(): void;
  /** Null until a hello is whole. */
  hello(): ClientHello | null;
  /** All that was read, for the backend. */
  bytes(): Buffer;
  /** Bytes held in user space. */
  held(): number;
}

/** `socket` is paused. `done` is called at most once, and the socket is paused again before. */
export function readHello(socket: Socket, done: (outcome: HelloOutcome) => void): HelloReading {
  const reader = createHelloReader();
  let held = 0;
  let stopped = false;
  let hello: ClientHello | null = null;

  function stop(): void {
    if (stopped) return;
    stopped = true;
    socket.off("data", onData);
    socket.off("end", onEnd);
    socket.off("close", onClose);
    socket.pause();
  }

  function finish(outcome: HelloOutcome): void {
    if (stopped) return;
    stop();
    done(outcome);
  }

  function take(answer: HelloAnswer): void {
    if (answer.kind === "hello") {
      hello = answer.hello;
      finish({ hello });
    } else if (answer.kind === "malformed") finish({ denial: denial(codeOf(answer.fault)), by: null, detail: answer.fault });
  }

  function onData(chunk: Buffer): void {
    held += chunk.length;
    take(reader.feed(chunk));
  }

  function onEnd(): void {
    take(reader.end());
  }

  function onClose(): void {
    finish({ denial: denial(CODE_HELLO_GONE), by: null });
  }

  return {
    start() {
      socket.on("data", onData);
      socket.on("end", onEnd);
      socket.on("close", onClose);
      if (socket.closed) onClose();
      else socket.resume();
    },
    stop,
    hello: () => hello,
    bytes: () => reader.bytes(),
    held: () => held + socket.readableLength,
  };
}

function codeOf(fault: HelloFault): CodeNumber {
  if (fault === "cut_short") return CODE_HELLO_GONE;
  return fault === "too_large" || fault === "too_many_records" ? CODE_HELLO_TOO_LARGE : CODE_HELLO_MALFORMED;
}
