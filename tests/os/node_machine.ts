// The network half in Node: the WebAssembly that the image is built from, with a kernel side for tests. The
// policy is evaluated by the host's own engine, with the same calls as the kernel's. Tests play the services.
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
/** A turn that takes more frames than this has no bound. */
const FRAMES_MOST = 1_000;
export const FLOWS = 32;

/** One side of a connection at a service, driven by a test. */
export interface Served {
  readonly flow: number;
  readonly service: string;
  readonly source: number;
  /** The bytes that the service received. */
  readonly received: Buffer[];
  /** Number of bytes that the service still accepts; the rest stays in the machine. */
  space: number;
  /** The bytes to send. */
  readonly answers: Buffer[];
  /** The service sends nothing after `answers`. */
  isFinished: boolean;
  /** The service was stopped. */
  isGone: boolean;
  clientEnded: boolean;
}

export interface NodeMachine extends Wire {
  readonly engine: PolicyEngine;
  /** Processes a frame; returns all that the machine has sent since the last call. */
  frame(frame: Buffer): readonly Buffer[];
  tick(ms?: number): readonly Buffer[];
  /** Lets time pass; nothing runs. */
  pass(ms: number): void;
  /** One turn of ingressd: takes frames from `next` until it returns null, or fewer. Returns what was sent, and whether it wants another turn at once. */
  turn(next: () => Buffer | null): { readonly sent: readonly Buffer[]; readonly again: boolean; readonly taken: number };
  counter(offset: number): number;
  connections(): number;
  halfOpen(): number;
  /** The connections of services that are not closed. */
  readonly served: Map<number, Served>;
  /** Each request to the kernel with its answer. */
  readonly requests: string[];
  /** Number of flows that were closed after both halves had ended. */
  whole: number;
  memory(): Uint8Array;
}

export interface NodeMachineOptions {
  readonly policy: string;
  /** Called when a service gets a connection; the default keeps all bytes and answers nothing. */
  readonly onServed?: (served: Served) => void;
  /** Called after bytes came or the client has ended. */
  readonly onBytes?: (served: Served) => void;
  /** First millisecond of the machine's clock, which wraps at 2^32. */
  readonly startMs?: number;
}

interface Exports extends Record<string, unknown> {
  readonly memory: WebAssembly.Memory;
  start(address: number, macHigh: number, macLow: number, a: number, b: number, c: number, d: number, ports: number): void;
  turn(now: number): number;
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
  const flows = new Map<number, { listener: number; source: number; state: "open" | "allowed" | "connected" }>();
  const served = new Map<number, Served>();
  const sent: Buffer[] = [];
  const requests: string[] = [];
  let now = startMs;
  let monoMs = startMs;

