// The vectors in a page: `ingressd/host` alone, without Node. browser.check.ts bundles this file and evaluates it; the page then
// has the function `answerVectors`.
import { CODES, REASON_NAMES } from "../../runtime/abi/names.ts";
import * as v from "../../runtime/abi/verdicts.ts";
import { loadModule, openPolicy } from "../../runtime/host/library.ts";

type Engine = ReturnType<typeof openPolicy>;
type Answer = ReturnType<Engine["accept"]>;
type Words = readonly number[];

const NUMBERS = new Map<string, number>(Object.entries(CODES).map(([number, { name }]) => [name, Number(number)]));
const REASONS = new Map<string, number>(Object.entries(REASON_NAMES).map(([number, name]) => [name, Number(number)]));
const NONE = 0xffffffff;

export interface Input {
  /** Base64. */
  readonly file: string;
  readonly modules: readonly string[];
  /** 16 bytes, one number each. */
  readonly seed: readonly number[];
  /** The names of services by their FNV-1a-64 in hexadecimal. */
  readonly subjects: Readonly<Record<string, string>>;
}

export interface Output {
  readonly answers: number;
  readonly disagreements: number;
  /** The first disagreements. */
  readonly shown: readonly string[];
  readonly poisoned: boolean;
  /** The code of the refusal of each module with one byte flipped. */
  readonly damaged: readonly string[];
}

const bytesOf = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

function wordsOf(answer: Answer, listener: number): Words {
  if (answer.allowed) return [v.VERDICT_ALLOW, v.REASON_NONE, NUMBERS.get(answer.code) ?? NONE, answer.rule >>> 0, listener];
  if (answer.later) return [v.VERDICT_OPEN, v.REASON_NONE, v.CODE_OPEN, NONE, listener];
  return [v.VERDICT_DENY, REASONS.get(answer.reason) ?? NONE, NUMBERS.get(answer.code) ?? NONE, answer.rule >>> 0, listener];
}

const address = (w: Words): readonly [number, number, number, number] =>
  [w[0] ?? 0, w[1] ?? 0, w[2] ?? 0, w[3] ?? 0].map((n) => n | 0) as [number, number, number, number];

/** Phases 1 and 2; at a shared port the name leads to the listener. */
function hello(engine: Engine, at: number, source: ReturnType<typeof address>, name: string | null): Words {
  const led = engine.lead(at, source, name);
  if (led.listener === null) return wordsOf(led.denial, at);
  return wordsOf(engine.named(led.listener, source, name), led.listener);
}

/** The answer's words; null where the request has none. */
function answered(engine: Engine, op: number, w: Words, name: string | null, subjects: Input["subjects"]): Words | null {
  const [a = 0, b = 0, c = 0, d = 0] = w;
  const source = address(w.slice(1));
  const wide = (high: number, low: number): number => high * 2 ** 32 + low;
  switch (op) {
    case 1:
      engine.setClock({ monoMs: wide(a, b), wallSeconds: wide(c, d) === 0 ? null : wide(c, d) });
      return null;
    case 2: {
      const subject = subjects[((BigInt(a) << 32n) | BigInt(b)).toString(16)];
      if (subject === undefined) throw new Error("an unknown service");
      return wordsOf(engine.bind({ subject, proto: c === 6 ? "tcp" : "udp", port: d, address: address(w.slice(4)) }), 0);
    }
    case 3:
      return [engine.listenerAt("tcp", b, address(w.slice(2))) >>> 0, 0, 0, 0, 0];
    case 4:
      return wordsOf(engine.accept(a, source), 0);
    case 5: {
      const [answer] = engine.admit([{ listener: a, source }]);
      if (answer === undefined) throw new Error("no answer");
      return wordsOf(answer, 0);
    }
    case 6:
      return hello(engine, a, source, name);
    case 7:
      engine.release(a, source);
      return null;
    case 8:
      return [engine.connections(a), 0, 0, 0, 0];
    case 9:
      return wordsOf(engine.charge({ listener: a, source }, -1), 0);
    default:
      throw new Error(`no such request: ${op}`);
  }
}

function answerVectors({ file, modules, seed, subjects }: Input): Output {
  const bytes = bytesOf(file);
  const view = new DataView(bytes.buffer);
  const word = (at: number): number => view.getUint32(at, true);
  const shown: string[] = [];
  const damaged: string[] = [];
  let [answers, disagreements, poisoned] = [0, 0, false];
  modules.forEach((base64, part) => {
    const module = bytesOf(base64);
    const loaded = loadModule(module);
    if (!loaded.ok) throw new Error(`part ${part}: ${loaded.error.code}`);
    const engine = openPolicy(loaded.value, Uint8Array.from(seed));
    const head = word(8 + 8 * part);
    const [count, names] = [word(head), head + 32 + 64 * word(head)];
    for (let i = 0; i < count; i++) {
      const at = head + 32 + 64 * i;
      const w = Array.from({ length: 16 }, (_, n) => word(at + 4 * n));
      const [from, length] = [names + (w[9] ?? 0), w[10] ?? 0];
      const name = length === NONE ? null : new TextDecoder().decode(bytes.subarray(from, from + length));
      const said = answered(engine, w[0] ?? 0, w.slice(1, 9), name, subjects);
      if (said === null) continue;
      answers++;
      if (said.join() === w.slice(11).join()) continue;
      disagreements++;
      if (shown.length < 5) shown.push(`part ${part}, record ${i}: ${said.join()}, not ${w.slice(11).join()}`);
    }
    poisoned ||= engine.poisoned;
    const changed = Uint8Array.from(module);
    changed[changed.length >> 1] = (changed[changed.length >> 1] ?? 0) ^ 1;
    const refusal = loadModule(changed);
    damaged.push(refusal.ok ? "loaded" : refusal.error.code);
  });
  return { answers, disagreements, shown, poisoned, damaged };
}

Object.assign(globalThis, { answerVectors });
