// `ingressd/host`: loads and queries a compiled policy in Node, a browser or another runtime with WebAssembly. The caller
// supplies random bytes and the time.
import { formatAddress, parseAddress, type Address } from "../net/address.ts";
import type { Result } from "../result/result.ts";
import { openEngine } from "./ask.ts";
import { identityOf, type Identity } from "./identity.ts";
import { loadPolicy } from "./load.ts";
import type { LoadedPolicy, PolicyEngine, Refusal } from "./module.ts";
import { trustedKey, type TrustedKey } from "./trusted_key.ts";

export interface LoadOptions {
  /**
   * Ed25519 keys of 32 bytes each. Only a module that one of them has signed is loaded. Without this option signatures are
   * not checked. Only Node can check signatures; on another platform a signed module is then refused with `signature_bad`.
   */
  readonly trustedKeys?: readonly Uint8Array[];
}

/** Loads a `.wasm` file of `ingressc build` from all of its bytes. Throws TypeError where a trusted key is malformed or weak. */
export function loadModule(bytes: Uint8Array, { trustedKeys }: LoadOptions = {}): Result<LoadedPolicy, Refusal> {
  return loadPolicy(bytes, trustedKeys === undefined ? null : trustedKeys.map(accepted));
}

/** Starts a policy. `seed` has 16 random bytes, which key the tables of its caps and limits. */
export function openPolicy(policy: LoadedPolicy, seed: Uint8Array): PolicyEngine {
  return openEngine(policy, seed);
}

/** Parses an IPv4 or IPv6 address to the form that the engine takes; null where the text is no address. */
export function addressOf(text: string): Address | null {
  return parseAddress(text);
}

export function addressText(address: Address): string {
  return formatAddress(address);
}

/** Makes a client's identity from the words of its verified certificate, for example `dns:jump.example`. */
export function clientIdentity(words: readonly string[]): Identity {
  return identityOf(words);
}

function accepted(raw: Uint8Array): TrustedKey {
  const key = trustedKey(raw);
  if (!key.ok) throw new TypeError(`a trusted key ${key.error}`);
  return key.value;
}
