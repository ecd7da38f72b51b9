// From a policy's bytes to a policy that may be put in force: shape, hash, engine and self-tests (in a worker), the
// signature where keys are trusted, and its revision.
import { isRefusal } from "../../runtime/host/load.ts";
import { loadPolicyInWorker } from "../../runtime/host/load_in_worker.ts";
import type { LoadedPolicy } from "../../runtime/host/module.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { isUntrusted, readTrustedKeys } from "../../runtime/shell/trusted_keys.ts";
import type { Keeper } from "./keeper.ts";
import { remedyOf } from "./remedies.ts";
import type { Refused } from "./report.ts";

export interface CandidateSetup {
  readonly checkMs: number;
  /** Paths of public keys; undefined: policies need no signature. */
  readonly trustedKeys: readonly string[] | undefined;
  /** Null where nothing outlives a restart. */
  readonly keeper: Keeper | null;
  readonly ending: AbortSignal;
}

/** Bytes that were read once: what was checked is what is loaded and kept. */
export interface PolicyBytes {
  readonly bytes: Uint8Array;
  /** Of the bytes. */
  readonly sha256: string;
  /** How sentences call it. */
  readonly name: string;
}

export interface Candidate extends PolicyBytes {
  readonly policy: LoadedPolicy;
}

/** The bytes are given away to the worker; the candidate has them. */
export async function checkCandidate({ bytes, sha256, name }: PolicyBytes, { checkMs, trustedKeys, keeper, ending }: CandidateSetup): Promise<Result<Candidate, Refused>> {
  const trust = readTrustedKeys(trustedKeys);
  if (isUntrusted(trust)) return failed({ cause: "keys", message: `${name} can't be verified: ${trust.refused}` });
  const loaded = await loadPolicyInWorker(bytes, trust, checkMs, ending);
  if (isRefusal(loaded)) return failed({ cause: "policy", message: `${name} is refused (${loaded.code}): ${loaded.message}; ${remedyOf(loaded.code)}` });
  const old = keeper?.refusal(loaded.info) ?? null;
  if (old !== null) return failed({ cause: "policy", message: `${name} is refused ${old}` });
  const { bytes: back, ...policy } = loaded;
  return ok({ bytes: back, sha256, name, policy });
}
