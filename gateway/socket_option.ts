// getsockopt(2) through koffi, which is optional.
import { createRequire } from "node:module";
import type { Socket } from "node:net";

/** As getsockopt(2): 0, or -1. `length` is the room in `value`, and afterwards what was filled. */
export type Getsockopt = (fd: number, level: number, option: number, value: Buffer, length: number[]) => number;

/** Null without koffi, and on another system than Linux: the numbers of options are Linux's. */
export function loadGetsockopt(): Getsockopt | null {
  if (process.platform !== "linux") return null;
  try {
    const koffi: unknown = createRequire(import.meta.url)("koffi");
    if (!hasLoad(koffi)) return null;
    return koffi.load(null).func("int getsockopt(int, int, int, _Out_ void *, _Inout_ uint32_t *)");
  } catch {
    return null;
  }
}

/** Node has no public way to a socket's descriptor. Null where it has none any more. */
export function descriptorOf(socket: Socket): number | null {
  const handle: unknown = "_handle" in socket ? socket._handle : null;
  if (typeof handle !== "object" || handle === null || !("fd" in handle)) return null;
  return typeof handle.fd === "number" && handle.fd >= 0 ? handle.fd : null;
}

interface Koffi {
  load(path: null): { func(prototype: string): Getsockopt };
}

function hasLoad(value: unknown): value is Koffi {
  return typeof value === "object" && value !== null && "load" in value && typeof value.load === "function";
}
