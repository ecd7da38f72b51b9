// The public keys that policies must be signed with. They are read anew at every load, so that a
// key file that was taken away or changed counts from the next one on.
import { isKeyRefusal, parsePublicKey, type TrustedKey } from "../host/keys.ts";
import type { Trust } from "../host/verify.ts";
import { isFileRefusal, readTrustedFile, type FileRefusal } from "../host/trusted_file.ts";

const MOST_KEY_BYTES = 16 * 1024;

export function isUntrusted(x: Trust | FileRefusal): x is FileRefusal {
  return x !== null && "refused" in x;
}

/**
 * Null only where the configuration names no keys at all. INVARIANT: where it does, the answer is
 * every one of them or a refusal, so no slip can turn verification off.
 */
export function readTrustedKeys(paths: readonly string[] | undefined): Trust | FileRefusal {
  if (paths === undefined) return null;
  if (paths.length === 0) return { refused: "`policy.trusted_keys` is empty, which would trust nobody: name a public key, or leave the key out" };
  const keys = new Map<string, { readonly key: TrustedKey; readonly path: string }>();
  for (const path of paths) {
    const bytes = readTrustedFile(path, MOST_KEY_BYTES, "trusted key");
    if (isFileRefusal(bytes)) return bytes;
    const key = parsePublicKey(new TextDecoder().decode(bytes));
    if (isKeyRefusal(key)) return { refused: `trusted key \`${path}\` ${key.refused}` };
    const before = keys.get(key.id);
    if (before !== undefined) return { refused: `trusted keys \`${before.path}\` and \`${path}\` are one key: name each key once` };
    keys.set(key.id, { key, path });
  }
  return [...keys.values()].map(({ key }) => key);
}
