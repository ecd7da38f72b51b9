// The remedy for each reason for which a module is refused.
import type { Refusal } from "../host/module.ts";

/** `keysOption`: how the user names public keys, as in `policy.trusted_keys` or `--trusted-key`. */
export function remedyOf(code: Refusal["code"], keysOption: string): string {
  switch (code) {
    case "signature_missing":
      return "sign it with ingressc sign";
    case "signature_key":
      return `sign it with a key of ${keysOption}, or add this key's public file there`;
    case "signature_bad":
    case "signature_twice":
    case "signature_malformed":
      return "get the file again from where it was signed, or sign it again with ingressc sign";
    case "signature_version":
    case "signature_algorithm":
      return "sign it again with this release's ingressc";
    case "module_too_large":
    case "module_malformed":
    case "module_trailing":
    case "module_hash":
    case "module_code":
    case "module_version":
    case "module_memory":
    case "module_tables":
    case "module_selftest":
      return "build it again with ingressc";
    default:
      return code satisfies never;
  }
}
