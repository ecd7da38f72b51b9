// Reads the public keys that signatures of policies are checked with: PEM text -> TrustedKey, or an error message.
import { createPublicKey, type KeyObject } from "node:crypto";
import { failed, type Result } from "../result/result.ts";
import { kindOfKey, type KeyKind } from "./key_kinds.ts";
import { trustedKey, type TrustedKey } from "./trusted_key.ts";
import { PUBLIC_KEY_BYTES } from "../abi/signature.ts";

export { trustedKey, type TrustedKey } from "./trusted_key.ts";

const ONE_PUBLIC_KEY = /^\s*-----BEGIN PUBLIC KEY-----\r?\n[A-Za-z0-9+/=\r\n]+-----END PUBLIC KEY-----\s*$/;

const PRIVATE = "contains a private key: name the public one, and keep this file where the policies are signed";

const NO_PUBLIC_KEY: Readonly<Partial<Record<KeyKind, string>>> = {
  private: PRIVATE,
  encrypted: PRIVATE,
  ssh_private: PRIVATE,
  der_private: PRIVATE,
  certificate: "contains a certificate, not a public key: `ingressc keygen` makes a pair for policies",
  ssh_public: "contains a key of OpenSSH, not one in PEM: make a pair for policies with `ingressc keygen`",
  der_public: "contains a public key in DER, not in PEM: convert it with `openssl pkey -pubin -inform DER -in FILE -out KEY.pub`",
  raw: "contains only the bytes of a key, not PEM: name the `.pub` file that `ingressc keygen` wrote",
};

/** One PEM block of a SubjectPublicKeyInfo, as `ingressc keygen` and `openssl pkey -pubout` write it. The error completes "FILE …". */
export function parsePublicKey(text: string): Result<TrustedKey, string> {
  const kind = kindOfKey(text);
  const instead = kind === null ? undefined : NO_PUBLIC_KEY[kind];
  if (instead !== undefined) return failed(instead);
  if (!ONE_PUBLIC_KEY.test(text)) return failed("is not one public key in PEM (`-----BEGIN PUBLIC KEY-----`)");
  let key: KeyObject;
  try {
    key = createPublicKey(text);
  } catch {
    return failed("is not a public key that can be read: write it again with `ingressc keygen`");
  }
  if (key.asymmetricKeyType !== "ed25519") return failed(`contains a key of type ${key.asymmetricKeyType ?? "unknown"}: policies are signed with Ed25519`);
  return trustedKey(new Uint8Array(key.export({ format: "der", type: "spki" })).subarray(-PUBLIC_KEY_BYTES));
}
