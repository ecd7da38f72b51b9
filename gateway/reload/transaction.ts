/**
 * One change of policy as a transaction. Everything that changes with the policy is a step of it:
 *
 *   step                                                                  undone by
 *   PREPARE
 *    1  each participant stages what it needs (certificates, …)           its `abort`, last first
 *    2  the engine is opened; new ports listen, paused: peers             the ports close
 *       that connect are not decided
 *    3  copy and mark are written beside their places in the              the written files are removed
 *       state directory
 *   ── prepared: only the new ports are taken. It may stay so for the time of a lease ──
 *   COMMIT
 *    4  THE SWAP, in one turn of the event loop: limits and rule          the previous policy is put in force again
 *       hits move over, the new engine decides, ports that no             with its ports, and with what is owed under
 *       longer should be open close, paused ports are released,           either policy (`Swap.restore`)
 *       leases that are no longer granted end, and each
 *       participant commits
 *       ══ first point of no return: a peer that was decided stays decided, a lease that ended stays ended ══
 *    5  established connections are decided again and closed              not undone: a closed connection stays closed
 *       where they are refused; participants finish
 *    6  ports whose place an own port had before are opened               as 4
 *    7  copy and mark take their places by rename                         their previous content is written back
 *       ══ second point of no return: the answer is "in force", and an older signed revision is refused from now on ══
 *
 * INVARIANT: a failure before the swap has no effect; a failure from 4 to 7 ends with the previous policy in force,
 * and what is in force is also on the disk. After 7 only a coordinator in this process (`Daemon.prepare`) can take the
 * change back, as long as no other change came after it. `finish: "final"` gives that up and remembers nothing.
 */
import type { PolicyEngine, PolicyInfo } from "../../runtime/host/module.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { Because, Candidate } from "../../runtime/shell/policy_in_force.ts";
import type { Ports } from "../listen/ports.ts";
import type { Keeper, Staged } from "./keeper.ts";
import { causeOf, prepareParts, type Participant, type StagedParts } from "../participant.ts";
import { STOPPING, type Refused, type Report } from "./report.ts";
import type { Previous, Ready, Swap } from "./swap.ts";

export interface TransactionSetup {
  readonly participants: readonly Participant[];
  readonly swap: Swap;
  readonly ports: Ports;
  /** Null where nothing outlives a restart. */
  readonly keeper: Keeper | null;
  readonly say: (sentence: string) => void;
  readonly ending: AbortSignal;
}

/** The effect of a commit. */
export interface Outlook {
  readonly info: PolicyInfo;
  /** Local endpoints that it opens and that it closes. */
  readonly opens: readonly string[];
  readonly closes: readonly string[];
}

interface Prepared {
  readonly candidate: Candidate;
  readonly parts: StagedParts;
  readonly ready: Ready;
  readonly staged: Staged | null;
  readonly previous: Previous;
  /** Puts copy and mark back as they were; null where that is not possible. */
  readonly putBack: (() => Promise<void>) | null;
}

type State = "prepared" | "committed" | "over";

export class Transaction {
  readonly #setup: TransactionSetup;
  readonly #prepared: Prepared;
  #state: State = "prepared";
  readonly outlook: Outlook;

  private constructor(setup: TransactionSetup, prepared: Prepared) {
    this.#setup = setup;
    this.#prepared = prepared;
    const {
      ready: { want, opened, policy },
    } = prepared;
    const before = setup.ports.all().filter((open) => !opened.includes(open));
    const keys = new Set(before.map(({ key }) => key));
    this.outlook = {
      info: policy.info,
      opens: [...want.values()].filter(({ key }) => !keys.has(key)).map(({ local }) => local),
      closes: before.filter(({ key }) => !want.has(key)).map(({ local }) => local),
    };
  }

  /** Of the policy that is prepared. */
  get engine(): PolicyEngine {
    return this.#prepared.ready.engine;
  }

