// The public keys that policies must be signed with. They are read anew at every load, so that a
// key file that was taken away or changed counts from the next one on.
import { parsePublicKey, type TrustedKey } from "../host/keys.ts";
import { failed, ok, type Result } from "../result/result.ts";
import type { Trust } from "../host/verify.ts";
import { readTrustedFile } from "../host/trusted_file.ts";

const MOST_KEY_BYTES = 16 * 1024;

/**
 * Null only where the configuration names no keys at all. INVARIANT: where it does, the answer is
 * every one of them or an error, so no slip can turn verification off. The error is one sentence; `option` is how the
 * user names the keys, as in `policy.trusted_keys`.
 */
export function readTrustedKeys(paths: readonly string[] | undefined, option: string): Result<Trust, string> {
  if (paths === undefined) return ok(null);
  if (paths.length === 0) return failed(`\`${option}\` is empty, which would trust nobody: name a public key, or remove the setting`);
  const keys = new Map<string, { readonly key: TrustedKey; readonly path: string }>();
  for (const path of paths) {
    const bytes = readTrustedFile(path, MOST_KEY_BYTES, "trusted key");
    if (!bytes.ok) return bytes;
    const key = parsePublicKey(new TextDecoder().decode(bytes.value));
    if (!key.ok) return failed(`trusted key \`${path}\` ${key.error}`);
    const before = keys.get(key.value.id);
    if (before !== undefined) return failed(`trusted keys \`${before.path}\` and \`${path}\` are one key: name each key once`);
    keys.set(key.value.id, { key: key.value, path });
  }
  return ok([...keys.values()].map(({ key }) => key));
}
