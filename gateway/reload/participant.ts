// The seam by which something else joins a change of policy: a store of certificates, a writer of
// kernel rules. Policy, ports, caps, rates and every participant change as one, or not at all.
//
//   prepare   check and stage; nothing takes effect          any refusal: all are aborted
//   commit    take effect, in the turn in which the policy   any failure: the former policy is put
//             is swapped; what takes longer is awaited       in force again and all are aborted
//   abort     take it back, also after the own commit
import type { PolicyInfo } from "../../runtime/host/module.ts";

export interface Participant {
  /** How sentences call it. */
  readonly name: string;
  /** Stages what belongs to `next`; a string says why that can't be, with its remedy. */
  prepare(next: PolicyInfo): Promise<Part | string>;
}

export interface Part {
  /** Called at most once. What happens before it first waits happens in the turn of the swap. */
  commit(): void | Promise<void>;
  /**
   * Called at most once, and after a commit, also one that failed, puts the former state in force.
   * What happens before it first waits then happens in the turn in which the former policy is back.
   */
  abort(): void | Promise<void>;
}

export interface StagedParts {
  /** All of them, whatever one does; rejects with the first failure. */
  commit(): Promise<void>;
  /** All of them, last first; says what fails. */
  abort(): Promise<void>;
}

/** Prepares all, in order. Where one refuses, those before it are aborted and its sentence is the answer. */
export async function prepareParts(
  participants: readonly Participant[], next: PolicyInfo, say: (sentence: string) => void,
): Promise<StagedParts | string> {
  const parts: { readonly name: string; readonly part: Part }[] = [];
  const abort = (): Promise<void> => everyOne(parts.toReversed(), ({ part }) => part.abort(), (name, cause) => say(`${name} could not take a change back (${cause})`));
  for (const participant of participants) {
    const { name } = participant;
    const part = await participant.prepare(next).catch((error: unknown) => `failed (${causeOf(error)})`);
    if (typeof part === "string") {
      await abort();
      return `${name} ${part}`;
    }
    parts.push({ name, part });
  }
  return {
    async commit() {
      const failed: string[] = [];
      await everyOne(parts, ({ part }) => part.commit(), (name, cause) => failed.push(`${name} could not take the change over (${cause})`));
      if (failed[0] !== undefined) throw new PartFailed(failed[0]);
    },
    abort,
  };
}

/** A participant's failure after the swap. */
export class PartFailed extends Error {}

/** Starts all in this turn, then waits for all. */
async function everyOne<P extends { readonly name: string }>(
  parts: readonly P[], act: (part: P) => void | Promise<void>, failed: (name: string, cause: string) => void,
): Promise<void> {
  const under = parts.map((part) => {
    try {
      return Promise.resolve(act(part)).catch((error: unknown) => failed(part.name, causeOf(error)));
    } catch (error) {
      failed(part.name, causeOf(error));
      return Promise.resolve();
    }
  });
  await Promise.all(under);
}

export function causeOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
