// The public keys that policies must be signed with. They are read anew at every load, so that a
// key file that was taken away or changed counts from the next one on.
import { isKeyRefusal, parsePublicKey, type TrustedKey } from "../host/keys.ts";
import { failed, ok, type Result } from "../result/result.ts";
import type { Trust } from "../host/verify.ts";
import { isFileRefusal, readTrustedFile } from "../host/trusted_file.ts";

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
    if (isFileRefusal(bytes)) return failed(bytes.refused);
    const key = parsePublicKey(new TextDecoder().decode(bytes));
    if (isKeyRefusal(key)) return failed(`trusted key \`${path}\` ${key.refused}`);
    const before = keys.get(key.id);
    if (before !== undefined) return failed(`trusted keys \`${before.path}\` and \`${path}\` are one key: name each key once`);
    keys.set(key.id, { key, path });
  }
  return ok([...keys.values()].map(({ key }) => key));
}
