// The network half in Node: the bytes that the image is made of, with the kernel's side of its
// questions. The policy is asked as the kernel asks it, through the host's own engine; services are
// what a test says they are.
import { readFileSync } from "node:fs";
import { instantiateSync } from "@assemblyscript/loader";
import { openEngine } from "../../runtime/host/ask.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import { fromV4 } from "../../runtime/net/address.ts";
import { MACHINE_ADDRESS, MACHINE_MAC } from "../../scripts/os/frames.ts";
import type { Wire } from "../../scripts/os/wire.ts";
import { compileText, load, SEED } from "../oracle/ask.ts";

const bytes = readFileSync(new URL("../../runtime/os/net/build/net.wasm", import.meta.url));
const module = new WebAssembly.Module(bytes);
export const DEALS = 32;

/** One side of a connection at a service, driven by a test. */
export interface Served {
  readonly deal: number;
  readonly service: string;
  readonly source: number;
  /** What came and was taken. */
  readonly received: Buffer[];
  /** Bytes that the service takes; the rest waits in the machine. */
  room: number;
  /** What is to go out. */
  readonly answers: Buffer[];
  /** No more answers come after those. */
  isFinished: boolean;
  /** The service was stopped. */
  isGone: boolean;
  clientEnded: boolean;
}

export interface NodeMachine extends Wire {
  readonly engine: PolicyEngine;
  /** All that the machine has sent since the last question. */
  frame(frame: Buffer): readonly Buffer[];
  tick(ms?: number): readonly Buffer[];
  counter(offset: number): number;
  connections(): number;
  halfOpen(): number;
  /** Connections that a service has; those that were given back are not in it. */
  readonly served: Map<number, Served>;
  /** What every question to the kernel was answered with. */
  readonly asked: string[];
  /** Deals that were given back after both halves had ended. */
  whole: number;
  memory(): Uint8Array;
}

export interface NodeMachineOptions {
  readonly policy: string;
  /** What a service does when it gets a connection; the default keeps all and answers nothing. */
  readonly onServed?: (served: Served) => void;
  /** After bytes came or the client has ended. */
  readonly onBytes?: (served: Served) => void;
  /** First millisecond of the machine's clock, which wraps at 2^32. */
  readonly startMs?: number;
}

interface Exports extends Record<string, unknown> {
  readonly memory: WebAssembly.Memory;
  start(address: number, macHigh: number, macLow: number, a: number, b: number, c: number, d: number): void;
  frameAddress(): number;
  frame(length: number, now: number): void;
  tick(now: number): void;
  connections(): number;
  halfOpen(): number;
  counter(index: number): number;
}

