// The key that ingressd shares with guards.
import { isFileRefusal, readTrustedFile } from "../../runtime/host/trusted_file.ts";
import { readKey } from "../../runtime/host/token.ts";
import { EXIT_REJECTED, failure, type Failure } from "../exit.ts";

const MOST_BYTES = 4096;

/** Null where none is configured. `path`: absolute and normal. */
export function readGuardKey(path: string | undefined): Uint8Array | null | Failure {
  if (path === undefined) return null;
  const bytes = readTrustedFile(path, MOST_BYTES, "guard key", "private");
  if (isFileRefusal(bytes)) return failure(EXIT_REJECTED, bytes.refused);
  return readKey(bytes) ?? failure(EXIT_REJECTED, `guard key \`${path}\` is not 64 hexadecimal digits: make one with \`openssl rand -hex 32\``);
}
