// `ingressd/host`: asks a compiled policy, in Node, a browser or another runtime with WebAssembly. Random bytes and the
// time come from the caller.
import { formatAddress, parseAddress, type Address } from "../net/address.ts";
import type { Result } from "../result/result.ts";
import { openEngine } from "./ask.ts";
import { identityOf, type Identity } from "./identity.ts";
import { loadPolicy } from "./load.ts";
import type { LoadedPolicy, PolicyEngine, Refusal } from "./module.ts";
import { trustedKey, type TrustedKey } from "./trusted_key.ts";

export interface LoadOptions {
  /**
   * Ed25519 keys of 32 bytes each: only a module that one of them has signed is loaded. Without it a signature is not
   * checked. Only Node can check one; on another platform every module is refused with `signature_bad`.
   */
  readonly trustedKeys?: readonly Uint8Array[];
}

/** Checks the bytes of a `.wasm` file of `ingressc build` whole. Throws TypeError where a trusted key is none or a weak one. */
export function loadModule(bytes: Uint8Array, { trustedKeys }: LoadOptions = {}): Result<LoadedPolicy, Refusal> {
  return loadPolicy(bytes, trustedKeys === undefined ? null : trustedKeys.map(accepted));
}

/** Starts a policy. `seed` has 16 random bytes, which its limits are kept under. */
export function openPolicy(policy: LoadedPolicy, seed: Uint8Array): PolicyEngine {
  return openEngine(policy, seed);
}

/** An IPv4 or IPv6 address as the policy is asked about it, or null. */
export function addressOf(text: string): Address | null {
  return parseAddress(text);
}

export function addressText(address: Address): string {
  return formatAddress(address);
}

/** A client's identity of the words of its verified certificate, for example `dns:jump.example`. */
export function clientIdentity(words: readonly string[]): Identity {
  return identityOf(words);
}

function accepted(raw: Uint8Array): TrustedKey {
  const key = trustedKey(raw);
  if (!key.ok) throw new TypeError(`a trusted key ${key.error}`);
  return key.value;
}
