// The policy in force in a program that runs for long: ingressd and ingress-guard. A load reads the policy's file and
// checks it, and changes nothing. Its candidate is then put in force as a whole, or discarded:
//
//   load      read, keys, module, revision          any failure: the policy in force stays
//   (program) opens an engine and ports, stages state
//   commit    the engine decides from this turn of the event loop on
//   discard   gives it up; the policy in force stays
//   takeBack  after a commit: the engine that decided before decides again
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
//   keys         the guard reads the policy again when the file of a trusted key changes (`follows`); ingressd does so at
//                its next reload, which its operator can order over the control socket and see fail
import { createHash } from "node:crypto";
import { failed, ok, type Result } from "../result/result.ts";
import { openEngineInTurns } from "../host/ask.ts";
import type { LoadedPolicy, PolicyEngine } from "../host/module.ts";
import { readTrustedFileInTurns } from "../host/trusted_file.ts";
import { readTrustedKeys } from "./trusted_keys.ts";
import { checkPolicy, ENDING, type CheckedPolicy, type LoadFailure, type PolicyDemands } from "./policy_check.ts";

export interface PolicySource extends PolicyDemands {
  /** Absolute and normal. */
  readonly path: string;
  readonly maxBytes: number;
  /** A load `if_changed` compares the file's bytes, or also the trusted keys. */
  readonly follows: "file" | "file_and_keys";
}

/**
 * `if_changed`: nothing is loaded where file (and keys, see `follows`) are those in force, or those that were refused last.
 * `unless_aborted`: nothing is loaded where they are those of a change that was aborted.
 */
export type LoadWhen = "always" | "if_changed" | "unless_aborted";

export interface PolicyInForce {
  /** Null before the first commit. */
  readonly engine: PolicyEngine | null;
  /** How many policies have been put in force: 0 before the first commit. */
  readonly generation: number;
  /** SHA-256 of the bytes in force, lower-case hex; null before the first commit. */
  readonly sha256: string | null;
  /** Reads and checks the file; null where there is nothing to load. Never rejects. */
  load(when: LoadWhen): Promise<Result<Candidate | null, LoadFailure>>;
  /** Checks other bytes than the file's: a copy that was kept. `bytes` are given away. Never rejects. */
  loadCopy(bytes: Uint8Array, name: string): Promise<Result<Candidate, LoadFailure>>;
}

export interface Candidate {
  readonly policy: LoadedPolicy;
  /** The file, whole. */
  readonly bytes: Uint8Array;
  /** SHA-256 of `bytes`, lower-case hex. */
  readonly sha256: string;
  /** The subject of messages: "policy `/etc/p.wasm`". */
  readonly name: string;
  /** Its engine, in as many turns of the event loop as its tables need. `seed`: 16 random bytes, the same over reloads. Never rejects. */
  open(seed: Uint8Array): Promise<Result<PolicyEngine, LoadFailure>>;
  /** Puts it in force with an engine that was opened from `policy`; the answer is the new generation. Throws where it can't be committed any more. */
  commit(engine: PolicyEngine): number;
  discard(because: Because): void;
  /**
   * After its commit: `engine` decides from now on, as another generation. With null nothing decides, and the generation
   * stays. Throws where another policy has been put in force since.
   */
  takeBack(engine: PolicyEngine | null, because: Because): number;
}

/** `refused`: the same bytes would fail again, so a load `if_changed` skips them, as those of a change that was `aborted`. `not_now`: they may succeed. */
export type Because = "refused" | "aborted" | "not_now";

/** The file, and the keys that were trusted, at one load. */
interface Seen {
  /** SHA-256 of the file's bytes, or the message that says why it could not be read. */
  readonly file: string;
  /** The trusted keys at that time; always the same where `follows` is `file`. */
  readonly keys: string;
}

interface State {
  engine: PolicyEngine | null;
  generation: number;
  sha256: string | null;
  /** Commits, and policies that were taken back. */
  changes: number;
  /** The file in force; null before the first commit, and while a copy is in force. */
  inForce: Seen | null;
  refused: Seen | null;
  /** Of the change that was aborted last, unless its file has been put in force since. */
  aborted: Seen | null;
}

