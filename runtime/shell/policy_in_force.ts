// The policy in force in a program that runs for long: ingressd and ingress-guard. A load reads the policy's file and
// checks it, and changes nothing. Its candidate is then put in force as a whole, or discarded:
//
//   load      read, keys, module, revision          any failure: the policy in force stays
//   (program) opens an engine and ports, stages state
//   commit    the engine decides from this turn of the event loop on
//   discard   gives it up; the policy in force stays
//   takeBack  after a commit: another engine decides again, and the file is not tried again by itself
//
// Loads go one after the other: a candidate that is neither committed nor discarded when another is committed can't be
// committed any more.
//
// ingressd and ingress-guard differ in these points, on purpose:
//   size, time   ingressd's configuration has `policy.max_bytes` and `timers.policy_check_ms`; the guard has no
//                configuration and takes the largest module and 30 s
//   last good    ingressd keeps a copy in its state directory and starts from it; the guard starts nothing then, because a
//                program that is not running yet exposes nothing
//   revision     ingressd stages the mark with its copy, before it opens ports; the guard opens none and writes the mark
//                right before the commit
//   keys         the guard reads the policy again when the file of a trusted key changes; ingressd waits for a reload,
//                which its operator can order over the control socket and see fail
import { failed, ok, type Result } from "../result/result.ts";
import { openEngineInTurns } from "../host/ask.ts";
import type { LoadedPolicy, PolicyEngine } from "../host/module.ts";
import { isFileRefusal, readTrustedFileInTurns } from "../host/trusted_file.ts";
import { readTrustedKeys } from "./trusted_keys.ts";
import { checkPolicy, ENDING, type CheckedPolicy, type LoadFailure, type PolicyDemands } from "./policy_check.ts";

export interface PolicySource extends PolicyDemands {
  /** Absolute and normal. */
  readonly path: string;
  readonly maxBytes: number;
}

/** `if_changed`: nothing is loaded where file and keys are those in force, or those that were refused last. */
export type LoadWhen = "always" | "if_changed";

export interface PolicyInForce {
  /** Null before the first commit. */
  readonly engine: PolicyEngine | null;
  /** How many policies have been put in force: 0 before the first commit. */
  readonly generation: number;
  /** Reads and checks the file. Null where there is nothing to load. Never rejects. */
  load(when: LoadWhen): Promise<Result<Candidate | null, LoadFailure>>;
  /** Checks other bytes than the file's: a copy that was kept. `bytes` are given away. Never rejects. */
  loadCopy(bytes: Uint8Array, name: string): Promise<Result<Candidate, LoadFailure>>;
}

export interface Candidate {
  readonly policy: LoadedPolicy;
  /** The file, whole. */
  readonly bytes: Uint8Array;
  /** SHA-256 of the file's bytes, lower-case hex; null for a copy. */
  readonly fileSha256: string | null;
  /** Its engine, in as many turns of the event loop as its tables need. `seed`: 16 random bytes, the same over reloads. Never rejects. */
  open(seed: Uint8Array): Promise<Result<PolicyEngine, LoadFailure>>;
  /** Puts it in force with an engine that was opened from `policy`; the answer is the new generation. Throws where it can't be committed any more. */
  commit(engine: PolicyEngine): number;
  /** `refused`: the same bytes would fail again, so a load `if_changed` skips them. `not_now`: they may succeed. */
  discard(because: "refused" | "not_now"): void;
  /**
   * After its commit: `engine` decides from now on, as another generation, or nothing does (null). The file is not loaded
   * again by a load `if_changed`. Throws where another policy has been put in force since.
   */
  takeBack(engine: PolicyEngine | null): number;
}

/** The identity of what was loaded: the file's hash and the keys that were trusted then. */
interface Seen {
  readonly sha256: string;
  readonly keys: string;
}

interface State {
  engine: PolicyEngine | null;
  generation: number;
  /** The file in force; null before the first commit, and while a copy is in force. */
  inForce: Seen | null;
  refused: Seen | null;
  /** The last failure's message, until something is put in force. */
  said: string;
}

