// Reload: from the policy's path to a policy in force, whoever asked (start, SIGHUP, a changed
// file, the control socket). Whatever fails keeps the last good policy and says one sentence.
import { createHash } from "node:crypto";
import type { LoadedInWorker } from "../../runtime/host/load_in_worker.ts";
import type { InForce } from "../admit/admit.ts";
import type { GatewayClock } from "../clock.ts";
import type { Counters } from "../counters.ts";
import type { Turns } from "../turns.ts";
import { hold, type Change } from "./change.ts";
import { isRefused, type Exchange, type Refused, type Report } from "./exchange.ts";
import type { Keeper, Staged } from "./keeper.ts";
import { causeOf, PartFailed } from "./participant.ts";
import { isFileRefusal, readTrustedFileInTurns } from "../../runtime/host/trusted_file.ts";
import { checkPolicy } from "../../runtime/shell/policy_check.ts";

export interface ReloadSetup {
  readonly path: string;
  readonly maxBytes: number;
  readonly checkMs: number;
  /** Paths of public keys; undefined: policies need no signature. */
  readonly trustedKeys: readonly string[] | undefined;
  /** Null where nothing outlives a restart. */
  readonly keeper: Keeper | null;
  readonly exchange: Exchange;
  readonly inForce: InForce;
  readonly counters: Counters;
  readonly turns: Turns;
  readonly clock: GatewayClock;
  /** Once aborted, nothing is put in force any more. */
  readonly ending: AbortSignal;
  readonly say: (sentence: string) => void;
}

export interface Reloader {
  /** Reads the file and puts it in force; the answer comes when only the new policy decides. */
  reload(): Promise<Report | Refused>;
  /** The file's policy, ready to be put in force by another party; see change.ts. */
  prepare(): Promise<Change | Refused>;
  /** As `reload`, but silent and without effect when the file's bytes are those in force. */
  changed(): Promise<void>;
  /**
   * For a start at which `why` refused the file: puts the copy of the last good policy in force,
   * checked in full again. Without one, or where it is refused too, the answer is a refusal.
   */
  fallBack(why: Refused): Promise<Report | Refused>;
  /** Why the last good policy is in force in place of the file; null where it is not. */
  insteadOf(): string | null;
}

