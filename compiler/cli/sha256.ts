// SHA-256 of what ingressc reads and writes. Node's is thirty times as fast as the compiler's portable one and has the same
// bytes, but loading it takes as long as hashing a quarter of a megabyte, so it is loaded only
// when there is more in all.
import type { Sha256 } from "../emit/hash.ts";
import { sha256 as portable } from "../emit/hash.ts";

const LARGE_BYTES = 256 * 1024;
/** SHA-256 works on blocks of so many bytes. */
const BLOCK_BYTES = 64;
let portably = 0;

export const sha256: Sha256 = (bytes) => {
  if (portably < LARGE_BYTES) portably += bytes.length + BLOCK_BYTES;
  return portably < LARGE_BYTES ? portable(bytes) : process.getBuiltinModule("node:crypto").createHash("sha256").update(bytes).digest();
};
