// Instantiates a module through the AssemblyScript loader; no other file does.
import { instantiateSync } from "@assemblyscript/loader";
import { STATUS_VALID, TABLES_BASE } from "../abi/layout.ts";
import type { LoadedPolicy } from "./module.ts";
import { nextTurn } from "./platform.ts";

/** How many bytes of the tables are written in one turn of the event loop. */
const TURN_BYTES = 1024 * 1024;
/** The state follows the tables; most of the state that a swap writes at once is within this many bytes. */
const STATE_BYTES_MOST = 4 * 1024 * 1024;

/** The exports of every engine. All numbers are passed as i32, so a u32 result comes back signed. */
export interface EngineExports extends Record<string, unknown> {
  readonly memory: WebAssembly.Memory;
  abiVersion(): number;
  validate(): number;
  seed(a: number, b: number, c: number, d: number): void;
  clock(monoHigh: number, monoLow: number, wallHigh: number, wallLow: number): void;
  scratch(): number;
  scratchBytes(): number;
  listenerAt(proto: number, port: number, a: number, b: number, c: number, d: number): number;
  bind(high: number, low: number, proto: number, port: number, a: number, b: number, c: number, d: number): number;
  /** Not in engines before version 3. */
  bindWithToken?(high: number, low: number, proto: number, port: number, a: number, b: number, c: number, d: number): number;
  accept4(listener: number, source: number): number;
  accept6(listener: number, a: number, b: number, c: number, d: number): number;
  /** Not in engines of version 1. */
  hello?(listener: number, a: number, b: number, c: number, d: number, length: number): number;
  /** Not in engines before version 3. */
  identity?(listener: number, a: number, b: number, c: number, d: number, length: number, words: number): number;
  /** Not in engines of version 1; in version 2 without the last argument, which it does not need. */
  shadow?(listener: number, a: number, b: number, c: number, d: number, length: number, words: number): number;
  /** Engines before version 3 take no `zone`, here and in the next two; they count a source by its prefix alone. */
  charge(listener: number, a: number, b: number, c: number, d: number, zone?: number): number;
  /** Not in engines before version 3. */
  spend?(listener: number, a: number, b: number, c: number, d: number, zone: number): void;
  release(listener: number, a: number, b: number, c: number, d: number, zone?: number): void;
  recount(listener: number, a: number, b: number, c: number, d: number, zone?: number): void;
  /** Not in engines before version 3, as the next two. */
  chargeIdentity?(listener: number, a: number, b: number, c: number, d: number, rule: number): number;
  releaseIdentity?(listener: number, a: number, b: number, c: number, d: number): void;
  recountIdentity?(listener: number, a: number, b: number, c: number, d: number): void;
  batch(count: number): number;
  exportState(cursor: number): number;
  exportNext(): number;
  importState(count: number): void;
  connections(listener: number): number;
  limiterUsed(): number;
}

/** Instantiates verified code. Throws the errors of WebAssembly. */
export function instantiate(module: WebAssembly.Module): EngineExports {
  const { exports } = instantiateSync<EngineExports>(module, {});
  return exports;
}

/** Instantiates a policy's engine in one turn. Tables that are not in the module were validated before. */
export function instantiatePolicy(policy: LoadedPolicy): EngineExports {
  const exports = instantiate(policy.module);
  if (policy.tables !== null) {
    new Uint8Array(exports.memory.buffer).set(policy.tables, TABLES_BASE);
    markValid(exports);
  }
  return exports;
}

/** Instantiates a policy's engine and writes its tables in slices, so that large tables don't block the thread. */
export async function instantiateInTurns(policy: LoadedPolicy): Promise<EngineExports> {
  const exports = instantiate(policy.module);
  const { tables } = policy;
  if (tables === null) return exports;
  const memory = new Uint8Array(exports.memory.buffer);
  for (let at = 0; at < tables.length; at += TURN_BYTES) {
    memory.set(tables.subarray(at, at + TURN_BYTES), TABLES_BASE + at);
    await nextTurn();
  }
  // Writing zeros over zeros makes the system allocate the pages behind the tables now, and not in the turn of a swap.
  const end = TABLES_BASE + tables.length;
  for (let at = end; at < Math.min(end + STATE_BYTES_MOST, memory.length); at += TURN_BYTES) {
    memory.fill(0, at, at + TURN_BYTES);
    await nextTurn();
  }
  markValid(exports);
  return exports;
}

/** INVARIANT: `validate` has accepted the same code with the same tables before (loadPolicyApart). */
function markValid(exports: EngineExports): void {
  new DataView(exports.memory.buffer).setUint32(STATUS_VALID, 1, true);
}
