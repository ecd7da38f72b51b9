// Reload: from the policy's path to a policy in force, whoever asked (start, SIGHUP, a changed
// file, the control socket). Whatever fails keeps the last good policy and says one sentence.
import { createHash } from "node:crypto";
import { isRefusal } from "../../runtime/host/load.ts";
import { loadPolicyInWorker } from "../../runtime/host/loadInWorker.ts";
import type { InForce } from "../admit/admit.ts";
import type { Counters } from "../counters.ts";
import type { Turns } from "../turns.ts";
import { isRefused, type Exchange, type Refused, type Report } from "./exchange.ts";
import { isFileRefusal, readTrustedFile } from "./policy_file.ts";

export interface ReloadSetup {
  readonly path: string;
  readonly maxBytes: number;
  readonly checkMs: number;
  readonly exchange: Exchange;
  readonly inForce: InForce;
  readonly counters: Counters;
  readonly turns: Turns;
  /** Once aborted, nothing is put in force any more. */
  readonly ending: AbortSignal;
  readonly say: (sentence: string) => void;
}

export interface Reloader {
  /** Reads the file and puts it in force; the answer comes when only the new policy decides. */
  reload(): Promise<Report | Refused>;
  /** As `reload`, but silent and without effect when the file's bytes are those in force. */
  changed(): Promise<void>;
}

export function createReloader(setup: ReloadSetup): Reloader {
  const { path, exchange, inForce, counters, turns, ending, say } = setup;
  const stopping: Refused = { cause: "policy", message: "the gateway is stopping: nothing was loaded" };
  /** Hash of the file's bytes in force, and of those that were refused last. */
  let good = "";
  let bad = "";

  async function load(onlyChanged: boolean): Promise<Report | Refused | null> {
    if (ending.aborted) return stopping;
    const bytes = readTrustedFile(path, setup.maxBytes, "policy");
    if (isFileRefusal(bytes)) return onlyChanged && bad === bytes.refused ? null : refused("policy", bytes.refused, bytes.refused);
    const hash = createHash("sha256").update(bytes).digest("hex");
    if (hash === good) bad = "";
    if (onlyChanged && (hash === bad || (hash === good && inForce.engine?.poisoned === false))) return null;
    const policy = await loadPolicyInWorker(bytes, setup.checkMs, ending);
    if (ending.aborted) return stopping;
    if (isRefusal(policy)) {
      return refused("policy", `policy \`${path}\` is refused (${policy.code}): ${policy.message}; build it again with ingressc`, hash);
    }
    const prepared = await exchange.prepare(policy);
    if (ending.aborted) {
      if (!isRefused(prepared)) await prepared.abort();
      return stopping;
    }
    if (isRefused(prepared)) return refused(prepared.cause, prepared.message, hash);
    const report = await prepared.commit();
    good = hash;
    bad = "";
    counters.reloads++;
    return report;
  }

  function refused(cause: Refused["cause"], message: string, hash: string): Refused {
    // A port may be free the next time; the same bytes are not better then.
    bad = cause === "policy" ? hash : "";
    counters.reloadsRefused++;
    return { cause, message };
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
  };
}

export function reportSentence(report: Report): string {
  const part = (name: string, list: readonly string[]): string => (list.length > 0 ? `, ${name} ${list.join(" ")}` : "");
  return `policy generation ${report.generation} (${report.sha256.slice(0, 12)}) is in force`
    + part("opened", report.opened) + part("closed", report.closed)
    + (report.rechecked > 0 ? `, ${report.rechecked} connections closed` : "")
    + (report.failed.length > 0 ? `; not open: ${report.failed.join("; ")}` : "");
}