export function policyInForce(source: PolicySource): PolicyInForce {
  const name = `policy \`${source.path}\``;
  const state: State = { engine: null, generation: 0, inForce: null, refused: null, said: "" };
  return {
    get engine() { return state.engine; },
    get generation() { return state.generation; },
    async load(when) {
      const result = await read(source, state, name, when).catch((error: unknown) => failed(unforeseen(name, error)));
      if (result.ok) return result;
      const isKnown = when === "if_changed" && state.said === result.error.message;
      state.said = result.error.message;
      return isKnown ? ok(null) : result;
    },
    async loadCopy(bytes, copyName) {
      try {
        const checked = await checkPolicy(bytes, copyName, source);
        return checked.ok ? ok(candidateOf(state, checked.value, null, copyName)) : checked;
      } catch (error) {
        return failed(unforeseen(copyName, error));
      }
    },
  };
}

async function read(source: PolicySource, state: State, name: string, when: LoadWhen): Promise<Result<Candidate | null, LoadFailure>> {
  const isEnding = (): boolean => source.ending?.aborted === true;
  if (isEnding()) return failed(ENDING);
  const file = await readTrustedFileInTurns(source.path, source.maxBytes, "policy");
  if (isEnding()) return failed(ENDING);
  if (isFileRefusal(file)) return failed({ cause: "policy", message: file.refused });
  const { bytes, sha256 } = file;
  const isCurrent = (at: Seen | null): boolean => at !== null && at.sha256 === sha256 && at.keys === keysNow(source);
  // A module that failed inside is loaded again, so that the program doesn't refuse everything until it ends.
  const isSound = state.engine?.poisoned === false;
  if (when === "if_changed" && isCurrent(state.refused)) return ok(null);
  if (when === "if_changed" && isSound && isCurrent(state.inForce)) {
    Object.assign(state, { refused: null, said: "" });
    return ok(null);
  }
  const checked = await checkPolicy(bytes, name, source);
  if (!checked.ok) {
    state.refused = checked.error.cause === "policy" ? { sha256, keys: keysNow(source) } : null;
    return checked;
  }
  // Other keys, and the same bytes: they passed, and stay in force as they are.
  if (when === "if_changed" && isSound && state.inForce?.sha256 === sha256) {
    Object.assign(state, { inForce: { sha256, keys: keysOf(checked.value.trusted) }, refused: null, said: "" });
    return ok(null);
  }
  return ok(candidateOf(state, checked.value, sha256, name));
}

function candidateOf(state: State, { bytes, trusted, ...policy }: CheckedPolicy, sha256: string | null, subject: string): Candidate {
  const seen = sha256 === null ? null : { sha256, keys: keysOf(trusted) };
  const [base, before] = [state.generation, state.inForce];
  let phase: "loaded" | "committed" | "over" = "loaded";
  let committed = 0;
  return {
    policy, bytes, fileSha256: sha256,
    open: (seed) => openEngineInTurns(policy, seed).then(ok, (error: unknown) => failed(unforeseen(subject, error))),
    commit(engine) {
      if (phase !== "loaded" || state.generation !== base) throw new Error(`a candidate that is ${phase === "loaded" ? "older than the policy in force" : phase} can't be committed`);
      phase = "committed";
      committed = state.generation + 1;
      Object.assign(state, { engine, generation: committed, inForce: seen, refused: null, said: "" });
      return committed;
    },
    discard(because) {
      if (phase !== "loaded") return;
      phase = "over";
      if (because === "refused") state.refused = seen;
    },
    takeBack(engine) {
      if (phase !== "committed" || state.generation !== committed) throw new Error("a policy that is not in force can't be taken back");
      phase = "over";
      Object.assign(state, { engine, generation: committed + 1, inForce: before, refused: seen });
      return state.generation;
    },
  };
}

function keysOf(ids: readonly string[] | null): string {
  return ids === null ? "none needed" : ids.join();
}

function keysNow({ trustedKeys, keysOption }: PolicySource): string {
  const keys = readTrustedKeys(trustedKeys, keysOption);
  return keys.ok ? keysOf(keys.value?.map(({ id }) => id) ?? null) : keys.error;
}

function unforeseen(name: string, error: unknown): LoadFailure {
  return { cause: "policy", message: `${name} can't be loaded (${error instanceof Error ? error.message : String(error)})` };
}
