// The seam by which something else joins a change of policy: a store of certificates, a writer of
// kernel rules. Policy, ports, caps, rates and every participant change as one, or not at all.
//
//   prepare   check and stage; nothing takes effect          any refusal: all are aborted
//   commit    take effect, in the turn in which the policy   any failure: the previous policy is put
//             is swapped; what takes longer is awaited       in force again and all are aborted
//   abort     take it back, also after the own commit
import type { PolicyInfo } from "../runtime/host/module.ts";
import { failed, ok, type Result } from "../runtime/result/result.ts";

export interface Participant {
  /** How sentences call it. */
  readonly name: string;
  /** Stages what belongs to `next`; an error says why that can't be, with its remedy. */
  prepare(next: PolicyInfo): Promise<Result<Part, string>>;
}

export interface Part {
  /** Called at most once. The part before its first `await` runs in the turn of the swap. */
  commit(): void | Promise<void>;
  /**
   * Called after a commit, before the previous policy is made ready again: what is prepared then has the previous state. Must
   * not throw. `abort` follows.
   */
  restoring?(): void;
  /**
   * Called at most once, and after a commit, also one that failed, puts the previous state in force.
   * The part before its first `await` then runs in the turn in which the previous policy is back.
   */
  abort(): void | Promise<void>;
}

export interface StagedParts {
  /** Commits all of them, also after a failure; the error is the first failure's sentence. */
  commit(): Promise<Result<null, string>>;
  /** The previous policy is about to be made ready again. */
  restoring(): void;
  /** Aborts all of them, last first; says what fails. */
  abort(): Promise<void>;
}

/** Prepares all, in order. Where one refuses, those before it are aborted and its sentence is the error. */
export async function prepareParts(
  participants: readonly Participant[],
  next: PolicyInfo,
  say: (sentence: string) => void,
): Promise<Result<StagedParts, string>> {
  const parts: { readonly name: string; readonly part: Part }[] = [];
  const abort = (): Promise<void> =>
    everyOne(
      parts.toReversed(),
      ({ part }) => part.abort(),
      (name, cause) => say(`${name} could not undo a change (${cause})`),
    );
  for (const participant of participants) {
    const { name } = participant;
    const part = await participant.prepare(next).catch((error: unknown) => failed(`failed (${causeOf(error)})`));
    if (!part.ok) {
      await abort();
      return failed(`${name} ${part.error}`);
    }
    parts.push({ name, part: part.value });
  }
  return ok({
    async commit() {
      const failures: string[] = [];
      await everyOne(
        parts,
        ({ part }) => part.commit(),
        (name, cause) => failures.push(`${name} could not take the change over (${cause})`),
      );
      return failures[0] === undefined ? ok(null) : failed(failures[0]);
    },
    restoring() {
      for (const { part } of parts) part.restoring?.();
    },
    abort,
  });
}

/** Starts all in this turn, then awaits all. */
async function everyOne<P extends { readonly name: string }>(
  parts: readonly P[],
  act: (part: P) => void | Promise<void>,
  onFailure: (name: string, cause: string) => void,
): Promise<void> {
  const started = parts.map((part) => {
    try {
      return Promise.resolve(act(part)).catch((error: unknown) => onFailure(part.name, causeOf(error)));
    } catch (error) {
      onFailure(part.name, causeOf(error));
      return Promise.resolve();
    }
  });
  await Promise.all(started);
}

export function causeOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
