// The answers of a module to all requests of a subject, as one comparable list of numbers.
import * as abi from "../../../runtime/abi/layout.ts";
import { openEngine } from "../../../runtime/host/ask.ts";
import { instantiate, type EngineExports } from "../../../runtime/host/instance.ts";
import type { LoadedPolicy } from "../../../runtime/host/module.ts";
import { SEED } from "../../oracle/ask.ts";
import { words } from "../../oracle/space.ts";
import { INGRESSD, type Subject } from "./subjects.ts";

/** One number per request: 1 for an allow, negative if the answer is out of range. */
export interface Answers {
  readonly verdicts: Int8Array;
  readonly codes: Int16Array;
  /** Answers for connections that are charged in sequence. */
  readonly charged: readonly string[];
}

const TRAPPED = -1;
const OUT_OF_RANGE = -2;
const EACH = 12;

/** The pure requests, on the exports themselves, plus `extra` sources. */
function pure(
  engine: EngineExports,
  { names, moments, locals, ports }: Subject,
  sources: readonly bigint[],
  listeners: number,
  rules: number,
): { readonly verdicts: number[]; readonly codes: number[] } {
  const verdicts: number[] = [];
  const codes: number[] = [];
  const detail = new DataView(engine.memory.buffer, abi.DETAIL_BASE);
  const scratch = engine.scratch() >>> 0;
  const note = (evaluate: () => number): void => {
    let verdict: number;
    try {
      verdict = evaluate();
    } catch {
      verdict = TRAPPED;
    }
    const code = detail.getInt32(abi.DETAIL_CODE, true);
    const rule = detail.getInt32(abi.DETAIL_RULE, true);
    const odd = verdict !== TRAPPED && (verdict < 0 || verdict > 2 || detail.getInt32(abi.DETAIL_VERDICT, true) !== verdict || rule < -1 || rule >= rules);
    verdicts.push(odd ? OUT_OF_RANGE : verdict);
    codes.push(code);
  };
  const addresses = sources.map(words);
  const texts = names.map((name) => new TextEncoder().encode(name ?? ""));
  for (const wall of moments) {
    engine.clock(0, 1_000_000, Math.floor(wall / 2 ** 32), wall | 0);
    for (let listener = 0; listener < listeners; listener++) {
      for (const [a, b, c, d] of addresses) note(() => engine.accept6(listener, a, b, c, d));
      for (const text of texts) {
        if (text.length === 0) continue;
        new Uint8Array(engine.memory.buffer).set(text, scratch);
        for (const [a, b, c, d] of addresses) note(() => engine.hello?.(listener, a, b, c, d, text.length) ?? 0);
      }
    }
  }
  const [high, low] = INGRESSD;
  for (const port of ports) for (const [a, b, c, d] of locals.map(words)) note(() => engine.bind(high, low, abi.PROTO_TCP, port, a, b, c, d));
  return { verdicts, codes };
}

/** Bursts from a few sources with clock steps between them, through the host. */
function charged(policy: LoadedPolicy): string[] {
  const engine = openEngine(policy, SEED);
  const out: string[] = [];
  const sources = [0x0a000001, 0x0a000002, 0x0a000101, 0xc0000201].map((bits) => words((0xffffn << 32n) + BigInt(bits)));
  for (const step of [0, 100, 1_000, 60_000, 3_600_000]) {
    engine.setClock({ monoMs: 1_000_000 + step, wallSeconds: null });
    for (let listener = 0; listener < policy.info.listeners.length; listener++) {
      for (const source of sources) {
        for (let i = 0; i < EACH; i++) {
          const [answer] = engine.admit([{ listener, source }]);
          out.push(
            answer === undefined ? "none"
            : answer.allowed ? "allowed"
            : answer.later ? "later"
            : answer.code,
          );
          if (i % 3 === 2) engine.release(listener, source);
        }
      }
      engine.release(listener, sources[0] ?? [0, 0, 0, 0]);
    }
  }
  engine.importState(engine.exportState());
  for (const port of [1, 443, 65_535]) engine.listenerAt("tcp", port, [0, 0, 0, 0]);
  engine.limiterFill();
  return out;
}

export function answersOf(policy: LoadedPolicy, subject: Subject, sources: readonly bigint[]): Answers {
  const engine = instantiate(policy.module);
  if (engine.validate() !== 0) throw new Error("a module that was loaded is not valid");
  const { verdicts, codes } = pure(engine, subject, sources, policy.info.listeners.length, policy.info.rules.length);
  return { verdicts: Int8Array.from(verdicts), codes: Int16Array.from(codes), charged: charged(policy) };
}

/** Sources that the words of some damage may affect. */
export function hinted(damage: readonly number[]): bigint[] {
  const found = new Set<bigint>();
  for (const word of damage.slice(0, 16)) {
    for (const value of [word - 1, word, word + 1]) {
      const bits = BigInt(value >>> 0);
      found.add((0xffffn << 32n) | bits);
      for (const shift of [0n, 32n, 64n, 96n]) found.add(bits << shift);
      found.add((0x20010db8n << 96n) | (bits << 64n));
    }
  }
  return [...found];
}
