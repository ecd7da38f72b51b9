// The checks that a policy's bytes pass before a program may put them in force: trusted keys, the module itself (in a
// thread of its own, because nobody knows yet who wrote it), and its revision. ingressd and ingress-guard make the same
// checks in the same order and give the same reasons.
import { loadPolicyInWorker, type LoadedInWorker } from "../host/load_in_worker.ts";
import { failed, ok, type Result } from "../result/result.ts";
import { remedyOf } from "./policy_remedies.ts";
import type { Revisions } from "./revision.ts";
import { readTrustedKeys } from "./trusted_keys.ts";

/** The demands of a program on every policy. */
export interface PolicyDemands {
  /** Processor time that the checks of one module may take, in milliseconds. */
  readonly checkMs: number;
  /** Absolute paths of public keys, which are read again at each check; undefined: a policy needs no signature. */
  readonly trustedKeys: readonly string[] | undefined;
  /** How the user names public keys, as in `policy.trusted_keys` or `--trusted-key`. */
  readonly keysOption: string;
  /** Null: a lower revision than one that was in force is accepted. */
  readonly revisions: Pick<Revisions, "refusal"> | null;
  /** Once aborted, a check under way is abandoned and none begins. */
  readonly ending?: AbortSignal;
}

export interface LoadFailure {
  /**
   * `policy`: the file or the module can't be used; `keys`: nobody can say who signed it, because a trusted key can't be
   * read; `state`: its revision could not be kept; `ending`: the program is ending.
   */
  readonly cause: "policy" | "keys" | "state" | "ending";
  /** One sentence with the remedy. */
  readonly message: string;
}

export interface CheckedPolicy extends LoadedInWorker {
  /** The ids of the keys that were trusted at the check; null: no signature was needed. */
  readonly trusted: readonly string[] | null;
}

/** `bytes` are given away, and come back with the policy. `name` is the subject of the message: "policy `/etc/p.wasm`". */
export async function checkPolicy(bytes: Uint8Array, name: string, demands: PolicyDemands): Promise<Result<CheckedPolicy, LoadFailure>> {
  const { checkMs, trustedKeys, keysOption, revisions, ending } = demands;
  const refuse = (cause: LoadFailure["cause"], message: string): Result<never, LoadFailure> => failed({ cause, message });
  const keys = readTrustedKeys(trustedKeys, keysOption);
  if (!keys.ok) return refuse("keys", `${name} can't be verified: ${keys.error}`);
  const trust = keys.value;
  const loaded = await loadPolicyInWorker(bytes, trust, checkMs, ending);
  if (ending?.aborted === true) return failed(ENDING);
  if (!loaded.ok) {
    const { code, message } = loaded.error;
    return refuse("policy", `${name} is refused (${code}): ${message}; ${remedyOf(code, keysOption)}`);
  }
  const old = revisions?.refusal(loaded.value.info) ?? null;
  return old === null ? ok({ ...loaded.value, trusted: trust?.map(({ id }) => id) ?? null }) : refuse("policy", `${name} is refused ${old}`);
}

export const ENDING: LoadFailure = { cause: "ending", message: "the program is ending: nothing was loaded" };
