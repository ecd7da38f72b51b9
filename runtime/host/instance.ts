// A module's exports, through the AssemblyScript loader: the one place that instantiates.
import { instantiateSync } from "@assemblyscript/loader";

/** What every engine exports; all numbers cross as i32 (a u32 result comes back signed). */
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
  accept4(listener: number, source: number): number;
  accept6(listener: number, a: number, b: number, c: number, d: number): number;
  /** Not in engines of version 1. */
  hello?(listener: number, a: number, b: number, c: number, d: number, length: number): number;
  /** Not in engines of version 1. */
  shadow?(listener: number, a: number, b: number, c: number, d: number, length: number): number;
  charge(listener: number, a: number, b: number, c: number, d: number): number;
  release(listener: number, a: number, b: number, c: number, d: number): void;
  recount(listener: number, a: number, b: number, c: number, d: number): void;
  batch(count: number): number;
  exportState(cursor: number): number;
  exportNext(): number;
  importState(count: number): void;
  connections(listener: number): number;
  limiterUsed(): number;
}

/** Instantiates verified code; throws what WebAssembly throws. */
export function instantiate(module: WebAssembly.Module): EngineExports {
  const { exports } = instantiateSync<EngineExports>(module, {});
  return exports;
}
