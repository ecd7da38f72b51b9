// Engines that misbehave on purpose, assembled byte by byte: the exports of the real one, each of
// which returns a number or traps, and the words that a host would read as the answer.
import * as abi from "../../runtime/abi/layout.ts";
import { concatBytes, PREAMBLE, writeSection, writeUnsigned } from "../../runtime/abi/sections.ts";
import type { LoadedPolicy, PolicyInfo } from "../../runtime/host/module.ts";

const TRAP = "trap";
/** Parameters and results of every export, in the order of their function numbers. */
const SHAPES = {
  abiVersion: [0, 1],
  validate: [0, 1],
  seed: [4, 0],
  clock: [4, 0],
  scratch: [0, 1],
  scratchBytes: [0, 1],
  listenerAt: [6, 1],
  bind: [8, 1],
  accept4: [2, 1],
  accept6: [5, 1],
  charge: [5, 1],
  release: [5, 0],
  recount: [5, 0],
  batch: [1, 1],
  exportState: [1, 1],
  exportNext: [0, 1],
  importState: [1, 0],
  connections: [1, 1],
  limiterUsed: [0, 1],
} as const satisfies Record<string, readonly [params: number, results: number]>;

export interface Odd {
  readonly results?: Partial<Record<keyof typeof SHAPES, number | typeof TRAP>>;
  /** verdict, reason, code, rule: the values in memory, which no call changes. */
  readonly detail?: readonly [number, number, number, number];
  /** verdict, reason << 16 | code, rule that `batch` writes into its first record. */
  readonly batch?: readonly [number, number, number];
}

const SCRATCH = 4096;

function vector(items: readonly (readonly number[])[]): Uint8Array {
  return Uint8Array.from([...writeUnsigned(items.length), ...items.flat()]);
}

function text(s: string): number[] {
  return [...writeUnsigned(s.length), ...new TextEncoder().encode(s)];
}

function signed(value: number): number[] {
  const out: number[] = [];
  for (let rest = value | 0; ; rest >>= 7) {
    const low = rest & 0x7f;
    if ((rest >> 7 === 0 && (low & 0x40) === 0) || (rest >> 7 === -1 && (low & 0x40) !== 0)) return [...out, low];
    out.push(low | 0x80);
  }
}

function words(values: readonly number[]): number[] {
  return [...new Uint8Array(Int32Array.from(values).buffer)];
}

/** i32.store of a number. */
function stored(address: number, value: number): number[] {
  return [0x41, ...signed(address), 0x41, ...signed(value), 0x36, 2, 0];
}

export function oddEngine(info: PolicyInfo, { results = {}, detail = [0, 0, 0, 0], batch = [0, 0, 0] }: Odd): LoadedPolicy {
  const defaults = { scratch: SCRATCH, scratchBytes: 1024, batch: 1 };
  const names = Object.entries(SHAPES);
  const bodies = names.map(([name, [, count]]) => {
    const result = { ...defaults, ...results }[name as keyof typeof defaults] ?? 0;
    const stores = name === "batch" ? batch.flatMap((value, i) => stored(SCRATCH + abi.R_BATCH_VERDICT + 4 * i, value)) : [];
    const code =
      result === TRAP ? [0x00]
      : count === 0 ? []
      : [...stores, 0x41, ...signed(result)];
    const body = [0, ...code, 0x0b];
    return [...writeUnsigned(body.length), ...body];
  });
  const segment = (at: number, bytes: readonly number[]): number[] => [0, 0x41, ...signed(at), 0x0b, ...writeUnsigned(bytes.length), ...bytes];
  const bytes = concatBytes([
    Uint8Array.from(PREAMBLE),
    writeSection(
      1,
      vector(
        names.map(([, [params, count]]) => [0x60, params, ...Array.from({ length: params }, () => 0x7f), count, ...Array.from({ length: count }, () => 0x7f)]),
      ),
    ),
    writeSection(3, vector(names.map((_, i) => writeUnsigned(i)))),
    writeSection(5, Uint8Array.from([1, 1, 1, 1])),
    writeSection(7, vector([...names.map(([name], i) => [...text(name), 0, ...writeUnsigned(i)]), [...text("memory"), 2, 0]])),
    writeSection(10, vector(bodies)),
    writeSection(11, vector([segment(abi.DETAIL_BASE, words(detail))])),
  ]);
  return { info, module: new WebAssembly.Module(bytes), tables: null };
}
