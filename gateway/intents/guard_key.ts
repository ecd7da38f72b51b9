// The key that ingressd shares with guards.
import { readTrustedFile } from "../../runtime/host/trusted_file.ts";
import { readKey } from "../../runtime/host/token.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { EXIT_REJECTED, failure, type Failure } from "../exit.ts";

const MOST_BYTES = 4096;

/** Null where none is configured. `path`: absolute and normal. */
export function readGuardKey(path: string | undefined): Result<Uint8Array | null, Failure> {
  if (path === undefined) return ok(null);
  const bytes = readTrustedFile(path, MOST_BYTES, "guard key", "private");
  if (!bytes.ok) return failed(failure(EXIT_REJECTED, bytes.error));
  const key = readKey(bytes.value);
  return key !== null ? ok(key) : failed(failure(EXIT_REJECTED, `guard key \`${path}\` is not 64 hexadecimal digits: make one with \`openssl rand -hex 32\``));
}
