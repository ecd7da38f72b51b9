// From a policy's bytes to a policy that may be put in force: shape, hash, engine and self-tests (in a worker), the
// signature where keys are trusted, and its revision.
import type { LoadedPolicy } from "../../runtime/host/module.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { checkPolicy } from "../../runtime/shell/policy_check.ts";
import type { Keeper } from "./keeper.ts";
import { STOPPING, type Refused } from "./report.ts";

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
  const checked = await checkPolicy(bytes, name, { checkMs, trustedKeys, keysOption: "policy.trusted_keys", revisions: keeper, ending });
  if (!checked.ok) {
    const { cause, message } = checked.error;
    return failed(cause === "ending" ? STOPPING : { cause, message });
  }
  const { bytes: back, trusted: _, ...policy } = checked.value;
  return ok({ bytes: back, sha256, name, policy });
}
