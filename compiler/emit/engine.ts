// The pinned engine's bytes, without a file system: the compiler also runs in a browser.
import { ENGINE_BASE64 } from "../../runtime/engine/build/bytes.ts";

let decoded: Uint8Array | null = null;

export function engineBytes(): Uint8Array {
  decoded ??= Uint8Array.from(atob(ENGINE_BASE64), (c) => c.charCodeAt(0));
  return decoded;
}