  /** Steps 1 to 3; after an error the candidate is discarded. `undoable`: it must be possible to abort it after its commit. */
  static async prepare(setup: TransactionSetup, candidate: Candidate, finish: "undoable" | "final"): Promise<Result<Transaction, Refused>> {
    const prepared = await Transaction.#prepare(setup, candidate, finish);
    // A port may be free the next time, a disk or a certificate repaired; the same bytes are not better then.
    if (!prepared.ok) candidate.discard(prepared.error.cause === "policy" ? "refused" : "not_now");
    return prepared;
  }

  static async #prepare(setup: TransactionSetup, candidate: Candidate, finish: "undoable" | "final"): Promise<Result<Transaction, Refused>> {
    const { participants, swap, keeper, say, ending } = setup;
    const { policy, bytes, sha256, name } = candidate;
    /** Of each step that is done, last first. */
    const undo: (() => void | Promise<void>)[] = [];
    const giveUp = async (refused: Refused): Promise<Result<Transaction, Refused>> => {
      await undoAll(undo, say);
      return failed(refused);
    };
    // Which ports may open depends on what participants have.
    const parts = await prepareParts(participants, policy.info, say);
    if (!parts.ok) return failed({ cause: "participant", message: parts.error });
    undo.unshift(() => parts.value.abort());
    const ready = await swap.ready(candidate, "refuse").catch(async (error: unknown) => {
      await parts.value.abort();
      throw error;
    });
    if (!ready.ok) return giveUp(ready.error);
    undo.unshift(() => swap.release(ready.value));
    let staged: Staged | null = null;
    let putBack: (() => Promise<void>) | null = null;
    try {
      staged = (await keeper?.stage(bytes, sha256, policy.info)) ?? null;
      if (finish === "undoable") putBack = staged?.remember() ?? null;
    } catch (error) {
      await staged?.abort();
      return giveUp(notKept(name, "kept", error));
    }
    undo.unshift(() => staged?.abort());
    if (ending.aborted) return giveUp(STOPPING);
    return ok(new Transaction(setup, { candidate, parts: parts.value, ready: ready.value, staged, previous: swap.previous(), putBack }));
  }

  /** Steps 4 to 7. After an error the previous policy is in force. */
  async commit(): Promise<Result<Report, Refused>> {
    if (this.#state !== "prepared") throw new Error("a transaction is committed once");
    this.#state = "over";
    const { swap } = this.#setup;
    const { candidate, parts, ready, staged } = this.#prepared;
    const report = await swap.take(
      ready,
      (engine) => candidate.commit(engine),
      () => parts.commit(),
    );
    if (!report.ok) {
      await this.#restore("not_now");
      await staged?.abort();
      return failed({ cause: "participant", message: `${candidate.name} is not in force: ${report.error}` });
    }
    try {
      await staged?.commit();
    } catch (error) {
      await this.#restore("not_now");
      return failed(notKept(candidate.name, "put in its place", error));
    }
    this.#state = "committed";
    return report;
  }

  /** Undoes what is done, last first. The file is not loaded again by itself. */
  async abort(): Promise<void> {
    const state = this.#state;
    this.#state = "over";
    const { swap, say } = this.#setup;
    const { candidate, parts, ready, staged, putBack } = this.#prepared;
    if (state === "prepared") {
      candidate.discard("aborted");
      await undoAll([() => staged?.abort(), () => swap.release(ready), () => parts.abort()], say);
    } else if (state === "committed") {
      await this.#restore("aborted");
      await putBack?.();
    }
  }

  #restore(because: Because): Promise<void> {
    const { candidate, parts, previous } = this.#prepared;
    // INVARIANT: the previous policy is made ready under the previous configuration and certificates.
    parts.restoring();
    return this.#setup.swap.restore(
      previous,
      (engine) => candidate.takeBack(engine, because),
      () => parts.abort(),
    );
  }
}

/** INVARIANT: one step that fails keeps no other from being undone. */
async function undoAll(steps: readonly (() => void | Promise<void> | undefined)[], say: (sentence: string) => void): Promise<void> {
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      say(`a part of a change that is given up could not be undone (${causeOf(error)})`);
    }
  }
}

function notKept(name: string, step: string, error: unknown): Refused {
  return {
    cause: "state",
    message: `${name} is not in force, because it could not be ${step} in the state directory (${causeOf(error)}): fix that and reload`,
  };
}