  const listenerAt = (port: number): number => {
    engine.setClock({ monoMs, wallSeconds: null });
    return engine.listenerAt("tcp", port, own);
  };
  const say = (request: string, answer: number): number => {
    requests.push(`${request} ${answer}`);
    return answer;
  };
  let frames: () => Buffer | null = () => null;
  let taken = 0;
  const kernel = {
    take(frame: number, most: number): number {
      const one = frames();
      if (one === null || one.length > most) return 0;
      if (++taken > FRAMES_MOST) throw new Error("a turn without an end");
      view().set(one, frame);
      return one.length;
    },
    peek(port: number, source: number): number {
      const listener = listenerAt(port);
      const answer = listener < 0 ? null : engine.accept(listener, fromV4(source >>> 0));
      return say("peek", answer !== null && (answer.allowed || answer.later) ? 1 : 0);
    },
    admit(port: number, source: number): number {
      const listener = listenerAt(port);
      const flow = Array.from({ length: FLOWS }, (_, i) => i + 1).find((i) => !flows.has(i));
      const [answer] = listener < 0 || flow === undefined ? [] : engine.admit([{ listener, source: fromV4(source >>> 0) }]);
      if (flow === undefined || answer === undefined || (!answer.allowed && !answer.later)) return say("admit", 0);
      flows.set(flow, { listener, source: source >>> 0, state: answer.allowed ? "allowed" : "open" });
      return say("admit", flow * 2 + (answer.allowed ? 0 : 1));
    },
    hello(flow: number, name: number, length: number): number {
      const f = flows.get(flow);
      if (f?.state !== "open") throw new Error("a name for a flow that needs none");
      if (length < 0) return say("hello unreadable", 0);
      const text = length === 0 ? null : Buffer.from(view().subarray(name, name + length)).toString("latin1");
      const isAllowed = engine.hello(f.listener, fromV4(f.source), text).allowed;
      if (isAllowed) f.state = "allowed";
      return say(`hello ${text}`, isAllowed ? 1 : 0);
    },
    connect(flow: number): number {
      const f = flows.get(flow);
      if (f?.state !== "allowed") throw new Error("connect on a flow that was not admitted");
      f.state = "connected";
      const one: Served = {
        flow,
        service: engine.info.listeners[f.listener]?.service ?? "",
        source: f.source,
        received: [],
        space: Number.POSITIVE_INFINITY,
        answers: [],
        isFinished: false,
        isGone: false,
        clientEnded: false,
      };
      served.set(flow, one);
      onServed?.(one);
      return say("connect", one.isGone ? 0 : 1);
    },
    write(flow: number, from: number, length: number): number {
      const s = connected(flow);
      const taken = Math.min(length, s.space);
      if (s.isGone) return -1;
      s.space -= taken;
      if (taken > 0) s.received.push(Buffer.from(view().subarray(from, from + taken)));
      if (taken > 0) onBytes?.(s);
      return taken;
    },
    read(flow: number, to: number, length: number): number {
      const s = connected(flow);
      if (s.isGone) return -2;
      const [first] = s.answers;
      if (first === undefined) return s.isFinished ? -1 : 0;
      const taken = first.subarray(0, length);
      view().set(taken, to);
      if (taken.length < first.length) s.answers[0] = first.subarray(taken.length);
      else s.answers.shift();
      return taken.length;
    },
    finish(flow: number): void {
      const s = connected(flow);
      s.clientEnded = true;
      onBytes?.(s);
    },
    close(flow: number, whole: number): void {
      const f = flows.get(flow);
      if (f === undefined) throw new Error("a flow was closed twice");
      engine.release(f.listener, fromV4(f.source));
      flows.delete(flow);
      served.delete(flow);
      self.whole += whole;
    },
    send(frame: number, length: number): void {
      sent.push(Buffer.from(view().subarray(frame, frame + length)));
    },
  };

  function connected(flow: number): Served {
    const s = served.get(flow);
    if (s === undefined) throw new Error("bytes for a flow that is not connected");
    return s;
  }

  const { exports: net } = instantiateSync<Exports>(module, { kernel });
  const view = (): Uint8Array => new Uint8Array(net.memory.buffer);
  net.start(MACHINE_ADDRESS, MACHINE_MAC.readUInt16BE(0), MACHINE_MAC.readUInt32BE(2), 1, 2, 3, 4, portsOf(engine).size);

  const all = (): readonly Buffer[] => sent.splice(0);
  const self: NodeMachine = {
    engine,
    served,
    requests,
    whole: 0,
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
    pass(ms) {
      now += ms;
      monoMs += ms;
    },
    turn(next) {
      frames = next;
      taken = 0;
      const again = net.turn(now >>> 0) !== 0;
      frames = () => null;
      return { sent: all(), again, taken };
    },
    // Processes a frame, then runs the machine until it is idle, as the kernel does.
    send: (...frames) => Promise.resolve([...frames.flatMap((frame) => self.frame(frame)), ...self.tick()]),
    advance: (ms) => Promise.resolve(self.tick(ms)),
    counter: (offset) => net.counter(offset >> 2),
    connections: () => net.connections(),
    halfOpen: () => net.halfOpen(),
    memory: view,
  };
  return self;
}

/** The ports that the machine opens. */
function portsOf({ info }: PolicyEngine): ReadonlySet<number> {
  const ranges = info.listeners.flatMap(({ proto, ports }) => (proto === "tcp" ? ports : []));
  return new Set(ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i)));
}