export function nodeMachine({ policy, onServed, onBytes, startMs = 1_000 }: NodeMachineOptions): NodeMachine {
  const engine = openEngine(load(compileText(policy, new Map(), "os")), SEED);
  const own = fromV4(MACHINE_ADDRESS);
  const deals = new Map<number, { listener: number; source: number; state: "open" | "allowed" | "connected" }>();
  const served = new Map<number, Served>();
  const sent: Buffer[] = [];
  const asked: string[] = [];
  let now = startMs;
  let monoMs = startMs;

  const listenerAt = (port: number): number => {
    engine.setClock({ monoMs, wallSeconds: null });
    return engine.listenerAt("tcp", port, own);
  };
  const say = (question: string, answer: number): number => {
    asked.push(`${question} ${answer}`);
    return answer;
  };
  const kernel = {
    peek(port: number, source: number): number {
      const listener = listenerAt(port);
      const answer = listener < 0 ? null : engine.accept(listener, fromV4(source >>> 0));
      return say("peek", answer !== null && (answer.allowed || answer.later) ? 1 : 0);
    },
    admit(port: number, source: number): number {
      const listener = listenerAt(port);
      const deal = Array.from({ length: DEALS }, (_, i) => i + 1).find((i) => !deals.has(i));
      const [answer] = listener < 0 || deal === undefined ? [] : engine.admit([{ listener, source: fromV4(source >>> 0) }]);
      if (deal === undefined || answer === undefined || (!answer.allowed && !answer.later)) return say("admit", 0);
      deals.set(deal, { listener, source: source >>> 0, state: answer.allowed ? "allowed" : "open" });
      return say("admit", deal * 2 + (answer.allowed ? 0 : 1));
    },
    hello(deal: number, name: number, length: number): number {
      const d = deals.get(deal);
      if (d?.state !== "open") throw new Error("a name for a deal that waits for none");
      if (length < 0) return say("hello unreadable", 0);
      const text = length === 0 ? null : Buffer.from(view().subarray(name, name + length)).toString("latin1");
      const isAllowed = engine.hello(d.listener, fromV4(d.source), text).allowed;
      if (isAllowed) d.state = "allowed";
      return say(`hello ${text}`, isAllowed ? 1 : 0);
    },
    connect(deal: number): number {
      const d = deals.get(deal);
      if (d?.state !== "allowed") throw new Error("a connection that was not admitted");
      d.state = "connected";
      const one: Served = {
        deal, service: engine.info.listeners[d.listener]?.service ?? "", source: d.source, received: [], room: Number.POSITIVE_INFINITY,
        answers: [], isFinished: false, isGone: false, clientEnded: false,
      };
      served.set(deal, one);
      onServed?.(one);
      return say("connect", one.isGone ? 0 : 1);
    },
    write(deal: number, from: number, length: number): number {
      const s = connected(deal);
      const taken = Math.min(length, s.room);
      if (s.isGone) return -1;
      s.room -= taken;
      if (taken > 0) s.received.push(Buffer.from(view().subarray(from, from + taken)));
      if (taken > 0) onBytes?.(s);
      return taken;
    },
    read(deal: number, to: number, length: number): number {
      const s = connected(deal);
      if (s.isGone) return -2;
      const [first] = s.answers;
      if (first === undefined) return s.isFinished ? -1 : 0;
      const taken = first.subarray(0, length);
      view().set(taken, to);
      if (taken.length < first.length) s.answers[0] = first.subarray(taken.length);
      else s.answers.shift();
      return taken.length;
    },
    finish(deal: number): void {
      const s = connected(deal);
      s.clientEnded = true;
      onBytes?.(s);
    },
    close(deal: number, whole: number): void {
      const d = deals.get(deal);
      if (d === undefined) throw new Error("a deal was given back twice");
      engine.release(d.listener, fromV4(d.source));
      deals.delete(deal);
      served.delete(deal);
      self.whole += whole;
    },
    send(frame: number, length: number): void {
      sent.push(Buffer.from(view().subarray(frame, frame + length)));
    },
  };

  function connected(deal: number): Served {
    const s = served.get(deal);
    if (s === undefined) throw new Error("bytes of a deal that was not connected");
    return s;
  }

  const { exports: net } = instantiateSync<Exports>(module, { kernel });
  const view = (): Uint8Array => new Uint8Array(net.memory.buffer);
  net.start(MACHINE_ADDRESS, MACHINE_MAC.readUInt16BE(0), MACHINE_MAC.readUInt32BE(2), 1, 2, 3, 4);

  const all = (): readonly Buffer[] => sent.splice(0);
  const self: NodeMachine = {
    engine, served, asked, whole: 0,
    frame(frame) {
      view().set(frame.subarray(0, 2048), net.frameAddress());
      net.frame(frame.length, now >>> 0);
      return all();
    },
    tick(ms = 0) {
      now += ms;
      monoMs += ms;
      net.tick(now >>> 0);
      return all();
    },
    // A frame is looked at, and then the machine runs until it is still, as under the kernel.
    send: (...frames) => Promise.resolve([...frames.flatMap((frame) => self.frame(frame)), ...self.tick()]),
    advance: (ms) => Promise.resolve(self.tick(ms)),
    counter: (offset) => net.counter(offset >> 2),
    connections: () => net.connections(),
    halfOpen: () => net.halfOpen(),
    memory: view,
  };
  return self;
}