export function policyInForce(source: PolicySource): PolicyInForce {
  const name = `policy \`${source.path}\``;
  const state: State = { engine: null, generation: 0, sha256: null, changes: 0, inForce: null, refused: null, aborted: null };
  return {
    get engine() {
      return state.engine;
    },
    get generation() {
      return state.generation;
    },
    get sha256() {
      return state.sha256;
    },
    load: (when) => read(source, state, name, when).catch((error: unknown) => failed(unforeseen(name, error))),
    async loadCopy(bytes, copyName) {
      try {
        const sha256 = createHash("sha256").update(bytes).digest("hex");
        const checked = await checkPolicy(bytes, copyName, source);
        return checked.ok ? ok(candidateOf(state, { checked: checked.value, sha256, name: copyName, seen: null })) : checked;
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
  if (!file.ok) return unreadable(state, file.error, when);
  const { bytes, sha256 } = file.value;
  const isCurrent = (at: Seen | null): boolean => at !== null && at.file === sha256 && at.keys === keysNow(source);
  // A module that failed inside is loaded again, so that the program doesn't refuse everything until it ends.
  const isSound = state.engine?.poisoned === false;
  if (isCurrent(state.inForce)) {
    state.refused = null;
    if (when === "if_changed" && isSound) return ok(null);
  }
  if (when === "if_changed" && isCurrent(state.refused)) return ok(null);
  if (when !== "always" && isCurrent(state.aborted)) return ok(null);
  const checked = await checkPolicy(bytes, name, source);
  if (!checked.ok) {
    state.refused = checked.error.cause === "policy" ? { file: sha256, keys: keysNow(source) } : null;
    return checked;
  }
  const seen: Seen = { file: sha256, keys: keysAt(source, checked.value.trusted) };
  // Other keys, and the same bytes: they passed, and stay in force as they are.
  if (when === "if_changed" && isSound && state.inForce?.file === sha256) {
    Object.assign(state, { inForce: seen, refused: null });
    return ok(null);
  }
  return ok(candidateOf(state, { checked: checked.value, sha256, name, seen }));
}

/** A load `if_changed` reports the same cause once. */
function unreadable(state: State, message: string, when: LoadWhen): Result<null, LoadFailure> {
  if (when === "if_changed" && state.refused?.file === message) return ok(null);
  state.refused = { file: message, keys: "" };
  return failed({ cause: "policy", message });
}

interface Passed {
  readonly checked: CheckedPolicy;
  readonly sha256: string;
  readonly name: string;
  /** Null for a copy. */
  readonly seen: Seen | null;
}

function candidateOf(state: State, { checked: { bytes, trusted: _, ...policy }, sha256, name, seen }: Passed): Candidate {
  const [base, before, bytesBefore] = [state.changes, state.inForce, state.sha256];
  let phase: "loaded" | "committed" | "over" = "loaded";
  let committed = 0;
  // The outcome for a copy says nothing about the file.
  const note = (because: Because): void => {
    if (seen === null) return;
    state.refused = because === "not_now" ? null : seen;
    state.aborted = because === "aborted" ? seen : state.aborted;
  };
  return {
    policy,
    bytes,
    sha256,
    name,
    open: (seed) => openEngineInTurns(policy, seed).then(ok, (error: unknown) => failed(unforeseen(name, error))),
    commit(engine) {
      if (phase !== "loaded" || state.changes !== base)
        throw new Error(`a candidate that is ${phase === "loaded" ? "older than the policy in force" : phase} can't be committed`);
      phase = "committed";
      committed = ++state.changes;
      Object.assign(state, { engine, sha256, inForce: seen, refused: seen === null ? state.refused : null, aborted: seen === null ? state.aborted : null });
      return ++state.generation;
    },
    discard(because) {
      if (phase !== "loaded") return;
      phase = "over";
      note(because);
    },
    takeBack(engine, because) {
      if (phase !== "committed" || state.changes !== committed) throw new Error("a policy that is not in force can't be taken back");
      phase = "over";
      state.changes++;
      Object.assign(state, { engine, sha256: bytesBefore, inForce: before });
      note(because);
      if (engine !== null) state.generation++;
      return state.generation;
    },
  };
}

function keysAt({ follows }: PolicySource, ids: readonly string[] | null): string {
  return follows === "file" ? "" : (ids?.join() ?? "none needed");
}

function keysNow(source: PolicySource): string {
  if (source.follows === "file") return "";
  const keys = readTrustedKeys(source.trustedKeys, source.keysOption);
  return keys.ok ? keysAt(source, keys.value?.map(({ id }) => id) ?? null) : keys.error;
}

function unforeseen(name: string, error: unknown): LoadFailure {
  return { cause: "policy", message: `${name} can't be loaded (${error instanceof Error ? error.message : String(error)})` };
}
