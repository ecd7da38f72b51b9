// The C library through koffi, which is optional: without it the guard says so and starts nothing.
import { createRequire } from "node:module";

export type Native = ((...args: readonly unknown[]) => unknown) & {
  /** The call on a thread of its own; `done` has its result. */
  readonly async: (...args: readonly unknown[]) => void;
};

export interface Library {
  /** A function of the C library by its prototype. */
  func(prototype: string): Native;
  /** errno of the last call on this thread. */
  errno(): number;
  struct(name: string, fields: Readonly<Record<string, string>>): void;
}

interface Koffi {
  load(path: null): { func(prototype: string): Native };
  errno(): number;
  struct(name: string, fields: Readonly<Record<string, string>>): unknown;
}

/** Null where koffi is not installed or has no binary for this machine. */
export function loadLibrary(): Library | null {
  try {
    const koffi: unknown = createRequire(import.meta.url)("koffi");
    if (!isKoffi(koffi)) return null;
    const library = koffi.load(null);
    return { func: (prototype) => library.func(prototype), errno: () => koffi.errno(), struct: (name, fields) => void koffi.struct(name, fields) };
  } catch {
    return null;
  }
}

function isKoffi(value: unknown): value is Koffi {
  return typeof value === "object" && value !== null && "load" in value && "errno" in value && "struct" in value;
}