export function createReloader(setup: ReloadSetup): Reloader {
  const { path, keeper, exchange, inForce, counters, turns, clock, ending, say } = setup;
  const stopping: Refused = { cause: "policy", message: "the gateway is stopping: nothing was loaded" };
  /** Hash of the file's bytes in force, and of those that were refused last. */
  let good = "";
  let bad = "";
  let instead: string | null = null;

  async function load(onlyChanged: boolean): Promise<Report | Refused | null> {
    if (ending.aborted) return stopping;
    const file = await readTrustedFileInTurns(path, setup.maxBytes, "policy");
    if (ending.aborted) return stopping;
    if (isFileRefusal(file)) return onlyChanged && bad === file.refused ? null : refused({ cause: "policy", message: file.refused }, file.refused);
    const { bytes, sha256: hash } = file;
    if (hash === good) bad = "";
    if (onlyChanged && (hash === bad || (hash === good && inForce.engine?.poisoned === false))) return null;
    const report = await putInForce(bytes, hash, `policy \`${path}\``);
    if (ending.aborted) return stopping;
    if (isRefused(report)) return refused(report, hash);
    inPlace(hash);
    return report;
  }

  async function checked(bytes: Uint8Array, name: string): Promise<LoadedInWorker | Refused> {
    const result = await checkPolicy(bytes, name, {
      checkMs: setup.checkMs, trustedKeys: setup.trustedKeys, keysOption: "policy.trusted_keys", revisions: keeper, ending,
    });
    if (result.ok) return result.value;
    const { cause, message } = result.error;
    return cause === "ending" ? stopping : { cause, message };
  }

  /** The bytes are given away. `undoable`: it must be possible to abort it after its commit. */
  async function prepareBytes(given: Uint8Array, hash: string, name: string, undoable: "undoable" | "final"): Promise<Change | Refused> {
    const loaded = await checked(given, name);
    if (ending.aborted) return stopping;
    if ("cause" in loaded) return loaded;
    const { bytes, ...policy } = loaded;
    const prepared = await exchange.prepare(policy);
    if (isRefused(prepared)) return prepared;
    const notKept = (step: string, error: unknown): Refused => ({
      cause: "state", message: `${name} is not in force, because it could not be ${step} in the state directory (${causeOf(error)}): mend that and reload`,
    });
    let staged: Staged | null = null;
    let putBack: (() => Promise<void>) | null = null;
    try {
      staged = await keeper?.stage(bytes, hash, policy.info) ?? null;
      if (undoable === "undoable") putBack = staged?.remember() ?? null;
    } catch (error) {
      await staged?.abort();
      await prepared.abort();
      return notKept("kept", error);
    }
    if (ending.aborted) {
      await staged?.abort();
      await prepared.abort();
      return stopping;
    }
    let isKept = false;
    return {
      async commit() {
        try {
          const report = await prepared.commit();
          await staged?.commit();
          isKept = true;
          return report;
        } catch (error) {
          // What is in force is also on the disk, or it is not in force.
          await prepared.abort();
          if (!(error instanceof PartFailed)) return notKept("put in its place", error);
          await staged?.abort();
          return { cause: "participant", message: `${name} is not in force: ${error.message}` };
        }
      },
      async abort() {
        if (!isKept) await staged?.abort();
        await prepared.abort();
        if (isKept) await putBack?.();
      },
    };
  }

  async function putInForce(given: Uint8Array, hash: string, name: string): Promise<Report | Refused> {
    const change = await prepareBytes(given, hash, name, "final");
    return isRefused(change) ? change : change.commit();
  }

  /** The file as a change that another party commits or aborts. */
  async function prepareFile(): Promise<Change | Refused> {
    if (ending.aborted) return stopping;
    const file = await readTrustedFileInTurns(path, setup.maxBytes, "policy");
    if (ending.aborted) return stopping;
    if (isFileRefusal(file)) return refused({ cause: "policy", message: file.refused }, file.refused);
    const { bytes, sha256: hash } = file;
    const before = { good, bad, instead };
    const change = await prepareBytes(bytes, hash, `policy \`${path}\``, "undoable");
    if (isRefused(change)) return refused(change, hash);
    return {
      async commit() {
        const report = await change.commit();
        if (isRefused(report)) return refused(report, hash);
        inPlace(hash);
        return report;
      },
      async abort() {
        await change.abort();
        // The file that is in place was aborted: the watcher must not put it in force by itself.
        ({ good, instead } = before);
        bad = hash;
      },
    };
  }

  function inPlace(hash: string): void {
    good = hash;
    bad = "";
    instead = null;
    counters.reloads++;
  }

  function refused(result: Refused, hash: string): Refused {
    // A port may be free the next time, a key or a disk mended; the same bytes are not better then.
    bad = result.cause === "policy" ? hash : "";
    counters.reloadsRefused++;
    return result;
  }

  async function fallBack(why: Refused): Promise<Report | Refused> {
    // A busy port, a missing key is the same for the copy.
    const bytes = ending.aborted || why.cause === "port" || why.cause === "keys" ? null : keeper?.lastGood() ?? null;
    if (bytes === null) return why;
    const result = isFileRefusal(bytes) ? { cause: "policy", message: bytes.refused } as const
      : await putInForce(bytes, createHash("sha256").update(bytes).digest("hex"), "the last good policy");
    if (ending.aborted) return stopping;
    if (isRefused(result)) return { cause: result.cause, message: `${why.message}; and ${result.message}` };
    instead = why.message;
    counters.reloads++;
    return result;
  }

  return {
    reload: () => turns(async () => {
      const result = await load(false);
      return result ?? { cause: "policy", message: "nothing was loaded" };
    }),
    changed: () => turns(async () => {
      const result = await load(true);
      if (result === null) return;
      say(isRefused(result)
        ? `reload refused, generation ${inForce.generation} stays in force: ${result.message}`
        : reportSentence(result));
    }),
    prepare: () => hold(turns, prepareFile, { clock, inForce, ending }),
    fallBack: (why) => turns(() => fallBack(why)),
    insteadOf: () => instead,
  };
}

export function reportSentence(report: Report): string {
  const part = (name: string, list: readonly string[]): string => (list.length > 0 ? `, ${name} ${list.join(" ")}` : "");
  return `policy generation ${report.generation} (${report.sha256.slice(0, 12)}) is in force`
    + part("opened", report.opened) + part("closed", report.closed)
    + (report.rechecked > 0 ? `, ${report.rechecked} connections closed` : "")
    + (report.failed.length > 0 ? `; not open: ${report.failed.join("; ")}` : "");
}
